/**
 * The life of a deployment that is there: is the spec's configuration what Paperspace has, how far is its rollout, and
 * is it time to go back to the last healthy one. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import { ageOfTime, needFacts, noStep, OBSERVE, stalled, wait } from "../../reconcile/decision.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import { hashOf, leavesOf } from "./compare.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DesiredTarget,
  FACT,
  type Target,
} from "./observation.ts";
import { occupied, preparation } from "./preparation.ts";
import { REASON } from "./reasons.ts";
import { concluded, pushed, type Relation, relate } from "./rollout.ts";
import { assessRollout, refused } from "./rollout-health.ts";
import { classifyExtras } from "./server-defaults.ts";
import { asV1, readConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

export function life(observation: DeploymentObservation, deployment: Deployment): DeploymentDecision {
  const { recheckMs, requests, desired } = observation;
  const memory = pruneMemory(observation.memory);
  if (requests.restart !== undefined || requests.start !== undefined)
    return act(
      { do: "handle", requests, note: "a deployment is not started or restarted by annotation" },
      memory,
    );
  if (desired.state === "unknown") return noStep(desired.readError ?? { kind: "Unknown" }, memory);
  if (desired.state === "missing") return stalled(memory, desired.reason, desired.message, recheckMs);
  return onTarget(observation, deployment, desired, memory);
}

/** Memory without what is over: going back ends when the spec, or the wish to go back, changes. */
function pruneMemory({ rolledBack, operation, ...memory }: DeploymentMemory): DeploymentMemory {
  return {
    ...memory,
    ...(operation?.intent === OBSERVE && { operation }),
    ...(rolledBack && { rolledBack }),
  };
}

function onTarget(
  observation: DeploymentObservation,
  deployment: Deployment,
  desired: DesiredTarget,
  before: DeploymentMemory,
): DeploymentDecision {
  const { spec } = observation;
  const { rolledBack, ...others } = before;
  const goesBack = rolledBack && rolledBack.hash === desired.hash && spec.rollback === "OnFailure";
  const memory = goesBack ? before : others;
  if (!goesBack) return compared(observation, deployment, desired, desired, memory);
  const latest = deployment.latestSpec;
  const [head] = memory.history;
  if (latest && head?.rollback && head.specId === latest.id && deployment.name === observation.name)
    return assessRollout(observation, latest, { ...desired, hash: head.hash }, desired, memory);
  const target = former(observation, rolledBack.to, desired);
  if (target === "unknown") return needFacts(observation, memory, [FACT.specs]);
  if (target !== "lost") return compared(observation, deployment, target, desired, memory);
  // What failed is what runs then, and it may come about late.
  const late = compared(observation, deployment, desired, desired, others);
  const { step } = late;
  if (step.do === "none" ? step.outcome.kind === "Done" : step.do === "dropSecret") return late;
  const message = `${rolledBack.message}. Paperspace does not know the last healthy configuration (spec ${rolledBack.to}) any more, so there is no going back: correct the spec`;
  return {
    ...(stalled(memory, REASON.RollbackFailed, message, observation.recheckMs) as DeploymentDecision),
    needs: late.needs ?? [],
  };
}

/** The configuration of a former spec, under the name that is declared now. */
function former(
  { specs, memory, name }: DeploymentObservation,
  id: string,
  desired: DesiredTarget,
): Target | "unknown" | "lost" {
  if (!specs) return "unknown";
  const stored = readConfig(specs.find((spec) => spec.id === id)?.data);
  if (!stored) return "lost";
  const config = { ...asV1(stored), name };
  const leaves = leavesOf(config);
  // Its own hash, by which the history knows it: what was filled in since is no part of that.
  const { hash = hashOf(leaves), secrets = [] } = sentAs(memory.history, id) ?? {};
  return hash === desired.hash ? desired : { config, leaves, hash, secrets };
}

/** What is gone back to, as the history knows it: from when it was sent first, or else when it was put back. */
function sentAs(history: readonly Rollout[], id: string): Rollout | undefined {
  return history.find(({ specId }) => specId === id) ?? history.find(({ rollback }) => rollback);
}

function compared(
  observation: DeploymentObservation,
  deployment: Deployment,
  target: Target,
  desired: DesiredTarget,
  memory: DeploymentMemory,
): DeploymentDecision {
  const { now, limits } = observation;
  const { latestSpec } = deployment;
  const relation = relate(memory.history, latestSpec, target, now, limits.resendMs);
  if (
    relation.kind === "unseen" ||
    (relation.kind === "ours" && deployment.name !== observation.name && isYoung(observation))
  ) {
    const [head] = memory.history;
    const message = `the configuration was sent at ${head?.sentAt}; Paperspace still shows the one before it`;
    return wait(memory, REASON.Deploying, message, limits.lookMs);
  }
  const [head] = memory.history;
  if (!latestSpec && head?.hash === target.hash && head.specId === undefined)
    return refused(observation, target, desired, memory, INVALID);
  if (relation.kind === "other" || !latestSpec || deployment.name !== observation.name)
    return deploying(observation, deployment, target, memory, relation);
  if (relation.kind === "ours" && head?.specId === undefined) {
    const extra = classifyExtras(memory.history, latestSpec, relation.filled, target, observation.specs);
    if (extra.state === "unlooked") return needFacts(observation, memory, [FACT.specs]);
    if (extra.state === "stale")
      return wait(memory, REASON.Deploying, "its former specs are being looked at", limits.lookMs);
    if (extra.state === "changed")
      return deploying(observation, deployment, target, memory, { kind: "other", changes: extra.changes });
  }
  const seen = { ...memory, history: bound(observation, latestSpec, target, relation) };
  return complete(observation, deployment, latestSpec, target, desired, seen);
}

