/**
 * The life of a deployment that is there: is the spec's configuration what Paperspace has, how far is its rollout, and
 * is it time to go back to the last healthy one. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import { ageOfTime, lacking, OBSERVE, rest, stalled, wait } from "../../reconcile/decision.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import { hashOf, leavesOf } from "./compare.ts";
import {
  ASK,
  act,
  type Choice,
  type DeploymentMemory,
  type DeploymentView,
  type Known,
  type Target,
} from "./observation.ts";
import { occupied, preparation } from "./preparation.ts";
import { REASON } from "./reasons.ts";
import { concluded, pushed, type Relation, relate } from "./rollout.ts";
import { judged, refused } from "./rollout-health.ts";
import { extraOf } from "./server-defaults.ts";
import { asV1, readConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

export function life(view: DeploymentView, deployment: Deployment): Choice {
  const { recheckMs, requests, wanted } = view;
  const memory = awake(view.memory);
  if (requests.restart !== undefined || requests.start !== undefined)
    return act(
      { do: "handle", requests, note: "a deployment is not started or restarted by annotation" },
      memory,
    );
  if (wanted.state === "unknown") return rest(wanted.trouble ?? { kind: "Unknown" }, memory);
  if (wanted.state === "missing") return stalled(memory, wanted.reason, wanted.message, recheckMs);
  return onTarget(view, deployment, wanted, memory);
}

/** Memory without what is over: going back ends when the spec, or the wish to go back, changes. */
function awake({ rolledBack, operation, ...memory }: DeploymentMemory): DeploymentMemory {
  return {
    ...memory,
    ...(operation?.intent === OBSERVE && { operation }),
    ...(rolledBack && { rolledBack }),
  };
}

function onTarget(
  view: DeploymentView,
  deployment: Deployment,
  wanted: Known,
  before: DeploymentMemory,
): Choice {
  const { spec } = view;
  const { rolledBack, ...others } = before;
  const goesBack = rolledBack && rolledBack.hash === wanted.hash && spec.rollback === "OnFailure";
  const memory = goesBack ? before : others;
  if (!goesBack) return compared(view, deployment, wanted, wanted, memory);
  const latest = deployment.latestSpec;
  const [head] = memory.history;
  if (latest && head?.rollback && head.specId === latest.id && deployment.name === view.name)
    return judged(view, latest, { ...wanted, hash: head.hash }, wanted, memory);
  const target = former(view, rolledBack.to, wanted);
  if (target === "unknown") return lacking(view, memory, [ASK.specs]);
  if (target !== "lost") return compared(view, deployment, target, wanted, memory);
  // What failed is what runs then, and it may come about late.
  const late = compared(view, deployment, wanted, wanted, others);
  const { step } = late;
  if (step.do === "rest" ? step.outcome.kind === "Done" : step.do === "dropSecret") return late;
  const message = `${rolledBack.message}. Paperspace does not know the last healthy configuration (spec ${rolledBack.to}) any more, so there is no going back: correct the spec`;
  return {
    ...(stalled(memory, REASON.RollbackFailed, message, view.recheckMs) as Choice),
    asks: late.asks ?? [],
  };
}

/** The configuration of a former spec, under the name that is declared now. */
function former(
  { specs, memory, name }: DeploymentView,
  id: string,
  wanted: Known,
): Target | "unknown" | "lost" {
  if (!specs) return "unknown";
  const stored = readConfig(specs.find((spec) => spec.id === id)?.data);
  if (!stored) return "lost";
  const config = { ...asV1(stored), name };
  const leaves = leavesOf(config);
  // Its own hash, by which the history knows it: what was filled in since is no part of that.
  const { hash = hashOf(leaves), secrets = [] } = sentAs(memory.history, id) ?? {};
  return hash === wanted.hash ? wanted : { config, leaves, hash, secrets };
}

/** What is gone back to, as the history knows it: from when it was sent first, or else when it was put back. */
function sentAs(history: readonly Rollout[], id: string): Rollout | undefined {
  return history.find(({ specId }) => specId === id) ?? history.find(({ rollback }) => rollback);
}

