/**
 * The snapshot before a resize, run with the whole operator in virtual time: it is there before anything is changed, there
 * is one of it, and where it is not there the machine stays as it is.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, onlyMachine as machine, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const GIB = 1024 ** 3;

checkTraffic();

const snapshots = (world: VirtualWorld) => [...world.sim.world.snapshots.values()];
const ready = (world: VirtualWorld) => world.condition("box", "Ready");
const stalled = (world: VirtualWorld) => world.condition("box", "Stalled");
/** What is written, in order: "PATCH stop", "POST snapshots", "PUT machine". */
const writes = (world: VirtualWorld) =>
  world.sim.calls
    .list()
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.split("/").at(-1)?.replace(/^ps.*/, "machine")}`);

function retry(world: VirtualWorld): void {
  world.edit("box", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "again" } } });
}

/** A box with a snapshot before each resize, with calls counted from when it is ready. */
async function box(spec: Parameters<VirtualWorld["apply"]>[1] = {}): Promise<VirtualWorld> {
  const world = running();
  world.apply("box", { snapshotBeforeResize: true, resizePolicy: "StopAndResize", ...spec });
  await world.ready("box");
  world.sim.calls.clear();
  return world;
}

const grow = (world: VirtualWorld) => world.edit("box", { spec: { diskSize: 100 } });

describe("the snapshot before a resize", () => {
  it("is taken with the machine off and is done before anything is changed, so that it holds all that was written", async () => {
    const world = await box();
    world.sim.world.setBehaviour({ snapshotCreateMs: 5 * MINUTE });
    grow(world);
    await world.until("it is being taken", () => ready(world)?.reason === "Snapshotting");
    expect(machine(world)).toMatchObject({ state: "off", diskSize: 50 });
    await world.clock.advance(4 * MINUTE);
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots"]);
    await world.ready("box");
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots", "PUT machine", "PATCH start"]);
    expect(machine(world)).toMatchObject({ state: "ready", diskSize: 100 });
    const [taken] = snapshots(world);
    const { id, name, machineId } = taken ?? {};
    expect(world.get("box")?.status?.resizeSnapshot).toMatchObject({
      id,
      name,
      machineId,
      state: "Outdated",
      storageTotal: 50 * GIB,
    });
  });

  it("stands for one resize: the next one has a snapshot of its own, and the operator deletes neither", async () => {
    const world = await box({ powerState: "Stopped" });
    grow(world);
    await world.ready("box");
    world.edit("box", { spec: { diskSize: 250 } });
    await world.ready("box");
    expect(writes(world)).toEqual(["POST snapshots", "PUT machine", "POST snapshots", "PUT machine"]);
    expect(new Set(snapshots(world).map(({ name }) => name)).size).toBe(2);
  });

  it("waits with the machine for a user who stops it: WhenStopped takes none of what runs", async () => {
    const world = await box({ resizePolicy: "WhenStopped" });
    grow(world);
    await world.until("it is reported", () => stalled(world)?.reason === "ResizeNeedsStop");
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toEqual([]);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots", "PUT machine"]);
  });

  it("is in the plan of a dry run, where nothing of it is sent", async () => {
    const world = await box();
    world.edit("box", { metadata: { annotations: { [ANNOTATION.dryRun]: "true" } } });
    grow(world);
    await world.until("it is planned", () => (world.get("box")?.status?.plan?.length ?? 0) > 0);
    const entry = { needsStop: true, losesData: false };
    expect(world.get("box")?.status?.plan).toEqual([
      { action: "Snapshot", ...entry },
      { action: "Resize", field: "diskSize", from: "50", to: "100", ...entry },
    ]);
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toEqual([]);
  });

  it("is not followed by the resize of an object that was paused meanwhile", async () => {
    const world = await box();
    grow(world);
    await world.until("it is asked for", () => snapshots(world).length === 1);
    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } });
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots"]);
    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: null } } });
    await world.ready("box");
    expect(writes(world).slice(2)).toEqual(["PUT machine", "PATCH start"]);
  });
});

describe("a snapshot that fails", () => {
  it("leaves the machine running as it was and says what to do, and the user's word tries it again", async () => {
    const world = await box();
    world.sim.console.failNext({ event: "snapshot-create", error: "no space" });
    grow(world);
    await world.until("it is reported", () => stalled(world)?.reason === "SnapshotFailed");
    await world.until("it runs", () => machine(world).state === "ready");
    expect(stalled(world)?.message).toMatch(/no space.*Nothing is resized.*snapshotBeforeResize to false/);
    await world.clock.advance(120 * MINUTE);
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots", "PATCH start"]);
    retry(world);
    await world.ready("box");
    expect(machine(world)).toMatchObject({ diskSize: 100, state: "ready" });
    expect(snapshots(world)).toHaveLength(1);
  });

  it.each([400, 403, 409, 412])("by a refusal (%s), such as of a quota, is one, too", async (status) => {
    const world = await box();
    const body = { code: "QUOTA", message: "too many snapshots" };
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots" }, do: { status, body } });
    grow(world);
    await world.until("it is reported", () => stalled(world)?.reason === "SnapshotFailed");
    await world.until("it runs", () => machine(world).state === "ready");
    expect(stalled(world)?.message).toContain("too many snapshots");
    expect(machine(world).diskSize).toBe(50);
    world.edit("box", { spec: { snapshotBeforeResize: false } });
    await world.ready("box");
    expect(machine(world).diskSize).toBe(100);
  });
});

describe("a snapshot whose answer is lost", () => {
  it("is found again by its name, and is the only one, for a second one costs money", async () => {
    const world = await box();
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots", times: 1 }, do: { cut: "after" } });
    grow(world);
    await world.ready("box");
    expect(machine(world)).toMatchObject({ diskSize: 100, state: "ready" });
    expect(snapshots(world)).toHaveLength(1);
    expect(world.get("box")?.status?.resizeSnapshot?.id).toBe(snapshots(world)[0]?.id);
  });

  it("is waited for as long as an event of the machine may be of it", async () => {
    const world = await box();
    world.sim.world.setBehaviour({ snapshotCreateMs: 10 * MINUTE });
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots", times: 1 }, do: { cut: "after" } });
    grow(world);
    await world.until("it is being taken", () => snapshots(world).length === 1);
    await world.clock.advance(9 * MINUTE);
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots"]);
    await world.ready("box");
    expect(machine(world).diskSize).toBe(100);
  });

  it("that never arrived is requested anew once it surely has no effect any more", async () => {
    const world = await box();
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots", times: 1 }, do: { cut: "before" } });
    grow(world);
    await world.ready("box");
    const [first, second, ...more] = calls(world, "POST", /snapshots/).map(({ time }) => Date.parse(time));
    expect(more).toEqual([]);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(225_000);
    expect(snapshots(world)).toHaveLength(1);
    expect(machine(world).diskSize).toBe(100);
  });

  it("that cannot be looked for is no snapshot: nothing is resized, and the machine is not kept off for it", async () => {
    const world = await box();
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots", times: 1 }, do: { cut: "after" } });
    world.sim.faults.add({
      match: { method: "GET", path: "/snapshots", times: "always" },
      do: { status: 500 },
    });
    grow(world);
    await world.until("it is reported", () => stalled(world)?.reason === "SnapshotUnconfirmed");
    await world.until("it runs", () => machine(world).state === "ready");
    await world.clock.advance(120 * MINUTE);
    expect(writes(world)).toEqual(["PATCH stop", "POST snapshots", "PATCH start"]);
    expect(machine(world).diskSize).toBe(50);
  });
});

describe("a resize that fails after its snapshot", () => {
  it("says that the disk is as before where it is", async () => {
    const world = await box();
    world.sim.console.failNext({ event: "vm-upgrade", error: "host failure" });
    grow(world);
    await world.until("it is reported", () => stalled(world)?.reason === "ResizeRefused");
    expect(stalled(world)?.message).toContain("The disk has its old size");
    expect(stalled(world)?.message).not.toContain("curl");
  });

  it("prints how to go back where the disk is not as before, and does not do it: what was written since would be lost", async () => {
    const world = await box({ powerState: "Stopped" });
    world.sim.console.failNext({ event: "vm-upgrade", error: "host failure" });
    world.edit("box", { spec: { machineType: "A5000", diskSize: 100 } });
    await world.until("it is reported", () => stalled(world)?.reason === "ResizeRefused");
    // Half of it was done.
    world.sim.console.update(machine(world).id, { diskSize: 100 });
    await world.until("it is printed", () => stalled(world)?.message?.includes("curl") === true);
    const [taken] = snapshots(world);
    expect(stalled(world)?.message).toMatch(/not as before.*powerState to Stopped/);
    expect(stalled(world)?.message).toContain(`/snapshots/${taken?.id}/restore`);
    expect(calls(world, "POST", /restore/)).toEqual([]);
  });
});
