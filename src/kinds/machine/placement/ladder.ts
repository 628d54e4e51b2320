/**
 * Which candidate of a placement comes next: the first one that is not known to be short, or to cost more than the user
 * allows, and has not just come to nothing.
 * What came to nothing is tried again after a while, which grows with each time. Pure.
 */

import { coolDownMs, recentTries, withTried } from "../../tries.ts";
import { FACT, type MachineObservation } from "../observation.ts";
import {
  candidatesOf,
  isSamePlace,
  type Place,
  type PlacementCandidate,
  type PlacementMemory,
  placeKey,
} from "./candidates.ts";
import { inOrderOfWish, isOverMaximum, type RateView, rateOf, usesRates } from "./rates.ts";

export type Try = NonNullable<PlacementMemory["tried"]>[number];

/**
 * `go`: the candidate to create. Else `needs`: the fact to know it; or in how many milliseconds to see again, what was refused,
 * and what costs more than the user allows.
 */
export type NextRung =
  | { go: PlacementCandidate }
  | { needs: string[] }
  | { waitMs: number; refusals: readonly Try[]; tooDear: readonly Priced[] };

/** A candidate whose rate is known. */
export type Priced = PlacementCandidate & { rate: number };

type LadderView = Pick<MachineObservation, "spec" | "memory" | "related" | "now">;

/** `but`: the candidate that is left. One that needs no hardware, since it is not started, is not bound by any shortage. */
export function nextRung(view: LadderView, but?: Place): NextRung {
  const { spec, memory, related, now } = view;
  if (usesRates(spec) && !related.rates) return { needs: [FACT.rates] };
  const refusals: Try[] = [];
  const tooDear: Priced[] = [];
  let waitMs = Number.POSITIVE_INFINITY;
  for (const candidate of inOrderOfWish(
    view,
    candidatesOf(spec).map((one) => withRate(view, one)),
  )) {
    if (but && isSamePlace(candidate, but)) continue;
    if (isTooDear(spec, candidate)) {
      tooDear.push(candidate);
      continue;
    }
    const tries = triesOf(memory.placement, candidate, now);
    const coolMs = coolDownMs(tries, now);
    const last = tries.at(-1);
    if (coolMs > 0) {
      waitMs = Math.min(waitMs, coolMs);
      if (last?.outcome === "Refused") refusals.push(last);
      continue;
    }
    if (spec.powerState !== "Running") return { go: candidate };
    const key = placeKey(candidate);
    const hint = related.places?.[key];
    if (!hint) return { needs: [FACT.places(key)] };
    if (hint.hint !== "short") return { go: candidate };
    waitMs = Math.min(waitMs, hint.retryMs);
  }
  return { waitMs, refusals, tooDear };
}

function withRate(view: RateView, candidate: PlacementCandidate): PlacementCandidate {
  const rate = rateOf(view, candidate);
  return { ...candidate, ...(rate !== undefined && { rate }) };
}

function isTooDear(spec: LadderView["spec"], candidate: PlacementCandidate): candidate is Priced {
  return isOverMaximum(spec, candidate.rate);
}

/** The candidate that comes next by the order alone, whatever is free: as status shows it. */
export function nextInOrder(view: OpenView): Place | undefined {
  const chosen = view.memory.placement?.chosen;
  const ready = openCandidates(view).find((candidate) => !chosen || !isSamePlace(candidate, chosen));
  return ready && { machineType: ready.machineType, region: ready.region };
}

export type OpenView = Omit<LadderView, "related"> & RateView;

/** Those that have not just come to nothing for this object, and may be had for what the user allows. */
export function openCandidates(view: OpenView): PlacementCandidate[] {
  const { spec, memory, now } = view;
  return inOrderOfWish(view, candidatesOf(spec)).filter(
    (one) =>
      !isOverMaximum(spec, rateOf(view, one)) && coolDownMs(triesOf(memory.placement, one, now), now) <= 0,
  );
}

function triesOf(placement: PlacementMemory | undefined, place: Place, now: number): Try[] {
  return recentTries(placement?.tried, now).filter(({ candidate }) => isSamePlace(candidate, place));
}

/** The memory after the chosen candidate came to nothing. */
export function withTry(
  placement: PlacementMemory | undefined,
  candidate: Place,
  outcome: Pick<Try, "outcome" | "removed" | "message">,
  now: number,
): PlacementMemory {
  const { machineType, region } = candidate;
  return { tried: withTried(placement?.tried, { candidate: { machineType, region }, ...outcome }, now) };
}
