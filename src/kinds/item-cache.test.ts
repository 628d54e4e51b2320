import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { ItemCache } from "./item-cache.ts";

const ITEM = { id: "ps1", name: "box" };

describe("an item that is cached", () => {
  it("counts as newer than what a read brings that began before it: such a read shows what was", () => {
    const cache = new ItemCache(new VirtualClock());
    expect(cache.isNewer("ps1", 5)).toBe(false);
    cache.set("ps1", ITEM, 10);
    expect([9, 10].map((beganAt) => cache.isNewer("ps1", beganAt))).toEqual([true, false]);
  });

  it("is the same since the first of the reads in a row that show it exactly so", () => {
    const cache = new ItemCache(new VirtualClock());
    const changes = [
      { item: ITEM, beganAt: 1 },
      { item: { ...ITEM }, beganAt: 2 },
      { item: { ...ITEM, name: "other" }, beganAt: 3 },
    ].map((read) => [cache.update("ps1", read), cache.get("ps1")?.sameSince]);
    expect(changes).toEqual([
      [true, 1],
      [false, 1],
      [true, 3],
    ]);
  });

  it("is absent since the first read that misses it, for each credential by itself", async () => {
    const clock = new VirtualClock();
    const cache = new ItemCache(clock);
    cache.update("ps1", { item: undefined, beganAt: 0, missed: ["one"] });
    await clock.advance(100);
    cache.update("ps1", { item: undefined, beganAt: 50, missed: ["one", "two"] });
    expect(cache.get("ps1")).toEqual({
      beganAt: 50,
      sameSince: 0,
      absentSince: 0,
      misses: new Map([
        ["one", { since: 0, at: 50 }],
        ["two", { since: 100, at: 50 }],
      ]),
    });
    cache.update("ps1", { item: ITEM, beganAt: 60 });
    expect(cache.get("ps1")).toEqual({ item: ITEM, beganAt: 60, sameSince: 60 });
  });
});
