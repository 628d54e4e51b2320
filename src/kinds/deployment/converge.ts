/**
 * The straight pass over a deployment that is there and at rest: target, relation, health, prerequisites, then at most
 * one step. Each phase is a file of its own and returns a value; the plan and `Synced` are made of the same values. Pure.
 */
import { type Change, describe } from "../../reconcile/change.ts";
import { needFacts, stalled } from "../../reconcile/decision.ts";
import { isRequested } from "../../reconcile/record.ts";
import type { Deployment } from "./api.ts";
import { isScaling } from "./compare.ts";
import { type Health, healthOf } from "./health.ts";
import { unusedSecret } from "./leftovers.ts";
import {
  act,
  type Deploy,
  type DeploymentDecision,
  type DeploymentObservation,
  FACT,
} from "./observation.ts";
import { withoutCandidate } from "./placement/creation.ts";
import { keptCandidate } from "./placement/moving.ts";
import { type Prerequisites, toRun, toSend } from "./prerequisites.ts";
import { REASON } from "./reasons.ts";
import { type RelationResult, relationTo } from "./relation.ts";
import { type RolledBack, sentAs } from "./rollback.ts";
import { gitOriginOf } from "./rollout.ts";
import { isServed, readyMeanwhile } from "./scaling.ts";
import { type ChosenTarget, chooseTarget } from "./target.ts";

/** What the phases found, and what is decided by it. A phase is absent where an earlier one ended the pass. */
export interface Course {
  choice?: ChosenTarget;
  relation?: RelationResult;
  health?: Health;
  /** The upsert to send once its prerequisites are met. */
  deploy?: Deploy;
  prerequisites?: Prerequisites;
  decision: DeploymentDecision;
}

export function converge(
  observation: DeploymentObservation,
  { deployment }: { deployment: Deployment },
): DeploymentDecision {
  const { requests, memory, recheckMs } = observation;
  const misplaced = misplacement(observation, deployment);
  if (misplaced.length > 0) {
    const message = `${describe(misplaced)}: the project of a deployment cannot be changed. Put the old value back, or delete this object and apply it again`;
    return stalled(memory, REASON.Refused, message, recheckMs) as DeploymentDecision;
  }
  if (!isRequested(requests)) return courseOf(observation, deployment).decision;
  const note = "a deployment is not started, stopped or restarted by annotation";
  return act({ do: "handle", requests, note }, memory);
}

/** The project that is declared, where the deployment is in another one. */
export function misplacement(
  { spec: { projectId: to }, projectId }: DeploymentObservation,
  deployment: Pick<Deployment, "projectId">,
): Change[] {
  const from = deployment.projectId || projectId;
  return from === to ? [] : [{ field: "projectId", from, to }];
}

export function courseOf(observation: DeploymentObservation, deployment: Deployment): Course {
  const choice = chooseTarget(observation, deployment);
  if (choice.state === "unknown") return { decision: choice.decision };
  const course = towards(choice, withMemory(observation, choice), deployment);
  return choice.lost ? unlessDone(course, choice.lost, observation) : course;
}

/** Each phase works on the memory that the one before it returned. */
function towards(choice: ChosenTarget, chosen: DeploymentObservation, deployment: Deployment): Course {
  const relation = relationTo(choice, chosen, deployment);
  switch (relation.kind) {
    case "unknown":
      return { choice, relation, decision: awaiting(choice, chosen, deployment, relation.decision) };
    case "other": {
      const related = withMemory(chosen, relation);
      const unsent = choice.rolledBack
        ? undefined
        : (withoutCandidate(related) ?? keptCandidate(related, relation.changes));
      if (unsent) return { choice, relation, decision: unsent };
      return sending({ choice, relation }, related, deployment, relation.changes);
    }
    default: {
      const related = withMemory(chosen, relation);
      const health = healthOf(choice, relation, related);
      return health.state === "resend"
        ? sending({ choice, relation, health }, withMemory(related, health), deployment, [])
        : staying({ choice, relation, health }, related);
    }
  }
}

/** What was sent does not show yet. */
function awaiting(
  choice: ChosenTarget,
  observation: DeploymentObservation,
  { name }: Deployment,
  decision: DeploymentDecision,
): DeploymentDecision {
  const [head] = observation.memory.history;
  const isNumber = head?.scaled === true && head.hash === choice.target.hash && name === observation.name;
  return isNumber && isServed(choice, observation) ? readyMeanwhile(decision, observation) : decision;
}

