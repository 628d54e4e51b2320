import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget, type Lane } from "./budget.ts";

const RATE = 5;
const BURST = 10;

/** Sends in `lane` as soon as it may, until `until`; returns the times. */
function drain(budget: Budget, lanes: Lane[], from: number, until: number): { lane: Lane; at: number }[] {
  const sent: { lane: Lane; at: number }[] = [];
  for (let now = from; now <= until; ) {
    const ready = lanes.find((lane) => budget.waitMs(lane, now, lanes.length === 1) === 0);
    if (ready) {
      budget.consume(ready, now);
      sent.push({ lane: ready, at: now });
      continue;
    }
    now += Math.max(
      1,
      Math.ceil(Math.min(...lanes.map((lane) => budget.waitMs(lane, now, lanes.length === 1)))),
    );
  }
  return sent;
}

const make = () => new Budget({ requestsPerSecond: RATE, burst: BURST }, 0);

describe("shares", () => {
  it("give normal calls the whole rate while nobody deletes: an idle reserve costs nothing", () => {
    const sent = drain(make(), ["normal"], 0, 60_000);
    expect(sent.length).toBeGreaterThanOrEqual(60 * RATE);
  });

  it("keep the reserve for deletes, however many other calls wait", () => {
    const budget = make();
    drain(budget, ["normal"], 0, 60_000);
    expect(budget.waitMs("normal", 60_000, false)).toBeGreaterThan(0);
    expect(budget.waitMs("reserve", 60_000, false)).toBe(0);
  });

  it("keep four fifths for other calls, however many deletes wait", () => {
    const sent = drain(make(), ["reserve", "normal"], 0, 60_000);
    const deletes = sent.filter(({ lane }) => lane === "reserve").length;
    expect(deletes / sent.length).toBeGreaterThan(0.15);
    expect(deletes / sent.length).toBeLessThan(0.25);
  });

  it("let deletes use everything when no other call waits", () => {
    expect(drain(make(), ["reserve"], 0, 60_000).length).toBeGreaterThanOrEqual(60 * RATE);
  });

  it("limit polls to a fifth", () => {
    expect(drain(make(), ["poll"], 0, 60_000).length).toBeLessThanOrEqual(BURST / 5 + 60 * RATE * 0.2 + 1);
  });

  it("limit watching to half of what nothing else needs, and to a fiftieth of what others wait for", () => {
    expect(drain(make(), ["watch"], 0, 60_000).length).toBeLessThanOrEqual(60 * RATE * 0.5 + 1);
    const busy = make();
    busy.setBusy(true, 0);
    expect(drain(busy, ["watch"], 0, 60_000).length).toBeLessThanOrEqual(60 * RATE * 0.02 + 1);
  });

  it("let a small budget be watched twice a minute all the same: what is in flight must be seen to end", () => {
    const budget = new Budget({ requestsPerSecond: 0.2, burst: BURST }, 0);
    budget.setBusy(true, 0);
    expect(drain(budget, ["watch"], 0, 600_000).length).toBeGreaterThanOrEqual(20);
  });
});

describe("adapting", () => {
  it("halves the rate at a 429 and stops everything for 10 s, deletes included", () => {
    const budget = make();
    expect(budget.slowDown(0, 1, 0)).toBe(true);
    expect(budget.rate).toBe(RATE / 2);
    for (const lane of ["reserve", "watch", "poll", "normal"] as const) {
      expect(budget.waitMs(lane, 1, true)).toBeGreaterThanOrEqual(10_000);
    }
    expect(budget.waitMs("normal", 10_001, true)).toBe(0);
  });

  it("counts the 429s of concurrent requests as one", () => {
    const budget = make();
    budget.slowDown(0, 100);
    expect([budget.slowDown(5, 101), budget.slowDown(100, 102)]).toEqual([false, false]);
    expect(budget.rate).toBe(RATE / 2);
  });

  it("pauses longer while 429s go on, up to two minutes, and never for ever", () => {
    const budget = make();
    const pauses: number[] = [];
    for (let i = 0, now = 1; i < 8; i++) {
      budget.slowDown(now, now + 1);
      pauses.push(budget.frozenFor(now + 1) / 1000);
      now += 200_000;
    }
    expect(pauses).toEqual([10, 20, 40, 80, 120, 120, 120, 120]);
    expect(budget.rate).toBe(RATE / 16);
  });

  it("pauses for 10 s again after a successful answer, and returns slowly to the configured rate", () => {
    const budget = make();
    budget.slowDown(0, 1);
    budget.slowDown(20_000, 20_001);
    let answers = 0;
    for (let now = 60_000; budget.rate < RATE; now += 1_000, answers++) budget.speedUp(now, now);
    expect(answers).toBeGreaterThan(100);
    expect(budget.rate).toBe(RATE);
    budget.slowDown(900_000, 900_001);
    expect(budget.frozenFor(900_001)).toBe(10_000);
  });

  it("is not sped up by answers to requests from before the slow-down", () => {
    const budget = make();
    budget.slowDown(10, 20);
    budget.speedUp(15, 25);
    expect(budget.rate).toBe(RATE / 2);
  });

  it("respects Retry-After, shorter or longer than its own pause, up to two minutes", () => {
    const budget = make();
    budget.slowDown(0, 1, 45_000);
    expect(budget.frozenFor(1)).toBe(45_000);
    const soon = make();
    soon.slowDown(0, 1, 2_000);
    expect(soon.frozenFor(1)).toBe(2_000);
    budget.slowDown(50_000, 50_001, 3_600_000);
    expect(budget.frozenFor(50_001)).toBe(120_000);
  });
});