/**
 * The project secrets that it names are part of it: one that somebody took away is put back. What was rejected for want
 * of one is sent again then, once.
 */
function complete(
  observation: DeploymentObservation,
  deployment: Deployment,
  latest: StoredSpec,
  target: Target,
  desired: DesiredTarget,
  memory: DeploymentMemory,
): DeploymentDecision {
  const { projectSecrets, secretsDue } = observation;
  // Values of former secrets may not be known any more.
  if (target.hash !== desired.hash) return assessRollout(observation, latest, target, desired, memory);
  const isRejected = !latest.externalApplied && !!latest.error;
  if (projectSecrets && target.secrets.some((name) => !projectSecrets.includes(name))) {
    const history = isRejected ? concluded(memory.history, "Superseded", observation.now) : memory.history;
    const decision = preparation(observation, target, { ...memory, history });
    if (decision) return decision;
  }
  if (isRejected && memory.history[0]?.outcome === "Superseded")
    return deploying(observation, deployment, target, memory, { kind: "other", changes: [] });
  const decision = assessRollout(observation, latest, target, desired, memory);
  const isDue = target.secrets.length > 0 && !projectSecrets && (secretsDue || isRejected);
  return isDue ? { ...decision, needs: [...(decision.needs ?? []), FACT.projectSecrets] } : decision;
}

function isYoung({ memory, now, limits }: DeploymentObservation): boolean {
  const [head] = memory.history;
  return head !== undefined && ageOfTime(head.sentAt, now) < limits.resendMs;
}

/** The shown spec is the newest rollout's from now on, or a rollout of its own that nobody of us sent. */
function bound(
  { memory: { history }, now, generation, spec }: DeploymentObservation,
  latest: StoredSpec,
  { hash, secrets }: Target,
  relation: Extract<Relation, { kind: "ours" | "same" }>,
): readonly Rollout[] {
  const [head, ...older] = history;
  const { filled } = relation;
  const seen = { specId: latest.id, ...(filled.length > 0 && { filled: [...filled] }) };
  if (relation.kind === "ours" && head)
    return head.specId === latest.id ? history : [{ ...head, ...seen }, ...older];
  const outcome = "Progressing" as const;
  const entry = {
    hash,
    generation,
    sentAt: toTime(now),
    outcome,
    ...seen,
    ...used(secrets),
    ...origin(spec),
  };
  return pushed(history, entry);
}

/** What of an entry in the history tells which secrets it needs. */
export function used(secrets: readonly string[]): { secrets?: string[] } {
  return secrets.length > 0 ? { secrets: [...secrets] } : {};
}

/** Where the configuration comes from; the schema lets only whole sets in. */
export function origin({ git }: DeploymentObservation["spec"]): Pick<Rollout, "git"> {
  return git ? { git: git as NonNullable<Rollout["git"]> } : {};
}

function deploying(
  observation: DeploymentObservation,
  deployment: Deployment,
  target: Target,
  memory: DeploymentMemory,
  relation: Relation,
): DeploymentDecision {
  const { name } = observation;
  const inTheWay = deployment.name === name ? undefined : occupied(observation, memory, deployment.id);
  if (inTheWay) return inTheWay;
  const replaces = deployment.latestSpec?.id;
  const changes =
    relation.kind === "other" ? relation.changes : [{ field: "name", from: deployment.name, to: name }];
  const { rolledBack, history } = memory;
  // What goes back bears the origin that it had.
  const from = rolledBack ? sentAs(history, rolledBack.to) : origin(observation.spec);
  const step = {
    do: "deploy",
    of: target.hash,
    target,
    changes,
    deployment,
    rollback: rolledBack !== undefined,
    ...(from?.git && { git: from.git }),
    ...(replaces !== undefined && { replaces }),
  } as const;
  // Its secrets were put when it was sent first; their values may not be known any more.
  const missing = rolledBack ? undefined : preparation(observation, target, memory);
  return missing ?? act(step, memory);
}

/** latestSpec is null where what is stored is no valid configuration (deployments.md section 6). */
const INVALID = "Paperspace took the configuration, and shows none: it calls what is stored invalid";