/** Something is to be sent. What it replaces may name secrets of an object that is gone: they are this object's then. */
function sending(
  phases: { choice: ChosenTarget; relation: RelationResult; health?: Health },
  seen: DeploymentObservation,
  deployment: Deployment,
  changes: Deploy["changes"],
): Course {
  const { target, rolledBack } = phases.choice;
  const { inherited, specs, readErrors } = seen;
  if (inherited && !specs && !readErrors[FACT.specs])
    return { ...phases, decision: needFacts(seen, seen.memory, [FACT.specs]) };
  const secrets = [...new Set([...seen.memory.secrets, ...(inherited ?? [])])];
  const replaces = deployment.latestSpec?.id;
  const isNumber = deployment.name === seen.name && isScaling(changes);
  const history = scaling(seen.memory.history, target, replaces, changes);
  const memory = { ...seen.memory, history, ...(inherited && { secrets }) };
  const observation = { ...seen, memory };
  const { spec } = observation;
  // What is rolled back to bears the origin that it had.
  const from = rolledBack ? sentAs(history, rolledBack.to) : gitOriginOf(spec);
  const deploy: Deploy = {
    do: "deploy",
    of: target.hash,
    target,
    changes,
    deployment,
    rollback: rolledBack !== undefined,
    ...(from?.git && { git: from.git }),
    ...(replaces !== undefined && { replaces }),
    ...(isNumber && isServed(phases.choice, observation) && { isServed: true }),
  };
  const prerequisites = toSend(observation, target, { deployment, rolledBack });
  const decision = prerequisites.state === "met" ? act(deploy, memory) : prerequisites.decision;
  return { ...phases, deploy, prerequisites, decision };
}

/** An earlier version of the operator did not note the template of what is shown: it is this one where only the number differs. */
function scaling(
  history: DeploymentObservation["memory"]["history"],
  { template }: ChosenTarget["target"],
  shown: string | undefined,
  changes: Deploy["changes"],
): DeploymentObservation["memory"]["history"] {
  const [head, ...older] = history;
  const isNumber = isScaling(changes);
  if (!head || head.template !== undefined || head.specId !== shown || !isNumber) return history;
  return [{ ...head, template }, ...older];
}

/** What is shown is ours, and nothing is to be sent. */
function staying(
  phases: { choice: ChosenTarget; relation: RelationResult; health: Exclude<Health, { state: "resend" }> },
  observation: DeploymentObservation,
): Course {
  const { choice, relation, health } = phases;
  const prerequisites = toRun(observation, choice, relation);
  if (prerequisites.state !== "met") return { ...phases, prerequisites, decision: prerequisites.decision };
  const { needs = [] } = prerequisites;
  const reported = health.state === "healthy" ? concluding(health, choice, observation) : health.decision;
  const decision =
    needs.length > 0 ? { ...reported, needs: [...(reported.needs ?? []), ...needs] } : reported;
  return { ...phases, prerequisites, decision };
}

/** A project secret that nothing needs any more is dropped first. */
function concluding(
  { outcome, memory }: Extract<Health, { state: "healthy" }>,
  { desired }: ChosenTarget,
  observation: DeploymentObservation,
): DeploymentDecision {
  const of = unusedSecret({ ...observation, memory }, desired);
  return act(of === undefined ? { do: "none", outcome } : { do: "dropSecret", of, report: outcome }, memory);
}

/** What failed is what runs then, and it may come about late. */
function unlessDone(course: Course, lost: RolledBack, observation: DeploymentObservation): Course {
  const { step, needs = [] } = course.decision;
  if (step.do === "none" ? step.outcome.kind === "Done" : step.do === "dropSecret") return course;
  const message = `${lost.message}. Paperspace does not show the last healthy configuration (spec ${lost.to}) any more, so there is no going back: correct the spec`;
  const { deploy: _unsent, ...phases } = course;
  const reported = stalled(observation.memory, REASON.RollbackFailed, message, observation.recheckMs);
  return { ...phases, decision: { ...(reported as DeploymentDecision), needs } };
}

function withMemory(
  observation: DeploymentObservation,
  result: ChosenTarget | RelationResult | Health,
): DeploymentObservation {
  const { memory = observation.memory } = result as { memory?: DeploymentObservation["memory"] };
  return memory === observation.memory ? observation : { ...observation, memory };
}
