/**
 * How a candidate of a placement is created: what stands in its way, what status holds from before the create is sent, and
 * what a refused create leads to. Pure.
 */
import { stalled } from "../../../reconcile/decision.ts";
import type { Failed } from "../../../reconcile/outcome.ts";
import { type Outcome, requeueNow } from "../../../reconcile/outcome.ts";
import type { CreateAttempt } from "../../../reconcile/record.ts";
import { act, type MachineDecision, type MachineMemory, type MachineObservation } from "../observation.ts";
import { REASON } from "../reasons.ts";
import { candidatesOf, isSamePlace, shownPlace } from "./candidates.ts";
import { type NextRung, nextRung, withTry } from "./ladder.ts";
import { awaitHardware, givenUp } from "./patience.ts";
import { shownCost } from "./rates.ts";

/** The create of the candidate that is next, once nothing stands in its way. */
export function createNext(observation: MachineObservation): MachineDecision | { needs: string[] } {
  const { memory } = observation;
  const next = nextRung(observation);
  if ("needs" in next) return next;
  if ("waitMs" in next) return waiting(observation, next);
  const given = givenUp(observation, memory);
  if (given) return given;
  const { operation: _over, ...others } = memory;
  const placement = { ...memory.placement, chosen: next.go };
  return act({ do: "create", of: shownPlace(next.go) }, { ...others, placement });
}

function waiting(
  observation: MachineObservation,
  { waitMs, refusals, tooDear }: Extract<NextRung, { waitMs: number }>,
): MachineDecision {
  const { limits, memory, spec } = observation;
  const { operation: _over, ...others } = memory;
  const costs = tooDear.map((candidate) => shownCost(candidate, candidate.rate)).join("; ");
  const dear = costs && `over maxHourlyRate ${spec.placement?.maxHourlyRate}: ${costs}`;
  const candidates = candidatesOf(spec).filter((one) => !tooDear.some((other) => isSamePlace(one, other)));
  if (candidates.length === 0) {
    const message = `every candidate is ${dear}. Raise placement.maxHourlyRate, or name others; their rates are looked at again`;
    return stalled(others, REASON.RateExceeded, message, limits.slowMs);
  }
  const again = Math.max(limits.lookMs, waitMs);
  const alsoDear = dear && `. Not tried, since ${dear}`;
  if (refusals.length === candidates.length) {
    const why = refusals.map(({ candidate, message = "" }) => `${shownPlace(candidate)}: ${message}`);
    const message = `every candidate was refused (${why.join("; ")}). Correct placement, or what the spec names; they are tried again, more rarely each time${alsoDear}`;
    return stalled(others, REASON.Refused, message, again);
  }
  const message = `none of the candidates is free just now (${candidates.map(shownPlace).join(", ")}). They are looked at again until one is${alsoDear}`;
  return awaitHardware(observation, memory, message, again);
}

/** What is remembered with the attempt: nothing of it where the spec has no placement. */
export function placing(
  observation: MachineObservation,
  { name, time }: Pick<CreateAttempt, "name" | "time">,
): Pick<MachineMemory, "placement" | "capacity"> {
  const { placement, capacity } = observation.memory;
  const waiting = capacity && { capacity };
  const next = observation.spec.placement ? nextRung(observation) : undefined;
  if (!next || !("go" in next)) return { ...waiting };
  const { tried } = placement ?? {};
  // One that is created off is not started, so it can be no shell.
  const starts = observation.spec.powerState === "Running";
  return {
    ...waiting,
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
  const outcome = failure.reason === REASON.Refused ? "Refused" : "Declined";
  const tried = withTry(placement, placement.chosen, { outcome, message }, now);
  return {
    memory: { ...memory, placement: tried },
    outcome: requeueNow(REASON.MovingOn, `${shownPlace(placement.chosen)} was refused: ${message}`),
  };
}
