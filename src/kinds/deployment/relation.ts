/**
 * Second phase of a pass: what the shown spec is to us. For seconds after an upsert the old one is still read, with its
 * dtHealthy (deployments.md section 10, traps): only what is ours may be judged, and only another one is replaced. Pure.
 */

import { toTime } from "../../kube/objects.ts";
import { isReadable } from "../../paperspace/answers.ts";
import type { Change } from "../../reconcile/change.ts";
import { ageOfTime, needFacts, noStep, requeueAfter, untilLook } from "../../reconcile/decision.ts";
import { REASON as SHARED } from "../../reconcile/reasons.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import { additions, differences, differencesBeyondScaling, leavesIn } from "./compare.ts";
import {
  type DeploymentDecision,
  type DeploymentLimits,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
  FACT,
  type Target,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import { gitOriginOf, pushed, sentOf } from "./rollout.ts";
import {
  asSentIn,
  formerLeaves,
  holds,
  isKnown,
  isOnlyAnswer,
  mayReadLate,
  ownSpec,
  type SentSpecs,
  showTimes,
  specsSince,
  takenAt,
} from "./sent-specs.ts";
import { classifyExtras } from "./server-defaults.ts";
import { learntFromAnswer, namesOf, withoutDisproved } from "./stored-as.ts";
import type { ChosenTarget } from "./target.ts";
import type { Rollout } from "./types.ts";

export type RelationResult =
  /** The newest rollout's own, or one that means the same. `memory` has its id. */
  | { kind: "ours" | "same"; latest: StoredSpec; memory: DeploymentMemory }
  /** What was sent does not show yet, or former specs have to be fetched first. */
  | { kind: "unknown"; decision: DeploymentDecision }
  /** What was sent is shown as no valid configuration (latestSpec null, deployments.md section 6). */
  | { kind: "refused" }
  /** Another configuration, or another name, than is to run. `memory`: with what the history of specs showed. */
  | { kind: "other"; changes: readonly Change[]; memory?: DeploymentMemory };

/** The shown spec is of our own rollout. */
export type OwnSpec = Extract<RelationResult, { kind: "ours" | "same" }>;

export function relationTo(
  choice: Pick<ChosenTarget, "target" | "isShown">,
  observation: DeploymentObservation,
  deployment: Deployment,
): RelationResult {
  const { target, isShown } = choice;
  const unreadable = undecidable(deployment);
  if (unreadable.length > 0) return unknown(observation, unreadable);
  const { name: from, latestSpec: latest } = deployment;
  const { memory, now, limits, name: to } = observation;
  if (observation.shownEmptyOnce) return { kind: "unknown", decision: noStep({ kind: "Unknown" }, memory) };
  const [head] = memory.history;
  if (isShown && latest) return { kind: "ours", latest, memory };
  const relation = relate(memory, latest, target, now, limits);
  if (relation.kind === "unseen") return unseen(observation);
  if (!latest && head?.hash === target.hash && head.specId === undefined) return { kind: "refused" };
  if (relation.kind === "other") {
    const known = latest ? answered(observation, latest, target, relation) : relation;
    return known.kind === "known"
      ? relationTo(choice, { ...observation, memory: known.memory }, deployment)
      : known;
  }
  if (from === to && latest) return withExtras(observation, latest, target, relation);
  if (relation.kind === "ours" && head && mayReadLate(head, now, limits)) return unseen(observation);
  return { kind: "other", changes: [{ field: "name", from, to }] };
}

/** Fields that decide what is sent and how a rollout went, and that cannot be read: unknown, which is neither null nor "". */
export function undecidable(deployment: Deployment): string[] {
  const { latestSpec } = deployment;
  return [
    ...["name", "latestSpec"].filter((field) => !isReadable(deployment, field)),
    // Not shown is not the same as none, which is null.
    ...(latestSpec === undefined && isReadable(deployment, "latestSpec") ? ["latestSpec"] : []),
    ...(latestSpec?.unreadable ?? []).map((field) => `latestSpec.${field}`),
  ];
}

function unknown({ memory }: DeploymentObservation, fields: readonly string[]): RelationResult {
  const message = `Paperspace shows ${fields.join(", ")} of the deployment in a form that cannot be read; nothing is sent until it can be`;
  return {
    kind: "unknown",
    decision: noStep({ kind: "Retry", reason: SHARED.ApiUnavailable, message }, memory),
  };
}

/** Of before our upsert, which may just not show yet. */
function unseen(observation: DeploymentObservation): RelationResult {
  return awaited(observation, "Paperspace still shows the one before it");
}

function awaited(observation: DeploymentObservation, what: string): RelationResult {
  const { memory, limits } = observation;
  const [head] = memory.history;
  if (!head) return { kind: "unknown", decision: noStep({ kind: "Unknown" }, memory) };
  const message = `the configuration was sent at ${head.sentAt}; ${what}`;
  const afterMs = untilLook(observation, showTimes(head, limits));
  return { kind: "unknown", decision: requeueAfter(memory, REASON.Deploying, message, afterMs) };
}

type Other = Extract<Relation, { kind: "other" }>;

/** What the history of specs shows of an upsert whose spec was not recognised. `known`: it is, by what it taught. */
function answered(
  observation: DeploymentObservation,
  latest: StoredSpec,
  target: Target,
  relation: Other,
): RelationResult | { kind: "known"; memory: DeploymentMemory } {
  const { memory, now, limits, readErrors } = observation;
  const [head] = memory.history;
  if (!head || head.specId !== undefined) return relation;
  const isOlder = isKnown(memory.history, latest.id);
  const isSettled = ageOfTime(takenAt(head), now) >= limits.settleMs;
  if (head.answeredAt === undefined) {
    // What shows is another actor's, or late: reads show by now whether it came.
    if (!isOlder || isSettled) return relation;
    const specs = specsReadSince(observation, Date.parse(head.sentAt) + limits.resendMs);
    if (!specs) return unlooked("unlooked", observation);
    return ownSpec({ head, memory, target, specs }) ? unseen(observation) : relation;
  }
  // A name is no part of what was sent last: it may be declared since.
  const isTarget = head.hash === target.hash && relation.changes.some(({ field }) => field !== "name");
  if (!isTarget || (isOlder && latest.id !== head.replaces)) return relation;
  const since = isSettled ? Date.parse(head.answeredAt) + limits.settleMs : Number.NEGATIVE_INFINITY;
  const specs = specsReadSince(observation, since);
  if (!specs) return isSettled && readErrors[FACT.specs] ? relation : unlooked("unlooked", observation);
  return shownOtherwise({ head, memory, target, specs }, latest, relation, observation);
}

/** By the history: another actor's edit after ours is put back at once, and what may be ours is waited for. */
function shownOtherwise(
  sent: SentSpecs,
  latest: StoredSpec,
  relation: Other,
  observation: DeploymentObservation,
): RelationResult | { kind: "known"; memory: DeploymentMemory } {
  const { head, specs } = sent;
  const { memory } = observation;
  const isLate = mayReadLate(head, observation.now, observation.limits);
  const at = specs.findIndex(({ id }) => id === latest.id);
  if (at < 0) return isLate ? unlooked("stale", observation) : relation;
  const own = ownSpec(sent);
  if (own) {
    if (specs.findIndex(({ id }) => id === own.id) < at) return isLate ? unseen(observation) : relation;
    const { id: specId, filled } = own;
    const bound = { ...head, specId, ...(filled.length > 0 && { filled }) };
    return { ...relation, memory: { ...memory, history: [bound, ...memory.history.slice(1)] } };
  }
  const since = specsSince(sent);
  if (isLate && since?.length === 1) {
    const { deadline } = showTimes(head, observation.limits);
    const fields = namesOf(relation.changes.map(({ field }) => field));
    return awaited(observation, `Paperspace shows another ${fields}. By ${deadline} it shows whose that is`);
  }
  if (isLate || !isOnlyAnswer(sent, latest, observation.limits)) return relation;
  const { replaces } = head;
  const answer = { id: latest.id, replaces };
  const storedAs = learntFromAnswer(memory.storedAs, relation.changes, answer, formerLeaves(sent, latest));
  if (!storedAs) return relation;
  const taught = { ...memory, storedAs };
  const isCertain = storedAs.every(({ specId }) => specId !== latest.id);
  return isCertain ? { kind: "known", memory: taught } : { ...relation, memory: taught };
}

/** Undefined where they are to be read: since this time, by the wall clock. */
function specsReadSince(
  { specs, specsAgeMs = Number.POSITIVE_INFINITY, now }: DeploymentObservation,
  time: number,
): readonly StoredSpec[] | undefined {
  return specs && now - specsAgeMs >= time ? specs : undefined;
}

/** Where more stands in our newest upsert's spec than was sent, their origin decides: the API or another actor. */
function withExtras(
  observation: DeploymentObservation,
  latest: StoredSpec,
  target: Target,
  relation: Extract<Relation, { kind: "ours" | "same" }>,
): RelationResult {
  const { memory, specs } = observation;
  const [head] = memory.history;
  if (relation.kind === "ours" && head?.specId === undefined) {
    const extra = classifyExtras(memory, latest, relation.filled, target, specs);
    if (extra.state === "changed") return { kind: "other", changes: extra.changes };
    if (extra.state !== "filled") return unlooked(extra.state, observation);
  }
  const history = bound(observation, latest, target, relation);
  const stored = relation.kind === "ours" ? leavesIn(latest.data) : undefined;
  const { storedAs } = memory;
  if (!stored || !storedAs) return { kind: relation.kind, latest, memory: { ...memory, history } };
  const kept = withoutDisproved(storedAs, target.leaves, stored);
  return { kind: relation.kind, latest, memory: { ...memory, history, storedAs: kept } };
}

function unlooked(state: "unlooked" | "stale", observation: DeploymentObservation): RelationResult {
  const { memory, limits } = observation;
  const decision =
    state === "unlooked"
      ? needFacts<DeploymentStep, DeploymentMemory>(observation, memory, [FACT.specs])
      : requeueAfter<DeploymentStep, DeploymentMemory>(
          memory,
          REASON.Deploying,
          "its former specs are being looked at",
          limits.lookMs,
        );
  return { kind: "unknown", decision };
}

/** The shown spec is the newest rollout's from now on, or a rollout of its own that this object did not send. */
function bound(
  { memory: { history }, now, generation, spec }: DeploymentObservation,
  latest: StoredSpec,
  target: Target,
  relation: Extract<Relation, { kind: "ours" | "same" }>,
): readonly Rollout[] {
  const [head, ...older] = history;
  const { filled } = relation;
  const seen = { specId: latest.id, ...(filled.length > 0 && { filled: [...filled] }) };
  if (relation.kind === "ours" && head) {
    const noted = noting(head, target);
    if (head.specId !== latest.id) return [{ ...noted, ...seen }, ...older];
    return noted === head ? history : [noted, ...older];
  }
  const begun = { ...sentOf(target), generation, sentAt: toTime(now), outcome: "Progressing" as const };
  return pushed(history, { ...begun, ...seen, ...gitOriginOf(spec) });
}

/** What an earlier version of the operator did not note of a configuration that it sent. */
function noting(head: Rollout, target: Target): Rollout {
  if (head.template !== undefined || head.hash !== target.hash) return head;
  const { template, replicas } = sentOf(target);
  return { ...head, ...(template && { template }), ...(replicas !== undefined && { replicas }) };
}

/** What the shown spec is by its id and its content. */
export type Relation =
  /** The newest rollout's own. `filled`: what the API filled in. */
  | { kind: "ours"; filled: readonly string[] }
  /** Not seen before, and it means the same: there is nothing to send. */
  | { kind: "same"; filled: readonly string[] }
  /** Of before our upsert, which may just not show yet. */
  | { kind: "unseen" }
  /** Another configuration than is to run. */
  | { kind: "other"; changes: Change[] };

export function relate(
  { history, storedAs }: Pick<DeploymentMemory, "history" | "storedAs">,
  latest: StoredSpec | null | undefined,
  target: Pick<Target, "hash" | "leaves">,
  now: number,
  limits: Pick<DeploymentLimits, "resendMs" | "settleMs">,
): Relation {
  const [head] = history;
  const awaited = head !== undefined && head.specId === undefined && head.hash === target.hash;
  if (!latest) {
    // No spec is none of before: what was sent is late, or it is not valid.
    const isYoung = head !== undefined && ageOfTime(takenAt(head), now) < limits.resendMs;
    return isYoung ? { kind: "unseen" } : { kind: "other", changes: [] };
  }
  const leaves = asSentIn(latest.data, { target, memory: { history, storedAs } });
  const filled = filledIn(history, latest);
  const isOlder = isKnown(history, latest.id);
  if (awaited && !isOlder && (!leaves || holds(leaves, target.leaves)))
    return { kind: "ours", filled: leaves ? additions(target.leaves, leaves) : [] };
  // What cannot be read cannot be compared: then only its id decides.
  // Where this was sent last, another number is one that the vendor's autoscaler chose.
  const differing = !awaited && head?.hash === target.hash ? differencesBeyondScaling : differences;
  const changes = leaves ? differing(target.leaves, leaves, filled) : [];
  const isOwn = head?.specId === latest.id;
  const isAsWanted = leaves ? changes.length === 0 : isOwn && head.hash === target.hash;
  // Whatever is in it: of before our upsert it proves nothing, except where the API kept the spec for the same content.
  const isKept = awaited && isAsWanted && latest.id === head.replaces;
  if (isOlder && !isOwn && head && mayReadLate(head, now, limits) && !isKept) return { kind: "unseen" };
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
