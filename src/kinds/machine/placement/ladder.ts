/**
 * Which candidate of a placement comes next: the first one that is not known to be short and has not just come to nothing.
 * What came to nothing is tried again after a while, which grows with each time. Pure.
 */

import { cut } from "../../../base/text.ts";
import { toTime } from "../../../kube/objects.ts";
import { ageOfTime } from "../../../reconcile/decision.ts";
import { FACT, type MachineObservation } from "../observation.ts";
import {
  candidatesOf,
  isSamePlace,
  type Place,
  type PlacementCandidate,
  type PlacementMemory,
  placeKey,
} from "./candidates.ts";

export type Try = NonNullable<PlacementMemory["tried"]>[number];

const MINUTE_MS = 60_000;
const COOL_DOWN_BASE_MS = 10 * MINUTE_MS;
const COOL_DOWN_MAX_MS = 2 * 60 * MINUTE_MS;
/** What came to nothing longer ago does not count. */
const REMEMBERED_MS = 24 * 60 * MINUTE_MS;
const TRIED = 20;
const MESSAGE_LENGTH = 256;

/** `go`: the candidate to create. Else `needs`: the fact to know it; or in how many milliseconds to see again, and what was refused. */
export type NextRung =
  | { go: PlacementCandidate }
  | { needs: string[] }
  | { waitMs: number; refusals: readonly Try[] };

type LadderView = Pick<MachineObservation, "spec" | "memory" | "related" | "now">;

/** `but`: the candidate that is left. One that needs no hardware, since it is not started, is not bound by any shortage. */
export function nextRung({ spec, memory, related, now }: LadderView, but?: Place): NextRung {
  const refusals: Try[] = [];
  let waitMs = Number.POSITIVE_INFINITY;
  for (const candidate of candidatesOf(spec)) {
    if (but && isSamePlace(candidate, but)) continue;
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
  return { waitMs, refusals };
}

/** The candidate that comes next by the order alone, whatever is free: as status shows it. */
export function nextInOrder({ spec, memory, now }: Omit<LadderView, "related">): Place | undefined {
  const chosen = memory.placement?.chosen;
  const others = candidatesOf(spec).filter((candidate) => !chosen || !isSamePlace(candidate, chosen));
  const ready = others.find((one) => coolDownMs(triesOf(memory.placement, one, now), now) <= 0);
  return ready && { machineType: ready.machineType, region: ready.region };
}

/** Those that have not just come to nothing for this object. */
export function openCandidates({ spec, memory, now }: Omit<LadderView, "related">): PlacementCandidate[] {
  return candidatesOf(spec).filter((one) => coolDownMs(triesOf(memory.placement, one, now), now) <= 0);
}

function triesOf(placement: PlacementMemory | undefined, place: Place, now: number): Try[] {
  const tried = placement?.tried ?? [];
  return tried.filter(
    ({ candidate, at }) => isSamePlace(candidate, place) && ageOfTime(at, now) < REMEMBERED_MS,
  );
}

/** Milliseconds for which a place is left alone after these tries, oldest first, have come to nothing. */
export function coolDownMs(
  tries: readonly Pick<Try, "at">[],
  now: number,
  { baseMs, maxMs } = { baseMs: COOL_DOWN_BASE_MS, maxMs: COOL_DOWN_MAX_MS },
): number {
  const last = tries.at(-1);
  if (!last) return 0;
  const wait = Math.min(baseMs * 2 ** Math.min(tries.length - 1, 20), maxMs);
  return Math.max(0, wait - ageOfTime(last.at, now));
}

/** The memory after the chosen candidate came to nothing. */
export function withTry(
  placement: PlacementMemory | undefined,
  candidate: Place,
  outcome: Pick<Try, "outcome" | "removed" | "message">,
  now: number,
): PlacementMemory {
  const { machineType, region } = candidate;
  const { message, ...others } = outcome;
  const entry: Try = {
    candidate: { machineType, region },
    ...others,
    at: toTime(now),
    ...(message !== undefined && { message: cut(message, MESSAGE_LENGTH) }),
  };
  return { tried: [...(placement?.tried ?? []), entry].slice(-TRIED) };
}
