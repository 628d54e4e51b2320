import { describe, expect, it } from "vitest";
import { ListHistory } from "./list-history.ts";
import { LIST, resolveByName } from "./resolution.ts";

const TIME = "2026-06-01T00:00:00Z";
const SENT = Date.parse(TIME);
const SETTLE_MS = 180_000;
const LOOK_MS = 3_000;
const attempt = { name: "box-1", time: TIME };

/** After lists begun so many milliseconds after the attempt. */
function resolved(lists: Record<number, { id: string; name: string }[]>, age: number, name?: string) {
  const memory = new ListHistory();
  for (const [at, items] of Object.entries(lists)) memory.add(SENT + Number(at), items);
  const settings = { settleMs: SETTLE_MS, lookMs: LOOK_MS, now: SENT + age };
  return resolveByName({ lists: memory }, attempt, settings, name);
}

describe("resolveByName", () => {
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

  it("needs a list at once where there is none since the attempt, and then keeps a pace", () => {
    expect(resolved({}, 0)).toMatchObject({ lookAfterMs: SETTLE_MS / 4, needs: [LIST] });
    expect(resolved({ 1000: [] }, 1_000)).not.toHaveProperty("needs");
    expect(resolved({ 1000: [] }, 1_000)).toMatchObject({ lookAfterMs: (SETTLE_MS - 1_000) / 4 });
    expect(resolved({ [SETTLE_MS]: [] }, SETTLE_MS + LOOK_MS)).toMatchObject({ needs: [LIST] });
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
