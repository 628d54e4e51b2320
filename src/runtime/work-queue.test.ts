import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { PRIORITY, type QueueMetrics, WorkQueue } from "./work-queue.ts";

function world(random?: () => number) {
  const clock = new VirtualClock(0, random);
  const queue = new WorkQueue({ clock });
  /** Gets all ready keys, in order, and ends them at once. */
  const drain = async () => {
    const keys: string[] = [];
    while (queue.depth > 0) {
      const item = await queue.get();
      if (!item) break;
      keys.push(item.key);
      queue.done(item.key);
    }
    return keys;
  };
  return { clock, queue, drain };
}

test("a higher priority leaves first, and among equals the one that came first", async () => {
  const { queue, drain } = world();
  queue.add("low", { priority: PRIORITY.low });
  queue.add("one");
  queue.add("two");
  queue.add("high", { priority: PRIORITY.high });
  expect(await drain()).toEqual(["high", "one", "two", "low"]);
});

test("a user's change overtakes a thousand objects of the first list", async () => {
  const { queue } = world();
  for (let i = 0; i < 1_000; i++) queue.add(`listed-${i}`, { priority: PRIORITY.low });
  queue.add("changed");
  expect(await queue.get()).toEqual({ key: "changed", priority: PRIORITY.normal });
});

test("a key added many times is one entry, with its highest priority and its earliest time", async () => {
  const { clock, queue, drain } = world();
  queue.add("a", { afterMs: 5_000, priority: PRIORITY.high });
  queue.add("a", { afterMs: 9_000, priority: PRIORITY.low });
  queue.add("a", { afterMs: 1_000, priority: PRIORITY.low });
  await clock.advance(999);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(await queue.get()).toEqual({ key: "a", priority: PRIORITY.high });
  queue.done("a");
  await clock.advance(60_000);
  expect(await drain()).toEqual([]);
});

test("a ready key that is added for later stays ready; its priority can still rise", async () => {
  const { queue, drain } = world();
  queue.add("a");
  queue.add("b");
  queue.add("b", { afterMs: 1_000, priority: PRIORITY.high });
  expect(await drain()).toEqual(["b", "a"]);
});

test("a key is never with two workers: added while processing, it is requeued after done", async () => {
  const { clock, queue } = world();
  queue.add("a");
  expect((await queue.get())?.key).toBe("a");
  queue.add("a", { priority: PRIORITY.low });
  queue.add("a", { priority: PRIORITY.high, afterMs: 500 });
  let second: unknown;
  void queue.get().then((item) => (second = item));
  await clock.advance(1_000);
  expect(second).toBeUndefined();
  queue.done("a");
  await clock.settle();
  expect(second).toEqual({ key: "a", priority: PRIORITY.high });
});

test("a key added for later while in flight waits out the rest of its time after done", async () => {
  const { clock, queue, drain } = world();
  queue.add("a");
  await queue.get();
  queue.add("a", { afterMs: 1_000 });
  await clock.advance(400);
  queue.done("a");
  await clock.advance(599);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(await drain()).toEqual(["a"]);
});

