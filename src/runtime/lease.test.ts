import fc from "fast-check";
import pino from "pino";
import { expect, test } from "vitest";
import { FakeKube, type Fault } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import type { Clock } from "../base/clock.ts";
import { LEASES, type Lease, leases } from "../kube/resource.ts";
import { Leadership, type LeadershipOptions } from "./lease.ts";

const logger = pino({ level: "silent" });

function leaseEnv() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock });
  const candidate = (identity: string, options: Partial<LeadershipOptions> = {}) => {
    const leadership = new Leadership({
      leases: leases(kube),
      namespace: "ns",
      name: "operator",
      identity,
      clock,
      logger,
      ...options,
    });
    const changes: boolean[] = [];
    leadership.onChange((leading) => changes.push(leading));
    const stop = new AbortController();
    const running = leadership.run(stop.signal);
    return {
      leadership,
      changes,
      holds: () => leadership.holds(),
      /** Resolves once released. */
      stop: () => {
        stop.abort(new Error("stop"));
        return running;
      },
    };
  };
  const lease = () => kube.storage.find(LEASES, "ns", "operator") as Lease | undefined;
  return { clock, kube, candidate, lease };
}

/** Decides by path and candidate; candidates are identified by the connection they use. */
function through(kube: FakeKube, fault: () => Fault): LeadershipOptions["leases"] {
  return leases({
    server: kube.server,
    namespace: kube.namespace,
    async request(request) {
      const before = kube.intercept;
      kube.intercept = fault;
      const answered = kube.request(request);
      kube.intercept = before;
      return answered as never;
    },
    stream: (request) => kube.stream(request),
    reloadCredentials: async () => {},
    close: async () => {},
  });
}

test("the first candidate creates the lease and leads; whole seconds and microseconds as the API server requires", async () => {
  const { clock, candidate, lease } = leaseEnv();
  const a = candidate("a", { leaseDurationMs: 1_500, renewDeadlineMs: 1_000, retryPeriodMs: 200 });
  await clock.settle();
  expect([a.holds(), a.changes]).toEqual([true, [true]]);
  expect(lease()?.spec).toEqual({
    holderIdentity: "a",
    leaseDurationSeconds: 2,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: "2026-01-01T00:00:00.000000Z",
    leaseTransitions: 0,
  });
  await a.stop();
});

test("the holder renews every retry period with one write and no read; another candidate only reads", async () => {
  const { clock, kube, candidate, lease } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  const b = candidate("b");
  await clock.advance(60_000);
  expect([a.holds(), b.holds(), a.changes, b.changes]).toEqual([true, false, [true], []]);
  const writes = kube.calls.filter((call) => call.method === "PATCH").length;
  expect(writes).toBe(30);
  expect(lease()?.spec?.leaseTransitions).toBe(0);
  await Promise.all([a.stop(), b.stop()]);
});

