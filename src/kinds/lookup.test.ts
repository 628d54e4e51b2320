import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { sleep } from "../base/clock.ts";
import { Lookup } from "./lookup.ts";
import { MemoryBudget } from "./memory-budget.ts";

const STALE_TIME_MS = 60_000;
const MINUTE_MS = 60_000;
const GC_TIME_MS = 60 * MINUTE_MS;
const DOWN = new Error("503");

/** A fact that takes a second to read, at a source that can fail and change. */
function setUp(staleTimeMs: (value: string, repeats: number) => number = () => STALE_TIME_MS) {
  const clock = new VirtualClock();
  const source = { value: "one", failure: undefined as Error | undefined, reads: [] as string[] };
  const queued: string[] = [];
  const heard = { queued: (key: string) => void queued.push(key) };
  const lookup = new Lookup<string>({
    clock,
    staleTimeMs,
    gcTimeMs: GC_TIME_MS,
    enqueue: (key) => heard.queued(key),
    async read(id) {
      source.reads.push(id);
      const { value } = source;
      await sleep(clock, 1_000);
      if (source.failure) throw source.failure;
      return value;
    },
  });
  /** Reads it once, and clears what was recorded of that. */
  const fetched = async () => {
    lookup.fetch("x", "ns/first");
    await clock.advance(1_000);
    queued.length = 0;
    source.reads.length = 0;
  };
  /** As a pass does it: shows what is cached, and refetches what is stale. */
  const refetched = () => {
    const value = lookup.get("x");
    lookup.fetchIfStale("x", "ns/a");
    return value;
  };
  return { clock, source, queued, heard, lookup, fetched, refetched };
}

describe("fetch", () => {
  it("reads once for all that fetch it meanwhile, and queues each of them once", async () => {
    const { clock, source, queued, lookup } = setUp();
    for (let n = 0; n < 100; n++) lookup.fetch("x", `ns/${n}`);
    lookup.fetch("x", "ns/7");
    await clock.advance(500);
    lookup.fetch("x", "ns/late");
    await clock.advance(500);
    expect(source.reads).toEqual(["x"]);
    expect(queued).toHaveLength(101);
    expect(new Set(queued)).toEqual(new Set([...Array(100).keys(), "late"].map((n) => `ns/${n}`)));
    await clock.advance(10 * MINUTE_MS);
    expect(queued).toHaveLength(101);
  });

  it("keeps facts apart by their id, so that a key is queued for its own alone", async () => {
    const { clock, source, queued, lookup } = setUp();
    lookup.fetch("x", "ns/a");
    await clock.advance(500);
    lookup.fetch("y", "ns/b");
    await clock.advance(500);
    expect(source.reads).toEqual(["x", "y"]);
    expect(queued).toEqual(["ns/a"]);
    expect(lookup.get("y")).toBeUndefined();
  });

  it("never lets a pass wait: what is missing is undefined at once, and only a fetch reads it", async () => {
    const { clock, source, queued, lookup } = setUp();
    expect(lookup.get("x")).toBeUndefined();
    await clock.advance(MINUTE_MS);
    expect(source.reads).toEqual([]);
    lookup.fetch("x", "ns/a");
    expect(lookup.get("x")).toBeUndefined();
    expect(queued).toEqual([]);
    await clock.advance(1_000);
    expect(queued).toEqual(["ns/a"]);
    expect(lookup.get("x")).toBe("one");
  });

  it("queues the keys as well when the read fails, since their status has to report it", async () => {
    const { clock, source, queued, lookup } = setUp();
    source.failure = DOWN;
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    expect(queued).toEqual(["ns/a"]);
    expect(lookup.get("x")).toBeUndefined();
    expect(lookup.error("x")).toBe(DOWN);
  });
});

describe("ensure", () => {
  it("reads at once what a read needs of another one, and only where it is stale", async () => {
    const { clock, source, lookup } = setUp();
    const first = lookup.ensure("x");
    await clock.advance(1_000);
    expect(await first).toBe("one");
    source.value = "two";
    await clock.advance(STALE_TIME_MS - 1);
    expect(await lookup.ensure("x")).toBe("one");
    await clock.advance(1);
    const next = lookup.ensure("x");
    await clock.advance(1_000);
    expect(await next).toBe("two");
    expect(source.reads).toEqual(["x", "x"]);
  });
});

