import pino from "pino";
import { expect, test } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { sleep } from "../base/clock.ts";
import { PRIORITY, WorkQueue } from "./work-queue.ts";
import { type Reconcile, type Result, Workers, type WorkersOptions } from "./workers.ts";

function world(
  reconcile: (key: string, signal: AbortSignal, clock: VirtualClock) => Promise<Result>,
  options: Partial<WorkersOptions> = {},
) {
  const clock = new VirtualClock(0, () => 0);
  const queue = new WorkQueue({ clock });
  const passes: string[] = [];
  const results: string[] = [];
  const watched: Reconcile = (key, signal) => {
    passes.push(`${clock.monotonic()} ${key}`);
    return reconcile(key, signal, clock);
  };
  const workers = new Workers({
    queue,
    concurrency: 1,
    reconcile: watched,
    clock,
    logger: pino({ level: "silent" }),
    metrics: { started() {}, active() {}, finished: (result, ms) => results.push(`${result} ${ms}`) },
    ...options,
  });
  const controller = new AbortController();
  let stopped = false;
  const running = workers.run(controller.signal).then(() => (stopped = true));
  const stop = () => controller.abort(new Error("stop"));
  return { clock, queue, workers, passes, results, stop, running, stopped: () => stopped };
}

const done: Result = { kind: "done" };

test("each result of a pass: done is not requeued, after at its time, retry and a throw with growing back-off", async () => {
  const ends: (() => Result)[] = [
    () => ({ kind: "after", ms: 1_000 }),
    () => ({ kind: "retry" }),
    () => {
      throw new Error("bug");
    },
    () => ({ kind: "retry", atLeastMs: 300 }),
    () => done,
  ];
  const { clock, queue, passes, results, stop, running } = world(async () => ends.shift()?.() ?? done);
  queue.add("a");
  await clock.advance(60_000);
  expect(passes).toEqual(["0 a", "1000 a", "1005 a", "1015 a", "1315 a"]);
  expect(results.map((result) => result.split(" ")[0])).toEqual([
    "requeue_after",
    "requeue",
    "error",
    "requeue",
    "success",
  ]);
  expect(queue.failures("a")).toBe(0);
  stop();
  await running;
});

test("every pass begins in a turn of its own: passes of what is cached must not keep the lease from being renewed", async () => {
  let begun = 0;
  const { clock, queue, passes, stop, running } = world(
    async () => {
      begun++;
      return done;
    },
    { concurrency: 8 },
  );
  const perTurn: number[] = [];
  const count = () => {
    perTurn.push(begun);
    begun = 0;
    if (passes.length < 1_000) setImmediate(count);
  };
  for (let i = 0; i < 1_000; i++) queue.add(`key ${i}`);
  setImmediate(count);
  while (passes.length < 1_000) await clock.settle();
  expect(Math.max(...perTurn)).toBe(1);
  stop();
  await running;
});

test("what waits or backs off gets a pass at its latest time all the same: an edge of a schedule must not be missed", async () => {
  for (const kind of ["wait", "retry"] as const) {
    const first: Result = { kind, atMostMs: 5_000, ...(kind === "retry" && { atLeastMs: 60_000 }) };
    const results = [first];
    const { clock, queue, passes, stop, running } = world(async () => results.shift() ?? done);
    queue.add("a");
    await clock.advance(4_999);
    expect({ kind, passes: passes.length }).toEqual({ kind, passes: 1 });
    await clock.advance(1);
    expect({ kind, passes: passes.length }).toEqual({ kind, passes: 2 });
    stop();
    await running;
  }
});

test("a key that is requeued at once without end is slowed down, and does not starve the others", async () => {
  const atOnce: Result = { kind: "after", ms: 0 };
  let caught = true;
  const { clock, queue, passes, stop, running } = world(async (key) =>
    key === "a" && caught ? atOnce : done,
  );
  const turnsOf = (key: string) => passes.filter((pass) => pass.endsWith(key)).length;
  queue.add("a");
  await clock.advance(0);
  expect(turnsOf("a")).toBe(200);
  await clock.advance(60_000);
  expect(turnsOf("a")).toBe(260);
  queue.add("b");
  await clock.advance(0);
  expect(turnsOf("b")).toBe(1);
  caught = false;
  await clock.advance(60_000);
  caught = true;
  queue.add("a");
  const before = turnsOf("a");
  await clock.advance(0);
  expect(turnsOf("a") - before).toBe(200);
  stop();
  await running;
});

test("a pass that learnt nothing, or goes on at once, ends no back-off: the next failure may be the same", async () => {
  const rounds: Result[][] = [[{ kind: "wait" }], [{ kind: "after", ms: 0 }, { kind: "wait" }]];
  for (const between of rounds) {
    const ends: Result[] = Array.from({ length: 12 }, () => [{ kind: "retry" } as const, ...between]).flat();
    const { clock, queue, passes, stop, running } = world(async (key) => {
      const end = ends.shift() ?? done;
      // As a read does that has ended.
      if (end.kind === "wait") queue.add(key);
      return end;
    });
    queue.add("a");
    await clock.advance(20_000);
    // 5 ms doubled eleven times.
    expect(Number(passes.at(-1)?.split(" ")[0])).toBeGreaterThan(10_000);
    stop();
    await running;
  }
});

