/** Machines with a schedule, under the whole operator (docs/schedules.md). The world begins on a Thursday at midnight, UTC. */
import { describe, expect, it } from "vitest";
import type { DeclaredSpec, MachineSpec } from "../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld, onlyMachine } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MIDNIGHT = Date.UTC(2026, 0, 1);

checkTraffic();

/** 08:00 to 18:00 on weekdays. */
const DAYTIME = { timeZone: "UTC", start: "0 8 * * 1-5", stop: "0 18 * * 1-5" };

const reason = (world: VirtualWorld) => world.condition("box", "Ready")?.reason;
const status = (world: VirtualWorld) => world.get("box")?.status;
const sent = (world: VirtualWorld, verb: string) => calls(world, "PATCH", new RegExp(`/${verb}$`)).length;
const objectWrites = (world: VirtualWorld) =>
  world.kube.calls.filter(({ method, path }) => method !== "GET" && /\/paperspacemachines\//.test(path))
    .length;

/** Moves on to this hour of the first day; 32 is 08:00 of the second. */
async function until(world: VirtualWorld, hour: number): Promise<void> {
  await world.clock.advance(MIDNIGHT + hour * HOUR - world.clock.now());
}

function annotate(world: VirtualWorld, name: keyof typeof ANNOTATION, value: string): void {
  world.edit("box", { metadata: { annotations: { [ANNOTATION[name]]: value } } });
}

/** At 09:00, on, with its schedule. */
async function atNine(spec: Partial<DeclaredSpec> = {}) {
  const world = newWorld();
  const process = launch(world);
  await until(world, 8.5);
  world.apply("box", { schedule: DAYTIME, ...spec } as Partial<MachineSpec>);
  await world.ready("box");
  await until(world, 9);
  return { world, process };
}

/** An operator without elections, which would be most of what a day costs. */
function launch(world: VirtualWorld) {
  return world.start(world.kube, ["--leader-elect=false"]);
}

const isOff = (world: VirtualWorld) => onlyMachine(world).state === "off";

describe("a machine with a schedule", () => {
  it("is stopped and started at its very times, and nothing is written between them", async () => {
    const { world } = await atNine();
    await until(world, 18 - 1 / 3600);
    expect(sent(world, "stop")).toBe(0);
    await until(world, 18 + 1 / 3600);
    expect(sent(world, "stop")).toBe(1);
    await world.until("it is off", () => isOff(world) && reason(world) === "ScheduledOff");
    expect(world.condition("box", "Ready")?.status).toBe("True");
    expect(world.condition("box", "Running")).toMatchObject({ status: "False", reason: "ScheduledOff" });
    expect(status(world)?.schedule).toEqual({
      state: "Stopped",
      since: "2026-01-01T18:00:00Z",
      next: "2026-01-02T08:00:00Z",
    });
    await until(world, 19);
    const writes = objectWrites(world);
    await until(world, 32 - 1 / 3600);
    expect({ writes: objectWrites(world), starts: sent(world, "start") }).toEqual({ writes, starts: 0 });
    await until(world, 32 + 1 / 3600);
    expect(sent(world, "start")).toBe(1);
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("stays on from a start by hand until the next stop, not only until the next look", async () => {
    const { world } = await atNine();
    await until(world, 20);
    annotate(world, "startRequestedAt", "2026-01-01T20:00:00Z");
    await world.ready("box");
    await until(world, 41.9);
    expect({ off: isOff(world), stops: sent(world, "stop"), starts: sent(world, "start") }).toEqual({
      off: false,
      stops: 1,
      starts: 1,
    });
    await until(world, 42.1);
    expect(isOff(world)).toBe(true);
  });

  it("stays off from a stop by hand until the next start", async () => {
    const { world } = await atNine();
    annotate(world, "stopRequestedAt", "2026-01-01T09:00:00Z");
    await until(world, 31.9);
    expect(isOff(world)).toBe(true);
    await until(world, 32.2);
    expect(isOff(world)).toBe(false);
  });

  it("is made and not started while its schedule has it off", async () => {
    const world = newWorld();
    launch(world);
    world.apply("box", { schedule: DAYTIME });
    await world.ready("box");
    await until(world, 7.9);
    expect({ off: isOff(world), reason: reason(world) }).toEqual({ off: true, reason: "ScheduledOff" });
    await until(world, 8.2);
    expect({ off: isOff(world), starts: sent(world, "start") }).toEqual({ off: false, starts: 1 });
  });

  it("starts ahead of its time, and so has its place in the queue when hardware is short", async () => {
    const { world } = await atNine({
      schedule: { ...DAYTIME, startAhead: "15m" },
      capacity: { priority: 1 },
    });
    await until(world, 31);
    world.sim.world.setCapacity("A4000", "ny2", 0);
    await until(world, 32);
    expect(reason(world)).toBe("WaitingForCapacity");
    expect(status(world)?.capacity?.waitingSince).toBe("2026-01-02T07:45:00Z");
    world.sim.world.setCapacity("A4000", "ny2", 1);
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("is on again once the schedule is taken away", async () => {
    const { world } = await atNine();
    await until(world, 20);
    world.edit("box", { spec: { schedule: null } });
    await world.ready("box");
    expect({ off: isOff(world), schedule: status(world)?.schedule }).toEqual({
      off: false,
      schedule: undefined,
    });
  });
});

describe("what was missed while the operator was down", () => {
  it("counts at its own time, and of several only the newest", async () => {
    const { world, process } = await atNine();
    await process.stop();
    // Stop, start, stop.
    await until(world, 43);
    const next = launch(world);
    await world.until("it is off", () => isOff(world) && reason(world) === "ScheduledOff");
    expect({ stops: sent(world, "stop"), starts: sent(world, "start") }).toEqual({ stops: 1, starts: 0 });
    await next.stop();
    // Start, stop, and over the weekend: off as it is.
    await until(world, 4 * 24 + 7);
    launch(world);
    await until(world, 4 * 24 + 7.9);
    expect({ stops: sent(world, "stop"), starts: sent(world, "start") }).toEqual({ stops: 1, starts: 0 });
  });

  it("does not undo a request that came after it, nor is undone by one from before it", async () => {
    const { world, process } = await atNine();
    await process.stop();
    annotate(world, "startRequestedAt", "2026-01-01T17:59:00Z");
    await until(world, 19);
    const next = launch(world);
    await world.until("it is off", () => isOff(world) && status(world)?.handled?.start !== undefined);
    await next.stop();
    annotate(world, "startRequestedAt", "2026-01-01T19:30:00Z");
    await until(world, 20);
    launch(world);
    await world.until("it is on", () => !isOff(world));
    await until(world, 23);
    expect(isOff(world)).toBe(false);
  });

  it("counts against the shutdown by Paperspace by its date: of an evening it is over in the morning", async () => {
    const { world, process } = await atNine({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    await until(world, 17);
    await process.stop();
    world.sim.console.autoShutdown(onlyMachine(world).id);
    await until(world, 34);
    launch(world);
    await world.until("it is started", () => sent(world, "start") === 1);
    await world.ready("box");
  });
});

describe("the shutdown by Paperspace", () => {
  it("by day leaves the machine off until the next start, and is not what the schedule did", async () => {
    const { world } = await atNine({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    world.sim.console.autoShutdown(onlyMachine(world).id);
    await world.until("it is reported", () => reason(world) === "AutoShutdown");
    await until(world, 17);
    expect(isOff(world)).toBe(true);
    await world.until("the stop has come", () => reason(world) === "ScheduledOff");
    await until(world, 33);
    expect({ off: isOff(world), stops: sent(world, "stop"), starts: sent(world, "start") }).toEqual({
      off: false,
      stops: 0,
      starts: 1,
    });
    await until(world, 43);
    expect({ reason: reason(world), change: status(world)?.powerChange }).toEqual({
      reason: "ScheduledOff",
      change: undefined,
    });
  });

  it("comes again each day, also where no event tells its date, and is not fought by the schedule", async () => {
    const { world } = await atNine({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    world.sim.world.setBehaviour({ autoShutdownEvent: "none" });
    for (const day of [0, 1]) {
      await until(world, 24 * day + 10);
      expect({ day, off: isOff(world) }).toEqual({ day, off: false });
      world.sim.console.autoShutdown(onlyMachine(world).id);
      await until(world, 24 * day + 17);
      expect({ day, off: isOff(world), starts: sent(world, "start") }).toEqual({
        day,
        off: true,
        starts: day,
      });
    }
  });
});

describe("a schedule that cannot be kept", () => {
  it("is reported with its field, and stops nothing", async () => {
    const { world } = await atNine();
    world.edit("box", { spec: { schedule: { ...DAYTIME, timeZone: "Mars/Base" } } });
    await until(world, 20);
    expect(world.condition("box", "Stalled")).toMatchObject({
      reason: "ScheduleInvalid",
      message: expect.stringContaining('spec.schedule.timeZone "Mars/Base"'),
    });
    expect(isOff(world)).toBe(false);
  });

  it("leaves a machine where the schedule has put it before", async () => {
    const { world } = await atNine();
    await until(world, 20);
    world.edit("box", { spec: { schedule: { ...DAYTIME, start: "61 8 * * *" } } });
    await until(world, 40);
    expect({ reason: reason(world), off: isOff(world), starts: sent(world, "start") }).toEqual({
      reason: "ScheduleInvalid",
      off: true,
      starts: 0,
    });
    world.edit("box", { spec: { schedule: DAYTIME } });
    await world.ready("box");
    expect(isOff(world)).toBe(false);
  });
});

describe("a clock that is put back a little", () => {
  it("does not undo the time of the schedule that has come already, as another leader's clock would", async () => {
    const { world } = await atNine();
    await until(world, 18 + 1 / 60);
    world.hostClock.setAhead(-2 * MINUTE);
    await world.until("it is off", () => isOff(world));
    await world.clock.advance(HOUR);
    expect({ stops: sent(world, "stop"), starts: sent(world, "start") }).toEqual({ stops: 1, starts: 0 });
  });
});
