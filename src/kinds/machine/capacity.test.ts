import { describe, expect, it } from "vitest";
import { LIMITS, MINUTE, NOW, RECHECK_MS, scene } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import { EXTERNAL_CHANGE } from "../../reconcile/decision.ts";
import { capacityShort, preflight, typeOf, whenFree } from "./capacity.ts";
import {
  AWAIT_CAPACITY,
  act,
  FACT,
  type MachineMemory,
  type MachineObservation,
  type Related,
} from "./observation.ts";
import { REASON } from "./reasons.ts";

const GOOD = { good: true, messages: [] };
const SHORT = { hint: "short", retryMs: 20_000 } as const;

function observation(related: Partial<Related>, memory: MachineMemory = {}): MachineObservation {
  const { observation } = scene();
  return { ...observation, memory, related: { capacity: {}, readErrors: {}, ...related } };
}

function awaiting(agoMs: number, leftMs: number, intent = AWAIT_CAPACITY): MachineMemory {
  return { operation: { intent, requestedAt: toTime(NOW - agoMs), deadline: toTime(NOW + leftMs) } };
}

describe("preflight", () => {
  const needs = { type: "A4000", creates: true };

  it("needs first what may rule it out, and last what is valid for seconds: waiting for a quota asks for no hardware", () => {
    expect(preflight(observation({}), needs)).toEqual({ needs: [FACT.standing, FACT.machines] });
    const may = { standing: GOOD, machines: { count: 1, most: 10 } };
    expect(preflight(observation(may), needs)).toEqual({ needs: [FACT.capacity("A4000")] });
    expect(preflight(observation({}), { type: "A4000", creates: false }).needs).not.toContain(FACT.machines);
    expect(preflight(observation({}), { type: undefined, creates: false }).needs).toEqual([FACT.standing]);
  });

  it("reports at once what is in vain anyway, without needing the rest", () => {
    const bad = { good: false, messages: ["add a card", "verify your mail"] };
    const refused = preflight(observation({ standing: bad }), needs);
    expect(refused.needs).toEqual([]);
    expect(refused.outcome).toMatchObject({
      kind: "Terminal",
      reason: REASON.AccountNotInGoodStanding,
      recheckMs: RECHECK_MS,
    });
    expect(refused.outcome).toMatchObject({
      message: expect.stringContaining("add a card; verify your mail"),
    });
    expect(preflight(observation({ standing: { good: false, messages: [] } }), needs).outcome).toMatchObject({
      message: expect.stringContaining("without a reason"),
    });
  });

  it("makes no machine beyond the quota, but starts those that are there", () => {
    const full = { standing: GOOD, machines: { count: 10, most: 10 } };
    expect(preflight(observation(full), needs).outcome).toMatchObject({ reason: REASON.QuotaExceeded });
    expect(preflight(observation(full), { ...needs, creates: false }).outcome).toBeUndefined();
    const controller = { ...full, machines: { count: 9, most: 10 } };
    expect(preflight(observation(controller), { type: undefined, creates: true })).toEqual({ needs: [] });
    const endless = { ...full, machines: { count: 500, most: Number.POSITIVE_INFINITY } };
    expect(preflight(observation(endless), { type: undefined, creates: true })).toEqual({ needs: [] });
  });
});

describe("whenFree", () => {
  const memory = { ...awaiting(MINUTE, MINUTE), power: "Stopped" } as const;
  const go = (ready: MachineMemory) => act({ do: "start" }, ready);
  const free = (related: Partial<Related>) => whenFree(observation(related, memory), "A4000", memory, go);

  it("goes once nothing stands in its way, and forgets the waiting", () => {
    expect(free({ standing: GOOD, capacity: { A4000: { hint: "free" } } })).toEqual({
      step: { do: "start" },
      memory: { power: "Stopped" },
    });
  });

  it("goes as well where the API gives no hint: a missing one must stop nothing", () => {
    expect(free({ standing: GOOD, capacity: { A4000: { hint: "unknown" } } }).step.do).toBe("start");
  });

  it("needs the fact first, and of no other type than its own", () => {
    const other = free({ standing: GOOD, capacity: { H100: { hint: "free" } } });
    expect(other).toMatchObject({ step: { outcome: { kind: "Unknown" } }, needs: [FACT.capacity("A4000")] });
  });

  it("has no step, but the reason, where the account may start nothing", () => {
    const bad = { standing: { good: false, messages: [] }, capacity: { A4000: { hint: "free" } } } as const;
    expect(free(bad).step).toMatchObject({ outcome: { reason: REASON.AccountNotInGoodStanding } });
  });
});

describe("capacityShort", () => {
  const short = { capacity: { A4000: SHORT } };

  it("waits, and remembers since when: after a restart it would else never be late", () => {
    const { step, memory } = capacityShort(observation(short), "A4000", { power: "Stopped" });
    expect(step).toMatchObject({
      outcome: { kind: "RequeueAfter", reason: REASON.WaitingForCapacity, afterMs: 20_000 },
    });
    expect(memory).toEqual({
      power: "Stopped",
      operation: {
        intent: AWAIT_CAPACITY,
        requestedAt: toTime(NOW),
        deadline: toTime(NOW + LIMITS.capacityMs),
      },
    });
  });

  it("goes on with the waiting that has begun, and does not take another for it", () => {
    const begun = awaiting(MINUTE, MINUTE);
    expect(capacityShort(observation(short, begun), "A4000", begun).memory).toEqual(begun);
    const observed = awaiting(MINUTE, MINUTE, EXTERNAL_CHANGE);
    expect(capacityShort(observation(short, observed), "A4000", {}).memory.operation?.requestedAt).toBe(
      toTime(NOW),
    );
  });

  it("reports it past the deadline, and goes on reading: it continues by itself", () => {
    const late = awaiting(31 * MINUTE, -MINUTE);
    const { step, memory } = capacityShort(observation(short, late), "A4000", late);
    expect(step).toMatchObject({
      outcome: { kind: "Terminal", reason: REASON.CapacityUnavailable, recheckMs: 20_000 },
    });
    expect(step).toMatchObject({ outcome: { message: expect.stringContaining(toTime(NOW - 31 * MINUTE)) } });
    expect(memory).toEqual(late);
  });

  it("never reads more often than the polling interval, whatever the hint", () => {
    const eager = { capacity: { A4000: { hint: "short", retryMs: 0 } } } as const;
    expect(capacityShort(observation(eager), "A4000", {}).step).toMatchObject({
      outcome: { afterMs: LIMITS.lookMs },
    });
  });
});

describe("typeOf", () => {
  it("takes the type of the spec where a fresh machine does not show it: there is no fact of a type without a name", () => {
    const { spec, machine } = scene();
    expect(typeOf(spec, { ...machine, machineType: "H100" })).toBe("H100");
    for (const machineType of [null, undefined, ""])
      expect(typeOf(spec, { ...machine, machineType })).toBe("A4000");
  });
});
