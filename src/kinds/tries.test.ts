import { describe, expect, it } from "vitest";
import { toTime } from "../kube/objects.ts";
import { coolDownMs, giveUpMs, recentTries, withTried } from "./tries.ts";

const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const at = (ageMs: number) => ({ at: toTime(NOW - ageMs) });

describe("what came to nothing", () => {
  it("is left alone for longer each time, and for two hours at most, so that a shortage of days costs little", () => {
    const times = [1, 2, 3, 4, 5, 6].map(
      (count) =>
        coolDownMs(
          Array.from({ length: count }, () => at(0)),
          NOW,
        ) / MINUTE,
    );
    expect(times).toEqual([10, 20, 40, 80, 120, 120]);
    expect(coolDownMs([], NOW)).toBe(0);
  });

  it("is not left alone for as long as the clock of the operator was set back: it is tried once more, and then left alone", () => {
    const before = [at(-60 * MINUTE), at(-59 * MINUTE)];
    expect(coolDownMs(before, NOW)).toBe(0);
    expect(coolDownMs([...before, at(0)], NOW) / MINUTE).toBe(40);
    // A reader that sorts by date has the newest one first.
    expect(coolDownMs([at(0), ...before], NOW) / MINUTE).toBe(40);
  });

  it("is kept of the last twenty tries, with an answer of bounded length: status has to hold it", () => {
    type Entry = { candidate: string; outcome: string; at: string; message?: string };
    let tried: Entry[] = [];
    for (let i = 0; i < 30; i++)
      tried = withTried(tried, { candidate: "A", outcome: "Refused", message: "x".repeat(9_000) }, NOW + i);
    expect(tried).toHaveLength(20);
    expect(tried[0]?.message).toHaveLength(256);
    expect(tried.at(-1)?.at).toBe(toTime(NOW + 29));
  });

  it("does not count after a day, or what was short once would be left for ever", () => {
    const tried = [at(25 * 60 * MINUTE), at(23 * 60 * MINUTE)];
    expect(recentTries(tried, NOW)).toEqual([tried[1]]);
  });
});

it("a candidate is waited for as long as is declared, and never longer than what is waited for at all", () => {
  expect(giveUpMs("10m", 15 * MINUTE)).toBe(10 * MINUTE);
  expect(giveUpMs("20m", 15 * MINUTE)).toBe(15 * MINUTE);
  expect(giveUpMs(undefined, 15 * MINUTE)).toBe(15 * MINUTE);
});
