/**
 * A third kind under the whole operator (test/support/third-kind.ts): what holds for every kind comes from the generic
 * parts alone, since it has nothing of its own for it.
 */
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { type CollectionObject, collectionKind } from "../../src/kinds/collection-kind.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import { defined } from "../../src/reconcile/schema.ts";
import { dieEverywhere } from "../support/deaths.ts";
import { calls, checkTraffic, running } from "../support/scenario-world.ts";
import { type PaperspaceProject, project } from "../support/third-kind.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const kinds = [project];

checkTraffic();

const projects = (world: VirtualWorld) => world.objects<PaperspaceProject>(project, { name: "research" });
/** Projects that this test's objects have made, beside those which every account has. */
const alive = (world: VirtualWorld) =>
  [...world.sim.world.projects.values()].filter(
    ({ id, dtDeleted }) => dtDeleted === null && !id.startsWith("p-"),
  );
const writes = (world: VirtualWorld) =>
  world.sim.calls.list({ path: /\/projects/ }).filter(({ method }) => method !== "GET");
const annotate = (world: VirtualWorld, annotations: Record<string, string | null>, name = "lab") =>
  projects(world).edit(name, { metadata: { annotations } });

async function ready(spec: Partial<PaperspaceProject["spec"]> = {}) {
  const world = running([], { kinds });
  projects(world).apply("lab", spec);
  await projects(world).ready("lab");
  world.sim.calls.clear();
  return { world, id: projects(world).get("lab")?.status?.id ?? "" };
}

describe("a life", () => {
  it("makes one resource of one object, and gives it the declared name, which a create cannot be found again by", async () => {
    const world = running([], { kinds });
    projects(world).apply("lab");
    await projects(world).ready("lab");
    expect(alive(world)).toMatchObject([{ id: projects(world).get("lab")?.status?.id, name: "research" }]);
    expect(writes(world).map(({ method }) => method)).toEqual(["POST", "PUT"]);
    expect(projects(world).condition("lab", "Synced")?.status).toBe("True");
  });

  it("costs no write while nothing changes, and a share of one list", async () => {
    const { world } = await ready();
    const before = world.kube.calls.length;
    await world.clock.advance(60 * MINUTE);
    const sent = world.kube.calls.slice(before).filter(({ method }) => method !== "GET");
    expect(sent.filter(({ path }) => !path.includes("/leases"))).toEqual([]);
    expect(calls(world, "GET", /\/projects/).length).toBeLessThan(10);
    expect(writes(world)).toEqual([]);
  });

  it("corrects what another actor has changed, and not for ever", async () => {
    const { world, id } = await ready();
    const { console } = world.sim;
    // Giving it its name at the beginning was the first of five times.
    for (let times = 0; times < 4; times++) {
      console.project(id).name = "other";
      annotate(world, { [ANNOTATION.reconcileRequestedAt]: String(times) });
      await world.until("it is put back", () => console.project(id).name === "research");
    }
    console.project(id).name = "other";
    annotate(world, { [ANNOTATION.reconcileRequestedAt]: "again" });
    await projects(world).reports("lab", "Contended");
    expect(writes(world)).toHaveLength(4);
  });

  it("touches nothing while it is paused or under dry-run, deletion included", async () => {
    const { world } = await ready();
    for (const halt of [ANNOTATION.paused, ANNOTATION.dryRun]) {
      annotate(world, { [halt]: "true" });
      projects(world).edit("lab", { spec: { name: `renamed-${halt.length}` } });
      await world.until("it reports it", () => projects(world).condition("lab", "Paused")?.status === "True");
      await world.clock.advance(30 * MINUTE);
      expect(writes(world)).toEqual([]);
      annotate(world, { [halt]: null });
      await projects(world).ready("lab");
      world.sim.calls.clear();
    }
    annotate(world, { [ANNOTATION.paused]: "true" });
    projects(world).delete("lab");
    await world.clock.advance(30 * MINUTE);
    expect(writes(world)).toEqual([]);
    annotate(world, { [ANNOTATION.paused]: null });
    await projects(world).gone("lab");
    expect(alive(world)).toEqual([]);
  });

  it("keeps showing what was last observed while its key is refused", async () => {
    const { world, id } = await ready();
    world.secret("a-wrong-key");
    await projects(world).reports("lab", "CredentialsInvalid");
    expect(projects(world).get("lab")?.status).toMatchObject({ id, name: "research" });
    world.sim.console.project(id).name = "renamed";
    world.secret("sim-key-alpha");
    await projects(world).ready("lab");
    expect(projects(world).get("lab")?.status?.name).toBe("research");
  });

  it("is not begun while it is paused from the start", async () => {
    const world = running([], { kinds });
    projects(world).apply("lab", {}, { annotations: { [ANNOTATION.paused]: "true" } });
    await world.clock.advance(30 * MINUTE);
    expect(writes(world)).toEqual([]);
    annotate(world, { [ANNOTATION.paused]: null });
    await projects(world).ready("lab");
  });
});

