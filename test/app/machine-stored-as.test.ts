/** A vendor that writes a setting otherwise than it was sent: seen once or twice, then no drift, and reported. */
import { describe, expect, it } from "vitest";
import { calls, checkTraffic, onlyMachine, running } from "../support/scenario-world.ts";

const HOUR = 60 * 60_000;

checkTraffic();

describe("a setting that the API writes otherwise than it was sent", () => {
  it("is no drift, and Synced says how it is written; another value is put right as ever", async () => {
    const world = running();
    world.sim.mutations.use(["weekly-as-week"], 1);
    world.apply("box", { autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 } });
    await world.ready("box");
    expect(world.get("box")?.status?.storedAs).toEqual([
      { field: "autoSnapshot.frequency", declared: '"weekly"', shown: '"week"' },
    ]);
    expect(world.condition("box", "Synced")).toMatchObject({ status: "True" });
    expect(world.condition("box", "Synced")?.message).toContain(
      'Paperspace writes autoSnapshot.frequency "weekly" as "week"',
    );
    const updates = () => calls(world, "PUT", /\/machines\//).length;
    expect(updates()).toBeLessThanOrEqual(2);
    const before = updates();
    await world.clock.advance(3 * HOUR);
    expect(updates()).toBe(before);
    world.sim.console.update(onlyMachine(world).id, { autoSnapshotFrequency: "daily" });
    await world.until(
      "it is put right",
      () => onlyMachine(world).settings.autoSnapshotFrequency === "weekly",
    );
    await world.ready("box");
    expect(updates()).toBe(before + 1);
  });

  it.each(["writes-answer-null", "writes-answer-ok", "writes-answer-nothing", "writes-answer-empty-object"])(
    "is no drift either where the API answers an update with no machine: %s",
    async (answers) => {
      const world = running();
      world.sim.mutations.use(["weekly-as-week", answers], 1);
      world.apply("box", { autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 } });
      await world.ready("box");
      expect(world.condition("box", "Synced")?.message).toContain(
        'Paperspace writes autoSnapshot.frequency "weekly" as "week"',
      );
      const updates = calls(world, "PUT", /\/machines\//).length;
      await world.clock.advance(3 * HOUR);
      expect(calls(world, "PUT", /\/machines\//)).toHaveLength(updates);
    },
  );

  it("is no such value where the API refuses an update with an error in a 200", async () => {
    const world = running();
    world.apply("box", { autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 } });
    await world.ready("box");
    const refusal = { status: 200, body: { code: "CONFLICT", message: "no" } };
    world.sim.faults.add({ match: { method: "PUT", path: "/machines/", times: "always" }, do: refusal });
    world.edit("box", { spec: { autoSnapshot: { frequency: "daily" } } });
    await world.clock.advance(3 * HOUR);
    expect(world.get("box")?.status?.storedAs).toBeUndefined();
    expect(world.condition("box", "Synced")).toMatchObject({ status: "False" });
    expect(world.condition("box", "Ready")).toMatchObject({ status: "False" });
    world.sim.faults.clear();
    await world.ready("box");
  });

  it("is compared with what it was sent as again once the API shows that", async () => {
    const world = running();
    world.sim.mutations.use(["weekly-as-week"], 1);
    world.apply("box", { autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 } });
    await world.ready("box");
    world.sim.mutations.clear();
    await world.until("it is forgotten", () => world.get("box")?.status?.storedAs === undefined);
    await world.ready("box");
    expect(world.condition("box", "Synced")?.message).not.toContain("writes");
  });
});