test("back-off doubles from 5 ms to 5 min and starts again after forget", async () => {
  const { clock, queue } = world(() => 0);
  const waits: number[] = [];
  for (let i = 0; i < 20; i++) {
    queue.retry("a");
    const from = clock.monotonic();
    await clock.step();
    waits.push(clock.monotonic() - from);
    await queue.get();
    queue.done("a");
  }
  expect(waits.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
  expect(waits.slice(-3)).toEqual([300_000, 300_000, 300_000]);
  expect(queue.failures("a")).toBe(20);
  queue.forget("a");
  queue.retry("a");
  await clock.advance(5);
  expect(queue.depth).toBe(1);
});

test("jitter shortens a back-off by a fifth at most, and never the wait that a server requested", async () => {
  const { clock, queue } = world(() => 0.999);
  queue.retry("a", { atLeastMs: 7_000 });
  await clock.advance(6_999);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(queue.depth).toBe(1);
  for (let i = 0; i < 30; i++) queue.retry("b");
  // The first of those was the earliest, and merging keeps the earliest.
  await clock.advance(5);
  expect(queue.depth).toBe(2);
});

test("a change of the object cuts its back-off short", async () => {
  const { clock, queue, drain } = world();
  for (let i = 0; i < 15; i++) {
    queue.retry("a");
    await clock.advance(300_000);
    await drain();
  }
  queue.retry("a");
  await clock.advance(1_000);
  expect(queue.depth).toBe(0);
  queue.add("a");
  expect(await drain()).toEqual(["a"]);
});

test("one timer serves all waiting keys", async () => {
  const { clock, queue } = world();
  for (let i = 100; i > 0; i--) queue.add(`k${i}`, { afterMs: i * 10 });
  expect(clock.pending).toBe(1);
  await clock.advance(500);
  expect([queue.depth, queue.waiting, clock.pending]).toEqual([50, 50, 1]);
  await clock.advance(500);
  expect([queue.depth, queue.waiting, clock.pending]).toEqual([100, 0, 0]);
});

test("waiting workers are served in the order they came; one that leaves takes no key with it", async () => {
  const { clock, queue } = world();
  const leaves = new AbortController();
  const gone = queue.get(leaves.signal);
  const first = queue.get();
  leaves.abort();
  expect(await gone).toBeUndefined();
  queue.add("a");
  expect((await first)?.key).toBe("a");
  queue.add("b");
  await clock.settle();
  expect(queue.depth).toBe(1);
});

test("after shutDown everyone waiting gets undefined, nothing leaves, and no timer stays", async () => {
  const { clock, queue } = world();
  queue.add("a");
  await queue.get();
  queue.add("a");
  queue.add("later", { afterMs: 1_000 });
  const waiting = queue.get();
  queue.shutDown();
  expect(await waiting).toBeUndefined();
  queue.done("a");
  queue.add("b");
  expect(await queue.get()).toBeUndefined();
  expect([queue.depth, clock.pending]).toEqual([0, 0]);
});

test("metrics: depth counts what could leave, waits begin when a key becomes ready, work ends with done", async () => {
  const clock = new VirtualClock(0);
  const log: string[] = [];
  const metrics: QueueMetrics = {
    depth: (ready) => log.push(`depth ${ready}`),
    added: () => log.push("added"),
    started: (ms) => log.push(`taken ${ms}`),
    finished: (ms) => log.push(`finished ${ms}`),
    retried: () => log.push("retried"),
    processing() {},
  };
  const queue = new WorkQueue({ clock, metrics });
  queue.add("a", { afterMs: 1_000 });
  await clock.advance(3_000);
  await queue.get();
  await clock.advance(500);
  expect(queue.processingMs()).toEqual([500]);
  queue.retry("a");
  queue.done("a");
  expect(log).toEqual(["added", "depth 1", "taken 2000", "depth 0", "retried", "finished 500"]);
});

describe("groups", () => {
  const groupOf = (key: string) => key.split("/")[0] ?? "";

  test("take turns within a priority: a namespace with a thousand keys delays another by one turn", async () => {
    const queue = new WorkQueue({ clock: new VirtualClock(), groupOf });
    for (let i = 0; i < 1_000; i++) queue.add(`many/${i}`);
    queue.add("other/a");
    queue.add("other/b");
    queue.add("urgent/a", { priority: PRIORITY.high });
    const keys = [];
    for (let i = 0; i < 5; i++) keys.push((await queue.get())?.key);
    expect(keys).toEqual(["urgent/a", "many/0", "other/a", "many/1", "other/b"]);
  });
});

describe("accounts", () => {
  const accountOf = (key: string) => key.split("/")[0] ?? "";
  const world = (workers: number) => new WorkQueue({ clock: new VirtualClock(), accountOf, workers });

  test("leave one worker to others, however many keys they have: a pass may take long", async () => {
    const queue = world(4);
    for (let i = 0; i < 9; i++) queue.add(`a/${i}`);
    const taken: string[] = [];
    for (let i = 0; i < 4; i++) void queue.get().then((item) => item && taken.push(item.key));
    await new VirtualClock().settle();
    expect(taken).toEqual(["a/0", "a/1", "a/2"]);
    queue.add("b/0");
    await new VirtualClock().settle();
    expect(taken).toEqual(["a/0", "a/1", "a/2", "b/0"]);
  });

  test("share the workers while all have keys, and an account alone has all but one", async () => {
    const queue = world(5);
    for (let i = 0; i < 9; i++) for (const account of ["a", "b"]) queue.add(`${account}/${i}`);
    const processing = new Set<string>();
    const work = async () => {
      for (let item = await queue.get(); item; item = await queue.get()) {
        processing.add(item.key);
        const end = () => {
          processing.delete(item?.key ?? "");
          queue.done(item?.key ?? "");
        };
        await new Promise<void>((resolve) => ends.push(() => resolve(end())));
      }
    };
    const ends: (() => void)[] = [];
    const workers = Array.from({ length: 5 }, work);
    const settle = () => new VirtualClock().settle();
    await settle();
    for (let i = 0; i < 18; i++) {
      const counts = [...processing].map(accountOf);
      expect(counts.filter((account) => account === "a").length).toBeLessThanOrEqual(4);
      if (i >= 4 && queue.depth > 4) {
        expect(counts.filter((account) => account === "a")).toHaveLength(2);
        expect(counts.filter((account) => account === "b")).toHaveLength(2);
      }
      ends.shift()?.();
      await settle();
    }
    expect(queue.depth).toBe(0);
    queue.shutDown();
    await Promise.all(workers);
  });
});

test("an account that ends gives its share to all others that wait for more", async () => {
  const queue = new WorkQueue({ clock: new VirtualClock(), accountOf: (key) => key.slice(0, 1), workers: 7 });
  for (const key of ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3", "c0"]) queue.add(key);
  const taken: string[] = [];
  for (let i = 0; i < 7; i++) void queue.get().then((item) => item && taken.push(item.key));
  await new VirtualClock().settle();
  expect(taken.toSorted()).toEqual(["a0", "a1", "b0", "b1", "c0"]);
  queue.done("c0");
  await new VirtualClock().settle();
  expect(taken.toSorted()).toEqual(["a0", "a1", "a2", "b0", "b1", "b2", "c0"]);
});

/** A naive model of the queue, without heaps: each call looks at all keys. */
class Model {
  readonly pending = new Map<string, { priority: number; at: number; arrival: number | undefined }>();
  readonly busy = new Map<string, { priority: number; at: number } | undefined>();
  arrivals = 0;

  add(key: string, priority: number, at: number): void {
    const merge = (old: { priority: number; at: number } | undefined) =>
      old ? { priority: Math.max(old.priority, priority), at: Math.min(old.at, at) } : { priority, at };
    if (this.busy.has(key)) this.busy.set(key, merge(this.busy.get(key)));
    else {
      const before = this.pending.get(key);
      const item = { arrival: before?.arrival, ...merge(before) };
      // One that moves up goes behind what has that priority already.
      if (before?.arrival !== undefined && item.priority > before.priority) item.arrival = this.arrivals++;
      this.pending.set(key, item);
    }
  }

  /** Keys that have come due arrive in the order of their times. */
  arrive(now: number): void {
    const due = [...this.pending.values()].filter((item) => item.at <= now && item.arrival === undefined);
    for (const item of due.sort((a, b) => a.at - b.at)) item.arrival = this.arrivals++;
  }

  ready(): string[] {
    return [...this.pending.entries()]
      .filter(([, item]) => item.arrival !== undefined)
      .sort(([, a], [, b]) => b.priority - a.priority || (a.arrival ?? 0) - (b.arrival ?? 0))
      .map(([key]) => key);
  }
}

test("for any sequence of calls the queue does what a naive model does", async () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const call = fc.oneof(
    fc.record({
      do: fc.constant("add" as const),
      key,
      priority: fc.constantFrom(-100, 0, 100),
      // Distinct times, since the order of equal ones is not guaranteed.
      afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 })),
    }),
    fc.record({ do: fc.constant("get" as const) }),
    fc.record({ do: fc.constant("done" as const), key }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(30) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 60, size: "max" }), async (calls) => {
      const { clock, queue } = world();
      const model = new Model();
      let unique = 0;
      for (const action of calls) {
        if (action.do === "add") {
          const afterMs = action.afterMs === 0 ? 0 : action.afterMs + ++unique / 1_000;
          model.add(action.key, action.priority, clock.monotonic() + afterMs);
          queue.add(action.key, { priority: action.priority, afterMs });
        } else if (action.do === "get" && queue.depth > 0) {
          const expected = model.ready()[0] as string;
          const { priority } = model.pending.get(expected) as { priority: number };
          expect(await queue.get()).toEqual({ key: expected, priority });
          model.pending.delete(expected);
          model.busy.set(expected, undefined);
        } else if (action.do === "done") {
          queue.done(action.key);
          const again = model.busy.get(action.key);
          model.busy.delete(action.key);
          if (again) model.add(action.key, again.priority, again.at);
        } else if (action.do === "wait") await clock.advance(action.ms);
        model.arrive(clock.monotonic());
        expect(queue.depth).toBe(model.ready().length);
        expect(queue.waiting).toBe(model.pending.size - model.ready().length);
        expect(queue.processingMs()).toHaveLength(model.busy.size);
      }
    }),
    { numRuns: 300 },
  );
});
