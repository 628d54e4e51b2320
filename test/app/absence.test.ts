/**
 * What an answer lacks proves nothing by itself: events that cannot be read, a resource that a read or a list does not
 * show. Each test runs the whole operator over a cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import { type PaperspaceProject, project } from "../support/third-kind.ts";
import type { VirtualObjects } from "../support/virtual-objects.ts";
import type { Process, VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

const reason = (world: VirtualWorld, name = "box") => world.condition(name, "Ready")?.reason;

describe("machine events that cannot be read", () => {
  const UNREADABLE = [403, 503];

  function withoutEvents(status: number): VirtualWorld {
    const world = running();
    world.sim.faults.add({ match: { path: "machine-events", times: "always" }, do: { status } });
    return world;
  }

  it.each(UNREADABLE)(
    "make no create last until its deadline (%d): the state shows its end",
    async (status) => {
      const world = withoutEvents(status);
      world.apply("box");
      await world.until("it says so", () =>
        /events cannot be read/.test(world.condition("box", "Ready")?.message ?? ""),
      );
      await world.ready("box");
      expect(world.clock.monotonic()).toBeLessThan(5 * MINUTE);
    },
  );

  it.each(UNREADABLE)("make no change of power or hardware last until its deadline (%d)", async (status) => {
    const world = withoutEvents(status);
    world.apply("box", { resizePolicy: "StopAndResize" });
    await world.ready("box");
    const isReadyWithin = async (minutes: number, change: object) => {
      const before = world.clock.monotonic();
      world.edit("box", change);
      await world.ready("box");
      expect(world.clock.monotonic() - before).toBeLessThan(minutes * MINUTE);
    };
    await isReadyWithin(4, { spec: { powerState: "Stopped" } });
    await isReadyWithin(4, { spec: { powerState: "Running" } });
    await isReadyWithin(10, { spec: { machineType: "A5000" } });
    expect(world.get("box")?.status?.machineType).toBe("A5000");
    world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } });
    await world.until("it restarts", () => reason(world) === "Restarting");
    await world.until("it is over", () => reason(world) === "Available", 4 * MINUTE);
    // Nothing is sent twice for want of an event.
    expect(calls(world, "PATCH", /\/start$/)).toHaveLength(2);
    expect(calls(world, "PATCH", /stop$/)).toHaveLength(2);
    expect(calls(world, "PATCH", /restart$/)).toHaveLength(1);
  });

  it("make no deletion last until its deadline", async () => {
    const world = withoutEvents(403);
    world.apply("box");
    await world.ready("box");
    world.delete("box");
    await world.until("it is gone", () => world.get("box") === undefined, 6 * MINUTE);
    expect(world.machines()).toEqual([]);
  });
});

describe("a create whose answer was lost, and that lists do not show yet", () => {
  const HOUR = 60 * MINUTE;

  /** The create takes effect, and no list shows it for two minutes: less than its settle time. */
  async function lost(act: (world: VirtualWorld, process: Process) => void): Promise<VirtualWorld> {
    const world = newWorld();
    const process = world.start();
    world.sim.faults.add({ match: { method: "POST", path: "machines$" }, do: { cut: "after" } });
    const hidden = world.sim.faults.add({
      match: { path: "/machines$", method: "GET", times: "always" },
      do: { omitFromList: "newest" },
    });
    world.apply("box");
    await world.until("it is made", () => world.machines().length === 1);
    await world.clock.advance(10_000);
    act(world, process);
    await world.clock.advance(110_000);
    world.sim.faults.remove(hidden.id);
    return world;
  }

  it.each([HOUR, -HOUR])("is not made again because the wall clock jumps by %d ms", async (ms) => {
    const world = await lost(({ clock }) => clock.stepWallClock(ms));
    await world.ready("box");
    await world.clock.advance(2 * HOUR);
    expect(calls(world, "POST", /machines$/)).toHaveLength(1);
    expect(world.machines()).toHaveLength(1);
  });

  it("is not made again where the process restarts beside the jump: it counts from its own start", async () => {
    const world = await lost((before, process) => {
      process.kill();
      before.clock.stepWallClock(HOUR);
      before.start();
    });
    await world.ready("box");
    expect(calls(world, "POST", /machines$/)).toHaveLength(1);
  });
});