describe("age", () => {
  it("keeps a stale value while it is refetched: better than none", async () => {
    const { clock, source, queued, fetched, refetched } = setUp();
    await fetched();
    await clock.advance(STALE_TIME_MS - 1);
    expect(refetched()).toBe("one");
    expect(source.reads).toEqual([]);
    await clock.advance(1);
    source.value = "two";
    expect(refetched()).toBe("one");
    expect(refetched()).toBe("one");
    expect(source.reads).toEqual(["x"]);
    await clock.advance(1_000);
    expect(queued).toEqual(["ns/a"]);
    expect(refetched()).toBe("two");
  });

  it("is that of the answer, as far as keeping it goes: it is believed for its whole time", async () => {
    const { clock, lookup, fetched } = setUp();
    await fetched();
    expect(lookup.dueInMs("x")).toBe(STALE_TIME_MS);
    await clock.advance(20_000);
    expect(lookup.dueInMs("x")).toBe(STALE_TIME_MS - 20_000);
    await clock.advance(STALE_TIME_MS);
    expect(lookup.dueInMs("x")).toBe(0);
  });

  it("keeps a stale value from `getFresh`, for what must be of now, and reads nothing by it", async () => {
    const { clock, source, lookup, fetched } = setUp();
    await fetched();
    await clock.advance(STALE_TIME_MS - 1);
    expect(lookup.getFresh("x")).toBe("one");
    await clock.advance(1);
    expect(lookup.getFresh("x")).toBeUndefined();
    expect(lookup.get("x")).toBe("one");
    await clock.advance(MINUTE_MS);
    expect(source.reads).toEqual([]);
  });

  it("depends on the value, and on how often in a row it was read equal: a back-off on what does not change", async () => {
    const { clock, source, lookup } = setUp((value, repeats) =>
      value === "free" ? 5_000 : 10_000 * 2 ** repeats,
    );
    const ages: number[] = [];
    for (source.value of ["short", "short", "short", "free", "free", "short"]) {
      lookup.fetch("x", "ns/a");
      await clock.advance(1_000);
      ages.push(lookup.dueInMs("x"));
    }
    expect(ages).toEqual([10_000, 20_000, 40_000, 5_000, 5_000, 10_000]);
  });
});

describe("ageMs", () => {
  it("counts from the beginning of the read, since its answer may be as old as that; of a write from its answer", async () => {
    const { clock, lookup } = setUp();
    expect(lookup.ageMs("x")).toBeUndefined();
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    expect(lookup.ageMs("x")).toBe(1_000);
    await clock.advance(5_000);
    expect(lookup.ageMs("x")).toBe(6_000);
    lookup.set("x", "written", clock.monotonic());
    expect(lookup.ageMs("x")).toBe(0);
    lookup.invalidate("x");
    expect(lookup.ageMs("x")).toBeUndefined();
  });
});

describe("causality", () => {
  it("does not let a read replace the answer of a write that came after the read had begun", async () => {
    const { clock, source, queued, lookup, fetched } = setUp();
    await fetched();
    lookup.fetch("x", "ns/a");
    await clock.advance(500);
    lookup.set("x", "written", clock.monotonic());
    source.value = "of before the write";
    await clock.advance(500);
    expect(lookup.get("x")).toBe("written");
    expect(queued).toEqual(["ns/a"]);
  });

  it("holds where nothing was cached before the write, too", async () => {
    const { clock, lookup } = setUp();
    lookup.fetch("x", "ns/a");
    await clock.advance(500);
    lookup.set("x", "written", clock.monotonic());
    await clock.advance(500);
    expect(lookup.get("x")).toBe("written");
  });

  it("takes the next read that begins after the answer", async () => {
    const { clock, source, lookup } = setUp();
    lookup.set("x", "written", clock.monotonic());
    await clock.advance(STALE_TIME_MS);
    source.value = "changed by somebody";
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    expect(lookup.get("x")).toBe("changed by somebody");
  });

  it("takes the answer of a write for the end of an error and its back-off", async () => {
    const { clock, source, lookup } = setUp(() => 5_000);
    source.failure = DOWN;
    for (let i = 0; i < 6; i++) {
      lookup.fetch("x", "ns/a");
      await clock.advance(1_000);
      await clock.advance(i < 5 ? lookup.dueInMs("x") : 0);
    }
    expect(lookup.dueInMs("x")).toBeGreaterThan(20_000);
    lookup.set("x", "written", clock.monotonic());
    expect(lookup.error("x")).toBeUndefined();
    expect(lookup.getFresh("x")).toBe("written");
    expect(lookup.dueInMs("x")).toBe(5_000);
  });
});

