/**
 * What an answer lacks proves nothing by itself: events that cannot be read, a resource that a read or a list does not
 * show. Each test runs the whole operator over a cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

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
