/**
 * How far a rollout is. First whether the spec that Paperspace shows is the one that this object sent, since for seconds
 * after an upsert the old one is still read, with its dtHealthy (deployments.md section 10, traps); then, of that spec
 * alone, what has become of it (docs/design.md, Rollouts). Pure.
 */
import { toTime } from "../../kube/objects.ts";
import type { Change } from "../../reconcile/change.ts";
import { ageOfTime } from "../../reconcile/decision.ts";
import type { Instance, Run, StoredSpec } from "./api.ts";
import { additions, differences, type Leaves, leavesOf } from "./compare.ts";
import type { Target } from "./observation.ts";
import { readConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

/** What the shown spec is to us. */
export type Relation =
  /** The newest rollout's own. `filled`: what the API filled in. */
  | { kind: "ours"; filled: readonly string[] }
  /** Not seen before, and it means the same: there is nothing to send. */
  | { kind: "same"; filled: readonly string[] }
  /** Of before our upsert, which may just not show yet. */
  | { kind: "unseen" }
  /** Another configuration than wanted. */
  | { kind: "other"; changes: Change[] };

/** `resendMs`: how long an older spec may be read after an upsert. */
export function relate(
  history: readonly Rollout[],
  latest: StoredSpec | null | undefined,
  target: Pick<Target, "hash" | "leaves">,
  now: number,
  resendMs: number,
): Relation {
  const [head] = history;
  const isYoung = head !== undefined && ageOfTime(head.sentAt, now) < resendMs;
  const awaited = head !== undefined && head.specId === undefined && head.hash === target.hash;
  if (!latest) return isYoung ? { kind: "unseen" } : { kind: "other", changes: [] };
  const stored = readConfig(latest.data);
  const leaves = stored && leavesOf(stored);
  const filled = filledIn(history, latest);
  const isOlder = history.some(({ specId, replaces }) => replaces === latest.id || specId === latest.id);
  if (awaited && !isOlder && answers(target.leaves, leaves))
    return { kind: "ours", filled: leaves ? additions(target.leaves, leaves) : [] };
  // What cannot be read cannot be compared: then only its id tells.
  const changes = leaves ? differences(target.leaves, leaves, filled) : [];
  const isOwn = head?.specId === latest.id;
  const isAsWanted = leaves ? changes.length === 0 : isOwn && head.hash === target.hash;
  // Whatever is in it: of before our upsert it proves nothing, except where the API kept the spec for the same content.
  const isKept = awaited && isAsWanted && latest.id === head.replaces;
  if (isOlder && !isOwn && isYoung && !isKept) return { kind: "unseen" };
  if (!isAsWanted) return { kind: "other", changes };
  const isOurs = awaited || (isOwn && head.hash === target.hash);
  return { kind: isOurs ? "ours" : "same", filled };
}

/** What the API is known to fill in: in this spec where it is our newest, else as last seen. */
export function filledIn(history: readonly Rollout[], { id }: Pick<StoredSpec, "id">): readonly string[] {
  const [head] = history;
  if (head?.specId === id) return head.filled ?? [];
  return history.find(({ filled }) => filled !== undefined)?.filled ?? [];
}

/** Whether a new spec can be the answer to what was sent: all of it is in there, whatever was filled in. */
function answers(sent: Leaves, leaves: Leaves | undefined): boolean {
  return leaves === undefined || differences(sent, leaves, additions(sent, leaves)).length === 0;
}

export type Progress =
  /** Paperspace has it, its cluster does not. */
  | { state: "pending" }
  /** The cluster could not take it. */
  | { state: "rejected"; message: string }
  /** The runs must be looked at before more can be said. */
  | { state: "unlooked" }
  | { state: "progressing"; run?: Run }
  | { state: "disabling" }
  | { state: "disabled" }
  | { state: "healthy" }
  | { state: "degraded"; run?: Run };

/**
 * What has become of a spec of ours, by the rules of the official deploy action (deployments.md section 10.1) in its
 * order: an error counts only while the spec is not applied, bad instances are no failure before the deadline, and off
 * means that no run is left. `wasHealthy`: then runs that were not looked at are taken to be well.
 */
export function progress(
  { externalApplied, error, dtHealthy }: StoredSpec,
  { config }: Pick<Target, "config">,
  runs: readonly Run[] | undefined,
  wasHealthy: boolean,
): Progress {
  if (!externalApplied) return error ? { state: "rejected", message: error } : { state: "pending" };
  const [run] = runs ?? [];
  if (isOff({ config })) {
    if (!runs) return { state: wasHealthy ? "disabled" : "unlooked" };
    return { state: run ? "disabling" : "disabled" };
  }
  if (!dtHealthy) return { state: "progressing", ...(run && { run }) };
  if (!runs) return { state: wasHealthy ? "healthy" : "unlooked" };
  // dtHealthy is a moment, not a level: what is well now, the runs tell.
  const isReady = run !== undefined && run.ready >= Math.max(run.replicas, 1);
  return isReady ? { state: "healthy" } : { state: "degraded", ...(run && { run }) };
}

/** No replicas are the same as not enabled (deployments.md section 5). */
export function isOff({ config: { enabled, resources } }: Pick<Target, "config">): boolean {
  return !enabled || resources.replicas === 0;
}

/** Known bad states; there is no closed set of them (deployments.md section 8). */
const BAD: ReadonlySet<string> = new Set(["errored", "failed", "error", "crashed"]);

export function isBad({ state }: Pick<Instance, "state">): boolean {
  return BAD.has(state.toLowerCase());
}

/** For people: the first instance in trouble, and how many are ready. */
export function runWords(run: Run | undefined): string {
  if (!run) return "no instance is there yet";
  const counts = `${run.ready} of ${run.replicas} instances are ready`;
  const bad = run.instances.find(isBad);
  if (!bad) return counts;
  return `${counts}; instance ${bad.id} is ${bad.state}${bad.message ? `: ${bad.message}` : ""}`;
}

/** Configurations that are remembered. */
const KEPT = 10;

/** The history with one more. What was never seen is replaced, what was still under way is over. */
export function pushed(history: readonly Rollout[], entry: Rollout): Rollout[] {
  const [head, ...older] = history;
  if (!head) return [entry];
  if (head.specId === undefined) return newest([entry, ...older]);
  const over = head.outcome === "Progressing" ? ended(head, "Superseded", Date.parse(entry.sentAt)) : head;
  return newest([entry, over, ...older]);
}

/** The last healthy one stays, however many have failed since: it is what is gone back to. */
function newest(history: readonly Rollout[]): Rollout[] {
  const kept = history.slice(0, KEPT);
  const healthy = history.find(({ outcome }) => outcome === "Healthy");
  return healthy && !kept.includes(healthy) ? [...kept.slice(0, -1), healthy] : kept;
}

/** The newest one, as it turned out. The first time is kept, and so is the whole of it where nothing is new. */
export function concluded(
  history: readonly Rollout[],
  outcome: Rollout["outcome"],
  now: number,
  message?: string,
): Rollout[] {
  const [head, ...older] = history;
  if (!head) return [];
  if (head.outcome === outcome) return [head, ...older];
  return [ended(head, outcome, now, message), ...older];
}

function ended(rollout: Rollout, outcome: Rollout["outcome"], now: number, message?: string): Rollout {
  const { message: _before, finishedAt: _until, ...kept } = rollout;
  const clipped = message?.slice(0, 1024);
  // One that is under way once more is not finished.
  const finished = outcome === "Progressing" ? {} : { finishedAt: toTime(now) };
  return { ...kept, outcome, ...finished, ...(clipped && { message: clipped }) };
}