describe("an end", () => {
  it("deletes the resource with its object, or leaves it, by deletionPolicy", async () => {
    const { world } = await ready();
    projects(world).delete("lab");
    await projects(world).gone("lab");
    expect(alive(world)).toEqual([]);
    const other = await ready({ deletionPolicy: "Orphan" });
    projects(other.world).delete("lab");
    await projects(other.world).gone("lab");
    expect(alive(other.world)).toMatchObject([{ id: other.id }]);
    expect(writes(other.world)).toEqual([]);
  });

  it("elsewhere is reported once it is certain, and another one is made only on request", async () => {
    const { world, id } = await ready();
    world.sim.console.deleteProject(id);
    await projects(world).reports("lab", "ExternallyDeleted");
    expect(writes(world)).toEqual([]);
    projects(world).edit("lab", { spec: { onExternalDeletion: "Recreate" } });
    await world.until("there is another", () => alive(world).length === 1);
    await projects(world).ready("lab");
    expect(projects(world).get("lab")?.status?.id).toBe(alive(world)[0]?.id);
    expect(alive(world)[0]?.id).not.toBe(id);
  });

  it("waits for a resource that is missing from reads for a moment", async () => {
    const { world, id } = await ready();
    world.sim.faults.add({
      match: { method: "GET", path: `projects/${id}$` },
      do: { status: 404 },
    });
    annotate(world, { [ANNOTATION.reconcileRequestedAt]: "1" });
    await projects(world).reports("lab", "AbsenceUnconfirmed");
    await projects(world).ready("lab");
    expect(writes(world)).toEqual([]);
  });
});

describe("identity", () => {
  it("adopts by id without changing anything that is as declared", async () => {
    const world = running([], { kinds });
    const there = world.sim.console.createProject("te-alpha", "research");
    projects(world).apply("lab", { adoptId: there.id });
    await projects(world).ready("lab");
    expect(projects(world).get("lab")?.status?.id).toBe(there.id);
    expect(writes(world)).toEqual([]);
  });

  it("refuses what another object owns, and what is not there", async () => {
    const { world, id } = await ready();
    projects(world).apply("greedy", { adoptId: id });
    projects(world).apply("lost", { adoptId: "nothing" });
    await projects(world).reports("greedy", "AlreadyOwned");
    await projects(world).reports("lost", "AdoptNotFound");
    for (const name of ["greedy", "lost"]) {
      projects(world).delete(name);
      await projects(world).gone(name);
    }
    expect(writes(world)).toEqual([]);
    expect(alive(world)).toHaveLength(1);
  });

  it("plans no create for what is to be adopted and is not there: the decision stalls", async () => {
    const world = running([], { kinds });
    projects(world).apply("lost", { onExternalDeletion: "Recreate" });
    await projects(world).ready("lost");
    projects(world).delete("lost");
    await projects(world).gone("lost");
    const dryRun = { [ANNOTATION.dryRun]: "true" };
    projects(world).apply("lost", { onExternalDeletion: "Recreate" }, { annotations: dryRun });
    const uid = projects(world).get("lost")?.metadata.uid;
    annotate(world, { [ANNOTATION.adopt]: `nothing@${uid}` }, "lost");
    await projects(world).reports("lost", "AdoptNotFound");
    await world.clock.advance(30 * MINUTE);
    expect(projects(world).get("lost")?.status?.plan).toEqual([]);
  });

  it("of a copy with its annotations is in conflict: it makes nothing, changes nothing, and can be deleted freely", async () => {
    const { world } = await ready();
    const annotations = projects(world).get("lab")?.metadata.annotations ?? {};
    projects(world).apply("copy", { name: "mine" }, { annotations });
    await projects(world).reports("copy", "IdentityConflict");
    projects(world).delete("copy");
    await projects(world).gone("copy");
    expect(writes(world)).toEqual([]);
    expect(alive(world)).toMatchObject([{ name: "research" }]);
  });
});