test("an orderly stop empties the lease, so that the next candidate leads within a retry period, not a lease", async () => {
  const { clock, candidate, lease } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  const b = candidate("b");
  await clock.advance(5_000);
  await a.stop();
  expect(lease()?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
  await clock.advance(2_000 * 2.2);
  expect([b.holds(), a.changes, b.changes]).toEqual([true, [true, false], [true]]);
  expect(lease()?.spec).toMatchObject({ holderIdentity: "b", leaseDurationSeconds: 15, leaseTransitions: 1 });
  await b.stop();
});

test("a release finds the version even when the stop cut a renewal short that took effect", async () => {
  const { clock, kube, candidate, lease } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  kube.intercept = (request) => (request.method === "PATCH" ? { answerDelayMs: 1_000 } : {});
  await clock.advance(2_500);
  const stopped = a.stop();
  await clock.advance(2_000);
  await stopped;
  expect(lease()?.spec?.holderIdentity).toBe("");
});

test("a holder that crashes is succeeded after its lease, counted from when the successor observed it", async () => {
  const { clock, kube, candidate } = leaseEnv();
  let dead = false;
  const a = candidate("a", { leases: through(kube, () => (dead ? { fail: "hang" } : {})) });
  await clock.settle();
  const b = candidate("b");
  await clock.advance(10_000);
  dead = true;
  // b reads every 3.2 s: it observed the last renewal, of second 10, in second 12.8, and waits until 27.8.
  await clock.advance(17_700);
  expect([a.holds(), b.holds()]).toEqual([false, false]);
  await clock.advance(3_300);
  expect([b.holds(), b.changes]).toEqual([true, [true]]);
  await Promise.all([b.stop(), clock.advance(60_000), a.stop()]);
});

test("a holder cut off from the API server steps down by the renew deadline, and leads again once reconnected", async () => {
  const { clock, kube, candidate, lease } = leaseEnv();
  const a = candidate("a");
  await clock.advance(20_000);
  kube.intercept = () => ({ fail: "before" });
  await clock.advance(9_999);
  expect([a.holds(), a.leadership.remainingMs()]).toEqual([true, 5_001]);
  await clock.advance(1);
  expect([a.holds(), a.changes, a.leadership.remainingMs()]).toEqual([false, [true, false], 0]);
  kube.intercept = () => ({});
  await clock.advance(5_000);
  expect([a.holds(), a.changes]).toEqual([true, [true, false, true]]);
  expect(lease()?.spec?.leaseTransitions).toBe(0);
  await a.stop();
});

test("the lease is counted from before the renewing request was sent, not from its answer", async () => {
  const { clock, kube, candidate } = leaseEnv();
  kube.intercept = () => ({ delayMs: 1_000, answerDelayMs: 1_000 });
  const a = candidate("a");
  await clock.advance(4_000);
  expect(a.leadership.remainingMs()).toBe(13_000);
  await Promise.all([a.stop(), clock.advance(10_000)]);
});

test("holds takes a margin: a write that takes longer than the lease must not begin", async () => {
  const { clock, kube, candidate } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  expect([a.leadership.holds(14_999), a.leadership.holds(15_000)]).toEqual([true, false]);
  kube.intercept = () => ({ fail: "before" });
  await clock.advance(9_000);
  expect([a.leadership.holds(5_999), a.leadership.holds(6_000)]).toEqual([true, false]);
  await a.stop();
});

test("a wall clock that jumps past the lease ends it at once, as after a suspend; a jump back does not lengthen it", async () => {
  const { clock, candidate } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  clock.stepWallClock(-3_600_000);
  await clock.advance(1_000);
  expect(a.leadership.remainingMs()).toBe(14_000);
  clock.stepWallClock(3_600_000 + 16_000);
  expect(a.holds()).toBe(false);
  await clock.advance(3_000);
  expect([a.holds(), a.changes]).toEqual([true, [true, false, true]]);
  await a.stop();
});

test("a deleted lease still binds the candidates that observed it: they wait as if it existed", async () => {
  const { clock, kube, candidate } = leaseEnv();
  let dead = false;
  const a = candidate("a", { leases: through(kube, () => (dead ? { fail: "hang" } : {})) });
  await clock.settle();
  const b = candidate("b");
  await clock.advance(4_000);
  dead = true;
  kube.storage.delete(LEASES, "ns", "operator");
  await clock.advance(8_000);
  expect(b.holds()).toBe(false);
  await clock.advance(15_000);
  expect(b.holds()).toBe(true);
  await Promise.all([b.stop(), clock.advance(60_000), a.stop()]);
});

test("a holder whose lease was deleted creates it again and keeps leading", async () => {
  const { clock, kube, candidate, lease } = leaseEnv();
  const a = candidate("a");
  await clock.settle();
  kube.storage.delete(LEASES, "ns", "operator");
  await clock.advance(2_000);
  expect([a.holds(), a.changes, lease()?.spec?.holderIdentity]).toEqual([true, [true], "a"]);
  await a.stop();
});

test("durations that cannot work are refused at once", () => {
  const { candidate } = leaseEnv();
  expect(() => candidate("a", { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 })).toThrow(RangeError);
  expect(() => candidate("a", { renewDeadlineMs: 1_000, retryPeriodMs: 2_000 })).toThrow(RangeError);
});

test("a listener that throws changes nothing for the election or the other listeners", async () => {
  const { clock, candidate } = leaseEnv();
  const a = candidate("a");
  a.leadership.onChange(() => {
    throw new Error("listener bug");
  });
  const later: boolean[] = [];
  a.leadership.onChange((leading) => later.push(leading));
  await clock.settle();
  expect([a.holds(), later]).toEqual([true, [true]]);
  await a.stop();
});

/** A process of its own on the shared monotonic time: its wall clock is off, its timers are late, its randomness is its own. */
function skewed(clock: VirtualClock, seed: number, offsetMs: () => number, lateMs: () => number): Clock {
  let state = seed;
  return {
    now: () => clock.now() + offsetMs(),
    monotonic: () => clock.monotonic(),
    after: (ms, fn) => clock.after(ms + lateMs(), fn),
    nextTurn: (fn) => clock.nextTurn(fn),
    random: () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    },
  };
}

