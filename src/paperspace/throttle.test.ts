import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { sleep } from "../base/clock.ts";
import { type Admission, Throttle } from "./throttle.ts";

function setUp(options: Partial<{ requestsPerSecond: number; burst: number; concurrency: number }> = {}) {
  const clock = new VirtualClock();
  const throttle = new Throttle(clock, { requestsPerSecond: 1, burst: 5, concurrency: 100, ...options });
  const begun: { name: string; at: number }[] = [];
  const call = (name: string, admission: Admission = {}, task: () => Promise<void> = async () => {}) =>
    throttle.run(async () => {
      begun.push({ name, at: clock.monotonic() });
      await task();
      return name;
    }, admission);
  const names = () => begun.map(({ name }) => name);
  return { clock, throttle, begun, call, names };
}

const never = () => new Promise<void>(() => {});
/** Uses up the burst; of a burst of 5 one token is reserved. */
const useUp = (call: (name: string) => Promise<string>) =>
  Promise.all([1, 2, 3, 4].map((n) => call(`used ${n}`)));

describe("order", () => {
  it("starts the highest priority first, then in order of arrival", async () => {
    const { clock, call, names } = setUp();
    await useUp(call);
    const all = [call("low", { priority: -1 }), call("a"), call("urgent", { priority: 9 }), call("b")];
    await clock.advance(10_000);
    await Promise.all(all);
    expect(names().slice(4)).toEqual(["urgent", "a", "b", "low"]);
  });

  it.each([{}, { reserve: true }, { class: "poll" }] as const)(
    "gives groups turns in the lane of %j: one with a thousand calls delays the first of another by one turn",
    async (lane) => {
      const { clock, call, names } = setUp();
      for (let i = 0; i < 1_000; i++) void call("many", { ...lane, group: "many" });
      await clock.advance(30_000);
      const before = names().length;
      for (const name of ["a", "b"]) void call(name, { ...lane, group: name });
      await clock.advance(20_000);
      const next = names().slice(before, before + 3);
      expect(next.toSorted()).toEqual(["a", "b", "many"]);
    },
  );

  it("does not charge a group for calls that were cancelled", async () => {
    const { clock, call, names } = setUp();
    await useUp(call);
    const gone = new AbortController();
    const cancelled = Array.from({ length: 100 }, () =>
      call("gone", { group: "a", signal: gone.signal }).catch(() => {}),
    );
    for (let i = 0; i < 10; i++) void call("b", { group: "b" });
    gone.abort();
    await Promise.all(cancelled);
    void call("a", { group: "a" });
    await clock.advance(5_000);
    expect(names().slice(4, 7)).toContain("a");
  });

  it("lets a delete through at once while a thousand other calls wait", async () => {
    const { clock, call, names } = setUp();
    for (let i = 0; i < 1_000; i++) void call(`normal ${i}`, { priority: 50 });
    await clock.settle();
    expect(names()).toHaveLength(4);
    await call("delete", { reserve: true });
    expect(names().at(-1)).toBe("delete");
  });

  it("does not let a thousand deletes starve the reads that they need themselves", async () => {
    const { clock, call, names } = setUp({ requestsPerSecond: 10 });
    for (let i = 0; i < 1_000; i++) void call("delete", { reserve: true });
    for (let i = 0; i < 100; i++) void call("read");
    await clock.advance(10_000);
    expect(names().filter((name) => name === "read").length).toBeGreaterThan(70);
  });

  it("limits polls to a fifth of the budget, and no other lane delays them", async () => {
    const { clock, call, names } = setUp({ requestsPerSecond: 10 });
    for (let i = 0; i < 1_000; i++) void call("read");
    for (let i = 0; i < 1_000; i++) void call("poll", { class: "poll" });
    await clock.advance(20_000);
    const polls = names().filter((name) => name === "poll").length;
    expect(polls).toBeGreaterThan(35);
    expect(polls).toBeLessThanOrEqual(42);
    expect(names().length).toBeGreaterThan(190);
  });

  it.each([{}, { reserve: true }])(
    "gives what watches a small part of a budget that %j waits for, and half of one that nothing waits for any more",
    async (lane) => {
      const { clock, call, names } = setUp({ requestsPerSecond: 10 });
      for (let i = 0; i < 600; i++) void call("other", lane);
      for (let i = 0; i < 1_000; i++) void call("watch", { class: "watch" });
      const watches = () => names().filter((name) => name === "watch").length;
      await clock.advance(50_000);
      expect(names().length).toBeGreaterThan(490);
      expect(watches()).toBeGreaterThan(5);
      expect(watches()).toBeLessThanOrEqual(0.02 * names().length);
      await clock.advance(15_000);
      const before = watches();
      expect(names().length - before).toBe(600);
      await clock.advance(20_000);
      expect(watches() - before).toBeGreaterThan(95);
      expect(watches() - before).toBeLessThanOrEqual(101);
    },
  );
});