describe("a field that nothing can change", () => {
  type Script = CollectionObject<{ name: string; isRunOnce: boolean }>;
  const table = {
    definition: defined("PaperspaceStartupScript", "pss", "startup script"),
    path: "/startup-scripts",
    answer: Type.Object({ id: Type.String(), name: Type.String(), isRunOnce: Type.Boolean() }),
    declared: ({ name, isRunOnce }: Script["spec"]) => ({ name, isRunOnce }),
    hidden: () => ({ script: "true" }),
    immutable: ["isRunOnce"],
  };

  it("and differs on what is owned is the user's to correct: it must not count as declared", async () => {
    const script = collectionKind(table);
    const world = running([], { kinds: [script] });
    const scripts = world.objects<Script>(script, { name: "boot", isRunOnce: true });
    scripts.apply("boot");
    await scripts.ready("boot");
    for (const there of world.sim.world.scripts.values()) there.isRunOnce = false;
    scripts.edit("boot", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "1" } } });
    await scripts.reports("boot", "Refused");
    expect(scripts.condition("boot", "Stalled")?.message).toContain("isRunOnce: false → true");
    expect(scripts.condition("boot", "Synced")?.status).toBe("False");
    scripts.edit("boot", { spec: { isRunOnce: false } });
    await scripts.ready("boot");
    const sent = world.sim.calls.list({ path: /startup-scripts/ }).filter(({ method }) => method !== "GET");
    expect(sent.map(({ method }) => method)).toEqual(["POST", "PUT"]);
  });

  it("is neither the name, which only an update gives, nor one that only an update sets", () => {
    expect(() => collectionKind({ ...table, immutable: ["name"] })).toThrow("name cannot be immutable");
    expect(() => collectionKind({ ...table, updateOnly: ["isRunOnce"] })).toThrow(
      "nothing could ever set it",
    );
  });
});

describe("a create whose answer is lost", () => {
  it("is searched for by its name, and recorded", async () => {
    const world = running([], { kinds });
    world.sim.faults.add({
      match: { method: "POST", path: "projects$" },
      do: { cut: "after" },
    });
    projects(world).apply("lab");
    await projects(world).reports("lab", "ResolvingCreate");
    await projects(world).ready("lab");
    expect(calls(world, "POST", /\/projects$/)).toHaveLength(1);
    expect(alive(world)).toHaveLength(1);
  });
});

describe("the Secret with the key", () => {
  it("is held until the last object that needs it is gone, of whatever kind", async () => {
    const world = running([], { kinds });
    const held = () => world.getSecret()?.metadata.finalizers?.includes(FINALIZER) ?? false;
    world.apply("box");
    world.deployments.apply("web");
    projects(world).apply("lab");
    await world.ready("box");
    await world.deployments.ready("web");
    await projects(world).ready("lab");
    world.deleteSecret();
    for (const objects of [world, world.deployments, projects(world)]) {
      expect(held()).toBe(true);
      const name = objects === world ? "box" : objects === world.deployments ? "web" : "lab";
      objects.delete(name);
      await objects.gone(name);
    }
    await world.until("the Secret is gone", () => world.getSecret() === undefined);
    expect([world.machines(), world.deployed(), alive(world)]).toEqual([[], [], []]);
  });
});

dieEverywhere(
  {
    "the create of a third kind": {
      objects: 1,
      async run(world) {
        projects(world).apply("lab");
        await projects(world).ready("lab");
      },
    },
    "the create, a change and the deletion of a third kind": {
      objects: 1,
      async run(world) {
        projects(world).apply("lab");
        await projects(world).ready("lab");
        projects(world).edit("lab", { spec: { name: "renamed" } });
        await projects(world).ready("lab");
        projects(world).delete("lab");
        await projects(world).gone("lab");
      },
    },
    "a deletion of a third kind in the middle of its create": {
      objects: 1,
      async run(world) {
        projects(world).apply("lab");
        await world.until(
          "the create was recorded",
          () => projects(world).get("lab")?.status?.operation !== undefined || alive(world).length > 0,
        );
        projects(world).delete("lab");
        await projects(world).gone("lab");
      },
    },
  },
  (world, { objects }, at) => {
    const object = projects(world).get("lab");
    const made = calls(world, "POST", /\/projects$/).length;
    expect({ at, alive: alive(world).map(({ id }) => id) }).toEqual({
      at,
      alive: object ? [object.status?.id] : [],
    });
    expect({ at, made }).toEqual({ at, made: expect.toSatisfy((count: number) => count <= objects) });
  },
  { kinds },
);