interface Subject {
  noun: string;
  world(): VirtualWorld;
  objects(
    world: VirtualWorld,
  ): Pick<
    VirtualObjects<ManagedObject>,
    "apply" | "edit" | "delete" | "get" | "condition" | "ready" | "gone"
  >;
  /** Paths of one resource, and of the lists. */
  one: string;
  list: string;
  /** Ids of those that are there. */
  ids(world: VirtualWorld): string[];
  /** As another actor would. */
  remove(world: VirtualWorld, id: string): void;
}

const machines: Subject = {
  noun: "machine",
  world: () => running(),
  objects: (world) => world as never,
  one: "/machines/[^/]+$",
  list: "/machines$",
  ids: (world) => world.machines().map(({ id }) => id),
  remove: (world, id) => world.sim.console.delete(id, true),
};
const deployments: Subject = {
  noun: "deployment",
  world: () => running(),
  objects: (world) => world.deployments,
  one: "/deployments/[^/]+$",
  list: "/projects/[^/]+/deployments$",
  ids: (world) => world.deployed().map(({ id }) => id),
  remove: (world, id) => world.sim.console.deployments.delete(id, true),
};
const projects: Subject = {
  noun: "project",
  world: () => running([], { kinds: [project] }),
  objects: (world) => world.objects<PaperspaceProject>(project, { name: "research" }),
  one: "/projects/[^/]+$",
  list: "/projects$",
  ids: (world) =>
    [...world.sim.world.projects.values()]
      .filter(({ id, dtDeleted }) => dtDeleted === null && !id.startsWith("p-"))
      .map(({ id }) => id),
  remove: (world, id) => world.sim.console.deleteProject(id),
};

const DENIED = { status: 404 };

/** From now on reads by id do not find it, or lists do not complete. */
function blind(world: VirtualWorld, path: string, does: object = DENIED): () => void {
  const { id } = world.sim.faults.add({ match: { method: "GET", path, times: "always" }, do: does });
  return () => void world.sim.faults.remove(id);
}

describe.each([machines, deployments, projects])("a $noun that reads do not find", (subject) => {
  const { one, list, ids } = subject;

  async function made(spec: object = {}) {
    const world = subject.world();
    const objects = subject.objects(world);
    objects.apply("box", spec);
    await objects.ready("box");
    await world.clock.advance(10 * MINUTE);
    const [id = ""] = ids(world);
    let looks = 0;
    const look = () =>
      objects.edit("box", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: `${looks++}` } } });
    return { world, objects, id, look, reason: () => objects.condition("box", "Ready")?.reason };
  }

  it("for 150 s, over and over, is not made a second time: lists show it", async () => {
    const { world, look, id, objects } = await made({ onExternalDeletion: "Recreate" });
    for (let times = 0; times < 6; times++) {
      const end = blind(world, one);
      look();
      await world.clock.advance(150_000);
      end();
      await world.clock.advance(150_000);
    }
    expect(ids(world)).toEqual([id]);
    await objects.ready("box");
  });

  it("is not called deleted, and is deleted with its object, since lists show it", async () => {
    const { world, look, id, objects, reason } = await made();
    const end = blind(world, one);
    look();
    await world.clock.advance(150_000);
    expect(reason()).not.toBe("ExternallyDeleted");
    objects.delete("box");
    await world.clock.advance(30_000);
    if (!objects.get("box")) expect(ids(world)).toEqual([]);
    end();
    await objects.gone("box");
    expect(ids(world)).not.toContain(id);
  });

  it("is not called deleted while no list completes, and is as soon as one does", async () => {
    const { world, look, id, objects, reason } = await made();
    const end = blind(world, list, { status: 503 });
    subject.remove(world, id);
    look();
    await world.clock.advance(30 * MINUTE);
    expect(reason()).toBe("AbsenceUnconfirmed");
    expect(objects.condition("box", "Ready")?.message).toContain(
      "no list that would confirm its end completes",
    );
    end();
    await world.until("it is certain", () => reason() === "ExternallyDeleted");
  });

  it("keeps its object, which says how to go on, while no list confirms that it was deleted", async () => {
    const { world, objects, reason } = await made();
    const end = blind(world, list, { status: 503 });
    objects.delete("box");
    await world.until("it is blocked", () => reason() === "DeletionBlocked");
    expect(objects.condition("box", "Stalled")?.message).toMatch(
      /kubectl paperspace release \w+\/box -n default --force/,
    );
    await world.clock.advance(60 * MINUTE);
    expect(reason()).toBe("DeletionBlocked");
    end();
    await objects.gone("box");
    expect(ids(world)).toEqual([]);
  });

  it("is gone at once after its deletion where a read and a list show it: that costs one list", async () => {
    const { world, objects } = await made();
    world.sim.calls.clear();
    const before = world.clock.monotonic();
    objects.delete("box");
    await objects.gone("box");
    expect(world.clock.monotonic() - before).toBeLessThan(2 * MINUTE);
    expect(calls(world, "GET", new RegExp(list)).length).toBeLessThanOrEqual(2);
  });
});