describe("failure", () => {
  it("is retried ever more rarely, however often it is fetched: not a read for each pass", async () => {
    const { clock, source, lookup } = setUp();
    source.failure = DOWN;
    for (let second = 0; second < 600; second++) {
      for (const key of ["ns/a", "ns/b", "ns/c"]) lookup.fetch("x", key);
      await clock.advance(1_000);
    }
    // 1, 2, 4 … 300 s and a second for each read: ten minutes hold about ten.
    expect(source.reads.length).toBeGreaterThan(8);
    expect(source.reads.length).toBeLessThan(20);
  });

  it("is kept until a read succeeds, and the next failure begins the back-off anew", async () => {
    const { clock, source, lookup } = setUp();
    source.failure = DOWN;
    for (let i = 0; i < 5; i++) {
      lookup.fetch("x", "ns/a");
      await clock.advance(1_000);
      expect(lookup.error("x")).toBe(DOWN);
      await clock.advance(lookup.dueInMs("x"));
    }
    source.failure = undefined;
    lookup.fetch("x", "ns/a");
    expect(lookup.error("x")).toBe(DOWN);
    await clock.advance(1_000);
    expect(lookup.error("x")).toBeUndefined();
    source.failure = DOWN;
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    await clock.advance(STALE_TIME_MS);
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    expect(lookup.dueInMs("x")).toBeLessThanOrEqual(2_000);
  });

  it("shows how long the back-off lasts, so that a key that needs the value meanwhile is requeued and not lost", async () => {
    const { clock, source, queued, lookup } = setUp();
    source.failure = DOWN;
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    lookup.fetch("x", "ns/b");
    expect(source.reads).toEqual(["x"]);
    expect(lookup.error("x")).toBe(DOWN);
    const due = lookup.dueInMs("x");
    expect(due).toBeGreaterThan(0);
    source.failure = undefined;
    await clock.advance(due);
    expect(lookup.dueInMs("x")).toBe(0);
    lookup.fetch("x", "ns/b");
    await clock.advance(1_000);
    expect(queued).toEqual(["ns/a", "ns/b"]);
    expect(lookup.get("x")).toBe("one");
  });

  it("has a back-off for a stale value, too: else all keys that need it would be requeued at once and for nothing", async () => {
    const { clock, source, lookup, fetched, refetched } = setUp();
    await fetched();
    await clock.advance(STALE_TIME_MS);
    source.failure = DOWN;
    expect(refetched()).toBe("one");
    await clock.advance(1_000);
    expect(lookup.error("x")).toBe(DOWN);
    expect(lookup.dueInMs("x")).toBeGreaterThan(0);
    expect(refetched()).toBe("one");
    expect(source.reads).toEqual(["x"]);
  });
});

describe("invalidate", () => {
  it("drops the value, and the next fetch reads at once", async () => {
    const { source, lookup, fetched } = setUp();
    await fetched();
    lookup.invalidate("x");
    expect(lookup.get("x")).toBeUndefined();
    expect(lookup.get("x")).toBeUndefined();
    lookup.fetch("x", "ns/a");
    expect(source.reads).toEqual(["x"]);
  });

  it("lets a read under way count for nothing, yet queues the keys that wait for it: they fetch it again", async () => {
    const { clock, source, queued, lookup } = setUp();
    source.value = "of before the drop";
    lookup.fetch("x", "ns/a");
    await clock.advance(500);
    lookup.invalidate("x");
    source.value = "of now";
    lookup.fetch("x", "ns/b");
    await clock.advance(500);
    expect(queued).toEqual(["ns/a"]);
    expect(lookup.get("x")).toBeUndefined();
    lookup.fetch("x", "ns/a");
    await clock.advance(500);
    expect(queued).toEqual(["ns/a", "ns/b", "ns/a"]);
    expect(lookup.get("x")).toBe("of now");
    expect(source.reads).toEqual(["x", "x"]);
  });

  it("ends a back-off: what failed before does not count for the next read", async () => {
    const { clock, source, lookup } = setUp();
    source.failure = DOWN;
    lookup.fetch("x", "ns/a");
    await clock.advance(1_000);
    lookup.invalidate("x");
    expect(lookup.error("x")).toBeUndefined();
    expect(lookup.dueInMs("x")).toBe(0);
    lookup.fetch("x", "ns/a");
    expect(source.reads).toEqual(["x", "x"]);
  });
});

