import { describe, expect, it } from "vitest";
import { setUpDeployments } from "../../../test/simulator/deployments.ts";
import { BETA, refusal, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { projectView } from "./views.ts";

type Project = ReturnType<typeof projectView>;

function withProjects(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const project = (name = "vision") => parts.ok<Project>("POST", "/projects", { name });
  const list = async (query = "", key?: string) =>
    (await parts.ok<Page<Project>>("GET", `/projects${query}`, undefined, key)).items;
  const remove = (id: string) => parts.call("DELETE", `/projects/${id}`);
  return { ...parts, project, list, remove };
}

describe("a project", () => {
  it("is there from the start, one for each team, so that a client has where to deploy to", async () => {
    const { list } = withProjects({ listAfterCreateMissMs: 60_000 });
    expect(await list()).toMatchObject([{ id: "p-alpha", name: "default", dtDeleted: null, repoUrl: null }]);
    expect(await list("", BETA)).toMatchObject([{ id: "p-beta", name: "default" }]);
  });

  it.each([
    ["an id alone", ["p1"], [["p1", "p1"]]],
    ["a name, too", [{ id: "p2", name: "vision" }], [["p2", "vision"]]],
    ["none at all", [], []],
  ])("that a seed has is as specified: %s", async (_, projects, there) => {
    const { ok } = setUpConforming({ teams: [{ keys: ["sim-key-alpha"], projects }] });
    const { items } = await ok<Page<Project>>("GET", "/projects");
    expect(items.map((p) => [p.id, p.name])).toEqual(there);
  });

  it("made twice is there twice, so that a client must check before it retries after a lost answer", async () => {
    const { project, list } = withProjects();
    const [a, b] = [await project(), await project()];
    expect(a.id).toMatch(/^p/);
    expect(a.id).not.toBe(b.id);
    expect((await list("?order=asc")).map((p) => p.name)).toEqual(["default", "vision", "vision"]);
  });

  it("comes in pages, newest first", async () => {
    const { clock, ok, project } = withProjects();
    for (const name of ["a", "b"]) {
      await clock.advance(1_000);
      await project(name);
    }
    const first = await ok<Page<Project>>("GET", "/projects?limit=2");
    expect(first.items.map((p) => p.name)).toEqual(["b", "a"]);
    const rest = await ok<Page<Project>>("GET", `/projects?limit=2&after=${first.nextPage}`);
    expect(rest).toMatchObject({ hasMore: false, items: [{ name: "default" }] });
  });

  it("can be renamed, to a name of 1 to 128 characters", async () => {
    const { call, ok, project } = withProjects();
    const { id } = await project();
    const name = "x".repeat(128);
    expect((await ok<Project>("PUT", `/projects/${id}`, { name })).name).toBe(name);
    expect((await ok<Project>("GET", `/projects/${id}`)).name).toBe(name);
    expect(refusal(await call("GET", "/projects/pnothing")).code).toBe("NOT_FOUND");
  });

  it("cannot be reached with another team's key, whatever the request", async () => {
    const { call, sim } = withProjects();
    for (const [method, body] of [["GET"], ["PUT", { name: "mine" }], ["DELETE"]] as const)
      expect((await call(method, "/projects/p-alpha", body, BETA)).status).toBe(404);
    sim.world.setBehaviour({ foreignMachines: "forbidden" });
    expect((await call("GET", "/projects/p-alpha", undefined, BETA)).status).toBe(403);
    expect((await call("GET", "/projects", undefined, null)).status).toBe(401);
  });

  it("may be missed by lists and by id right after the create, as a machine may", async () => {
    const { clock, call, list, project } = withProjects({
      getAfterCreateMissMs: 3_000,
      listAfterCreateMissMs: 8_000,
    });
    const { id } = await project();
    const look = async () => [(await call("GET", `/projects/${id}`)).status, (await list()).length];
    expect(await look()).toEqual([404, 1]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 1]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 2]);
  });

  it("may be left out of one list by a fault, though it was made, as after a lost answer", async () => {
    const { list, project, sim } = withProjects();
    await project();
    sim.faults.add({ match: { path: "projects$" }, do: { omitFromList: "newest" } });
    expect((await list()).map((p) => p.name)).toEqual(["default"]);
    expect(await list()).toHaveLength(2);
  });

  it.each([
    ["gone", 404, 1],
    ["dtDeleted", 200, 2],
  ] as const)("once deleted reads as deletedResources specifies: %s", async (rule, status, listed) => {
    const { call, list, ok, project } = withProjects({ deletedResources: rule });
    const { id } = await project();
    expect((await ok<Project>("DELETE", `/projects/${id}`)).dtDeleted).not.toBeNull();
    expect((await call("GET", `/projects/${id}`)).status).toBe(status);
    expect(await list()).toHaveLength(listed);
    expect((await call("PUT", `/projects/${id}`, { name: "again" })).status).toBe(404);
    expect((await call("DELETE", `/projects/${id}`)).status).toBe(404);
  });

  it("takes its secrets with it, so that no value stays behind", async () => {
    const { call, project, remove, sim } = withProjects();
    const { id } = await project();
    sim.console.setSecret(id, "TOKEN", "hush");
    sim.console.setSecret("te-alpha", "TOKEN", "hush too");
    await remove(id);
    expect(sim.console.state().secrets).toMatchObject([{ teamId: "te-alpha", projectId: null }]);
    expect((await call("GET", `/projects/${id}/secrets`)).status).toBe(404);
  });
});

describe("a project with deployments", () => {
  const parts = (rule: Behaviour["deleteUsedProject"]) =>
    setUpDeployments({ deleteUsedProject: rule, deploymentDeleteMs: 5_000 });

  it("is kept by default, so that no deployment is lost by a slip", async () => {
    const { applied, call, get } = parts("refuse");
    const id = await applied();
    expect(refusal(await call("DELETE", "/projects/p-alpha"))).toEqual({ status: 409, code: "CONFLICT" });
    expect((await get(id)).projectId).toBe("p-alpha");
    expect((await call("GET", "/projects/p-alpha")).status).toBe(200);
  });

  it("is free once they are on their way out, so that both can be deleted in one go", async () => {
    const { applied, ok } = parts("refuse");
    await ok("DELETE", `/deployments/${await applied()}`);
    await ok("DELETE", "/projects/p-alpha");
  });

  it("takes them along where deleteUsedProject specifies: accept", async () => {
    const { applied, call, clock, ok } = parts("accept");
    const id = await applied();
    await ok("DELETE", "/projects/p-alpha");
    await clock.advance(5_000);
    expect((await call("GET", `/deployments/${id}`)).status).toBe(404);
  });
});

describe("a user of the console", () => {
  it("makes, renames and deletes projects, so that a client can be shown what it did not do", async () => {
    const { list, sim } = withProjects();
    const { id } = sim.console.createProject("te-alpha", "by-hand");
    sim.console.renameProject(id, "by-hand-2");
    expect(await list()).toMatchObject([{ id, name: "by-hand-2" }, { id: "p-alpha" }]);
    sim.console.deleteProject(id);
    expect(sim.console.state().projects).toMatchObject([
      { id: "p-alpha", dtDeleted: null },
      { id: "p-beta" },
      { id, dtDeleted: expect.any(String) },
    ]);
    expect(() => sim.console.deleteProject(id)).toThrow(/there is no project/);
  });
});
