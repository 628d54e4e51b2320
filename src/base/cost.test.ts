import { describe, expect, it } from "vitest";
import { accrued, accruedSince, hourlyMillionths, KEPT_DAYS, withHistory } from "./cost.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const T0 = Date.UTC(2026, 0, 1);
const iso = (ms: number) => new Date(T0 + ms).toISOString();
const cost = (since: number, settled: number, rate = 1_000_000, unknown = 0) => ({
  since: iso(since),
  settled,
  rate,
  unknown,
});

describe("what has accrued", () => {
  it("is what was settled and the rate since, rounded down, so that it is never more than the bill", () => {
    expect(accrued(cost(0, 5, 1_000_001), T0 + HOUR / 2)).toBe(5 + 500_000);
  });

  it("is no less where a clock is behind", () => {
    expect(accrued(cost(HOUR, 5), T0)).toBe(5);
  });

  it("is exact for amounts that no fleet reaches", () => {
    expect(accrued(cost(0, 8e15, 1e9), T0 + 400 * DAY)).toBe(8e15 + 9600 * 1e9);
  });

  it("takes a month for a twelfth of a year", () => {
    expect(Math.round(hourlyMillionths(7.3, "month"))).toBe(10_000);
    expect(hourlyMillionths(24, "day")).toBe(1_000_000);
  });
});

describe("what has accrued in a period", () => {
  /** A machine that is on by day, for `days` days. */
  function used(days: number) {
    let now: ReturnType<typeof cost> & { history?: ReturnType<typeof cost>[] } = cost(0, 0, 0);
    for (let day = 0; day < days; day++) {
      const settled = day * 8_000_000;
      now = withHistory(now, { ...cost(day * DAY + 8 * HOUR, settled, 1_000_000, day) });
      now = withHistory(now, { ...cost(day * DAY + 16 * HOUR, settled + 8_000_000, 0, day) });
    }
    return now;
  }

  it("is what came since the beginning of its first day", () => {
    const now = T0 + 10 * DAY;
    const from = T0 + 7 * DAY + 3 * HOUR;
    expect(accruedSince(used(10), from, now)).toEqual({ spent: 24_000_000, unknown: 3, since: T0 + 7 * DAY });
  });

  it("is all of it where it began later", () => {
    expect(accruedSince(used(3), T0 - 9 * DAY, T0 + 3 * DAY).spent).toBe(24_000_000);
  });

  it("says from when on it is known, where less is kept", () => {
    const days = KEPT_DAYS + 20;
    const { spent, since } = accruedSince(used(days), T0, T0 + days * DAY);
    expect(since).toBeGreaterThan(T0 + 18 * DAY);
    expect(spent).toBeLessThanOrEqual(KEPT_DAYS * 8_000_000);
  });

  it("keeps no more than a state a day, and the same while nothing changes", () => {
    const after = used(100);
    expect(after.history).toHaveLength(KEPT_DAYS);
    expect(withHistory(after, { ...after })).toEqual(after);
  });

  it("never counts more before its beginning than the next state says", () => {
    const before = cost(0, 0, 1_000_000);
    const now = withHistory(before, cost(30 * HOUR, 1_000_000, 0));
    expect(accruedSince(now, T0 + DAY, T0 + 2 * DAY).spent).toBe(0);
  });
});
