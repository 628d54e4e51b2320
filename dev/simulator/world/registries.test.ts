import { describe, expect, it } from "vitest";
import { BETA, refusal, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { registryView } from "./views.ts";

type Registry = ReturnType<typeof registryView>;

const PASSWORD = "correct-horse-battery-staple";
const REGISTRY = {
  name: "images",
  namespace: "lab",
  url: "ghcr.io",
  username: "robot",
  password: PASSWORD,
};

function withRegistries(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const registry = (change: object = {}) =>
    parts.ok<Registry>("POST", "/container-registries", { ...REGISTRY, ...change });
  const list = async (query = "") =>
    (await parts.ok<Page<Registry>>("GET", `/container-registries${query}`)).items;
  return { ...parts, registry, list };
}

describe("a container registry", () => {
  it("is of the kind it was made with, or of no special one", async () => {
    const { ok, registry, list } = withRegistries();
    const a = await registry();
    expect(a).toMatchObject({ name: "images", namespace: "lab", url: "ghcr.io", kind: "other" });
    expect(a.dtModified).toBe(a.dtCreated);
    expect((await registry({ kind: "ghcr" })).kind).toBe("ghcr");
    expect(await ok("GET", `/container-registries/${a.id}`)).toEqual(a);
    expect(await list()).toHaveLength(2);
  });

  it("never shows its password, in no answer, log or state, so that nothing can leak it", async () => {
    const { call, registry, sim } = withRegistries();
    const { id } = await registry();
    const path = `/container-registries/${id}`;
    const answers = [
      await call("PUT", path, { password: `${PASSWORD}-2` }),
      await call("GET", path),
      await call("GET", "/container-registries"),
      await call("GET", `${path}/test-connection`),
    ];
    expect(JSON.stringify([answers, sim.calls.list(), sim.console.state()])).not.toContain(PASSWORD);
    expect(sim.calls.list()[0]?.body).toEqual({ ...REGISTRY, password: "[redacted]" });
    expect(sim.console.registry(id).settings.password).toBe(`${PASSWORD}-2`);
    expect((await call("DELETE", path)).body).not.toContain(PASSWORD);
  });

  it("changes what is named and leaves the rest, the password too, as every update does", async () => {
    const { clock, ok, registry, sim } = withRegistries();
    const { id, dtCreated } = await registry();
    await clock.advance(1_000);
    expect(await ok("PUT", `/container-registries/${id}`, { url: "docker.io", kind: "dockerhub" })).toEqual({
      id,
      name: "images",
      namespace: "lab",
      url: "docker.io",
      username: "robot",
      kind: "dockerhub",
      dtCreated,
      dtModified: sim.world.iso(),
    });
    expect(sim.console.registry(id).settings.password).toBe(PASSWORD);
  });

  it("made twice is there twice, though deployments go by the name", async () => {
    const { registry, list } = withRegistries();
    const [a, b] = [await registry(), await registry()];
    expect(a.id).not.toBe(b.id);
    expect((await list()).map((r) => r.name)).toEqual(["images", "images"]);
  });

  it.each(["name", "url", "username"])("must have a %s", async (field) => {
    const { sim, call } = withRegistries();
    const answer = await call("POST", "/container-registries", { ...REGISTRY, [field]: "" });
    expect(refusal(answer)).toEqual({ status: 400, code: "BAD_REQUEST" });
    expect(sim.world.registries.size).toBe(0);
    // Such a request is against the vendor's document, as it should be.
    sim.conformance.clear();
  });

  it("is tested with 200 whatever the result, so that only `success` shows it", async () => {
    const { ok, registry, sim } = withRegistries();
    const { id } = await registry();
    const test = () => ok("GET", `/container-registries/${id}/test-connection`);
    expect(await test()).toEqual({ success: true });
    sim.console.setConnection(id, false, "unauthorized: incorrect username or password");
    expect(await test()).toEqual({ success: false, error: "unauthorized: incorrect username or password" });
    sim.console.setConnection(id, false);
    expect(await test()).toEqual({ success: false });
  });

  it("is gone at once when deleted", async () => {
    const { call, list, ok, registry } = withRegistries();
    const made = await registry();
    const path = `/container-registries/${made.id}`;
    expect(await ok("DELETE", path)).toEqual(made);
    for (const [method, at] of [
      ["GET", path],
      ["GET", `${path}/test-connection`],
      ["DELETE", path],
    ] as const)
      expect((await call(method, at)).status).toBe(404);
    expect(await list()).toEqual([]);
  });

  it("cannot be reached with another team's key, whatever the request", async () => {
    const { call, ok, registry } = withRegistries();
    const { id } = await registry();
    const path = `/container-registries/${id}`;
    expect((await ok<Page<Registry>>("GET", "/container-registries", undefined, BETA)).items).toEqual([]);
    for (const [method, at, body] of [
      ["GET", path, undefined],
      ["PUT", path, { password: "stolen" }],
      ["GET", `${path}/test-connection`, undefined],
      ["DELETE", path, undefined],
    ] as const)
      expect((await call(method, at, body, BETA)).status).toBe(404);
  });

  it("comes in pages, newest first, and a fault may leave one out", async () => {
    const { clock, ok, registry, list, sim } = withRegistries();
    for (const name of ["b", "a"]) {
      await registry({ name });
      await clock.advance(1_000);
    }
    const first = await ok<Page<Registry>>("GET", "/container-registries?limit=1");
    expect(first).toMatchObject({ hasMore: true, items: [{ name: "a" }] });
    expect(await list(`?limit=1&after=${first.nextPage}`)).toMatchObject([{ name: "b" }]);
    sim.faults.add({ do: { omitFromList: "newest" } });
    expect(await list()).toMatchObject([{ name: "b" }]);
  });

  it("may be missed by lists and by id right after the create, as a machine may", async () => {
    const { clock, call, list, registry } = withRegistries({
      getAfterCreateMissMs: 3_000,
      listAfterCreateMissMs: 8_000,
    });
    const { id } = await registry();
    const look = async () => [
      (await call("GET", `/container-registries/${id}`)).status,
      (await list()).length,
    ];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 1]);
  });
});

describe("a user of the console", () => {
  it("makes, changes and deletes registries, so that a client can be shown what it did not do", async () => {
    const { list, sim } = withRegistries();
    const { id } = sim.console.createRegistry("te-alpha", { name: "by-hand" });
    sim.console.updateRegistry(id, { url: "docker.io" });
    expect(await list()).toMatchObject([{ id, name: "by-hand", url: "docker.io" }]);
    expect(sim.console.state().registries).toMatchObject([{ id, connection: { success: true } }]);
    sim.console.deleteRegistry(id);
    expect(await list()).toEqual([]);
    expect(() => sim.console.registry(id)).toThrow(/there is no registry/);
  });
});
