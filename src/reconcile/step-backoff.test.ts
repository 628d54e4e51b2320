import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { stepName } from "./managed.ts";
import type { Failed } from "./outcome.ts";
import { StepBackoff } from "./step-backoff.ts";

const retry = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
const refused = { kind: "Terminal", reason: "Refused", message: "no" } as const;
const waitOf = (noted: Failed) => (noted.kind === "Retry" ? (noted.atLeastMs ?? 0) : noted.recheckMs);

describe("StepBackoff", () => {
  it("keeps a failed write from being sent again by the news of our own status, until its time", async () => {
    const clock = new VirtualClock();
    const holds = new StepBackoff(clock);
    const noted = holds.record("ns/a", "create", "1", retry);
    expect(noted).toMatchObject({ kind: "Retry", atLeastMs: expect.any(Number) });
    expect(holds.active("ns/a", "1").create).toMatchObject({ kind: "Retry", message: "503" });
    await clock.advance(1_000);
    expect(holds.active("ns/a", "1").create).toBeUndefined();
  });

  it("waits longer with every failure in a row, up to five minutes", async () => {
    const clock = new VirtualClock();
    const holds = new StepBackoff(clock);
    let last = 0;
    for (let failures = 1; failures <= 20; failures++) {
      const noted = holds.record("ns/a", "create", "1", retry);
      const wait = noted.kind === "Retry" ? (noted.atLeastMs ?? 0) : 0;
      expect(wait).toBeGreaterThanOrEqual(last);
      expect(wait).toBeLessThanOrEqual(5 * 60_000);
      last = wait;
      await clock.advance(wait);
    }
    expect(last).toBeGreaterThan(200_000);
  });

  it("stands no longer once the spec or the credential changed: that is what a terminal state waits for", () => {
    const holds = new StepBackoff(new VirtualClock());
    holds.record("ns/a", "create", "gen1", {
      kind: "Terminal",
      reason: "Refused",
      message: "no",
      recheckMs: 600_000,
    });
    expect(holds.active("ns/a", "gen1").create).toMatchObject({ kind: "Terminal" });
    expect(holds.active("ns/a", "gen2").create).toBeUndefined();
  });

  it("does not hold another step: a refused setting must not keep a machine from being deleted", () => {
    const holds = new StepBackoff(new VirtualClock());
    holds.record("ns/a", "update", "1", retry);
    expect(holds.active("ns/a", "1").delete).toBeUndefined();
  });

  it("holds one of several of a kind and lets the others go: a script that is gone says nothing of the next", () => {
    const holds = new StepBackoff(new VirtualClock());
    holds.record("ns/a", stepName({ do: "assign", of: "script1" }), "1", retry);
    expect(holds.active("ns/a", "1")[stepName({ do: "assign", of: "script2" })]).toBeUndefined();
    expect(holds.active("ns/a", "1")[stepName({ do: "assign", of: "script1" })]).toBeDefined();
    expect(holds.active("ns/b", "1")).toEqual({});
  });

  it("counts the failures of each step by themselves", async () => {
    const clock = new VirtualClock();
    const holds = new StepBackoff(clock);
    for (let i = 0; i < 6; i++) {
      holds.record("ns/a", "update", "1", retry);
      await clock.advance(30_000);
    }
    expect(waitOf(holds.record("ns/a", "update", "1", retry))).toBeGreaterThan(20_000);
    expect(waitOf(holds.record("ns/a", "start", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("does not count failures of long ago: what failed last week says nothing of today", async () => {
    const clock = new VirtualClock();
    const holds = new StepBackoff(clock);
    for (let i = 0; i < 6; i++) {
      const wait = waitOf(holds.record("ns/a", "update", "1", retry));
      await clock.advance(wait + 60_000);
    }
    expect(waitOf(holds.record("ns/a", "update", "1", retry))).toBeGreaterThan(20_000);
    await clock.advance(24 * 3_600_000);
    expect(waitOf(holds.record("ns/a", "update", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("begins anew once the step went through", () => {
    const holds = new StepBackoff(new VirtualClock());
    for (let i = 0; i < 6; i++) holds.record("ns/a", "update", "1", retry);
    holds.clear("ns/a", "update");
    expect(holds.active("ns/a", "1")).toEqual({});
    expect(waitOf(holds.record("ns/a", "update", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("forgets an object that is gone, since another of its name is another", () => {
    const holds = new StepBackoff(new VirtualClock());
    for (const key of ["ns/a", "ns/b"]) holds.record(key, "update", "1", retry);
    holds.forget("ns/a");
    expect(holds.active("ns/a", "1")).toEqual({});
    expect(holds.active("ns/b", "1").update).toBeDefined();
    holds.reset();
    expect(holds.active("ns/b", "1")).toEqual({});
  });

  it("says how much of the time is left, so that a pass in between does not put it off", async () => {
    const clock = new VirtualClock();
    const holds = new StepBackoff(clock);
    holds.record("ns/a", "create", "1", { ...retry, atLeastMs: 60_000 });
    holds.record("ns/a", "update", "1", { ...refused, recheckMs: 600_000 });
    await clock.advance(20_000);
    expect(holds.active("ns/a", "1")).toMatchObject({
      create: { kind: "Retry", atLeastMs: 40_000 },
      update: { kind: "Terminal", recheckMs: 580_000 },
    });
    await clock.advance(40_000);
    expect(Object.keys(holds.active("ns/a", "1"))).toEqual(["update"]);
  });
});