/** What the network does to one process; delays are drawn per request, up to these. */
const NETWORKS: Record<string, (chance: () => number) => Fault> = {
  good: (chance) => ({ delayMs: 20 * chance(), answerDelayMs: 20 * chance() }),
  slow: (chance) => ({ delayMs: 2_500 * chance(), answerDelayMs: 2_500 * chance() }),
  /** Requests take effect long after their sender timed out. */
  late: (chance) => ({ delayMs: 30_000 * chance() }),
  deaf: (chance) => ({ delayMs: 1_000 * chance(), fail: "after" }),
  down: () => ({ fail: "before" }),
  gone: () => ({ fail: "hang" }),
};

test("two never hold at once, and one holds again soon after the faults end, for any network and any clocks", async () => {
  const step = fc.record({
    who: fc.nat(2),
    network: fc.constantFrom(...Object.keys(NETWORKS)),
    wallStepMs: fc.oneof(fc.constant(0), fc.integer({ min: -100_000, max: 100_000 })),
    timersLateMs: fc.constantFrom(0, 0, 500, 20_000),
    fate: fc.constantFrom("go on", "go on", "go on", "restart", "crash"),
    ms: fc.nat(20_000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 10, size: "max" }),
      fc.nat(),
      async (steps, seed) => {
        const { clock, kube, candidate } = leaseEnv();
        const chance = skewed(
          clock,
          seed,
          () => 0,
          () => 0,
        ).random;
        const lives = [0, 1, 2].map((who) => ({ who, network: "slow", offset: 0, late: 0, generation: 0 }));
        const born = (life: (typeof lives)[number]) => {
          const { generation } = life;
          // A crashed process sends no requests, and is not checked.
          const send = () => NETWORKS[life.generation === generation ? life.network : "gone"]?.(chance) ?? {};
          return candidate(`p${life.who}-${generation}`, {
            clock: skewed(
              clock,
              seed + life.who + 1,
              () => life.offset,
              () => life.late,
            ),
            leases: through(kube, send),
          });
        };
        const running = lives.map(born);
        const ended: Promise<void>[] = [];
        const play = async (ms: number) => {
          for (const end = clock.monotonic() + ms; clock.monotonic() < end; ) {
            await clock.advance(Math.min(200, end - clock.monotonic()));
            expect(running.filter((one) => one.holds()).length).toBeLessThanOrEqual(1);
          }
        };
        for (const { who, network, wallStepMs, timersLateMs, fate, ms } of steps) {
          const life = lives[who] as (typeof lives)[number];
          life.offset += wallStepMs;
          life.late = timersLateMs;
          life.network = network;
          if (fate !== "go on") {
            if (fate === "crash") life.generation++;
            ended.push((running[who] as (typeof running)[number]).stop());
            if (fate === "restart") life.generation++;
            running[who] = born(life);
          }
          await play(ms);
        }
        for (const life of lives) Object.assign(life, { late: 0, network: "good" });
        await play(60_000);
        expect(running.filter((one) => one.holds())).toHaveLength(1);
        for (const one of running) ended.push(one.stop());
        await clock.advance(120_000);
        await Promise.all(ended);
      },
    ),
    { numRuns: 40 },
  );
});

test("the holder leaves annotations for the next one, who reads them before it overwrites any", async () => {
  const { clock, candidate, lease } = leaseEnv();
  const first = candidate("a", {
    annotations: () => ({ "example.com/left": "by a", "example.com/none": null }),
  });
  await clock.advance(5_000);
  expect(lease()?.metadata.annotations).toEqual({ "example.com/left": "by a" });
  await first.stop();
  const read: (string | undefined)[] = [];
  const second = candidate("b", { annotations: () => ({ "example.com/left": "by b" }) });
  second.leadership.onChange(() => read.push(second.leadership.annotation("example.com/left")));
  await clock.advance(5_000);
  expect(second.holds()).toBe(true);
  expect(read).toEqual(["by a"]);
  expect(lease()?.metadata.annotations).toEqual({ "example.com/left": "by b" });
});

test("a new holder knows when the one before renewed last: until then another operator was at work", async () => {
  const { clock, candidate } = leaseEnv();
  const a = candidate("a");
  await clock.advance(60_000);
  expect(a.leadership.formerRenewal).toBeUndefined();
  await a.stop();
  const ended = clock.now();
  await clock.advance(3_600_000);
  const b = candidate("b");
  await clock.advance(60_000);
  expect(b.holds()).toBe(true);
  expect(b.leadership.formerRenewal).toBe(ended);
});
