/**
 * What to do about one deployment: a pure function of what is declared, what is observed and what was sent. Here are the
 * phases that the generic decision walks through; those of a deployment that is there are in converge.ts.
 */
import { decide, type Phases, type Settled } from "../../reconcile/decide.ts";
import { EXTERNAL_CHANGE, noStep, stalled, withoutOperation } from "../../reconcile/decision.ts";
import { decideDeletion } from "../../reconcile/existence.ts";
import { converge, misplacement } from "./converge.ts";
import { deploymentLeftovers, forgetDeployment, strayStep } from "./leftovers.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
  FACT,
} from "./observation.ts";
import { observedDeployment } from "./observed.ts";
import { withPlacement } from "./placement/candidates.ts";
import { withoutCandidate } from "./placement/creation.ts";
import { toSend } from "./prerequisites.ts";
import { REASON } from "./reasons.ts";

type Present = Extract<DeploymentObservation["resource"], { state: "present" }>;

export const deploymentPhases: Phases<DeploymentObservation, DeploymentStep> = {
  immutable: (observation, { deployment }) => misplacement(observation, deployment),
  beforeCreate,
  leftovers: deploymentLeftovers,
  forgetResource: forgetDeployment,
  missingFacts,
  observed: (observation, { deployment }) => observedDeployment(observation, deployment),
  deleting: (observation) => strayStep(observation) ?? decideDeletion<DeploymentMemory>(observation),
  settle,
  converge,
};

export function decideDeployment(observation: DeploymentObservation): DeploymentDecision {
  return decide(observation, deploymentPhases);
}

/** Seen to be free just before: an upsert by name would change whatever bears it (deployments.md section 2). */
function beforeCreate(observation: DeploymentObservation): DeploymentDecision | undefined {
  const { memory, desired, conflict, limits, recheckMs, blocked } = observation;
  if (blocked) {
    const { reason, message, dueInMs } = blocked;
    // No other object may have the project listed.
    if (dueInMs <= 0) return { ...stalled(memory, reason, message, recheckMs), needs: [FACT.siblings] };
    return stalled(memory, reason, message, dueInMs);
  }
  if (desired.state === "unknown") return noStep(desired.readError ?? { kind: "Unknown" }, memory);
  if (desired.state === "missing") return stalled(memory, desired.reason, desired.message, recheckMs);
  if (conflict?.owns) {
    const message = `${conflict.owner} has a deployment named "${observation.name}" in project ${observation.projectId} already: choose another spec.name, or delete that object with deletionPolicy Orphan and adopt its deployment`;
    return stalled(memory, REASON.AlreadyExists, message, limits.slowMs);
  }
  const refused = withoutCandidate(observation);
  if (refused) return refused;
  const prerequisites = toSend(observation, desired);
  if (prerequisites.state !== "met") return prerequisites.decision;
  const { chosen } = memory.placement ?? {};
  return chosen && act({ do: "create", of: chosen.machineType }, withoutOperation(memory));
}

/** Under dry-run: without former specs and runs there may be no plan. Names and secrets are assumed to be in favour. */
function missingFacts(observation: DeploymentObservation): readonly string[] {
  const { halted, resource } = observation;
  if (halted?.reason !== REASON.DryRun || resource.state !== "present") return [];
  const { step, memory, needs = [] } = unhalted(observation, resource);
  if (step.do !== "none") return [];
  const { outcome } = step;
  const isLacking = outcome.kind === "Unknown" || outcome.kind === "Retry";
  const rollsBack = outcome.kind === "RequeueAfter" && outcome.afterMs === 0;
  const next = rollsBack ? unhalted(withPlacement(observation, memory), resource).needs : undefined;
  return (isLacking ? needs : (next ?? [])).filter((fact) => fact === FACT.specs || fact === FACT.runs);
}

function unhalted(observation: DeploymentObservation, resource: Present): DeploymentDecision {
  const settled = settle(observation);
  if ("decision" in settled) return settled.decision;
  return converge({ ...observation, memory: settled.memory }, resource);
}

/** A stray is deleted; of all that may be in flight, only instances that are observed outlive that. */
function settle(observation: DeploymentObservation): Settled<DeploymentDecision, DeploymentMemory> {
  const { memory } = observation;
  const decision = strayStep(observation);
  if (decision) return { decision };
  return { memory: memory.operation?.intent === EXTERNAL_CHANGE ? memory : withoutOperation(memory) };
}
