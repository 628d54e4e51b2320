import { describe, expect, it } from "vitest";
import { toTime } from "../kube/objects.ts";
import { awaitedTimes, untilLook } from "./decision.ts";

const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const LIMITS = { lookMs: 3_000, slowMs: 10 * MINUTE };

/** The pace of an operation that began so long ago, and whose deadline comes in so long, in milliseconds. */
const pace = (age: number, left: number) =>
  untilLook({ now: NOW, limits: LIMITS }, { requestedAt: toTime(NOW - age), deadline: toTime(NOW + left) });

describe("untilLook", () => {
  it("grows with the age of an operation, within bounds, and never goes beyond the deadline", () => {
    expect(pace(0, 15 * MINUTE)).toBe(3_000);
    expect(pace(2 * MINUTE, 13 * MINUTE)).toBe(12_000);
    expect(pace(10 * MINUTE, 5 * MINUTE)).toBe(30_000);
    expect(pace(10 * MINUTE, 5_000)).toBe(5_000);
  });

  it("is as long past the deadline as the operation is late, up to the slow pace: what is stuck may stay so", () => {
    expect(pace(15 * MINUTE, 0)).toBe(30_000);
    expect(pace(17 * MINUTE, -2 * MINUTE)).toBe(2 * MINUTE);
    expect(pace(75 * MINUTE, -60 * MINUTE)).toBe(10 * MINUTE);
  });

  it("is short again for what was sent again past its deadline", () => {
    expect(pace(0, -60 * MINUTE)).toBe(30_000);
    expect(pace(3 * MINUTE, -60 * MINUTE)).toBe(3 * MINUTE);
  });
});

describe("awaitedTimes", () => {
  it("end with the failure of an operation", () => {
    const times = { requestedAt: toTime(NOW), deadline: toTime(NOW + 15 * MINUTE) };
    expect(awaitedTimes({ intent: "Start", ...times })).toMatchObject(times);
    const failedAt = toTime(NOW + MINUTE);
    expect(awaitedTimes({ intent: "Start", ...times, failedAt })).toEqual({
      requestedAt: failedAt,
      deadline: failedAt,
    });
  });
});
