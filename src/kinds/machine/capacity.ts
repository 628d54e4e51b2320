/**
 * Whether hardware can be had just now: the account's standing, its quota, and what is free of a machine type. All of it
 * are hints; where the API gives none, the attempt decides. Pure.
 */
import { needFacts, noStep, withoutOperation } from "../../reconcile/decision.ts";
import type { Outcome } from "../../reconcile/outcome.ts";
import type { Machine } from "./api.ts";
import { FACT, type MachineDecision, type MachineMemory, type MachineObservation } from "./observation.ts";
import { createNext } from "./placement/creation.ts";
import { awaitHardware, givenUp } from "./placement/patience.ts";
import { REASON } from "./reasons.ts";
import type { MachineSpec } from "./types.ts";

interface Need {
  /** Machine type that is going to be on; undefined where none is. */
  type: string | undefined;
  creates: boolean;
}

/** The facts that are missing, or why the attempt would be in vain. */
export function preflight(
  observation: MachineObservation,
  { type, creates }: Need,
): { needs: string[]; outcome?: Outcome } {
  const { related, recheckMs } = observation;
  const needs: string[] = [];
  if (!related.standing) needs.push(FACT.standing);
  if (creates && !related.machines) needs.push(FACT.machines);
  // Asked last: it is valid for seconds, and of no use while something else is in the way.
  if (needs.length === 0 && type !== undefined && !related.capacity[type]) needs.push(FACT.capacity(type));
  const refuse = (reason: string, message: string) => ({
    needs: [],
    outcome: { kind: "Terminal", reason, message, recheckMs } as const,
  });
  if (related.standing?.good === false) {
    const messages = related.standing.messages.join("; ") || "without a reason";
    return refuse(
      REASON.AccountNotInGoodStanding,
      `Paperspace lets this account start nothing that costs money: ${messages}. Settle it in the Paperspace console`,
    );
  }
  const { machines } = related;
  if (creates && machines && machines.count >= machines.most)
    return refuse(
      REASON.QuotaExceeded,
      `the team has ${machines.count} machines and may have ${machines.most}: delete one, or ask Paperspace for a higher quota, which is noticed within a resync (at once with the annotation paperspace.com/reconcile-requested-at)`,
    );
  return { needs };
}

/** What the machine comes up with; a fresh one may not show it yet (machines.md section 7). */
export function typeOf(spec: MachineSpec, { machineType }: Machine): string {
  return machineType || spec.machineType;
}

/** Why no machine is created now. One without hardware would be created all the same, and billed for its disk. */
export function beforeCreate(observation: MachineObservation): MachineDecision | undefined {
  const { spec, memory, related } = observation;
  if (spec.placement) return beforePlacement(observation);
  const type = spec.powerState === "Running" ? spec.machineType : undefined;
  const { needs, outcome } = preflight(observation, { type, creates: true });
  if (needs.length > 0) return needFacts(related, memory, needs);
  if (outcome) return noStep(outcome, memory);
  return type !== undefined && related.capacity[type]?.hint === "short"
    ? capacityShort(observation, type, memory)
    : givenUp(observation, memory);
}

function beforePlacement(observation: MachineObservation): MachineDecision {
  const { memory, related } = observation;
  const { needs, outcome } = preflight(observation, { type: undefined, creates: true });
  if (outcome) return noStep(outcome, memory);
  const next = needs.length > 0 ? { needs } : createNext(observation);
  return "step" in next ? next : needFacts(related, memory, next.needs);
}

/** `go`, once nothing stands in its way. */
export function whenFree(
  observation: MachineObservation,
  type: string,
  memory: MachineMemory,
  go: (memory: MachineMemory) => MachineDecision,
): MachineDecision {
  const { needs, outcome } = preflight(observation, { type, creates: false });
  if (needs.length > 0) return needFacts(observation.related, memory, needs);
  if (outcome) return noStep(outcome, memory);
  if (observation.related.capacity[type]?.hint === "short") return capacityShort(observation, type, memory);
  return givenUp(observation, memory) ?? go(withoutOperation(memory));
}

/** Waits until hardware is free, also past the deadline. */
export function capacityShort(
  observation: MachineObservation,
  type: string,
  memory: MachineMemory,
): MachineDecision {
  const { limits, spec } = observation;
  const capacity = observation.related.capacity[type];
  const again = Math.max(limits.lookMs, capacity?.hint === "short" ? capacity.retryMs : 0);
  const message = `no ${type} is free in ${spec.region} just now, says Paperspace. It is asked again until one is`;
  return awaitHardware(observation, memory, message, again);
}
