/**
 * Adopting a machine that is off: to name its id is no wish to pay for it, or to change its disk. What is held says so on the
 * object, and how it is released (src/kinds/machine/aspects/held.ts).
 */
import { describe, expect, it } from "vitest";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import {
  calls,
  checkTraffic,
  eventNotes,
  newWorld,
  onlyMachine,
  running,
} from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;

checkTraffic();

const ready = (world: VirtualWorld) => world.condition("box", "Ready");
const powerCalls = (world: VirtualWorld) => calls(world, "PATCH", /(start|stop|restart)$/);
const resizes = (world: VirtualWorld) =>
  calls(world, "PUT", /\/machines\//).filter(({ body }) => {
    const { machineType, diskSize } = (body ?? {}) as { machineType?: string; diskSize?: number };
    return machineType !== undefined || diskSize !== undefined;
  });

/** An object that has adopted a machine which is off, and declares otherwise. */
function adopted(spec: Partial<MachineSpec> = {}, state: "off" | "ready" = "off"): Promise<VirtualWorld> {
  return adopt(running(), spec, state);
}

async function adopt(world: VirtualWorld, spec: Partial<MachineSpec>, state: "off" | "ready" = "off") {
  const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2", diskSize: 50 }, state);
  world.apply("box", { adoptId: id, ...spec });
  await world.until("it is adopted", () => world.get("box")?.status?.id === id);
  await world.clock.advance(30 * MINUTE);
  return world;
}

function expectUntouched(world: VirtualWorld): void {
  expect(powerCalls(world)).toEqual([]);
  expect(resizes(world)).toEqual([]);
  expect(onlyMachine(world)).toMatchObject({ state: "off", machineType: "A4000", diskSize: 50 });
}

describe("a machine that was off when it was adopted", () => {
  it("is neither started nor resized, though the default of powerState is Running: the object says what is held", async () => {
    const world = await adopted({ machineType: "A5000", diskSize: 100 });
    expectUntouched(world);
    expect(ready(world)).toMatchObject({ status: "False", reason: "HeldAsAdopted" });
    expect(ready(world)?.message).toMatch(/not started.*start-requested-at/);
    expect(ready(world)?.message).toMatch(/machineType: "A4000" → "A5000".*not resized/);
    expect(world.condition("box", "Stalled")?.reason).toBe("HeldAsAdopted");
    expect(world.condition("box", "Synced")).toMatchObject({ status: "False", reason: "Drifted" });
    expect(world.condition("box", "Running")?.status).toBe("False");
  });

  it("comes with its plan in the Event of the adoption, before any of it is done", async () => {
    const world = await adopted({ machineType: "A5000", diskSize: 100 });
    const [note = ""] = eventNotes(world, "Adopted", "box");
    expect(note).toMatch(/Resize \(machineType: "A4000" → "A5000"\), Resize \(diskSize: 50 → 100\), Start /);
    expect(note).toContain("start-requested-at");
  });

  it("is held by the next process as well, and by one that finds the status only", async () => {
    const world = newWorld();
    const first = world.start();
    await adopt(world, { machineType: "A5000" });
    world.edit("box", { metadata: { annotations: { [ANNOTATION.record]: null } } });
    first.kill();
    world.start();
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    expect(ready(world)?.reason).toBe("HeldAsAdopted");
  });

  it("is held whatever else is edited, and settings of it that need no power are put right", async () => {
    const world = await adopted({ autoSnapshot: { enabled: true, frequency: "daily", saveCount: 1 } });
    world.edit("box", { spec: { deletionPolicy: "Orphan", name: "renamed" } });
    await world.until("it is renamed", () => onlyMachine(world).settings.name === "renamed");
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    expect(onlyMachine(world).settings.autoSnapshotEnabled).toBe(true);
    expect(ready(world)?.reason).toBe("HeldAsAdopted");
  });

  it("is started and resized as declared once a start is requested", async () => {
    const world = await adopted({ machineType: "A5000" });
    world.edit("box", { metadata: { annotations: { [ANNOTATION.startRequestedAt]: "now" } } });
    await world.ready("box");
    expect(onlyMachine(world)).toMatchObject({ state: "ready", machineType: "A5000" });
    expect(world.get("box")?.status?.adoptedOff).toBeUndefined();
  });

  it("is not started for a request that was there before the adoption: that was of another time", async () => {
    const world = running();
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "off");
    world.apply("box", { adoptId: id }, { annotations: { [ANNOTATION.startRequestedAt]: "old" } });
    await world.until("it is adopted", () => world.get("box")?.status?.id === id);
    await world.clock.advance(30 * MINUTE);
    expect(powerCalls(world)).toEqual([]);
  });

  it("is resized once the hardware that is declared changes, and started by a change of powerState alone", async () => {
    const world = await adopted({ machineType: "A5000" });
    world.edit("box", { spec: { machineType: "A6000" } });
    await world.until("it is resized", () => onlyMachine(world).machineType === "A6000");
    await world.clock.advance(30 * MINUTE);
    expect(powerCalls(world)).toEqual([]);
    expect(ready(world)?.message).not.toContain("not resized");
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("is Ready where it is declared as it is", async () => {
    const world = await adopted({ powerState: "Stopped" });
    expect(ready(world)).toMatchObject({ status: "True", reason: "Stopped" });
    expect(eventNotes(world, "Adopted", "box")[0]).toContain("It is off, as declared");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("is held no more once another actor has started it: then it is as any other", async () => {
    const world = await adopted();
    world.sim.console.start(onlyMachine(world).id);
    await world.ready("box");
    world.sim.console.stop(onlyMachine(world).id);
    await world.until("it is started again", () => powerCalls(world).length > 0);
    await world.ready("box");
  });
});

describe("a machine that was on when it was adopted", () => {
  it("is stopped, started and resized as declared", async () => {
    const world = await adopted({ machineType: "A5000", resizePolicy: "StopAndResize" }, "ready");
    await world.ready("box");
    expect(onlyMachine(world)).toMatchObject({ state: "ready", machineType: "A5000" });
    expect(eventNotes(world, "Adopted", "box")[0]).not.toContain("off");
  });
});
