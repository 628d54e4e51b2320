import { describe, expect, it } from "vitest";
import { type AbsenceEvidence, type AbsenceTerms, judgeAbsence } from "./absence.ts";
import { ListHistory } from "./list-history.ts";

const MINUTE = 60_000;
const NOW = 60 * MINUTE;
const TERMS: AbsenceTerms = {
  now: NOW,
  lookMs: 3_000,
  slowMs: 10 * MINUTE,
  graceMs: 2 * MINUTE,
  unsettledMs: 0,
  isDeleted: false,
};

/** Lists that began and ended so many milliseconds ago, with these ids. */
const list = (ago: number, ...ids: string[]) =>
  new ListHistory().add(
    { wall: 0, monotonic: NOW - ago },
    ids.map((id) => ({ id, name: id })),
  );
const misses = (sinceAgo: number, ago = 0) => ({ since: NOW - sinceAgo, at: NOW - ago });
const evidence = (over: Partial<AbsenceEvidence> = {}): AbsenceEvidence => ({
  noun: "machine",
  id: "ps1",
  misses: misses(3 * MINUTE),
  newestList: list(MINUTE, "ps2"),
  listFailure: undefined,
  contradiction: undefined,
  ...over,
});
const judged = (over: Partial<AbsenceEvidence> = {}, terms: Partial<AbsenceTerms> = {}) =>
  judgeAbsence(evidence(over), { ...TERMS, ...terms });

describe("judgeAbsence", () => {
  it("is certain by reads by id that missed it for long enough, and a later list that lacks it", () => {
    expect(judged()).toMatchObject({ certain: true, absentMs: 3 * MINUTE });
  });

  it("is not certain by any of these alone: each of them lags, fails or sees less at times", () => {
    const doubts: Partial<AbsenceEvidence>[] = [
      { misses: undefined },
      { misses: misses(MINUTE) },
      // The last read is of before: it may have been there since.
      { misses: misses(3 * MINUTE, 2 * MINUTE) },
      { newestList: undefined },
      { newestList: list(4 * MINUTE, "ps2") },
      { newestList: list(MINUTE, "ps1") },
      // What has no readable id may be it.
      { newestList: { ...list(MINUTE), withoutId: 1 } },
    ];
    for (const doubt of doubts) expect(judged(doubt).certain).toBe(false);
  });

  it("needs no time after a deletion of ours, but still a list", () => {
    const fresh = { misses: misses(2_000), newestList: list(1_000) };
    expect(judged(fresh).certain).toBe(false);
    expect(judged(fresh, { isDeleted: true }).certain).toBe(true);
    expect(judged({ ...fresh, newestList: list(3_000) }, { isDeleted: true }).certain).toBe(false);
  });

  it("is not certain within the settle time of its create, when reads may lag behind it", () => {
    expect(judged({}, { unsettledMs: 1 }).certain).toBe(false);
  });

  it("gives way to what speaks against it, and begins anew after that", () => {
    const contradiction = (ago: number) => ({ message: "event e1 is done", until: NOW - ago });
    expect(judged({ contradiction: contradiction(Number.NEGATIVE_INFINITY) })).toMatchObject({
      certain: false,
      doubt: { message: "the API does not show the machine just now; but event e1 is done" },
    });
    const long = { misses: misses(10 * MINUTE) };
    expect(judged({ ...long, contradiction: contradiction(MINUTE) }).certain).toBe(false);
    expect(judged({ ...long, contradiction: contradiction(MINUTE) }, { isDeleted: true }).certain).toBe(
      false,
    );
    expect(judged({ ...long, contradiction: contradiction(3 * MINUTE) }).certain).toBe(true);
    // The list is of before the contradiction.
    const late = { newestList: list(4 * MINUTE) };
    expect(judged({ ...long, ...late, contradiction: contradiction(3 * MINUTE) }).certain).toBe(false);
  });

  it("is blocked where lists have failed for long, and says why", () => {
    const failure = (ago: number) => ({ error: new Error("503"), since: NOW - ago, at: NOW });
    const blocked = judged({ newestList: undefined, listFailure: failure(2 * MINUTE) });
    expect(blocked.doubt).toEqual({
      message:
        "the API does not show the machine just now, and no list that would confirm its end completes (503)",
      isBlocked: true,
    });
    expect(judged({ newestList: undefined, listFailure: failure(MINUTE) }).doubt?.isBlocked).toBeUndefined();
  });

  describe("where what it is in is not shown either, and has no list", () => {
    const within = (over: Partial<AbsenceEvidence> = {}) => ({
      newestList: undefined,
      listFailure: { error: new Error("404"), since: NOW - 3 * MINUTE, at: NOW },
      container: evidence({ noun: "project p1", id: "p1", ...over }),
    });

    it("is certain once that is, by its own reads and a list that began after all misses", () => {
      expect(judged(within())).toMatchObject({ certain: true, within: "project p1" });
      for (const doubt of [
        { misses: undefined },
        { misses: misses(MINUTE) },
        { newestList: undefined },
        { newestList: list(4 * MINUTE) },
        { newestList: list(MINUTE, "p1") },
        { newestList: { ...list(MINUTE), withoutId: 1 } },
      ])
        expect(judged(within(doubt)).certain).toBe(false);
      // The project was missed long before the deployment was.
      const late = within({ misses: misses(20 * MINUTE), newestList: list(4 * MINUTE) });
      expect(judged(late).certain).toBe(false);
    });

    it("is not certain within the settle time of its create, and at once after no deletion of it: that was not of the project", () => {
      expect(judged(within(), { unsettledMs: 1 }).certain).toBe(false);
      expect(judged(within({ misses: misses(MINUTE) }), { isDeleted: true }).certain).toBe(false);
      expect(judged(within(), { isDeleted: true }).certain).toBe(true);
    });

    it("says what of that is missing, and is blocked where that is", () => {
      expect(judged(within({ newestList: undefined })).doubt).toEqual({
        message:
          "the API does not show the machine just now, and the API does not show the project p1 just now",
      });
      const listFailure = { error: new Error("503"), since: NOW - 2 * MINUTE, at: NOW };
      const { doubt } = judged(within({ newestList: undefined, listFailure }));
      expect(doubt).toMatchObject({ isBlocked: true });
      expect(doubt?.message).toContain("(503)");
    });

    it("is stale once the reads of that are", () => {
      const old = within({ misses: misses(30 * MINUTE, 6 * MINUTE), newestList: list(0) });
      expect(judged({ misses: misses(30 * MINUTE), ...old }).isStale).toBe(true);
      const fresh = within({ misses: misses(30 * MINUTE), newestList: list(0) });
      expect(judged({ misses: misses(30 * MINUTE), ...fresh }).isStale).toBeUndefined();
    });
  });

  it("is stale once what it rests on is old: nothing is done before it is confirmed", () => {
    expect(judged().isStale).toBeUndefined();
    expect(judged({ misses: misses(30 * MINUTE), newestList: list(6 * MINUTE) }).isStale).toBe(true);
    expect(judged({ misses: misses(30 * MINUTE, 6 * MINUTE), newestList: list(0) }).isStale).toBe(true);
  });

  it("is looked at ever more rarely, at the slow pace in the end: it may last for days", () => {
    const pace = (ago: number) => judged({ misses: misses(ago) }).lookAfterMs;
    expect([1_000, MINUTE, 60 * MINUTE, 600 * MINUTE].map(pace)).toEqual([3_000, 6_000, 360_000, 600_000]);
  });
});
