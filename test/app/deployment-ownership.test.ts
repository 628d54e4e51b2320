/**
 * Whose a deployment is, and whose a project secret: an API that stores more than it was sent, or writes it otherwise,
 * takes nothing away from the object that made it, and gives it nothing of another actor's.
 */
import { describe, expect, it } from "vitest";
import type { Config } from "../../dev/simulator/world/deployment-records.ts";
import { createProject } from "../../dev/simulator/world/projects.ts";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import { checkTraffic, eventNotes, newWorld, onlyDeployment, running } from "../support/scenario-world.ts";
import {
  before,
  edit,
  keep,
  MINUTE,
  message,
  owned,
  PROJECT,
  projectSecrets,
  status,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

/** The API stores what it is sent in its own way. */
function storing(world: VirtualWorld, how: (config: Config) => void): void {
  const sim = world.sim as { handle: VirtualWorld["sim"]["handle"] };
  const handle = sim.handle;
  sim.handle = async (request, signal) => {
    const answer = await handle(request, signal);
    for (const { specs } of world.sim.world.deployments.values()) for (const { data } of specs) how(data);
    return answer;
  };
}

const fillsIn = (config: Config) => {
  config.region ??= "ny2";
};
/** In no way that would be known. */
const pins = (config: Config) => {
  if (!config.image.includes("@")) config.image += "@sha256:0";
};
const UNPINNED = { image: "ghcr.io/acme/model" };
const loseAnswer = (world: VirtualWorld) =>
  world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });

