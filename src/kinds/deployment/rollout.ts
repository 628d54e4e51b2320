/**
 * The rollouts of a deployment: how far a spec of ours is, by the rules of the official tools, and the history of what
 * this object sent (docs/design.md, Rollouts). Pure.
 */
import { cut } from "../../base/text.ts";
import { toTime } from "../../kube/objects.ts";
import type { Instance, Run, StoredSpec } from "./api.ts";
import type { DeploymentObservation, Target } from "./observation.ts";
import type { DeploymentSpec, Rollout } from "./types.ts";

export type Progress =
  /** Paperspace has it, its cluster does not. */
  | { state: "pending" }
  /** The cluster could not take it. */
  | { state: "rejected"; message: string }
  /** The runs have to be fetched first. */
  | { state: "unlooked" }
  | { state: "progressing"; run?: Run }
  | { state: "disabling" }
  | { state: "disabled" }
  | { state: "healthy" }
  | { state: "degraded"; run?: Run };

/** When a rollout counts as late; in the form of an operation, for the pace of reads. */
export function rolloutTimes(
  { sentAt }: Pick<Rollout, "sentAt">,
  { progressDeadlineSeconds }: Pick<DeploymentSpec, "progressDeadlineSeconds">,
): { requestedAt: string; deadline: string } {
  return { requestedAt: sentAt, deadline: toTime(Date.parse(sentAt) + progressDeadlineSeconds * 1000) };
}

/**
 * What has become of a spec of ours, by the rules of the official deploy action (deployments.md section 10.1) in its
 * order: an error counts only while the spec is not applied, bad instances are no failure before the deadline, and off
 * means that no run is left. `wasHealthy`: then runs that were not read are assumed to be ready.
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
  // dtHealthy is a moment, not a level: the runs show what is ready now.
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

/** For users: the first instance that failed, and how many are ready. */
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
  const clipped = message && cut(message, 1024);
  // One that is under way once more is not finished.
  const finished = outcome === "Progressing" ? {} : { finishedAt: toTime(now) };
  return { ...kept, outcome, ...finished, ...(clipped && { message: clipped }) };
}

/** The project secrets that a configuration uses, as its entry in the history has them. */
export function secretsUsed(secrets: readonly string[]): { secrets?: string[] } {
  return secrets.length > 0 ? { secrets: [...secrets] } : {};
}

/** Where the configuration comes from; the schema lets only whole sets in. */
export function gitOriginOf({ git }: DeploymentObservation["spec"]): Pick<Rollout, "git"> {
  return git ? { git: git as NonNullable<Rollout["git"]> } : {};
}