describe.each([machines, projects])("a $noun that neither reads nor lists show", (subject) => {
  const { one, list, ids } = subject;

  it("for 150 s, over and over, is made again once, and the id of the former one stays known", async () => {
    const world = subject.world();
    const objects = subject.objects(world);
    objects.apply("box", { onExternalDeletion: "Recreate" });
    await objects.ready("box");
    await world.clock.advance(10 * MINUTE);
    const [id = ""] = ids(world);
    for (let times = 0; times < 24; times++) {
      const ends = [blind(world, one), blind(world, list, { omitFromList: "newest" })];
      objects.edit("box", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: `${times}` } } });
      await world.clock.advance(150_000);
      for (const end of ends) end();
      await world.clock.advance(150_000);
    }
    expect(ids(world)).toHaveLength(2);
    expect(objects.get("box")?.status?.disowned).toMatchObject([{ id }]);
    const disowned = world.kube.storage.events.flatMap(({ object }) =>
      (object as { reason?: string }).reason === "Disowned" ? [JSON.stringify(object)] : [],
    );
    expect(disowned.join()).toContain(id);
    await objects.ready("box");
  });

  it("at all makes few others, ever more slowly, and ends in Contended", async () => {
    const world = subject.world();
    const objects = subject.objects(world);
    objects.apply("box", { onExternalDeletion: "Recreate" });
    await objects.ready("box");
    blind(world, one);
    blind(world, list, { body: { hasMore: false, items: [] }, status: 200 });
    objects.edit("box", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "now" } } });
    await world.clock.advance(4 * 60 * MINUTE);
    expect(ids(world).length).toBeLessThanOrEqual(6);
    expect(objects.condition("box", "Ready")?.reason).toBe("Contended");
    expect(objects.get("box")?.status?.disowned).toHaveLength(5);
  });
});

describe("a machine that is missed right after its create", () => {
  it("is not made again within the settle time, since reads may lag behind it", async () => {
    const world = running();
    const ends = [blind(world, machines.one), blind(world, machines.list, { omitFromList: "newest" })];
    world.apply("box", { onExternalDeletion: "Recreate" });
    await world.clock.advance(3 * MINUTE + 30_000);
    for (const end of ends) end();
    await world.ready("box");
    expect(calls(world, "POST", /machines$/)).toHaveLength(1);
  });
});

describe("a machine whose events go with it", () => {
  it("is gone, though its create was under way when the console deleted it: no event speaks for it any more", async () => {
    const world = running([], { simulation: { behaviour: { eventsOfDeleted: "gone" } } });
    world.apply("box");
    await world.until("it is being made", () => world.machines().length === 1);
    await world.clock.advance(10_000);
    const [{ id = "" } = {}] = world.machines();
    world.sim.console.delete(id, true);
    await world.until("it is certain", () => reason(world) === "ExternallyDeleted", 30 * MINUTE);
  });
});

describe("an adoptId that names nothing", () => {
  it("costs no lists: what is not found need not be gone for certain", async () => {
    const world = running();
    world.apply("box", { adoptId: "psnowhere" });
    await world.until("it is not found", () => reason(world) === "AdoptNotFound");
    world.sim.calls.clear();
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "GET", /machines$/).length).toBeLessThanOrEqual(7);
    expect(calls(world, "GET", /machine-events/)).toEqual([]);
  });
});
