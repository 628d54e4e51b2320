/**
 * Which candidate of a placement holds for now, and which comes next: the first one that has not just come to nothing. What
 * came to nothing is tried again after a while, which grows with each time. Pure.
 */
import { coolDownMs, recentTries, withTried } from "../../tries.ts";
import type { DeclaredSpec } from "../types.ts";
import {
  candidateIn,
  candidatesOf,
  isSameCandidate,
  type PlacementCandidate,
  type PlacementMemory,
} from "./candidates.ts";

export type Try = NonNullable<PlacementMemory["tried"]>[number];

type Placed = Pick<DeclaredSpec, "placement">;

/**
 * With the candidate that holds for now: the one that was chosen, or else the one that is shown to run, which may serve. Before
 * there is anything, the first that is open, or that only had no hardware: that can be waited for. What is no candidate any
 * more is left.
 */
export function withChoice(
  spec: Placed,
  { chosen, tried }: PlacementMemory,
  { shown, now }: { shown: PlacementCandidate | undefined; now: number },
): PlacementMemory {
  const isShort = (one: PlacementCandidate) => triesOf(tried, one, now).at(-1)?.outcome === "NoHardware";
  const held =
    candidateIn(spec, chosen) ??
    candidateIn(spec, shown) ??
    nextOpen(spec, { ...(tried && { tried }) }, now) ??
    candidatesOf(spec).find(isShort);
  return { ...(held && { chosen: held }), ...(tried && { tried }) };
}

/** Milliseconds for which it is left alone after it came to nothing. */
export function coolingMs({ tried }: PlacementMemory, candidate: PlacementCandidate, now: number): number {
  return coolDownMs(triesOf(tried, candidate, now), now);
}

export function triesOf(tried: PlacementMemory["tried"], of: PlacementCandidate, now: number): Try[] {
  return recentTries(tried, now).filter(({ candidate }) => isSameCandidate(candidate, of));
}

/** The candidate that is tried next; undefined where each came to nothing lately. `but`: the one that is left. */
export function nextOpen(
  spec: Placed,
  placement: PlacementMemory,
  now: number,
  but?: PlacementCandidate,
): PlacementCandidate | undefined {
  return candidatesOf(spec).find(
    (one) => !(but && isSameCandidate(one, but)) && coolingMs(placement, one, now) <= 0,
  );
}

/** The memory after a candidate came to nothing; another one is chosen by the next pass, unless it is given. */
export function withTry(
  { tried }: PlacementMemory,
  candidate: PlacementCandidate,
  outcome: Pick<Try, "outcome" | "message">,
  now: number,
  next?: PlacementCandidate,
): PlacementMemory {
  const { machineType } = candidate;
  return {
    ...(next && { chosen: next }),
    tried: withTried(tried, { candidate: { machineType }, ...outcome }, now),
  };
}
