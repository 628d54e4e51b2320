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
  | { state: "healthy"; run?: Run }
  | { state: "degraded"; run?: Run };

/**
 * When a rollout counts as late; in the form of an operation, for the pace of reads. From the first send of its template
 * on, whatever numbers of instances were sent since; of one that was healthy only the number is still to come about.
 */
export function rolloutTimes(
  { sentAt, startedAt = sentAt, healthyAt }: Pick<Rollout, "sentAt" | "startedAt" | "healthyAt">,
  { progressDeadlineSeconds }: Pick<DeploymentSpec, "progressDeadlineSeconds">,
): { requestedAt: string; deadline: string } {
  const from = Date.parse(healthyAt === undefined ? startedAt : sentAt);
  return { requestedAt: sentAt, deadline: toTime(from + progressDeadlineSeconds * 1000) };
}

/** Its template was healthy: what lacks is instances, and no other configuration brings them. */
export function isProven({ outcome, healthyAt }: Rollout): boolean {
  return outcome === "Healthy" || healthyAt !== undefined;
}

/** The newest one differs from the healthy one before it in the number of instances alone, and followed right on it. */
export function isScaled([head, before]: readonly Rollout[]): boolean {
  if (!head || !before || head.healthyAt === undefined) return false;
  return isOfTemplate(before, head) && before.specId !== undefined && before.specId === head.replaces;
}

/** An earlier version of the operator did not note the template: then only the whole configuration shows it. */
export function isOfTemplate(
  { template, hash }: Pick<Rollout, "template" | "hash">,
  other: Pick<Rollout, "template" | "hash">,
): boolean {
  return hash === other.hash || (template !== undefined && template === other.template);
}

/**
 * What has become of a spec of ours, by the rules of the official deploy action (deployments.md section 10.1) in its
 * order: an error counts only while the spec is not applied, bad instances are no failure before the deadline, and off
 * means that no run is left. What has to be ready is the number that is declared, whatever the run says: with the
 * vendor's autoscaling that is the least one. `wasHealthy`: then runs that were not read are assumed to be ready.
 * `isScaled`: the template was healthy just before, with another number, so that no new mark is needed.
 */
export function progress(
  { externalApplied, error, dtHealthy }: StoredSpec,
  { config }: Pick<Target, "config">,
  runs: readonly Run[] | undefined,
  { wasHealthy, isScaled = false }: { wasHealthy: boolean; isScaled?: boolean },
): Progress {
  if (!externalApplied) return error ? { state: "rejected", message: error } : { state: "pending" };
  const [run] = runs ?? [];
  if (isOff({ config })) {
    if (!runs) return { state: wasHealthy ? "disabled" : "unlooked" };
    return { state: run ? "disabling" : "disabled" };
  }
  const isMarked = !!dtHealthy;
  if (!isMarked && !isScaled) return { state: "progressing", ...(run && { run }) };
  if (!runs) return { state: wasHealthy ? "healthy" : "unlooked" };
  // dtHealthy is a moment, not a level: the runs show what is ready now.
  if (run && run.ready >= leastOf({ config })) return { state: "healthy", run };
  return { state: isMarked ? "degraded" : "progressing", ...(run && { run }) };
}

/** How many instances have to be ready of what is not off. */
export function leastOf({ config }: Pick<Target, "config">): number {
  return Math.max(config.resources.replicas, 1);
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
export function runWords(run: Run | undefined, least = run?.replicas ?? 0): string {
  if (!run) return "no instance is there yet";
  const counts = `${run.ready} of ${least} instances are ready`;
  const bad = run.instances.find(isBad);
  if (!bad) return counts;
  return `${counts}; instance ${bad.id} is ${bad.state}${bad.message ? `: ${bad.message}` : ""}`;
}

/** Configurations that are remembered. */
const KEPT = 10;

/** The history with one more. What was never seen is replaced, what was still under way is over. */
export function pushed(history: readonly Rollout[], sent: Rollout): Rollout[] {
  const [head, ...older] = history;
  if (!head) return [sent];
  const before = head.specId === undefined && !isOfTemplate(head, sent) ? older[0] : head;
  const entry = before ? continuing(sent, before) : sent;
  if (head.specId === undefined) return newest([entry, ...older]);
  const over = head.outcome === "Progressing" ? ended(head, "Superseded", Date.parse(entry.sentAt)) : head;
  return newest([entry, over, ...older]);
}

/** The same template again, with another number or put back: what was seen of it, and since when it is awaited, holds on. */
function continuing(entry: Rollout, before: Rollout): Rollout {
  if (!isOfTemplate(before, entry)) return entry;
  const { startedAt = before.sentAt, healthyAt = provenSince(before) } = before;
  if (healthyAt !== undefined) return { ...entry, healthyAt };
  // While it is switched off nothing is awaited of it.
  return isOn(before) && isOn(entry) ? { ...entry, startedAt } : entry;
}

function provenSince({ outcome, finishedAt, sentAt }: Rollout): string | undefined {
  return outcome === "Healthy" ? (finishedAt ?? sentAt) : undefined;
}

function isOn({ replicas, outcome }: Rollout): boolean {
  return replicas === undefined ? outcome !== "Disabled" : replicas > 0;
}

/** The last healthy one stays, and the last of another template: one of them is what is gone back to, however many follow. */
function newest(history: readonly Rollout[]): Rollout[] {
  const healthy = history.filter(({ outcome }) => outcome === "Healthy");
  const [last] = healthy;
  const kept = [last, healthy.find((one) => last && !isOfTemplate(one, last))];
  let others = KEPT - kept.filter((one) => one !== undefined).length;
  return history.filter((one) => kept.includes(one) || others-- > 0);
}

/** The newest healthy one of another template than the newest of all. */
export function lastHealthy([head, ...older]: readonly Rollout[]):
  | (Rollout & { specId: string })
  | undefined {
  const good = older.find(
    (one) => one.outcome === "Healthy" && one.specId && head && !isOfTemplate(one, head),
  );
  return good?.specId === undefined ? undefined : { ...good, specId: good.specId };
}

/** What an entry in the history says of a configuration that was sent. */
export function sentOf({
  hash,
  template,
  config,
  secrets,
}: Target): Pick<Rollout, "hash" | "template" | "replicas" | "secrets"> {
  const replicas = isOff({ config }) ? 0 : config.resources.replicas;
  return { hash, template, replicas, ...(secrets.length > 0 && { secrets: [...secrets] }) };
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
  const { healthyAt = provenSince(rollout) } = rollout;
  const clipped = message && cut(message, 1024);
  // One that is under way once more is not finished.
  const finished = outcome === "Progressing" ? {} : { finishedAt: toTime(now) };
  const proven = outcome === "Healthy" || healthyAt === undefined ? {} : { healthyAt };
  return { ...kept, ...proven, outcome, ...finished, ...(clipped && { message: clipped }) };
}

/** Where the configuration comes from; the schema lets only whole sets in. */
export function gitOriginOf({ git }: DeploymentObservation["spec"]): Pick<Rollout, "git"> {
  return git ? { git: git as NonNullable<Rollout["git"]> } : {};
}
