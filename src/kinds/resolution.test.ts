import { describe, expect, it } from "vitest";
import { ListHistory } from "./list-history.ts";
import { announcedAt, LIST, resolveByName } from "./resolution.ts";

const TIME = "2026-06-01T00:00:00Z";
const SENT = Date.parse(TIME);
const SETTLE_MS = 180_000;
const LOOK_MS = 3_000;
const SLOW_MS = 600_000;
const attempt = { name: "box-1", time: TIME };

/** Monotonic time of the announcement. */
const KNOWN = 7_000;

interface Jump {
  /** Milliseconds by which the wall clock is ahead of the monotonic one. */
  aheadMs?: number;
  /** How long after the announcement this process got to know the attempt. */
  youngMs?: number;
}

/** After lists begun so many milliseconds after the attempt. */
function resolved(
  lists: Record<number, { id: string; name: string }[]>,
  age: number,
  name?: string,
  { aheadMs = 0, youngMs = 0 }: Jump = {},
) {
  const memory = new ListHistory();
  const moment = (ms: number) => ({ wall: SENT + ms + aheadMs, monotonic: KNOWN + ms });
  for (const [at, items] of Object.entries(lists)) memory.add(moment(Number(at)), items);
  const announced = announcedAt(attempt, KNOWN + youngMs);
  const settings = { settleMs: SETTLE_MS, lookMs: LOOK_MS, slowMs: SLOW_MS, now: moment(age), announced };
  return resolveByName({ lists: memory, listed: () => ({ lists: memory }) }, "key", attempt, settings, name);
}

describe("resolveByName", () => {
  it("reports why it goes on where the account cannot be listed, since it may do so for hours", () => {
    const lists = new ListHistory();
    const error = new Error("the list has more than 500 pages");
    const inventory = {
      lists,
      listed: () => ({ lists, listFailure: { error, since: 0, at: 0, failures: 1, notBefore: 0 } }),
    };
    const now = { wall: SENT + 5_000, monotonic: KNOWN + 5_000 };
    const settings = {
      settleMs: SETTLE_MS,
      lookMs: LOOK_MS,
      slowMs: SLOW_MS,
      now,
      announced: announcedAt(attempt, KNOWN),
    };
    expect(resolveByName(inventory, "key", attempt, settings)).toMatchObject({
      state: "open",
      message: expect.stringContaining("cannot be listed: the list has more than 500 pages"),
    });
  });

  it("takes what bears the name, also before it is settled", () => {
    const found = resolved({ 1000: [{ id: "ps1", name: "box-1" }] }, 2_000);
    expect(found).toEqual({ state: "found", ids: ["ps1"] });
  });

  it("does not take what bore the name before the attempt: that is another's", () => {
    expect(resolved({ [-1]: [{ id: "ps1", name: "box-1" }] }, 2_000).state).toBe("open");
  });

  it("is sure of none only after two lists that were begun when nothing could come of it any more", () => {
    expect(resolved({ [SETTLE_MS - 1]: [], [SETTLE_MS]: [] }, SETTLE_MS + 10).state).toBe("open");
    const sure = resolved({ [SETTLE_MS]: [], [SETTLE_MS + 3_000]: [] }, SETTLE_MS + 3_001);
    expect(sure).toEqual({ state: "surelyNone" });
  });

  it("is not sure of none where only the wall clock shows that it is settled: a clock may be set forward", () => {
    const hour = 3_600_000;
    const early = { 1000: [], 4000: [] };
    expect(resolved(early, 5_000, undefined, { aheadMs: hour }).state).toBe("open");
    const late = { [SETTLE_MS]: [], [SETTLE_MS + 3_000]: [] };
    expect(resolved(late, SETTLE_MS + 4_000, undefined, { youngMs: 10_000 }).state).toBe("open");
    expect(resolved(late, SETTLE_MS + 4_000, undefined, { aheadMs: hour }).state).toBe("surelyNone");
  });

  it("finds what a list shows after the wall clock was set back, and does not look more rarely for it", () => {
    const back = { aheadMs: -3_600_000 };
    const found = resolved({ 1000: [{ id: "ps1", name: "box-1" }] }, 2_000, undefined, back);
    expect(found).toEqual({ state: "found", ids: ["ps1"] });
    expect(resolved({ 1000: [] }, 1_000, undefined, back)).toMatchObject({ lookAfterMs: LOOK_MS });
    const late = resolved({ [3 * SETTLE_MS]: [] }, 3 * SETTLE_MS, undefined, back);
    expect(late).toMatchObject({ lookAfterMs: SETTLE_MS / 4 });
  });

  it("needs a list at once where there is none since the attempt, and then ever more rarely until it is settled", () => {
    expect(resolved({}, 0)).toMatchObject({ lookAfterMs: LOOK_MS, needs: [LIST] });
    expect(resolved({ 1000: [] }, 1_000)).not.toHaveProperty("needs");
    expect(resolved({ 1000: [] }, 1_000)).toMatchObject({ lookAfterMs: LOOK_MS });
    expect(resolved({ 20000: [] }, 20_000)).toMatchObject({ lookAfterMs: 20_000 });
    expect(resolved({ 100000: [] }, 100_000)).toMatchObject({ lookAfterMs: SETTLE_MS / 4 });
    expect(resolved({ 170000: [] }, 170_000)).toMatchObject({ lookAfterMs: SETTLE_MS - 170_000 });
    expect(resolved({ [SETTLE_MS]: [] }, SETTLE_MS + LOOK_MS)).toMatchObject({ needs: [LIST] });
  });

  it("lists at the slow pace in the end where lists cannot show that there is none", () => {
    const nameless = (at: number, age: number) =>
      resolved({ [at]: [{ id: "ps1", name: null as unknown as string }] }, age);
    const hour = 3_600_000;
    expect(nameless(SETTLE_MS + 60_000, SETTLE_MS + 60_000)).toMatchObject({ lookAfterMs: 60_000 });
    expect(nameless(hour, hour)).toMatchObject({ lookAfterMs: SLOW_MS });
  });

  it("looks for another name where the lists show it in another form, and speaks of the attempt's", () => {
    const lists = { 1000: [{ id: "d1", name: "mark-1" }] };
    expect(resolved(lists, 2_000, "mark-1")).toEqual({ state: "found", ids: ["d1"] });
    expect(resolved(lists, 2_000, "mark-2")).toMatchObject({
      state: "open",
      message: expect.stringContaining("box-1"),
    });
  });
});