function compared(
  view: DeploymentView,
  deployment: Deployment,
  target: Target,
  wanted: Known,
  memory: DeploymentMemory,
): Choice {
  const { now, limits } = view;
  const { latestSpec } = deployment;
  const relation = relate(memory.history, latestSpec, target, now, limits.resendMs);
  if (
    relation.kind === "unseen" ||
    (relation.kind === "ours" && deployment.name !== view.name && isYoung(view))
  ) {
    const [head] = memory.history;
    const message = `the configuration was sent at ${head?.sentAt}; Paperspace still shows the one before it`;
    return wait(memory, REASON.Deploying, message, limits.lookMs);
  }
  const [head] = memory.history;
  if (!latestSpec && head?.hash === target.hash && head.specId === undefined)
    return refused(view, target, wanted, memory, INVALID);
  if (relation.kind === "other" || !latestSpec || deployment.name !== view.name)
    return deploying(view, deployment, target, memory, relation);
  if (relation.kind === "ours" && head?.specId === undefined) {
    const extra = extraOf(memory.history, latestSpec, relation.filled, target, view.specs);
    if (extra.state === "unlooked") return lacking(view, memory, [ASK.specs]);
    if (extra.state === "stale")
      return wait(memory, REASON.Deploying, "its former specs are being looked at", limits.lookMs);
    if (extra.state === "changed")
      return deploying(view, deployment, target, memory, { kind: "other", changes: extra.changes });
  }
  const seen = { ...memory, history: bound(view, latestSpec, target, relation) };
  return complete(view, deployment, latestSpec, target, wanted, seen);
}

/**
 * The project secrets that it names are part of it: one that somebody took away is put back. What was rejected for want
 * of one is sent again then, once.
 */
function complete(
  view: DeploymentView,
  deployment: Deployment,
  latest: StoredSpec,
  target: Target,
  wanted: Known,
  memory: DeploymentMemory,
): Choice {
  const { projectSecrets, secretsDue } = view;
  // Values of former secrets may not be known any more.
  if (target.hash !== wanted.hash) return judged(view, latest, target, wanted, memory);
  const isRejected = !latest.externalApplied && !!latest.error;
  if (projectSecrets && target.secrets.some((name) => !projectSecrets.includes(name))) {
    const history = isRejected ? concluded(memory.history, "Superseded", view.now) : memory.history;
    const choice = preparation(view, target, { ...memory, history });
    if (choice) return choice;
  }
  if (isRejected && memory.history[0]?.outcome === "Superseded")
    return deploying(view, deployment, target, memory, { kind: "other", changes: [] });
  const choice = judged(view, latest, target, wanted, memory);
  const isDue = target.secrets.length > 0 && !projectSecrets && (secretsDue || isRejected);
  return isDue ? { ...choice, asks: [...(choice.asks ?? []), ASK.projectSecrets] } : choice;
}

function isYoung({ memory, now, limits }: DeploymentView): boolean {
  const [head] = memory.history;
  return head !== undefined && ageOfTime(head.sentAt, now) < limits.resendMs;
}

/** The shown spec is the newest rollout's from now on, or a rollout of its own that nobody of us sent. */
function bound(
  { memory: { history }, now, generation, spec }: DeploymentView,
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
export function origin({ git }: DeploymentView["spec"]): Pick<Rollout, "git"> {
  return git ? { git: git as NonNullable<Rollout["git"]> } : {};
}

function deploying(
  view: DeploymentView,
  deployment: Deployment,
  target: Target,
  memory: DeploymentMemory,
  relation: Relation,
): Choice {
  const { name } = view;
  const inTheWay = deployment.name === name ? undefined : occupied(view, memory, deployment.id);
  if (inTheWay) return inTheWay;
  const replaces = deployment.latestSpec?.id;
  const changes =
    relation.kind === "other" ? relation.changes : [{ field: "name", from: deployment.name, to: name }];
  const { rolledBack, history } = memory;
  // What goes back bears the origin that it had.
  const from = rolledBack ? sentAs(history, rolledBack.to) : origin(view.spec);
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
  const missing = rolledBack ? undefined : preparation(view, target, memory);
  return missing ?? act(step, memory);
}

/** latestSpec is null where what is stored is no valid configuration (deployments.md section 6). */
const INVALID = "Paperspace took the configuration, and shows none: it calls what is stored invalid";
