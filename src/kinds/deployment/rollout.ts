/**
 * The rollouts of a deployment: how far a spec of ours is, by the rules of the official tools, and the history of what
 * this object sent (docs/design.md, Rollouts). Pure.
 */
import { cut } from "../../base/text.ts";
import { toTime } from "../../kube/objects.ts";
import type { Change } from "../../reconcile/change.ts";
import { millis } from "../../reconcile/conditions.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import type { Instance, Run, StoredSpec } from "./api.ts";
import { isScale } from "./compare.ts";
import type { DeploymentObservation, Target } from "./observation.ts";
import type { DeploymentSpec, Rollout } from "./types.ts";

export type Progress =
  /** Paperspace has it, its cluster does not; or that is not shown, and the instances are all that is known of it. */
  | { state: "pending"; isUnshown?: true; run?: Run }
  /** The same, while enough instances serve: only their number is to change. */
  | { state: "scaling"; run: Run }
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
  rollout: Pick<Rollout, "sentAt" | "startedAt" | "healthyAt" | "replicas" | "outcome">,
  { progressDeadlineSeconds }: Pick<DeploymentSpec, "progressDeadlineSeconds">,
): { requestedAt: string; deadline: string } {
  const { sentAt, startedAt = sentAt, healthyAt } = rollout;
  const from = Date.parse(healthyAt === undefined && isOn(rollout) ? startedAt : sentAt);
  return { requestedAt: sentAt, deadline: toTime(from + progressDeadlineSeconds * 1000) };
}

/** Its template was healthy: what lacks is instances, and no other configuration brings them. */
export function isProven({ outcome, healthyAt }: Rollout): boolean {
  return outcome === "Healthy" || healthyAt !== undefined;
}

/** It was healthy on the machine type that it has, since it was switched on. */
export function isPlaced({ outcome, healthyReplicas }: Rollout): boolean {
  return outcome === "Healthy" || healthyReplicas !== undefined;
}

/** What runs is of its template, and was healthy: another number of it is all that may lack. */
export function isServing({ outcome, scaled = false }: Rollout): boolean {
  return outcome === "Healthy" || scaled;
}

/** Whether they leave the template as it is. */
export function keepTemplate(changes: readonly Pick<Change, "field">[]): boolean {
  return changes.length > 0 && changes.every(({ field }) => isScale(field) || field === "name");
}

/** An earlier version of the operator did not note the template: then only the whole configuration shows it. */
export function isOfTemplate(
  { template, hash }: Pick<Rollout, "template" | "hash">,
  other: Pick<Rollout, "template" | "hash">,
): boolean {
  return hash === other.hash || (template !== undefined && template === other.template);
}

/** What is known of a spec from earlier passes. */
export interface KnownProgress {
  wasHealthy: boolean;
  isTrusted?: boolean;
  isScaled?: boolean;
}

/**
 * What has become of a spec of ours, by the rules of the official deploy action (deployments.md section 10.1) in its
 * order: an error counts only while the spec is not applied, bad instances are no failure before the deadline, and off
 * means that no run is left. What has to be ready is the number that is declared, whatever the run says: with the
 * vendor's autoscaling that is the least one. `wasHealthy`: this very spec was seen healthy, or off; both are moments in
 * time, which a later read that lacks them does not undo. `isTrusted`: nothing has contradicted that since, so that runs
 * that were not read are assumed to be ready. `isScaled`: the template was healthy just before, with another number, so that
 * no new mark is needed.
 */
