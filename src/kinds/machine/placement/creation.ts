/**
 * How a candidate of a placement is created: what stands in its way, what status holds from before the create is sent, and
 * what a refused create leads to. Pure.
 */
import { isLate, ongoingOrStart, requeueAfter, stalled } from "../../../reconcile/decision.ts";
import type { Failed } from "../../../reconcile/outcome.ts";
import { type Outcome, requeueNow } from "../../../reconcile/outcome.ts";
import type { CreateAttempt } from "../../../reconcile/record.ts";
import {
  AWAIT_CAPACITY,
  act,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import { candidatesOf, shownPlace } from "./candidates.ts";
import { nextRung, type Try, withTry } from "./ladder.ts";

/** The create of the candidate that is next, once nothing stands in its way. */
export function createNext(observation: MachineObservation): MachineDecision | { needs: string[] } {
  const { memory } = observation;
  const next = nextRung(observation);
  if ("needs" in next) return next;
  if ("waitMs" in next) return waiting(observation, next);
  const { operation: _over, ...others } = memory;
  const placement = { ...memory.placement, chosen: next.go };
  return act({ do: "create", of: shownPlace(next.go) }, { ...others, placement });
}

function waiting(
  observation: MachineObservation,
  { waitMs, refusals }: { waitMs: number; refusals: readonly Try[] },
): MachineDecision {
  const { limits, memory, now, spec } = observation;
  const candidates = candidatesOf(spec);
  const again = Math.max(limits.lookMs, waitMs);
  if (refusals.length === candidates.length) {
    const why = refusals.map(({ candidate, message = "" }) => `${shownPlace(candidate)}: ${message}`);
    const message = `every candidate was refused (${why.join("; ")}). Correct placement, or what the spec names; they are tried again, more rarely each time`;
    const { operation: _over, ...others } = memory;
    return stalled(others, REASON.Refused, message, again);
  }
  const operation = ongoingOrStart(observation, AWAIT_CAPACITY, limits.capacityMs);
  const awaiting = { ...memory, operation };
  const message = `none of the candidates is free just now (${candidates.map(shownPlace).join(", ")}). They are looked at again until one is`;
  if (!isLate(operation, now)) return requeueAfter(awaiting, REASON.WaitingForCapacity, message, again);
  const late = `${message}; it has been so since ${operation.requestedAt}. Another candidate may be free`;
  return stalled(awaiting, REASON.CapacityUnavailable, late, again);
}

/** What is remembered with the attempt: nothing of it where the spec has no placement. */
export function placing(
  observation: MachineObservation,
  { name, time }: Pick<CreateAttempt, "name" | "time">,
): Pick<MachineMemory, "placement"> {
  const next = observation.spec.placement ? nextRung(observation) : undefined;
  if (!next || !("go" in next)) return {};
  const { tried } = observation.memory.placement ?? {};
  // One that is created off is not started, so it can be no shell.
  const starts = observation.spec.powerState === "Running";
  return {
    placement: {
      chosen: next.go,
      ...(starts && { attempt: { name, at: time } }),
      ...(tried && { tried }),
    },
  };
}

/**
 * The next candidate is tried where it was this one that was refused: not where the key, the network or the budget is what
 * failed.
 */
export function refusedCandidate(
  { now }: MachineObservation,
  memory: MachineMemory,
  failure: Failed,
): { memory: MachineMemory; outcome: Outcome } | undefined {
  const { placement } = memory;
  const isRefusal = failure.reason === REASON.Refused || failure.reason === REASON.Declined;
  if (!placement?.chosen || !isRefusal) return undefined;
  const { message } = failure;
  const tried = withTry(placement, placement.chosen, { outcome: "Refused", message }, now);
  return {
    memory: { ...memory, placement: tried },
    outcome: requeueNow(REASON.MovingOn, `${shownPlace(placement.chosen)} was refused: ${message}`),
  };
}
