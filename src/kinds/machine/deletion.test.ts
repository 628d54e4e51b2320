import { describe, expect, it } from "vitest";
import { DEADLINE_MS, LIMITS, MINUTE, NOW, scene } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Machine } from "./api.ts";
import { machineDeletion } from "./deletion.ts";
import { type EventFact, type MachineObservation, TO_DELETE } from "./observation.ts";
import { REASON } from "./reasons.ts";

const machine = (over: Partial<Machine> = {}): Machine => ({ ...scene().machine, ...over });

function deleting(
  operation: Operation | undefined,
  event: EventFact = { state: "none" },
): MachineObservation {
  const { observation } = scene();
  return { ...observation, deleting: true, event, memory: operation ? { operation } : {} };
}

function operation(agoMs: number, over: Partial<Operation> = {}): Operation {
  const requestedAt = toTime(NOW - agoMs);
  return {
    intent: "Delete",
    requestedAt,
    deadline: toTime(NOW - agoMs + DEADLINE_MS),
    eventId: "e1",
    ...over,
  };
}

describe("machineDeletion", () => {
  it("deletes a machine as it is, also in the middle of something else: a user does not wait for it", () => {
    for (const before of [
      undefined,
      operation(0, { intent: "Start" }),
      operation(0, { intent: "AwaitCapacity" }),
    ])
      for (const state of ["ready", "off", "upgrading"])
        expect(machineDeletion(deleting(before), machine({ state })).step).toEqual({ do: "delete" });
  });

  it("waits for what is under way, and does not send it again and again", () => {
    for (const state of ["pending", "done", "vanished"] as const)
      expect(machineDeletion(deleting(operation(MINUTE), { state }), machine()).step).toMatchObject({
        outcome: { kind: "RequeueAfter", reason: REASON.Deleting },
      });
  });

  it("tries a deletion again whose event failed, after a while, and remembers since when it has", () => {
    const failed: EventFact = { state: "failed", message: "the host is on fire" };
    const first = machineDeletion(deleting(operation(MINUTE), failed), machine());
    expect(first.step).toMatchObject({
      outcome: { kind: "Retry", reason: REASON.DeleteFailed, atLeastMs: LIMITS.resendMs },
    });
    expect(first.memory.operation?.failedAt).toBe(toTime(NOW));
    const early = operation(MINUTE, { failedAt: toTime(NOW - 10_000) });
    expect(machineDeletion(deleting(early, failed), machine()).step).toMatchObject({
      outcome: { atLeastMs: LIMITS.resendMs - 10_000 },
    });
    const since = operation(MINUTE, { failedAt: toTime(NOW - LIMITS.resendMs) });
    expect(machineDeletion(deleting(since, failed), machine()).step).toEqual({ do: "delete" });
  });

  it("reports when it takes too long, and sends it again slowly, for as long as it takes", () => {
    const late = machineDeletion(deleting(operation(DEADLINE_MS), { state: "done" }), machine());
    // Past the deadline the slow retry is due already: it is longer than that.
    expect(late.step).toEqual({ do: "delete", deadline: toTime(NOW) });
    const retried = operation(MINUTE, { deadline: toTime(NOW - 5 * MINUTE) });
    const waiting = machineDeletion(deleting(retried, { state: "done" }), machine()).step;
    expect(waiting).toMatchObject({
      outcome: { kind: "Terminal", reason: REASON.TransitionTimedOut, recheckMs: LIMITS.slowMs - MINUTE },
    });
  });

  it("stops first what refused to be deleted while it was on, and deletes it however that ends", () => {
    const refused = operation(0, { target: TO_DELETE, eventId: undefined });
    expect(machineDeletion(deleting(refused), machine({ state: "ready" })).step).toEqual({
      do: "stop",
      target: TO_DELETE,
    });
    expect(machineDeletion(deleting(refused), machine({ state: "serviceready" })).step.do).toBe("stop");
    expect(machineDeletion(deleting(refused), machine({ state: "off" })).step.do).toBe("delete");
    const stopping = operation(MINUTE, { intent: "Stop", target: TO_DELETE });
    expect(machineDeletion(deleting(stopping, { state: "pending" }), machine()).step).toMatchObject({
      outcome: { kind: "RequeueAfter" },
    });
    expect(
      machineDeletion(deleting(stopping, { state: "done" }), machine({ state: "stopping" })).step,
    ).toMatchObject({
      outcome: { kind: "RequeueAfter" },
    });
    for (const event of [{ state: "none" }, { state: "unreadable", message: "403" }] as const) {
      const young = operation(1_000, { intent: "Stop", target: TO_DELETE });
      // Deleting it now would only be refused again.
      expect(machineDeletion(deleting(young, event), machine({ state: "ready" })).step.do).toBe("none");
      expect(machineDeletion(deleting(stopping, event), machine({ state: "ready" })).step.do).toBe("delete");
    }
    for (const state of ["done", "vanished", "none"] as const)
      expect(machineDeletion(deleting(stopping, { state }), machine({ state: "off" })).step).toEqual({
        do: "delete",
      });
    const failed = { state: "failed", message: "no" } as const;
    expect(machineDeletion(deleting(stopping, failed), machine()).step).toEqual({ do: "delete" });
    const late = operation(DEADLINE_MS, { intent: "Stop", target: TO_DELETE });
    expect(
      machineDeletion(deleting(late, { state: "pending" }), machine({ state: "stopping" })).step.do,
    ).toBe("delete");
  });
});
