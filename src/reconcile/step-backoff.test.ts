import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { stepName } from "./managed.ts";
import type { Failed } from "./outcome.ts";
import { StepBackoff } from "./step-backoff.ts";

const SLOW_MS = 10 * 60_000;
const retry = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
const refused = { kind: "Terminal", reason: "Refused", message: "no" } as const;
const waitOf = (recorded: Failed) =>
  recorded.kind === "Retry" ? (recorded.atLeastMs ?? 0) : recorded.recheckMs;

describe("StepBackoff", () => {
  it("keeps a failed write from being sent again by the update of our own status, until it is due", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    const recorded = backoff.record("ns/a", "create", "1", retry);
    expect(recorded).toMatchObject({ kind: "Retry", atLeastMs: expect.any(Number) });
    expect(backoff.active("ns/a", "1").create).toMatchObject({ kind: "Retry", message: "503" });
    await clock.advance(1_000);
    expect(backoff.active("ns/a", "1").create).toBeUndefined();
  });

  it("waits longer with every failure in a row, up to the slow pace", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    let last = 0;
    for (let failures = 1; failures <= 20; failures++) {
      const recorded = backoff.record("ns/a", "create", "1", retry);
      const wait = recorded.kind === "Retry" ? (recorded.atLeastMs ?? 0) : 0;
      expect(wait).toBeGreaterThanOrEqual(last);
      expect(wait).toBeLessThanOrEqual(SLOW_MS);
      last = wait;
      await clock.advance(wait);
    }
    expect(last).toBeGreaterThan(0.7 * SLOW_MS);
  });

  it("ends once the spec or the credential changed: that is what a terminal state waits for", () => {
    const backoff = new StepBackoff(new VirtualClock(), SLOW_MS);
    backoff.record("ns/a", "create", "gen1", {
      kind: "Terminal",
      reason: "Refused",
      message: "no",
      recheckMs: 600_000,
    });
    expect(backoff.active("ns/a", "gen1").create).toMatchObject({ kind: "Terminal" });
    expect(backoff.active("ns/a", "gen2").create).toBeUndefined();
  });

  it("does not delay another step: a refused setting must not keep a machine from being deleted", () => {
    const backoff = new StepBackoff(new VirtualClock(), SLOW_MS);
    backoff.record("ns/a", "update", "1", retry);
    expect(backoff.active("ns/a", "1").delete).toBeUndefined();
  });

  it("delays one target of a step and not the others: a script that is gone does not affect the next", () => {
    const backoff = new StepBackoff(new VirtualClock(), SLOW_MS);
    backoff.record("ns/a", stepName({ do: "assign", of: "script1" }), "1", retry);
    expect(backoff.active("ns/a", "1")[stepName({ do: "assign", of: "script2" })]).toBeUndefined();
    expect(backoff.active("ns/a", "1")[stepName({ do: "assign", of: "script1" })]).toBeDefined();
    expect(backoff.active("ns/b", "1")).toEqual({});
  });

  it("counts the failures of each step by themselves", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    for (let i = 0; i < 6; i++) {
      backoff.record("ns/a", "update", "1", retry);
      await clock.advance(30_000);
    }
    expect(waitOf(backoff.record("ns/a", "update", "1", retry))).toBeGreaterThan(20_000);
    expect(waitOf(backoff.record("ns/a", "start", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("does not count failures of long ago: what failed last week does not affect today", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    for (let i = 0; i < 6; i++) {
      const wait = waitOf(backoff.record("ns/a", "update", "1", retry));
      await clock.advance(wait + 60_000);
    }
    expect(waitOf(backoff.record("ns/a", "update", "1", retry))).toBeGreaterThan(20_000);
    await clock.advance(24 * 3_600_000);
    expect(waitOf(backoff.record("ns/a", "update", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("knows why it failed the last time while it is tried again, so that the retry changes nothing that is shown", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    expect(backoff.last("ns/a", "update", "1")).toBeUndefined();
    backoff.record("ns/a", "update", "1", { ...refused, recheckMs: SLOW_MS });
    await clock.advance(SLOW_MS);
    expect(backoff.last("ns/a", "update", "1")).toMatchObject(refused);
    expect(backoff.last("ns/a", "update", "2")).toBeUndefined();
    expect(backoff.last("ns/a", "start", "1")).toBeUndefined();
    // Nothing of a retry that did not come for long.
    await clock.advance(SLOW_MS + 1);
    expect(backoff.last("ns/a", "update", "1")).toBeUndefined();
  });

  it("starts over once the step succeeded", () => {
    const backoff = new StepBackoff(new VirtualClock(), SLOW_MS);
    for (let i = 0; i < 6; i++) backoff.record("ns/a", "update", "1", retry);
    backoff.clear("ns/a", "update");
    expect(backoff.active("ns/a", "1")).toEqual({});
    expect(waitOf(backoff.record("ns/a", "update", "1", retry))).toBeLessThanOrEqual(1_000);
  });

  it("forgets an object that is gone, since another of its name is another", () => {
    const backoff = new StepBackoff(new VirtualClock(), SLOW_MS);
    for (const key of ["ns/a", "ns/b"]) backoff.record(key, "update", "1", retry);
    backoff.forget("ns/a");
    expect(backoff.active("ns/a", "1")).toEqual({});
    expect(backoff.active("ns/b", "1").update).toBeDefined();
    backoff.reset();
    expect(backoff.active("ns/b", "1")).toEqual({});
  });

  it("reports the time that is left, so that a pass in between does not extend it", async () => {
    const clock = new VirtualClock();
    const backoff = new StepBackoff(clock, SLOW_MS);
    backoff.record("ns/a", "create", "1", { ...retry, atLeastMs: 60_000 });
    backoff.record("ns/a", "update", "1", { ...refused, recheckMs: 600_000 });
    await clock.advance(20_000);
    expect(backoff.active("ns/a", "1")).toMatchObject({
      create: { kind: "Retry", atLeastMs: 40_000 },
      update: { kind: "Terminal", recheckMs: 580_000 },
    });
    await clock.advance(40_000);
    expect(Object.keys(backoff.active("ns/a", "1"))).toEqual(["update"]);
  });
});
