import { describe, expect, it } from "vitest";
import { DEPLOYMENT, PROJECT, setUpDeployments } from "../../../test/simulator/deployments.ts";
import type { DeploymentView } from "../world/deployment-records.ts";
import type { Page } from "./paging.ts";

/** Requests that the vendor's schema does not allow are the point here. */
const setUpLoosely = (behaviour: Parameters<typeof setUpDeployments>[0] = {}) =>
  setUpDeployments(behaviour, {}, false);

interface Line {
  message: string;
  instanceId: string | null;
  jobId: string;
}

interface Entry {
  id: string;
  action: string;
  data: object | null;
  deployment: { id: string; name: string; dtDeleted: string | null };
  actor: { email: string } | null;
}

describe("the body of an upsert", () => {
  const resources = DEPLOYMENT.resources;
  const cpu = { metric: "cpu", summary: "average", value: 80 };

  it.each<[string, object, string]>([
    ["an unknown field", { replicas: 2 }, "/config"],
    ["an unknown version", { apiVersion: "v2" }, "/config/apiVersion"],
    ["a map for env", { env: { A: "1" } }, "/config/env"],
    ["an empty value in env", { env: [{ name: "A", value: "" }] }, "/config/env/0/value"],
    ["negative replicas", { resources: { ...resources, replicas: -1 } }, "/config/resources/replicas"],
    ["no ports", { resources: { machineType: "C5" } }, "/config/resources"],
    ["a port that is none", { resources: { ...resources, ports: [0] } }, "/config/resources/ports/0"],
    [
      "too many replicas for autoscaling",
      { resources: { ...resources, autoscaling: { maxReplicas: 26, metrics: [cpu] } } },
      "/config/resources/autoscaling/maxReplicas",
    ],
    ["a check without path or command", { healthChecks: { liveness: { port: 80 } } }, "/config/healthChecks"],
    [
      "a plain secret of a bucket",
      { integrations: [{ type: "s3", name: "d", url: "s3://b/d", secretAccessKey: "plain" }] },
      "/config/integrations/0",
    ],
    ["the fields of another version", { apiVersion: "v0alpha0" }, "/config/resources"],
  ])("is refused for %s, with the path", async (_, change, path) => {
    const { submit, sim } = setUpLoosely();
    const answer = await submit(change);
    expect(answer.status).toBe(400);
    const { code, details } = answer.json as { code: string; details: { issues: { path: string }[] } };
    expect(code).toBe("BAD_REQUEST");
    expect(details.issues.some((i) => i.path.startsWith(path))).toBe(true);
    expect(sim.world.deployments.size).toBe(0);
  });

  it("lists what is wrong in `issues` where an older server did so", async () => {
    const { submit } = setUpLoosely({ errorField: "issues" });
    const { issues } = (await submit({ colour: "red" })).json as { issues: { message: string }[] };
    expect(issues[0]?.message).toMatch(/colour/);
  });

  it("has five integrations at most, of different names, as only a product page documents", async () => {
    const { submit } = setUpDeployments();
    const volume = (name: string) => ({ type: "volume", name });
    const some = (names: string[]) => submit({ integrations: names.map(volume) });
    expect((await some(["a", "b", "c", "d", "e"])).status).toBe(200);
    expect((await some(["a", "b", "c", "d", "e", "f"])).status).toBe(400);
    expect((await some(["a", "a"])).status).toBe(400);
  });

  it("may be of any version that the vendor's schema has, unless old ones are refused", async () => {
    const { submit, sim } = setUpDeployments();
    const old = { apiVersion: "v0alpha0", resources: { instanceType: "C5" } };
    for (const change of [old, { apiVersion: "v0alpha1" }, { apiVersion: "latest" }])
      expect((await submit(change)).status).toBe(200);
    sim.world.setBehaviour({ oldApiVersions: "refuse" });
    expect((await submit(old)).status).toBe(400);
  });
});

describe("lists of deployments", () => {
  it("hold the team's or the project's, newest first, by name as nameFilter specifies, in pages", async () => {
    const { clock, apply, ok, sim } = setUpDeployments({ nameFilter: "prefix" });
    const projectId = sim.console.createProject("te-alpha", "second").id;
    for (const name of ["a", "b", "ab"]) {
      await apply({ name });
      await clock.advance(1_000);
    }
    await apply({ name: "c" }, { projectId });
    const names = async (at: string) => (await ok<Page<DeploymentView>>("GET", at)).items.map((d) => d.name);
    expect(await names("/deployments?order=asc")).toEqual(["a", "b", "ab", "c"]);
    expect(await names(`/projects/${PROJECT}/deployments`)).toEqual(["ab", "b", "a"]);
    expect(await names(`/projects/${PROJECT}/deployments?name=a`)).toEqual(["ab", "a"]);
    const first = await ok<Page<DeploymentView>>("GET", "/deployments?limit=3");
    expect(await names(`/deployments?after=${first.nextPage}`)).toEqual(["a"]);
  });

  it("may lack one by a fault, though it was made, as after a lost answer", async () => {
    const { apply, ok, sim } = setUpDeployments();
    await apply();
    sim.faults.add({ match: { path: "deployments$" }, do: { omitFromList: "newest" } });
    expect((await ok<Page<DeploymentView>>("GET", `/projects/${PROJECT}/deployments`)).items).toEqual([]);
  });
});

