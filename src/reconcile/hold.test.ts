import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { Holds } from "./hold.ts";

const retry = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;

describe("Holds", () => {
  it("keeps a failed write from being sent again by the news of our own status, until its time", async () => {
    const clock = new VirtualClock();
    const holds = new Holds(clock);
    const noted = holds.note("ns/a", "create", "1", retry);
    expect(noted).toMatchObject({ kind: "Retry", atLeastMs: expect.any(Number) });
    expect(holds.standing("ns/a", "1").create).toMatchObject({ kind: "Retry", message: "503" });
    await clock.advance(1_000);
    expect(holds.standing("ns/a", "1").create).toBeUndefined();
  });

  it("waits longer with every failure in a row, up to five minutes", async () => {
    const clock = new VirtualClock();
    const holds = new Holds(clock);
    let last = 0;
    for (let failures = 1; failures <= 20; failures++) {
      const noted = holds.note("ns/a", "create", "1", retry);
      const wait = noted.kind === "Retry" ? (noted.atLeastMs ?? 0) : 0;
      expect(wait).toBeGreaterThanOrEqual(last);
      expect(wait).toBeLessThanOrEqual(5 * 60_000);
      last = wait;
      await clock.advance(wait);
    }
    expect(last).toBeGreaterThan(200_000);
  });

  it("stands no longer once the spec or the credential changed: that is what a terminal state waits for", () => {
    const holds = new Holds(new VirtualClock());
    holds.note("ns/a", "create", "gen1", {
      kind: "Terminal",
      reason: "Refused",
      message: "no",
      recheckMs: 600_000,
    });
    expect(holds.standing("ns/a", "gen1").create).toMatchObject({ kind: "Terminal" });
    expect(holds.standing("ns/a", "gen2").create).toBeUndefined();
  });

  it("does not hold another step: a refused setting must not keep a machine from being deleted", () => {
    const holds = new Holds(new VirtualClock());
    holds.note("ns/a", "update", "1", retry);
    expect(holds.standing("ns/a", "1").delete).toBeUndefined();
  });
});