export function progress(
  { externalApplied, error, dtHealthy }: StoredSpec,
  { config }: Pick<Target, "config">,
  runs: readonly Run[] | undefined,
  { wasHealthy, isTrusted = wasHealthy, isScaled = false }: KnownProgress,
): Progress {
  const off = isOff({ config });
  // Absent is not null, which is not applied yet: then what was healthy was applied, and of what is off the runs show it.
  const isShownIn = externalApplied === undefined && (!!dtHealthy || (off && !error));
  const isApplied = !!externalApplied || isShownIn || (wasHealthy && !off);
  const [run] = runs ?? [];
  const least = leastOf({ config });
  if (!isApplied && error) return { state: "rejected", message: error };
  if (!isApplied) {
    if (isScaled && run && run.ready >= least && !off) return { state: "scaling", run };
    if (externalApplied !== undefined) return { state: "pending" };
    return { state: "pending", isUnshown: true, ...(run && { run }) };
  }
  if (off) {
    if (!runs) return { state: isTrusted ? "disabled" : "unlooked" };
    return { state: run ? "disabling" : "disabled" };
  }
  const isMarked = wasHealthy || !!dtHealthy;
  if (!isMarked && !isScaled) return { state: "progressing", ...(run && { run }) };
  if (!runs) return { state: isTrusted ? "healthy" : "unlooked" };
  // dtHealthy is a moment, not a level: the runs show what is ready now.
  if (run && run.ready >= least) return { state: "healthy", run };
  return { state: isMarked ? "degraded" : "progressing", ...(run && { run }) };
}

/**
 * The run that a spec is assessed by is put first. No answer names the spec of a run, and that the newest comes first is an
 * inference (deployments.md section 8): a run without an instance since the spec was applied is of another one, where its
 * template has not run right before and another run has one. Of what was healthy the most instances count, else the newest run.
 */
export function assessedFirst(
  runs: readonly Run[],
  { id, externalApplied, dtHealthy }: Pick<StoredSpec, "id" | "externalApplied" | "dtHealthy">,
  head: Rollout | undefined,
): readonly Run[] {
  if (runs.length < 2) return runs;
  const ranBefore = head?.scaled ?? (head?.healthyReplicas !== undefined || head?.startedAt !== undefined);
  const from = ranBefore ? undefined : millis(externalApplied);
  const isOlder = ({ newestAt }: Run) =>
    Number(from !== undefined && newestAt !== undefined && newestAt < from);
  const isHealthy = !!dtHealthy || (head?.specId === id && isServing(head));
  const rank = isHealthy
    ? ({ ready }: Run) => ready
    : ({ replicas, newestAt = replicas > 0 ? Number.POSITIVE_INFINITY : 0 }: Run) => newestAt;
  return runs.toSorted((a, b) => isOlder(a) - isOlder(b) || compared(rank(b), rank(a)));
}

