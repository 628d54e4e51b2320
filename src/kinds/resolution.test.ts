import { describe, expect, it } from "vitest";
import { ListHistory } from "./list-history.ts";
import { resolveByName } from "./resolution.ts";

const TIME = "2026-06-01T00:00:00Z";
const SENT = Date.parse(TIME);
const SETTLE_MS = 180_000;
const LOOK_MS = 3_000;
const attempt = { name: "box-1", time: TIME };

/** What is said, after lists begun so many milliseconds after the attempt, and who waits for another one. */
function resolved(lists: Record<number, { id: string; name: string }[]>, age: number, name?: string) {
  const memory = new ListHistory();
  for (const [at, items] of Object.entries(lists)) memory.add(SENT + Number(at), items);
  const waiting: string[] = [];
  const inventory = { lists: memory, refreshList: (key: string) => void waiting.push(key) };
  const settings = { settleMs: SETTLE_MS, lookMs: LOOK_MS, now: SENT + age };
  return { said: resolveByName(inventory, "ns/a", attempt, settings, name), waiting };
}

describe("resolveByName", () => {
  it("takes what bears the name, also before it is settled", () => {
    const found = resolved({ 1000: [{ id: "ps1", name: "box-1" }] }, 2_000);
    expect(found).toEqual({ said: { state: "found", ids: ["ps1"] }, waiting: [] });
  });

  it("does not take what bore the name before the attempt: that is another's", () => {
    expect(resolved({ [-1]: [{ id: "ps1", name: "box-1" }] }, 2_000).said.state).toBe("open");
  });

  it("is sure of none only after two lists that were begun when nothing could come of it any more", () => {
    expect(resolved({ [SETTLE_MS - 1]: [], [SETTLE_MS]: [] }, SETTLE_MS + 10).said.state).toBe("open");
    const sure = resolved({ [SETTLE_MS]: [], [SETTLE_MS + 3_000]: [] }, SETTLE_MS + 3_001);
    expect(sure).toEqual({ said: { state: "surelyNone" }, waiting: [] });
  });

  it("has a list made at once where there is none since the attempt, and then keeps a pace", () => {
    expect(resolved({}, 0)).toMatchObject({ waiting: ["ns/a"], said: { lookAfterMs: SETTLE_MS / 4 } });
    expect(resolved({ 1000: [] }, 1_000).waiting).toEqual([]);
    expect(resolved({ 1000: [] }, 1_000).said).toMatchObject({ lookAfterMs: (SETTLE_MS - 1_000) / 4 });
    expect(resolved({ [SETTLE_MS]: [] }, SETTLE_MS + LOOK_MS).waiting).toEqual(["ns/a"]);
  });

  it("looks for another name where the lists show it in another form, and speaks of the attempt's", () => {
    const lists = { 1000: [{ id: "d1", name: "mark-1" }] };
    expect(resolved(lists, 2_000, "mark-1").said).toEqual({ state: "found", ids: ["d1"] });
    expect(resolved(lists, 2_000, "mark-2").said).toMatchObject({
      state: "open",
      message: expect.stringContaining("box-1"),
    });
  });
});
