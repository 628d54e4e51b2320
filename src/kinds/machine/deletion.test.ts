import { describe, expect, it } from "vitest";
import { DEADLINE_MS, ID, IP, LIMITS, MINUTE, NOW, scene } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Machine } from "./api.ts";
import { deletion, leftovers } from "./deletion.ts";
import {
  type EventFact,
  FACT,
  type MachineMemory,
  type MachineObservation,
  TO_DELETE,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { Address } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

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

describe("deletion", () => {
  it("deletes a machine as it is, also in the middle of something else: nobody waits to get rid of it", () => {
    for (const before of [
      undefined,
      operation(0, { intent: "Start" }),
      operation(0, { intent: "AwaitCapacity" }),
    ])
      for (const state of ["ready", "off", "upgrading"])
        expect(deletion(deleting(before), machine({ state })).step).toEqual({ do: "delete" });
  });

  it("waits for what is under way, and does not send it again and again", () => {
    for (const state of ["pending", "done", "vanished"] as const)
      expect(deletion(deleting(operation(MINUTE), { state }), machine()).step).toMatchObject({
        outcome: { kind: "RequeueAfter", reason: REASON.Deleting },
      });
  });

  it("tries a deletion again whose event failed, after a while, and remembers since when it has", () => {
    const failed: EventFact = { state: "failed", message: "the host is on fire" };
    const first = deletion(deleting(operation(MINUTE), failed), machine());
    expect(first.step).toMatchObject({
      outcome: { kind: "Retry", reason: REASON.DeleteFailed, atLeastMs: LIMITS.resendMs },
    });
    expect(first.memory.operation?.failedAt).toBe(toTime(NOW));
    const early = operation(MINUTE, { failedAt: toTime(NOW - 10_000) });
    expect(deletion(deleting(early, failed), machine()).step).toMatchObject({
      outcome: { atLeastMs: LIMITS.resendMs - 10_000 },
    });
    const since = operation(MINUTE, { failedAt: toTime(NOW - LIMITS.resendMs) });
    expect(deletion(deleting(since, failed), machine()).step).toEqual({ do: "delete" });
  });

  it("says when it takes too long, and sends it again slowly, for as long as it takes", () => {
    const late = deletion(deleting(operation(DEADLINE_MS), { state: "done" }), machine());
    // Past the deadline the slow retry is due already: it is longer than that.
    expect(late.step).toEqual({ do: "delete", deadline: toTime(NOW) });
    const retried = operation(MINUTE, { deadline: toTime(NOW - 5 * MINUTE) });
    const waiting = deletion(deleting(retried, { state: "done" }), machine()).step;
    expect(waiting).toMatchObject({
      outcome: { kind: "Terminal", reason: REASON.TransitionTimedOut, recheckMs: LIMITS.slowMs - MINUTE },
    });
  });

  it("stops first what refused to be deleted while it was on, and deletes it however that ends", () => {
    const refused = operation(0, { target: TO_DELETE, eventId: undefined });
    expect(deletion(deleting(refused), machine({ state: "ready" })).step).toEqual({
      do: "stop",
      target: TO_DELETE,
    });
    expect(deletion(deleting(refused), machine({ state: "serviceready" })).step.do).toBe("stop");
    expect(deletion(deleting(refused), machine({ state: "off" })).step.do).toBe("delete");
    const stopping = operation(MINUTE, { intent: "Stop", target: TO_DELETE });
    expect(deletion(deleting(stopping, { state: "pending" }), machine()).step).toMatchObject({
      outcome: { kind: "RequeueAfter" },
    });
    expect(
      deletion(deleting(stopping, { state: "done" }), machine({ state: "stopping" })).step,
    ).toMatchObject({
      outcome: { kind: "RequeueAfter" },
    });
    for (const state of ["done", "vanished", "none"] as const)
      expect(deletion(deleting(stopping, { state }), machine({ state: "off" })).step).toEqual({
        do: "delete",
      });
    const failed = { state: "failed", message: "no" } as const;
    expect(deletion(deleting(stopping, failed), machine()).step).toEqual({ do: "delete" });
    const late = operation(DEADLINE_MS, { intent: "Stop", target: TO_DELETE });
    expect(deletion(deleting(late, { state: "pending" }), machine({ state: "stopping" })).step.do).toBe(
      "delete",
    );
  });
});

describe("leavings", () => {
  const CLAIMED: MachineMemory = { staticIp: IP };
  const free: Address[] = [{ ip: IP, machineId: null }];

  function left(spec: Partial<MachineSpec>, memory: MachineMemory, addresses?: Address[], machine?: Machine) {
    const { observation, related } = scene();
    const seen = {
      ...observation,
      spec: { ...observation.spec, ...spec },
      related: { ...related, ...(addresses && { addresses }) },
    };
    return leftovers(seen, memory, machine);
  }
  const release = { publicIpReleasePolicy: "Release" } as const;

  it("leaves nothing to do where nothing was left", () => {
    expect(left({}, {})).toEqual({ memory: {} });
    expect(left(release, {}, undefined, machine())).toEqual({ memory: {} });
  });

  it("keeps a static address in the account unless told otherwise, and thinks of it no more", () => {
    expect(left({}, { ...CLAIMED, power: "Running" })).toEqual({ memory: { power: "Running" } });
  });

  it("gives back an address that is free, or was never taken off our own machine", () => {
    for (const machineId of [null, ID])
      expect(left(release, CLAIMED, [{ ip: IP, machineId }]).decision?.step).toEqual({
        do: "releaseAddress",
        ip: IP,
      });
  });

  it("never gives back what somebody else has by now, or what is gone", () => {
    expect(left(release, CLAIMED, [{ ip: IP, machineId: "ps2" }])).toEqual({ memory: {} });
    expect(left(release, CLAIMED, [{ ip: "198.51.100.1", machineId: null }])).toEqual({ memory: {} });
    expect(left(release, CLAIMED, [])).toEqual({ memory: {} });
  });

  it("asks before it decides, and does not forget what it would cost meanwhile", () => {
    const { decision, memory } = left(release, CLAIMED);
    expect(decision).toMatchObject({
      step: { outcome: { kind: "Unknown" } },
      needs: [FACT.addresses],
      memory: CLAIMED,
    });
    expect(memory).toEqual(CLAIMED);
  });

  it("leaves a living machine the address that it uses, or may be using: a fresh one shows null or nothing", () => {
    const uses = [
      { publicIpType: "static", publicIp: IP },
      { publicIpType: "dynamic", publicIp: IP },
      { publicIpType: "", publicIp: null },
      { publicIpType: null, publicIp: null },
    ];
    for (const used of uses) expect(left(release, CLAIMED, free, machine(used))).toEqual({ memory: CLAIMED });
    const other = machine({ publicIpType: "dynamic", publicIp: "198.51.100.1" });
    expect(left(release, CLAIMED, free, other).decision?.step).toEqual({ do: "releaseAddress", ip: IP });
    const none = machine({ publicIpType: "none", publicIp: null });
    expect(left({}, CLAIMED, free, none)).toEqual({ memory: {} });
  });

  it("takes the Secret with a desktop away once the machine is gone, or another or none is wanted", () => {
    const memory = { desktopSecret: "mine" };
    const taken = { do: "removeDesktop", name: "mine" };
    expect(left({ desktopSecretRef: { name: "mine" } }, memory, undefined, machine())).toEqual({ memory });
    expect(left({ desktopSecretRef: { name: "mine" } }, memory).decision?.step).toEqual(taken);
    expect(
      left({ desktopSecretRef: { name: "other" } }, memory, undefined, machine()).decision?.step,
    ).toEqual(taken);
    expect(left({}, memory, undefined, machine()).decision?.step).toEqual(taken);
  });

  it("puts away one after the other and forgets neither", () => {
    const memory = { ...CLAIMED, desktopSecret: "mine" };
    const first = left(release, memory, free);
    expect(first.decision).toEqual({ step: { do: "removeDesktop", name: "mine" }, memory });
    const kept = left({ desktopSecretRef: { name: "mine" } }, memory, free, machine());
    expect(kept.memory).toEqual({ desktopSecret: "mine" });
  });
});
