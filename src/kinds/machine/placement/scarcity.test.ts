import { describe, expect, it } from "vitest";
import { NOW } from "../../../../test/decide/machine/situations.ts";
import { toTime } from "../../../kube/objects.ts";
import { placeKey } from "./candidates.ts";
import { failuresOf, ScarcityMemory } from "./scarcity.ts";

const MINUTE = 60_000;
const H100 = { machineType: "H100", region: "ny2" };
const KEY = placeKey(H100);
const failed = (of: string, minutesAgo: number) => ({
  place: H100,
  of,
  at: toTime(NOW - minutesAgo * MINUTE),
});

function memory() {
  let now = NOW;
  const scarcity = new ScarcityMemory({ now: () => now });
  return { scarcity, pass: (minutes: number) => (now += minutes * MINUTE) };
}

describe("the memory of scarcity", () => {
  it("keeps the others from a place for a while, and for longer with each failure", () => {
    const { scarcity, pass } = memory();
    scarcity.note(failed("a", 0));
    expect(scarcity.coolingMs(KEY, "other")).toBe(2 * MINUTE);
    pass(2);
    expect(scarcity.coolingMs(KEY, "other")).toBe(0);
    scarcity.note({ ...failed("b", 0), at: toTime(NOW + 2 * MINUTE) });
    expect(scarcity.coolingMs(KEY, "other")).toBe(4 * MINUTE);
  });

  it("keeps no object from it by what it met itself: how often it tries again is its own pace", () => {
    const { scarcity } = memory();
    scarcity.note(failed("a", 0));
    expect(scarcity.coolingMs(KEY, "a")).toBe(0);
    expect(scarcity.isScarce(KEY)).toBe(true);
  });

  it("counts each failure once, in however many passes its object shows it, and in whatever order after a restart", () => {
    const { scarcity } = memory();
    for (const one of [failed("a", 0), failed("a", 90), failed("a", 0), failed("a", 90)]) scarcity.note(one);
    expect(scarcity.coolingMs(KEY, "other")).toBe(4 * MINUTE);
  });

  it("believes the hint again once hardware was had there: what failed before then does not count any more", () => {
    const { scarcity } = memory();
    scarcity.note(failed("a", 1));
    scarcity.forgive(KEY);
    scarcity.note(failed("a", 1));
    expect([scarcity.coolingMs(KEY, "other"), scarcity.isScarce(KEY)]).toEqual([0, false]);
  });

  it("forgets what was a day ago, and holds a bounded number of places: users name them", () => {
    const { scarcity } = memory();
    scarcity.note(failed("a", 25 * 60));
    expect(scarcity.isScarce(KEY)).toBe(false);
    scarcity.note(failed("a", 0));
    for (let i = 0; i < 600; i++)
      scarcity.note({ ...failed("a", 0), place: { machineType: `T${i}`, region: "ny2" } });
    expect(scarcity.isScarce(KEY)).toBe(false);
  });
});

describe("what an object has met", () => {
  const met = (memory: Parameters<typeof failuresOf>[0]["memory"], state?: string) =>
    failuresOf({ of: "a", place: H100, memory, state }, NOW);
  const tried = (outcome: "Refused" | "Declined" | "NoHardware") => ({
    placement: { tried: [{ candidate: H100, outcome, at: toTime(NOW) }] },
  });

  it("is where there was no hardware, and not what was refused for its own spec", () => {
    expect(met(tried("NoHardware"))).toHaveLength(1);
    expect(met(tried("Declined"))).toHaveLength(1);
    expect(met(tried("Refused"))).toEqual([]);
  });

  it("is also that its own create is late and left it off, though it has no placement", () => {
    const operation = { intent: "Create", target: "Running", requestedAt: toTime(NOW - 60 * MINUTE) };
    const late = { operation: { ...operation, deadline: toTime(NOW - MINUTE) } };
    const inTime = { operation: { ...operation, deadline: toTime(NOW + MINUTE) } };
    expect(met(late, "off")).toHaveLength(1);
    expect(met(inTime, "off")).toEqual([]);
    // Nothing is to be seen of it: it may never have arrived, and then it says nothing of hardware.
    expect(met(late)).toEqual([]);
    expect(met(late, "starting")).toEqual([]);
  });
});