describe("a create whose answer is lost, by an API that fills in the region", () => {
  it.each([false, true])("is found as this object's own; spec edited meanwhile: %s", async (edited) => {
    const world = running();
    storing(world, fillsIn);
    loseAnswer(world);
    world.deployments.apply("web");
    await world.until("it was sent", () => upserts(world).length === 1);
    if (edited) edit(world, { replicas: 2 });
    await world.deployments.ready("web");
    expect(owned(world.kube)).toEqual([onlyDeployment(world).id]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("is found by the next process where this one died before it saved the id, and the image was edited", async () => {
    const world = newWorld();
    storing(world, fillsIn);
    const dying = world.start();
    dying.edge.onPass = (call) => {
      if (call === "after POST /v1/deployments") dying.kill();
    };
    world.deployments.apply("web", { env: [{ name: "A", value: "1" }] });
    await world.until("it died", () => dying.edge.dead);
    edit(world, { image: "ghcr.io/acme/model:2" });
    world.start();
    await world.deployments.ready("web");
    expect(onlyDeployment(world).specs.at(-1)?.data.image).toBe("ghcr.io/acme/model:2");
  });
});

describe("what an upsert is answered with", () => {
  it("is this object's where its history has that one spec, however the API writes it", async () => {
    const world = running();
    storing(world, pins);
    world.deployments.apply("web", UNPINNED);
    await world.until("it owns it", () => status(world)?.id !== undefined);
    expect(owned(world.kube)).toEqual([onlyDeployment(world).id]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("is so also for the next process, and for an object that is deleted meanwhile", async () => {
    const world = newWorld();
    storing(world, pins);
    const first = world.start();
    world.deployments.apply("web", UNPINNED);
    await world.until("it is answered", () => status(world)?.operation?.target !== undefined);
    await first.stop();
    world.deployments.delete("web");
    world.start();
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("is another actor's where that one made it before, though its history shows ours late", async () => {
    const world = running();
    storing(world, pins);
    world.sim.world.setBehaviour({ listAfterCreateMissMs: 120_000 });
    const lagMs = 120_000;
    let sentAt = Number.POSITIVE_INFINITY;
    before(world, ({ method, path }) => {
      if (method === "POST" && path.endsWith("/deployments")) sentAt = world.clock.now();
    });
    lagHistory(world, () => world.clock.now() - sentAt < lagMs);
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web" });
    world.deployments.apply("web", UNPINNED);
    await world.deployments.reports("web", "AlreadyExists");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(onlyDeployment(world).id).toBe(id);
  });
});

describe("a create that never arrived", () => {
  it("is not taken to have made another actor's, whose values differ in what no API would change", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    world.deployments.apply("web", { ...UNPINNED, env: [{ name: "STAGE", value: "test" }] });
    await world.until("it was sent", () => upserts(world).length === 1);
    const theirs = { image: UNPINNED.image, env: [{ name: "STAGE", value: "TEST" }] };
    world.sim.console.deployments.create(PROJECT, { name: "web", ...theirs });
    await world.deployments.reports("web", "AlreadyExists");
    expect(onlyDeployment(world).specs).toHaveLength(1);
    expect(owned(world.kube)).toEqual([]);
  });
});

/** Histories end before the newest spec while `isLate`. */
function lagHistory(world: VirtualWorld, isLate: () => boolean): void {
  const sim = world.sim as { handle: VirtualWorld["sim"]["handle"] };
  const handle = sim.handle;
  sim.handle = async (request, signal) => {
    if (!/\/history(\?|$)/.test(request.path) || !isLate()) return handle(request, signal);
    const one = [...world.sim.world.deployments.values()].find(({ id }) => request.path.includes(id));
    const newest = one && one.specs.length > 1 ? one.specs.pop() : undefined;
    try {
      return await handle(request, signal);
    } finally {
      if (one && newest) one.specs.push(newest);
    }
  };
}

describe("a project secret that only this object can name", () => {
  const USING: Partial<DeploymentSpec> = {
    ...UNPINNED,
    env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }],
  };

  it("proves a lost create, however the API writes the rest, and whatever is declared meanwhile", async () => {
    const world = running();
    storing(world, pins);
    keep(world, "hub", { token: "v" });
    loseAnswer(world);
    world.deployments.apply("web", USING);
    await world.until("it was sent", () => upserts(world).length === 1);
    edit(world, { env: [], image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(owned(world.kube)).toEqual([onlyDeployment(world).id]);
  });

  it("goes from the project that it was put into, where projectId is corrected after a refused create", async () => {
    const world = running();
    const second = createProject(world.sim.world, world.sim.console.team("te-alpha"), { name: "second" }).id;
    keep(world, "hub", { token: "v" });
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { status: 400 } });
    world.deployments.apply("web", { env: USING.env ?? [] });
    await world.deployments.reports("web", "Refused");
    expect(projectSecrets(world)).toHaveLength(1);
    edit(world, { projectId: second });
    await world.deployments.ready("web");
    await world.until("the former one is gone", () => projectSecrets(world).length === 0);
    expect(projectSecrets(world, second)).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(projectSecrets(world, second)).toEqual([]);
  });

  it("goes from both projects with an object that is deleted before the second one was used", async () => {
    const world = running();
    const second = createProject(world.sim.world, world.sim.console.team("te-alpha"), { name: "second" }).id;
    keep(world, "hub", { token: "v" });
    const refuse = { match: { method: "POST", path: "/deployments$", times: "always" }, do: { status: 400 } };
    world.sim.faults.add(refuse as never);
    world.deployments.apply("web", { env: USING.env ?? [] });
    await world.deployments.reports("web", "Refused");
    edit(world, { projectId: second });
    await world.deployments.reports("web", "Refused");
    expect([projectSecrets(world).length, projectSecrets(world, second).length]).toEqual([1, 1]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect([projectSecrets(world), projectSecrets(world, second)]).toEqual([[], []]);
  });

  /** A deployment of an object that is deleted with deletionPolicy Orphan, and taken over by another one. */
  async function takenOver(meanwhile: (world: VirtualWorld) => void = () => {}) {
    const world = running();
    keep(world, "hub", { token: "first" });
    world.deployments.apply("old", { env: USING.env ?? [], deletionPolicy: "Orphan", name: "web" });
    await world.deployments.ready("old");
    const former = projectSecrets(world);
    const { id } = onlyDeployment(world);
    world.deployments.delete("old");
    await world.deployments.gone("old");
    meanwhile(world);
    world.deployments.apply("web", { env: USING.env ?? [], adoptId: id });
    await world.deployments.ready("web");
    return { world, former };
  }

  it("goes once an object that adopts the deployment of an orphan does not use it any more", async () => {
    const { world, former } = await takenOver();
    await world.until("it is gone", () => !projectSecrets(world).some((name) => former.includes(name)));
    expect(projectSecrets(world)).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(projectSecrets(world)).toEqual([]);
  });

  it("stays while another deployment of the project names it, and no longer concerns this object", async () => {
    const copies: string[] = [];
    const { world, former } = await takenOver((one) => {
      const env = onlyDeployment(one).specs.at(-1)?.data.env ?? [];
      copies.push(one.sim.console.deployments.create(PROJECT, { name: "copy", env }, { settled: true }).id);
    });
    await world.until("it says so", () => eventNotes(world, "Declined").length > 0);
    expect(eventNotes(world, "Declined")[0]).toContain(copies[0]);
    await world.clock.advance(30 * MINUTE);
    expect(projectSecrets(world)).toEqual(expect.arrayContaining(former));
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(projectSecrets(world)).toEqual(former);
  });

  it("is not taken from another object of this cluster, though what is adopted names it", async () => {
    const world = running();
    keep(world, "hub", { token: "first" });
    world.deployments.apply("living", { env: USING.env ?? [] });
    await world.deployments.ready("living");
    const { env = [] } = onlyDeployment(world).specs.at(-1)?.data ?? {};
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web", env }, { settled: true });
    const [living] = projectSecrets(world);
    world.deployments.apply("web", { adoptId: id });
    await world.deployments.ready("web");
    await world.clock.advance(30 * MINUTE);
    expect(projectSecrets(world)).toEqual([living]);
    expect(status(world)?.secrets).toBeUndefined();
  });
});

describe("a project", () => {
  it("that is edited while a create is open stays the one that the create was sent to", async () => {
    const world = running();
    const second = createProject(world.sim.world, world.sim.console.team("te-alpha"), { name: "second" }).id;
    loseAnswer(world);
    world.deployments.apply("web");
    await world.until("it was sent", () => upserts(world).length === 1);
    edit(world, { projectId: second });
    await world.until("it is found", () => status(world)?.id !== undefined);
    await world.clock.advance(30 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    expect(onlyDeployment(world).projectId).toBe(PROJECT);
    expect(status(world)?.projectId).toBe(PROJECT);
    expect(message(world)).toContain(PROJECT);
    edit(world, { projectId: PROJECT });
    await world.deployments.ready("web");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("a name that the API may take for another's", () => {
  it.each([
    [" web", "trims"],
    ["Web", "folds the case of"],
  ])("is taken: spec.name %j sends nothing where the API %s names", async (name, how) => {
    const world = running();
    const foreign = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    before(world, (request) => {
      if (request.method !== "POST" || !/\/deployments$/.test(request.path)) return;
      const body = JSON.parse(String(request.body));
      body.config.name = how === "trims" ? body.config.name.trim() : body.config.name.toLowerCase();
      (request as { body: unknown }).body = JSON.stringify(body);
    });
    world.deployments.apply("web2", { name });
    await world.deployments.reports("web2", "AlreadyExists");
    await world.clock.advance(30 * MINUTE);
    expect(foreign.specs).toHaveLength(1);
    expect(message(world, "Ready", "web2")).toContain(foreign.id);
  });

  it("is one object's at a time in this cluster as well", async () => {
    const world = running();
    world.deployments.apply("one", { name: "web" });
    world.deployments.apply("two", { name: "Web" });
    const ids = () => ["one", "two"].map((name) => status(world, name)?.id).filter(Boolean);
    await world.until("one has it", () => ids().length === 1);
    await world.clock.advance(30 * MINUTE);
    expect(ids()).toHaveLength(1);
    expect(world.deployed()).toHaveLength(1);
  });
});