describe("the history", () => {
  it("has every spec, newest first, and the build behind one where there was any", async () => {
    const { apply, history, ok, sim } = setUpDeployments();
    const id = await apply({ image: "a" });
    sim.console.deployments.attachWorkflowRun(id, "Succeeded");
    await apply({ image: "b" });
    expect(await history(id)).toMatchObject([
      { data: { image: "b" }, workflowRun: null },
      { data: { image: "a" }, workflowRun: { phase: "Succeeded", workflow: { name: "build" } } },
    ]);
    const page = await ok<Page<object>>("GET", `/deployments/${id}/history?limit=1`);
    expect(page).toMatchObject({ hasMore: true, nextPage: expect.any(String) });
  });
});

describe("runs", () => {
  it("come as a bare array, ten at most unless more are requested", async () => {
    const { clock, apply, call, runs, ok } = setUpDeployments({ newRun: "always" });
    const id = await apply({ image: "never-ready" });
    for (let i = 0; i < 11; i++) {
      await clock.advance(10_000);
      await apply({ image: "never-ready" });
    }
    await clock.advance(10_000);
    expect(await runs(id)).toHaveLength(10);
    expect(await ok("GET", `/deployments/${id}/runs?limit=2`)).toEqual((await runs(id)).slice(0, 2));
    expect(await ok("GET", `/deployments/${id}/runs?limit=50`)).toHaveLength(12);
    expect((await call("GET", `/deployments/${id}/runs?limit=-1`)).status).toBe(400);
  });
});

describe("the log", () => {
  it("has lines of every instance as it starts, newest first, of one alone where one is named", async () => {
    const { applied, ok, runs, sim } = setUpDeployments();
    const id = await applied();
    const [run] = await runs(id);
    const instanceId = run?.instances[0]?.instanceId ?? "";
    sim.console.deployments.log(id, "hello", instanceId);
    const lines = async (query: string) =>
      (await ok<Page<Line>>("GET", `/deployments/${id}/logs?${query}`)).items;
    expect((await lines(""))[0]).toMatchObject({ message: "hello", instanceId, jobId: run?.id });
    const own = await lines(`instanceId=${instanceId}&order=asc`);
    expect(own.map((l) => l.message)).toEqual([
      "Pulling image nginx:1.27",
      "Pulled image nginx:1.27",
      "Container started",
      "Listening",
      "hello",
    ]);
    expect(await lines("limit=3")).toHaveLength(3);
    sim.console.deployments.log(id, "from nobody");
    expect((await lines("limit=1"))[0]).toMatchObject({ message: "from nobody", instanceId: null });
  });

  it("contains why an instance failed, which is what a user looks for", async () => {
    const { applied, ok } = setUpDeployments();
    const id = await applied({ image: "does-not-exist" });
    const { items } = await ok<Page<Line>>("GET", `/deployments/${id}/logs`);
    expect(items.map((l) => l.message).join()).toMatch(/Back-off pulling image/);
  });
});

describe("the activity of a project", () => {
  it("records what was done, by whom, and when a deployment was deleted, as nothing else does", async () => {
    const { clock, apply, ok, sim } = setUpDeployments();
    const id = await apply();
    const steps = [
      { image: "nginx:1.28" },
      { enabled: false },
      {},
      { resources: { ...DEPLOYMENT.resources, replicas: 4 } },
      {
        resources: {
          ...DEPLOYMENT.resources,
          autoscaling: { maxReplicas: 9, metrics: [] },
        },
      },
      {},
    ];
    for (const change of steps) {
      await clock.advance(1_000);
      await apply(change);
    }
    sim.console.deployments.delete(id);
    const { items } = await ok<Page<Entry>>("GET", `/projects/${PROJECT}/activity?order=asc`);
    expect(items.map((e) => e.action.replace("deployment.", ""))).toEqual([
      "created",
      "updated",
      "updated",
      "disabled",
      "enabled",
      "scaled",
      "updated",
      "scaled",
      "autoscaling.enabled",
      "updated",
      "autoscaling.disabled",
      "deleted",
    ]);
    expect(items[5]).toMatchObject({ data: { from: 2, to: 4 }, actor: { email: "owner@alpha.example" } });
    expect(items.at(-1)).toMatchObject({
      actor: null,
      data: null,
      deployment: { id, name: "web", dtDeleted: expect.any(String) },
    });
  });

  it("goes on behind the id of an entry, unlike other lists, and can be of one deployment", async () => {
    const { apply, ok } = setUpDeployments();
    const id = await apply();
    for (const image of ["a", "b", "c"]) await apply({ image });
    await apply({ name: "other" });
    const path = `/projects/${PROJECT}/activity?deploymentId=${id}`;
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const page = await ok<Page<Entry>>("GET", `${path}&limit=3${after}`);
      seen.push(...page.items.map((e) => e.id));
      if (!page.hasMore) break;
      expect(page.nextPage).toBe(page.items.at(-1)?.id);
      after = `&after=${page.nextPage}`;
    }
    expect(new Set(seen).size).toBe(4);
    expect(seen).toHaveLength(4);
  });
});
