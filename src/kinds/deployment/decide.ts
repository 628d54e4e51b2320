/**
 * What to do about one deployment: a pure function of what is wished, what is known and what was sent. It returns one
 * step; the ownership rules come first, then the life of a deployment (life.ts), and its end here.
 */

import { decide, type Phases } from "../../reconcile/decide.ts";
import { noStep, stalled, withoutOperation } from "../../reconcile/decision.ts";
import { waiting } from "../../reconcile/outcome.ts";
import { life } from "./life.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
} from "./observation.ts";
import { occupied, preparation } from "./preparation.ts";
import { REASON } from "./reasons.ts";

export const deploymentPhases: Phases<DeploymentObservation, DeploymentStep> = {
  immutable({ spec }, { deployment: { projectId } }) {
    const elsewhere = projectId && projectId !== spec.projectId;
    return elsewhere ? [{ field: "projectId", from: projectId, to: spec.projectId }] : [];
  },
  beforeCreate,
  /** The next deployment of a living object uses them again, or removes them once it is healthy. */
  leftovers(observation, memory) {
    const decision = observation.deleting ? leftSecrets(observation, observation.memory) : undefined;
    return { memory, ...(decision && { decision }) };
  },
  forgetResource: (memory) => ({ ...withoutOperation(memory), history: [] }),
  settle: ({ memory }) => ({ memory }),
  converge: (observation, { deployment }) => life(observation, deployment),
};

export function decideDeployment(observation: DeploymentObservation): DeploymentDecision {
  return decide(observation, deploymentPhases);
}

/** Seen to be free just before: an upsert by name would change whatever bears it (deployments.md section 2). */
function beforeCreate(observation: DeploymentObservation): DeploymentDecision | undefined {
  const { memory, desired, conflict, limits, recheckMs } = observation;
  if (observation.blocked)
    return stalled(memory, observation.blocked.reason, observation.blocked.message, recheckMs);
  if (desired.state === "unknown") return noStep(desired.readError ?? { kind: "Unknown" }, memory);
  if (desired.state === "missing") return stalled(memory, desired.reason, desired.message, recheckMs);
  if (conflict?.owns) {
    const message = `${conflict.key} has a deployment named "${observation.name}" in project ${observation.spec.projectId} already: choose another spec.name, or delete that object with deletionPolicy Orphan and adopt its deployment`;
    return stalled(memory, REASON.AlreadyExists, message, limits.slowMs);
  }
  return occupied(observation, memory) ?? preparation(observation, desired, memory);
}

/** What was put into the project for this object goes with it. */
function leftSecrets(
  { memory, backingOff }: DeploymentObservation,
  kept: DeploymentMemory,
): DeploymentDecision | undefined {
  const of = memory.secrets.find((name) => !backingOff[`dropSecret/${name}`]) ?? memory.secrets[0];
  if (of === undefined) return undefined;
  const telling = waiting(REASON.Deleting, `removed the project secret ${of}`);
  return act({ do: "dropSecret", of, telling }, kept);
}