describe("what is not used any more", () => {
  it("is dropped after a while, and nothing that is used: a rotated name must not stay in memory for ever", async () => {
    const clock = new VirtualClock();
    const lookup = new Lookup<string>({
      clock,
      read: async (id) => `value of ${id}`,
      staleTimeMs: () => STALE_TIME_MS,
      gcTimeMs: 10 * MINUTE_MS,
      enqueue() {},
    });
    lookup.fetch("used", "ns/a");
    lookup.fetch("left", "ns/a");
    for (let minute = 0; minute < 25; minute++) {
      await clock.advance(MINUTE_MS);
      lookup.get("used");
      lookup.fetchIfStale("other", "ns/a");
    }
    expect(lookup.get("used")).toBe("value of used");
    expect(lookup.get("left")).toBeUndefined();
  });
});

describe("whatever happens", () => {
  const Happening = fc.oneof(
    fc.record({ do: fc.constant("pass" as const), key: fc.constantFrom("ns/a", "ns/b", "ns/c") }),
    fc.record({ do: fc.constantFrom("invalidate", "set", "fail", "heal") }),
    fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
  );

  it("every key that needs the value has it in the end, or sees the error and is requeued", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(Happening, { maxLength: 40 }), async (happenings) => {
        const { clock, source, lookup, heard } = setUp();
        const missing = new Set<string>();
        /** As the reconciler does it: fetches, and ends until it is queued; or reports the error, and is requeued. */
        const pass = (key: string) => {
          missing.delete(key);
          if (lookup.getFresh("x") !== undefined) return;
          missing.add(key);
          lookup.fetch("x", key);
          const backoff = Math.max(1_000, lookup.dueInMs("x"));
          if (lookup.error("x") !== undefined) clock.after(backoff, () => pass(key));
        };
        heard.queued = (key) => void clock.after(0, () => missing.has(key) && pass(key));
        for (const happening of happenings) {
          if (happening.do === "pass") pass(happening.key);
          if (happening.do === "invalidate") lookup.invalidate("x");
          if (happening.do === "set") lookup.set("x", "written", clock.monotonic());
          if (happening.do === "fail") source.failure = DOWN;
          if (happening.do === "heal") source.failure = undefined;
          if (happening.do === "advance") await clock.advance(happening.ms);
        }
        source.failure = undefined;
        await clock.advance(5 * MINUTE_MS);
        expect([...missing]).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a budget of memory", () => {
  const SIZE = 10_000;
  const MOST = 25_000;

  function budgeted() {
    const clock = new VirtualClock();
    const budget = new MemoryBudget(MOST);
    const queued: string[] = [];
    const lookup = new Lookup<string>({
      clock,
      budget,
      staleTimeMs: () => STALE_TIME_MS,
      gcTimeMs: GC_TIME_MS,
      enqueue: (key) => void queued.push(key),
      read: async (id) => id.padEnd(SIZE, "x"),
    });
    const fetched = async (...ids: string[]) => {
      for (const id of ids) {
        lookup.fetch(id, `ns/${id}`);
        await clock.settle();
      }
    };
    return { clock, budget, queued, lookup, fetched };
  }

  it("holds as many values as it has room for, and the others are read again when they are needed", async () => {
    const { lookup, fetched } = budgeted();
    await fetched("a", "b");
    lookup.get("a");
    await fetched("c");
    expect(lookup.size).toBe(2);
    expect(lookup.get("b") === undefined).toBe(true);
    await fetched("b");
    expect(lookup.get("b")).toHaveLength(SIZE);
  });

  it("is free again of what is invalidated, is not used any more, or was invalidated while it was read", async () => {
    const { clock, budget, lookup, fetched } = budgeted();
    await fetched("a", "b");
    lookup.invalidate("a");
    lookup.fetch("c", "c/web");
    lookup.invalidate("c");
    await clock.settle();
    await clock.advance(2 * GC_TIME_MS);
    lookup.fetch("d", "d/web");
    expect(budget.size).toBe(0);
    await clock.settle();
    lookup.reset();
    expect(budget.size).toBe(0);
  });
});