/** An account that allows so many requests per second, and this burst; all that is allowed is used for so long. */
function against(account: { rate(now: number): number; burst: number }, budget: Budget, seconds: number) {
  const answers: { at: number; beganAt: number; isGood: boolean }[] = [];
  const seen = { good: 0, limited: 0 };
  let [tokens, refilledAt] = [account.burst, 0];
  const isAllowed = (now: number) => {
    tokens = Math.min(account.burst, tokens + ((now - refilledAt) / 1_000) * account.rate(now));
    refilledAt = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
  for (let now = 0; now < seconds * 1_000; now += 5) {
    for (let next = answers[0]; next && next.at <= now; next = answers[0]) {
      answers.shift();
      seen[next.isGood ? "good" : "limited"]++;
      if (next.isGood) budget.speedUp(next.beganAt, now);
      else budget.slowDown(next.beganAt, now);
    }
    while (budget.waitMs("normal", now, false) === 0) {
      budget.consume("normal", now);
      answers.push({ at: now + 80, beganAt: now, isGood: isAllowed(now + 40) });
    }
  }
  return seen;
}

describe("the rate of an account that allows less than is configured", () => {
  const fast = (found?: number) => new Budget({ requestsPerSecond: 10, burst: 20, found }, 0);

  it.each([1, 3, 5, 8])("is found, and used with few 429s, at %d requests per second", (rate) => {
    const { good, limited } = against({ rate: () => rate, burst: 20 }, fast(), 3_600);
    expect(good / (3_600 * rate)).toBeGreaterThan(0.92);
    expect(limited / good).toBeLessThan(0.01);
  });

  it("is used from the beginning where an earlier process has found it", () => {
    const budget = fast(5);
    expect([budget.rate, budget.found]).toEqual([5, 5]);
    const { good, limited } = against({ rate: () => 5, burst: 20 }, budget, 600);
    expect(good / (600 * 5)).toBeGreaterThan(0.95);
    expect(limited).toBeLessThanOrEqual(3);
    expect(new Budget({ requestsPerSecond: 4, burst: 20, found: 5 }, 0).rate).toBe(4);
  });

  it("is left for the configured one once the account allows that again", () => {
    const budget = fast();
    against({ rate: (now) => (now < 600_000 ? 5 : 100), burst: 20 }, budget, 2_400);
    expect([budget.rate, budget.found]).toEqual([10, undefined]);
  });

  it("is not concluded from a single 429, which a hundred good answers make up for", () => {
    const budget = fast();
    budget.slowDown(1_000, 1_001);
    expect([budget.rate, budget.found]).toEqual([5, undefined]);
    for (let n = 0; n < 100; n++) budget.speedUp(20_000, 20_000);
    expect([budget.rate, budget.found]).toEqual([10, undefined]);
  });
});

it("never allows more than burst + rate × time in any stretch of time, nor polls than their share", () => {
  const step = fc.record({
    lane: fc.constantFrom<Lane>("reserve", "watch", "poll", "normal"),
    gap: fc.integer({ min: 0, max: 1_500 }),
    limited: fc.boolean().map((b) => b),
    good: fc.boolean(),
    busy: fc.boolean(),
  });
  const settings = fc.record({
    rate: fc.integer({ min: 1, max: 40 }),
    burst: fc.integer({ min: 2, max: 30 }),
  });
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 120 }), ({ rate, burst }, steps) => {
      const budget = new Budget({ requestsPerSecond: rate, burst }, 0);
      const sent: { lane: Lane; at: number }[] = [];
      let now = 0;
      steps.forEach(({ lane, gap, limited, good, busy }, i) => {
        now += gap;
        budget.setBusy(busy, now);
        if (budget.waitMs(lane, now, true) === 0) {
          budget.consume(lane, now);
          sent.push({ lane, at: now });
        }
        if (limited && i % 10 === 0) budget.slowDown(now, now + 1);
        else if (good) budget.speedUp(now, now + 1);
      });
      const within = (times: number[], most: (seconds: number) => number) =>
        times.every((from, i) => times.slice(i).every((to, n) => n + 1 <= most((to - from) / 1000) + 0.01));
      const of = (which: Lane) => sent.filter(({ lane }) => lane === which).map(({ at }) => at);
      expect(
        within(
          sent.map(({ at }) => at),
          (seconds) => burst + rate * seconds,
        ),
      ).toBe(true);
      expect(within(of("poll"), (seconds) => Math.max(1, burst / 5) + (rate / 5) * seconds)).toBe(true);
      expect(within(of("watch"), (seconds) => 1 + (rate / 2) * seconds)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