test("a key keeps its priority when it is requeued", async () => {
  const seen: number[] = [];
  const ends: Result[] = [{ kind: "after", ms: 1 }, { kind: "retry" }, done];
  const { clock, queue, stop, running } = world(async () => ends.shift() ?? done);
  const get = queue.get.bind(queue);
  queue.get = async (signal) => {
    const item = await get(signal);
    if (item) seen.push(item.priority);
    return item;
  };
  queue.add("first", { priority: PRIORITY.low });
  await clock.advance(1_000);
  // The first get was before the spy.
  expect(seen).toEqual([PRIORITY.low, PRIORITY.low]);
  stop();
  await running;
});

test("N keys run at a time, not more, and a key in flight is not among them twice", async () => {
  let most = 0;
  const inFlight = new Set<string>();
  const { clock, queue, stop, running, workers } = world(
    async (key, _signal, time) => {
      expect(inFlight.has(key)).toBe(false);
      inFlight.add(key);
      most = Math.max(most, inFlight.size);
      await sleep(time, 100);
      inFlight.delete(key);
      return done;
    },
    { concurrency: 3 },
  );
  for (let i = 0; i < 10; i++) queue.add(`k${i}`);
  await clock.settle();
  for (let i = 0; i < 10; i++) queue.add(`k${i}`);
  expect(workers.active).toBe(3);
  await clock.advance(100 * 10);
  expect([most, workers.active, queue.depth]).toEqual([3, 0, 0]);
  stop();
  await running;
});

test("workers take a key only when one is free, so that a late user's change still overtakes", async () => {
  const { clock, queue, passes, stop, running } = world(async (_key, _signal, time) => {
    await sleep(time, 100);
    return done;
  });
  queue.add("one", { priority: PRIORITY.low });
  queue.add("two", { priority: PRIORITY.low });
  await clock.advance(50);
  queue.add("changed");
  await clock.advance(1_000);
  expect(passes).toEqual(["0 one", "100 changed", "200 two"]);
  stop();
  await running;
});

test("pause takes no more keys and aborts the passes that run; their keys are requeued on resume, without back-off", async () => {
  const { clock, queue, workers, passes, stop, running } = world(async (_key, signal, time) => {
    await sleep(time, 1_000, signal);
    return done;
  });
  queue.add("a");
  await clock.advance(500);
  workers.pause(new Error("no longer leading"));
  queue.add("b");
  await clock.advance(60_000);
  expect([passes, workers.active, workers.paused]).toEqual([["0 a"], 0, true]);
  expect(queue.failures("a")).toBe(0);
  workers.resume();
  await clock.advance(60_000);
  expect(passes).toEqual(["0 a", "60500 b", "61500 a"]);
  stop();
  await running;
});

test("workers paused before they run wait for the resume; a second pause or resume changes nothing", async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock });
  const seen: string[] = [];
  const reconcile = async (key: string) => {
    seen.push(key);
    return done;
  };
  const workers = new Workers({ queue, concurrency: 2, reconcile, clock, logger: pino({ level: "silent" }) });
  const stop = new AbortController();
  workers.resume();
  workers.pause();
  workers.pause();
  const running = workers.run(stop.signal);
  queue.add("a");
  await clock.advance(1_000);
  expect(seen).toEqual([]);
  workers.resume();
  workers.resume();
  await clock.settle();
  expect(seen).toEqual(["a"]);
  stop.abort();
  await running;
});

test("a key that leaves the queue at the moment of a pause is put back without a pass", async () => {
  const { clock, queue, workers, passes, stop, running } = world(async () => done);
  await clock.settle();
  queue.add("a");
  workers.pause();
  await clock.advance(1_000);
  expect([passes, queue.depth]).toEqual([[], 1]);
  workers.resume();
  await clock.settle();
  expect(passes).toHaveLength(1);
  stop();
  await running;
});

test("a stop waits for the passes in flight, and takes no further key", async () => {
  const { clock, queue, passes, stop, running, stopped } = world(async (_key, signal, time) => {
    await sleep(time, 5_000, signal);
    return done;
  });
  queue.add("a");
  queue.add("b");
  await clock.advance(1_000);
  stop();
  await clock.advance(3_999);
  expect(stopped()).toBe(false);
  await clock.advance(1);
  await running;
  expect(passes).toEqual(["0 a"]);
  expect(clock.pending).toBe(0);
});

test("after the grace period of a stop the signal of the passes aborts", async () => {
  const { clock, queue, stop, running } = world(async (_key, signal, time) => {
    await sleep(time, 3_600_000, signal);
    return done;
  });
  queue.add("a");
  await clock.settle();
  stop();
  await clock.advance(10_000);
  await running;
});

test("a stop during a pause ends at once", async () => {
  const { workers, stop, running, clock } = world(async () => done);
  await clock.settle();
  workers.pause();
  await clock.settle();
  stop();
  await running;
});