function compared(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/** Whether runs have to be read anew where they may be this many milliseconds old. */
export function areStale(runs: DeploymentObservation["runs"], mostMs: number): boolean {
  return !runs || runs.ageMs >= mostMs * STALE_FRACTION;
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

/** Templates that are remembered, and earlier specs of each. */
const KEPT = 10;
const KEPT_SPECS = 20;

/**
 * The history with one more. What is of the newest template is the same entry with another number, what was never seen is
 * replaced, and what was still under way is over.
 */
export function pushed(history: readonly Rollout[], sent: Rollout): Rollout[] {
  const [head, ...older] = history;
  if (!head) return [continuing(sent, [])];
  if (isOfTemplate(head, sent)) return newest([merged(continuing(sent, history), head), ...older]);
  const seen = lastSeen(head);
  if (!seen) return pushed(older, sent);
  const over = seen.outcome === "Progressing" ? ended(seen, "Superseded", Date.parse(sent.sentAt)) : seen;
  return newest([continuing(sent, history), over, ...older]);
}

/** An autoscaler fills no history: of the numbers before only the specs are kept, which late reads may still show. */
function merged(entry: Rollout, { specId, replaces, filled, earlier = [] }: Rollout): Rollout {
  const isSame = specId === undefined || specId === entry.specId;
  const known = isSame ? earlier : [{ specId, ...(replaces !== undefined && { replaces }) }, ...earlier];
  return {
    ...(filled && { filled }),
    ...entry,
    ...(known.length > 0 && { earlier: known.slice(0, KEPT_SPECS) }),
  };
}

/** As Paperspace has had it last; undefined where it never had it. */
function lastSeen(rollout: Rollout): Rollout | undefined {
  if (rollout.specId !== undefined) return rollout;
  const [last, ...earlier] = rollout.earlier ?? [];
  return last && { ...rollout, specId: last.specId, ...(earlier.length > 0 && { earlier }) };
}

/** Ids of the specs that it had and that it replaced. */
export function specIdsOf({ specId, replaces, earlier = [] }: Rollout): (string | undefined)[] {
  return [specId, replaces, ...earlier.flatMap((one) => [one.specId, one.replaces])];
}

/**
 * The same template again, with another number or put back: what was seen of it, and since when it is awaited, holds on.
 * One that was healthy and is declared again after another one is known to be good, too.
 */
function continuing(sent: Rollout, [before, ...older]: readonly Rollout[]): Rollout {
  const { scaled = false, ...entry } = sent;
  if (!before || !isOfTemplate(before, entry)) {
    const good = entry.rollback ? undefined : older.find((one) => isProven(one) && isOfTemplate(one, entry));
    return good ? { ...entry, healthyAt: good.healthyAt ?? provenSince(good) } : entry;
  }
  const { startedAt = before.sentAt, healthyAt = provenSince(before) } = before;
  const isMoved = before.machineType !== undefined && before.machineType !== entry.machineType;
  if (healthyAt !== undefined) {
    const healthyReplicas = isMoved ? undefined : healthyNumber(before);
    return {
      ...entry,
      healthyAt,
      ...(healthyReplicas !== undefined && { healthyReplicas }),
      ...(scaled && isServing(before) && { scaled }),
    };
  }
  // Its instances are waited for anew.
  if (isMoved) return entry;
  // While it is switched off nothing is awaited of it: that time does not count, and the time before it does.
  const offMs = isOn(before) ? 0 : Date.parse(entry.sentAt) - Date.parse(before.sentAt);
  return { ...entry, startedAt: offMs > 0 ? toTime(Date.parse(startedAt) + offMs) : startedAt };
}

function provenSince({ outcome, finishedAt, sentAt }: Rollout): string | undefined {
  return outcome === "Healthy" ? (finishedAt ?? sentAt) : undefined;
}

/** With which it was healthy since it was switched on. */
function healthyNumber(rollout: Rollout): number | undefined {
  if (!isOn(rollout)) return undefined;
  return rollout.outcome === "Healthy" ? rollout.replicas : rollout.healthyReplicas;
}

/** It has not been healthy yet with as many instances, as where their number was raised. */
export function isGrowing({ outcome, replicas = 0, healthyReplicas = 0 }: Rollout): boolean {
  return outcome !== "Healthy" && replicas > healthyReplicas;
}

function isOn({ replicas, outcome }: Pick<Rollout, "replicas" | "outcome">): boolean {
  return replicas === undefined ? outcome !== "Disabled" : replicas > 0;
}

/** The last healthy one stays, and the last of another template: one of them is what is gone back to, however many follow. */
function newest(history: readonly Rollout[]): Rollout[] {
  const healthy = history.filter(isProven);
  const [last] = healthy;
  const kept = [last, healthy.find((one) => last && !isOfTemplate(one, last))];
  let others = KEPT - kept.filter((one) => one !== undefined).length;
  return history.filter((one) => kept.includes(one) || others-- > 0);
}

/** The newest healthy one of another template than the newest of all. */
export function lastHealthy([head, ...older]: readonly Rollout[]):
  | (Rollout & { specId: string })
  | undefined {
  const good = older.find((one) => isProven(one) && one.specId && head && !isOfTemplate(one, head));
  return good?.specId === undefined ? undefined : { ...good, specId: good.specId };
}

/** What an entry in the history says of a configuration that was sent. */
export function sentOf({
  hash,
  template,
  config,
  secrets,
}: Target): Pick<Rollout, "hash" | "template" | "replicas" | "machineType" | "secrets"> {
  const { machineType } = config.resources;
  const replicas = isOff({ config }) ? 0 : config.resources.replicas;
  return { hash, template, replicas, machineType, ...(secrets.length > 0 && { secrets: [...secrets] }) };
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
