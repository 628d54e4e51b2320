/**
 * A machine without hardware that a user got to run, and used, while no operator looked: it is off again, dtModified is
 * as it was, and its events come late or not at all. It has data, so it must not make way for the next candidate.
 */
import { describe, expect, it } from "vitest";
import type { MachineRecord } from "../../dev/simulator/world/records.ts";
import { placed } from "../support/placed.ts";
import { calls, checkTraffic, newWorld } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

const EVENTS = { match: { method: "GET", path: "machine-events", times: "always" } } as const;
/** Less than the time after which nothing is late any more (docs/design.md, Create). */
const LATE_MS = 3.5 * MINUTE;

const TROUBLES: Readonly<Record<string, (world: VirtualWorld) => unknown>> = {
  "are late": ({ sim }) => sim.faults.add({ ...EVENTS, do: { lateEvents: LATE_MS } }),
  "cannot be read": ({ sim }) => sim.faults.add({ ...EVENTS, do: { status: 500 } }),
  "are not kept": ({ sim }) => sim.world.setBehaviour({ eventRetentionMs: MINUTE }),
};

/** A machine that is off since its create, for want of hardware. */
async function withShell() {
  const world = newWorld();
  const operator = world.start();
  world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
  world.sim.world.setCapacity("H100", "ny2", 0);
  world.apply("box", placed({ giveUpAfter: "6m" }));
  await world.until("it is off", () => [...world.sim.world.machines.values()][0]?.state === "off");
  const [machine] = world.sim.world.machines.values();
  await world.clock.advance(3 * MINUTE);
  return { world, operator, machine: machine as MachineRecord };
}

/** Its data is written in between. */
async function use(world: VirtualWorld, machine: MachineRecord) {
  const { dtModified } = machine;
  world.sim.world.setCapacity("H100", "ny2", 1);
  world.sim.console.start(machine.id);
  await world.until("it is on", () => machine.state === "ready");
  world.sim.world.setCapacity("H100", "ny2", 0);
  world.sim.console.stop(machine.id);
  await world.until("it is off again", () => machine.state === "off");
  machine.dtModified = dtModified;
}

describe("a machine that was used while the operator was down", () => {
  it.each(Object.keys(TROUBLES))("stays where its events %s", async (trouble) => {
    const { world, operator, machine } = await withShell();
    TROUBLES[trouble]?.(world);
    operator.kill();
    await use(world, machine);
    world.start();
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "DELETE", /\/machines\//)).toEqual([]);
    expect(world.get("box")?.status?.id).toBe(machine.id);
  });
});

describe("a machine that got no hardware", () => {
  it("is deleted after a restart as well, once its events were read so late that none is missing", async () => {
    const { world, operator, machine } = await withShell();
    operator.kill();
    await world.clock.advance(10 * MINUTE);
    const since = world.clock.now();
    world.start();
    await world.ready("box");
    const [deletion] = calls(world, "DELETE", /\/machines\//);
    expect(Date.parse(deletion?.time ?? "") - since).toBeGreaterThan(LATE_MS);
    expect(machine.dtDeleted).not.toBeNull();
  });

  it("is looked at only some times more before it is deleted, and its events are read once for that", async () => {
    const { world, machine } = await withShell();
    const since = world.sim.calls.list().at(-1)?.seq ?? 0;
    await world.until("it is deleted", () => machine.deleting !== null);
    const read = world.sim.calls.list({ since }).filter(({ method }) => method === "GET");
    expect(read.filter(({ path }) => path === `/v1/machines/${machine.id}`).length).toBeLessThan(20);
    expect(read.filter(({ query }) => query.machineId === machine.id)).toHaveLength(1);
  });

  it("stays while its events cannot be read, and comes up once there is hardware", async () => {
    const { world, machine } = await withShell();
    TROUBLES["cannot be read"]?.(world);
    await world.clock.advance(30 * MINUTE);
    world.sim.world.setCapacity("H100", "ny2", 1);
    await world.ready("box");
    expect(machine.state).toBe("ready");
    expect(calls(world, "DELETE", /\/machines\//)).toEqual([]);
  });
});
