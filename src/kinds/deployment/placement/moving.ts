/**
 * When a rollout moves on to the next candidate of its placement: where hardware is all that lacks, for long enough, and
 * nothing of the deployment serves. What is not shown of that, or not read just now, moves nothing. Pure.
 */
import type { Change } from "../../../reconcile/change.ts";
import { millis } from "../../../reconcile/conditions.ts";
import { ageOfTime, needFacts, requeueAfter } from "../../../reconcile/decision.ts";
import { giveUpMs } from "../../tries.ts";
import type { Instance, Run, StoredSpec } from "../api.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  FACT,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import { areStale, assessedFirst, isBad, isPlaced } from "../rollout.ts";
import type { Rollout } from "../types.ts";
import {
  candidateIn,
  candidatesOf,
  isSameCandidate,
  type PlacementCandidate,
  shownCandidate,
} from "./candidates.ts";
import { coolingMs, nextOpen, type Try, triesOf, withTry } from "./ladder.ts";

/** As Kubernetes calls it; no source has a list of the states (deployments.md section 8). */
const WAITING = "pending";
/** Instances are given a place within seconds where there is one. */
const SOON_MS = 60_000;

type Seen = Pick<DeploymentObservation, "runs" | "memory">;

/**
 * The run that only lacks hardware: what is shown was applied without an error, its run has instances, all of which wait for
 * a machine, and nothing of another run serves, or is about to. Undefined where that is not so, or not shown.
 */
function waitingRun(
  { runs, memory: { history } }: Seen,
  latest: StoredSpec | null | undefined,
): Run | undefined {
  const applied = millis(latest?.externalApplied);
  if (!runs || !latest || applied === undefined || latest.error || latest.dtHealthy) return undefined;
  const [head] = history;
  const [run, ...others] = assessedFirst(runs.list, latest, head);
  // What is older is of another configuration, unless this one was sent before with another number. Times may be of whole seconds.
  const isOwn = head?.startedAt !== undefined || (run?.newestAt ?? 0) >= applied - (applied % 1_000);
  if (!run || !isOwn || run.instances.length === 0 || !run.instances.every(isWaiting)) return undefined;
  if ([run, ...others].some(({ ready, available }) => ready > 0 || available > 0)) return undefined;
  const isIdle = others.every(({ instances }) => instances.every((one) => isWaiting(one) || isBad(one)));
  return isIdle ? run : undefined;
}

/**
 * For how long it has waited, in milliseconds: since it was sent, and since an instance is there, which may come late. By
 * Paperspace's clock it can only be less.
 */
function waitedMs({ instances }: Run, { sentAt, startedAt = sentAt }: Rollout, now: number): number {
  const made = instances.map(({ createdAt }) => millis(createdAt) ?? now);
  return Math.min(ageOfTime(startedAt, now), Math.max(0, now - Math.min(...made)));
}

function isWaiting({ state }: Pick<Instance, "state">): boolean {
  return state.toLowerCase() === WAITING;
}

/** Hardware is all that lacks of a rollout that may move. `againMs`: when there is something new to decide. */
export type HardwareShortage =
  /** Its time is not over. `isShort`: it is long enough that there most likely is none. */
  | { state: "waiting"; on: string; next: PlacementCandidate | undefined; isShort: boolean; againMs: number }
  /** Every candidate came to nothing; they are tried again and again. */
  | { state: "unavailable"; on: string; tried: readonly Try[]; isShort: true; againMs: number }
  | { state: "moveOn"; on: string; next: PlacementCandidate; memory: DeploymentMemory };

/** Undefined where something else lacks, or may, and where it stays: it was healthy on this type, or has no placement. */
export function shortageOf(
  observation: DeploymentObservation,
  head: Rollout,
  latest: StoredSpec | null,
): HardwareShortage | undefined {
  const { spec, memory, now } = observation;
  const { placement } = memory;
  const chosen = placement?.chosen;
  const run = isPlaced(head) ? undefined : waitingRun(observation, latest);
  if (!spec.placement || !chosen || !run) return undefined;
  const on = chosen.machineType;
  const ageMs = waitedMs(run, head, now);
  const leftMs = giveUpMs(spec.placement.giveUpAfter, spec.progressDeadlineSeconds * 1_000) - ageMs;
  const next = nextOpen(spec, placement, now, chosen);
  if (leftMs <= 0 && next) {
    const moved = withTry(placement, chosen, { outcome: "NoHardware" }, now, next);
    return { state: "moveOn", on, next, memory: { ...memory, placement: moved } };
  }
  const others = candidatesOf(spec).filter((one) => !isSameCandidate(one, chosen));
  const tried = others.map((one) => triesOf(placement.tried, one, now).at(-1));
  const isAgain = leftMs <= 0 || triesOf(placement.tried, chosen, now).length > 0;
  if (isAgain && tried.every((one) => one !== undefined)) {
    const coolMs = Math.min(...others.map((one) => coolingMs(placement, one, now)));
    return { state: "unavailable", on, tried, isShort: true, againMs: Math.max(leftMs, coolMs) };
  }
  return { state: "waiting", on, next, isShort: ageMs >= SOON_MS, againMs: leftMs };
}

export function shortageWords(shortage: HardwareShortage): string {
  const { on, state } = shortage;
  if (state === "moveOn")
    return `no instance got hardware on ${on}; ${shortage.next.machineType} is tried next`;
  if (state === "waiting") {
    const then = shortage.next && `. ${shortage.next.machineType} is tried next`;
    return `all instances wait for hardware on ${on}${then ?? ""}`;
  }
  const refused = shortage.tried.flatMap(({ candidate, outcome, message }) =>
    outcome === "NoHardware" ? [] : [`${candidate.machineType} was refused: ${message ?? ""}`],
  );
  const why = refused.length > 0 ? ` (${refused.join("; ")})` : "";
  return `no candidate of the placement had hardware for the instances${why}, which wait on ${on} now. They are tried again, more rarely each time; other candidates may have some`;
}

/**
 * One candidate is left for another only while hardware is all that lacks there: what serves, or may, stays where it is, also
 * where it came up after the other one was chosen. Undefined where nothing speaks against what is to be sent.
 */
export function keptCandidate(
  observation: DeploymentObservation,
  changes: readonly Pick<Change, "field">[],
): DeploymentDecision | undefined {
  const { spec, memory, resource, runs, limits } = observation;
  const shown = candidateIn(spec, shownCandidate(observation));
  if (!shown || resource.state !== "present" || !changes.some(({ field }) => field === "machineType"))
    return undefined;
  if (areStale(runs, limits.lookMs)) return needFacts(observation, memory, [FACT.runs]);
  if (waitingRun(observation, resource.deployment.latestSpec)) return undefined;
  const kept = { ...memory, placement: { ...memory.placement, chosen: shown } };
  const message = `it stays on ${shown.machineType}, where its instances are not all waiting for hardware`;
  return requeueAfter(kept, REASON.Deploying, message, 0);
}
