/**
 * Whether a machine is on, under the whole operator: requests by annotation, what keeps it awake, and its own shutdown, across
 * restarts of the operator (docs/power.md).
 */
import { describe, expect, it } from "vitest";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, eventNotes, onlyMachine, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

checkTraffic();

const reason = (world: VirtualWorld) => world.condition("box", "Ready")?.reason;
const status = (world: VirtualWorld) => world.get("box")?.status;
const sent = (world: VirtualWorld, verb: string) => calls(world, "PATCH", new RegExp(`/${verb}$`)).length;
const inMs = (world: VirtualWorld, ms: number) => new Date(world.clock.now() + ms).toISOString();

function annotate(world: VirtualWorld, name: keyof typeof ANNOTATION, value: string | null): void {
  world.edit("box", { metadata: { annotations: { [ANNOTATION[name]]: value } } });
}

const objectWrites = (world: VirtualWorld) =>
  world.kube.calls.filter(({ method, path }) => method !== "GET" && /\/paperspacemachines\//.test(path));

async function ready(spec: Partial<MachineSpec> = {}, flags: string[] = []) {
  const world = running(["--leader-elect=false", ...flags]);
  world.apply("box", spec);
  await world.ready("box");
  return { world };
}

const off = (world: VirtualWorld) =>
  world.until("it is off", () => onlyMachine(world).state === "off" && reason(world) === "Stopped");

describe("a request by annotation", () => {
  it("stops the machine, which stays off, until one to start it is newer", async () => {
    const { world } = await ready();
    annotate(world, "stopRequestedAt", inMs(world, 0));
    await off(world);
    await world.clock.advance(2 * HOUR);
    expect(sent(world, "stop")).toBe(1);
    expect(world.condition("box", "Ready")).toMatchObject({
      status: "True",
      message: expect.stringContaining("stop-requested-at"),
    });
    annotate(world, "startRequestedAt", inMs(world, 0));
    await world.ready("box");
    await world.clock.advance(2 * HOUR);
    expect(onlyMachine(world).state).toBe("ready");
    expect(sent(world, "start")).toBe(1);
    expect(status(world)?.powerChange?.cause).toBe("StartRequested");
  });

  it("is answered once, whichever values are no times and come together", async () => {
    const { world } = await ready();
    annotate(world, "startRequestedAt", "please");
    annotate(world, "stopRequestedAt", "now");
    annotate(world, "restartRequestedAt", "also");
    await world.until("all are answered", () => Object.keys(status(world)?.handled ?? {}).length === 3);
    await world.clock.advance(HOUR);
    const writes = objectWrites(world).length;
    await world.clock.advance(3 * HOUR);
    expect(objectWrites(world).length).toBe(writes);
    expect(sent(world, "stop")).toBeLessThanOrEqual(1);
    expect(reason(world)).toBe(onlyMachine(world).state === "off" ? "Stopped" : "Available");
  });

  it("decides by its time: one from before the operator was down does not undo a later one", async () => {
    const { world } = await ready();
    annotate(world, "stopRequestedAt", inMs(world, 0));
    await off(world);
    annotate(world, "startRequestedAt", inMs(world, -HOUR));
    await world.until("it is answered", () => status(world)?.handled?.start !== undefined);
    await world.clock.advance(HOUR);
    expect(onlyMachine(world).state).toBe("off");
    expect(eventNotes(world, "RequestIgnored", "box")[0]).toContain("stop-requested-at");
  });

  it("does not start what is declared to be off", async () => {
    const { world } = await ready();
    world.edit("box", { spec: { powerState: "Stopped" } });
    await off(world);
    annotate(world, "startRequestedAt", inMs(world, 0));
    await world.until("it is answered", () => status(world)?.handled?.start !== undefined);
    expect(sent(world, "start")).toBe(0);
  });

  it("is over with a power state that is declared anew", async () => {
    const { world } = await ready();
    annotate(world, "stopRequestedAt", inMs(world, 0));
    await off(world);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.until("it is over", () => status(world)?.powerChange === undefined);
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
  });
});

describe("what is kept awake", () => {
  const stopped = async (flags: string[] = []) => {
    const made = await ready({}, flags);
    annotate(made.world, "stopRequestedAt", inMs(made.world, 0));
    await off(made.world);
    return made;
  };

  it("runs until that time, whatever stopped it, and is off again at that very time", async () => {
    const { world } = await stopped();
    const until = world.clock.now() + 3 * HOUR;
    annotate(world, "awakeUntil", new Date(until).toISOString());
    await world.ready("box");
    expect(world.condition("box", "Ready")?.message).toContain("awake-until");
    await world.clock.advance(until - world.clock.now() - 1_000);
    expect(sent(world, "stop")).toBe(1);
    await world.clock.advance(2_000);
    expect(sent(world, "stop")).toBe(2);
    await off(world);
  });

  it("is not so for longer than the operator allows, not even once the time has come nearer", async () => {
    const { world } = await stopped(["--max-awake=2h"]);
    annotate(world, "awakeUntil", inMs(world, 5 * HOUR));
    await world.until("it is reported", () => reason(world) === "AnnotationRefused");
    expect(world.condition("box", "Stalled")?.message).toContain("--max-awake");
    await world.clock.advance(6 * HOUR);
    expect(sent(world, "start")).toBe(0);
    annotate(world, "awakeUntil", null);
    await off(world);
  });

  it("is no more than a word where it is no time, which is reported", async () => {
    const { world } = await ready();
    annotate(world, "awakeUntil", "tomorrow");
    await world.until("it is reported", () => reason(world) === "AnnotationRefused");
    expect(onlyMachine(world).state).toBe("ready");
  });
});

describe("a machine that shut itself down", () => {
  it("is so since the date of its event, and stays off until a request that is newer", async () => {
    const { world } = await ready({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    await world.clock.advance(HOUR);
    world.sim.console.autoShutdown(onlyMachine(world).id);
    const at = world.clock.now();
    await world.until("it is reported", () => reason(world) === "AutoShutdown");
    expect(status(world)?.powerChange?.cause).toBe("AutoShutdown");
    expect(Date.parse(status(world)?.powerChange?.at ?? "") - at).toBeLessThan(11 * MINUTE);
    await world.clock.advance(2 * HOUR);
    expect(sent(world, "start")).toBe(0);
    annotate(world, "startRequestedAt", inMs(world, 0));
    await world.ready("box");
  });

  it("is not what a request stopped, though it may shut itself down", async () => {
    const { world } = await ready({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    annotate(world, "stopRequestedAt", inMs(world, 0));
    await off(world);
    await world.clock.advance(2 * HOUR);
    expect(status(world)?.powerChange?.cause).toBe("StopRequested");
    expect(reason(world)).toBe("Stopped");
  });
});

describe("at rest", () => {
  it("nothing is written, whatever has a say", async () => {
    const { world } = await ready({
      schedule: { timeZone: "UTC", start: "0 0 * * *", stop: "0 23 * * *", startAhead: "5m" },
      lifetime: { stopAfter: "20h", deleteAfter: "30d", warnBefore: "24h" },
      autoShutdown: { enabled: true, timeoutHours: 24 },
    });
    annotate(world, "stopRequestedAt", inMs(world, 0));
    annotate(world, "awakeUntil", inMs(world, 10 * HOUR));
    await world.until("both are known", () => status(world)?.handled?.stop !== undefined);
    await world.clock.advance(30 * MINUTE);
    const writes = objectWrites(world).length;
    await world.clock.advance(8 * HOUR);
    expect(objectWrites(world).length).toBe(writes);
  });
});