describe("concurrency", () => {
  it("is limited, and freed when a call ends, however it ends", async () => {
    const { clock, call, names } = setUp({ concurrency: 2, burst: 100 });
    const failing = call("a", {}, async () => {
      await sleep(clock, 1_000);
      throw new Error("boom");
    });
    const failed = expect(failing).rejects.toThrow("boom");
    void call("b", {}, never);
    void call("c", {}, never);
    await clock.settle();
    expect(names()).toEqual(["a", "b"]);
    await clock.advance(1_000);
    await failed;
    expect(names()).toEqual(["a", "b", "c"]);
  });

  it("of deletes is separate: hanging calls do not block them", async () => {
    const { clock, call, names } = setUp({ concurrency: 1, burst: 100 });
    void call("hangs", {}, never);
    void call("waits", {}, never);
    void call("delete", { reserve: true }, never);
    void call("poll", { class: "poll" }, never);
    await clock.settle();
    expect(names().toSorted()).toEqual(["delete", "hangs", "poll"]);
  });
});

describe("cancelling", () => {
  it("removes a waiting call, without using concurrency or a token", async () => {
    const { clock, call, names } = setUp();
    await useUp(call);
    const controller = new AbortController();
    const gone = call("gone", { signal: controller.signal });
    const stays = call("stays");
    controller.abort();
    await expect(gone).rejects.toMatchObject({ code: "PS_NOT_SENT", effect: "none" });
    await clock.advance(2_000);
    await stays;
    expect(names()).not.toContain("gone");
  });

  it("does not abort a call that has started: its outcome must be known", async () => {
    const { clock, call } = setUp();
    const controller = new AbortController();
    const running = call("running", { signal: controller.signal }, () => sleep(clock, 1_000));
    await clock.settle();
    controller.abort();
    await clock.advance(1_000);
    await expect(running).resolves.toBe("running");
  });

  it("rejects at once when the signal is already aborted", async () => {
    const { call, names } = setUp();
    await expect(call("x", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "PS_NOT_SENT" });
    expect(names()).toEqual([]);
  });

  it("rejects all waiting calls when it closes, and leaves no timer behind", async () => {
    const { clock, throttle, call } = setUp();
    await useUp(call);
    const waiting = [call("a"), call("b", { reserve: true, priority: 2 }), call("c")].map((one) =>
      one.catch((e) => e),
    );
    throttle.close();
    const results = await Promise.all([...waiting, call("late").catch((e) => e)]);
    expect(results.filter((result) => result.code === "PS_NOT_SENT")).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });
});

it("stops for 10 s at a 429, for all lanes, and goes on by itself", async () => {
  const { clock, throttle, call, begun } = setUp();
  throttle.rateLimited(clock.monotonic());
  const all = [call("a"), call("b", { reserve: true }), call("c", { class: "poll" })];
  await clock.advance(9_999);
  expect(begun).toEqual([]);
  await clock.advance(30_000);
  await Promise.all(all);
});

it("reports wait times, 429s and the rate", async () => {
  const clock = new VirtualClock();
  const reported: unknown[] = [];
  const throttle = new Throttle(
    clock,
    { requestsPerSecond: 4, burst: 2, concurrency: 9 },
    {
      waited: (seconds, lane) => reported.push([lane, seconds]),
      rateLimited: () => reported.push("limited"),
      rateChanged: (rate) => reported.push(rate),
    },
  );
  await throttle.run(async () => {});
  const second = throttle.run(async () => {});
  await clock.advance(1_000);
  await second;
  throttle.rateLimited(clock.monotonic());
  expect(reported).toEqual([4, ["normal", 0], ["normal", 0.25], "limited", 2]);
});

it("runs every call eventually and never exceeds the budget, for any arrivals", async () => {
  const arrival = fc.record({
    gap: fc.integer({ min: 0, max: 400 }),
    takes: fc.integer({ min: 0, max: 900 }),
    admission: fc.constantFrom<Admission>({}, { priority: 5 }, { reserve: true }, { class: "poll" }),
    limited: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
  });
  const property = fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 40 }), async (arrivals) => {
    const { clock, throttle, call, begun } = setUp({ requestsPerSecond: 4, burst: 6, concurrency: 3 });
    const all: Promise<string>[] = [];
    for (const [i, { gap, takes, admission, limited }] of arrivals.entries()) {
      await clock.advance(gap);
      const task = async () => {
        const beganAt = clock.monotonic();
        await sleep(clock, takes);
        if (limited) throttle.rateLimited(beganAt);
        else throttle.succeeded(beganAt);
      };
      all.push(call(String(i), admission, task));
    }
    while (await clock.step()) {
      // Nothing else advances time.
    }
    await Promise.all(all);
    const times = begun.map(({ at }) => at);
    times.forEach((from, i) => {
      times.slice(i).forEach((to, n) => {
        expect(n + 1).toBeLessThanOrEqual(6 + (4 * (to - from)) / 1000 + 0.01);
      });
    });
  });
  await fc.assert(property, { numRuns: 15 });
});
