/**
 * What an answer lacks proves nothing by itself: events that cannot be read, a resource that a read or a list does not
 * show. Each test runs the whole operator over a cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld, running } from "../support/scenario-world.ts";
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
