import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { PageWatch } from "./page-watch.ts";

const MINUTE = 60_000;

/** A list whose pages are given by the first letter of an id: "a1" is on page "a". The last page is "z". */
function setUp() {
  const clock = new VirtualClock();
  const read: string[] = [];
  const world = { isBusy: false, fail: false, idles: 0, failures: 0, lacks: new Set<string>() };
  const watch = new PageWatch({
    clock,
    slowestMs: 3_000,
    isBusy: () => world.isBusy,
    pageOf: (id) => id[0] ?? "",
    readPage: async (page) => {
      if (world.fail) throw new Error("the connection broke");
      read.push(page);
      const all = ["a1", "a2", "b1", "c1", "z1"].filter((id) => id[0] === page && !world.lacks.has(id));
      return { isLast: page === "z", ids: new Set(all) };
    },
    idle: () => world.idles++,
    failed: () => world.failures++,
  });
  return { clock, watch, read, world };
}

describe("PageWatch", () => {
  it("reads nothing while nothing is in flight, and each page once in a round however many items are on it", async () => {
    const { clock, watch, read, world } = setUp();
    await clock.advance(MINUTE);
    expect(read).toEqual([]);
    for (const id of ["a1", "a2", "b1"]) watch.track(`ns/${id}`, id, 0);
    await clock.advance(250);
    expect(read).toEqual(["a", "b"]);
    for (const id of ["a1", "a2", "b1"]) watch.untrack(`ns/${id}`);
    expect(world.idles).toBe(1);
    await clock.advance(MINUTE);
    expect(read).toEqual(["a", "b"]);
  });

  it("reads ever more rarely what takes long, and as often as suits the time that the last ones took", async () => {
    const { clock, watch, read } = setUp();
    watch.track("ns/1", "a1", 0);
    await clock.advance(MINUTE);
    expect(read.length).toBeLessThan(45);
    const first = read.length;
    await clock.advance(MINUTE);
    expect(read.length - first).toBeLessThanOrEqual(20);
    watch.untrack("ns/1", true);
    expect(watch.usualMs).toBe(2 * MINUTE);
    watch.track("ns/2", "a2", 0);
    const second = read.length;
    await clock.advance(MINUTE);
    expect(read.length - second).toBeLessThanOrEqual(20);
  });

  it("reads one page at a time while others wait: that of what is in flight for longest, and in turn all the others", async () => {
    const { clock, watch, read, world } = setUp();
    world.isBusy = true;
    watch.track("ns/c", "c1", 5_000);
    watch.track("ns/a", "a1", 60_000);
    watch.track("ns/b", "b1", 30_000);
    await clock.advance(MINUTE);
    expect(read.slice(0, 8).filter((page) => page === "a").length).toBeGreaterThanOrEqual(4);
    expect(new Set(read.slice(0, 8))).toEqual(new Set(["a", "b", "c"]));
  });

  it("covers an item until the list has ended without it, or cannot be read: then it is to be read by its id", async () => {
    const { clock, watch, world } = setUp();
    watch.track("ns/a", "a1", 0);
    watch.track("ns/z", "z1", 0);
    world.lacks.add("z1");
    expect([watch.covers("a1"), watch.covers("z1"), watch.covers("other")]).toEqual([true, true, false]);
    await clock.advance(250);
    expect([watch.covers("a1"), watch.covers("z1")]).toEqual([true, false]);
    world.lacks.clear();
    await clock.advance(1_000);
    expect(watch.covers("z1")).toBe(true);
    world.fail = true;
    await clock.advance(1_000);
    expect([watch.covers("a1"), watch.covers("z1")]).toEqual([false, false]);
  });

  it("takes nothing for late that no page was read of for long, while others wait for the budget", async () => {
    const { clock, watch, world } = setUp();
    watch.track("ns/a", "a1", 0);
    await clock.advance(1_000);
    const shown = watch.shownAgeMs("ns/a");
    expect(shown).toBeGreaterThan(500);
    expect(shown).toBeLessThanOrEqual(1_000);
    world.fail = true;
    await clock.advance(MINUTE);
    expect(watch.shownAgeMs("ns/a")).toBe(MINUTE + 1_000);
  });

  it("reads ever more rarely while reads fail, and goes on once one succeeds", async () => {
    const { clock, watch, world, read } = setUp();
    world.fail = true;
    watch.track("ns/a", "a1", 0);
    await clock.advance(60 * MINUTE);
    expect(world.failures).toBeLessThan(25);
    world.fail = false;
    await clock.advance(5 * MINUTE);
    expect(read.length).toBeGreaterThan(0);
  });
});
