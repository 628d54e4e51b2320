/**
 * What to do about one deployment: a pure function of what is wished, what is known and what was sent. It returns one
 * step; the ownership rules come first, then the life of a deployment (life.ts), and its end here.
 */

import { decide } from "../../reconcile/decide.ts";
import { ageOfTime, noStep, stalled, withoutOperation } from "../../reconcile/decision.ts";
import { absence, adoption } from "../../reconcile/existence.ts";
import { waiting } from "../../reconcile/outcome.ts";
import { type OwnershipStep, withoutAccount } from "../../reconcile/ownership.ts";
import { life } from "./life.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
} from "./observation.ts";
import { occupied, preparation } from "./preparation.ts";
import { REASON } from "./reasons.ts";

export function decideDeployment(observation: DeploymentObservation): DeploymentDecision {
  return decide(observation, {
    adopt: adopted,
    create: creation,
    release: letGo,
    absent: gone,
    present: (_, { deployment }) => life(observation, deployment),
  });
}

/** One that owned nothing may have left secrets all the same. What no key removes must not keep the object for ever. */
function letGo(
  observation: DeploymentObservation,
  step: OwnershipStep & { do: "release" },
): DeploymentDecision {
  const { memory, halted, recheckMs, now, deletedAt, limits } = observation;
  const left = step.reason === REASON.NothingToDelete ? leftSecrets(observation, memory) : undefined;
  if (!left) return act(step, memory);
  if (halted) return noStep({ kind: "Terminal", ...halted, recheckMs }, memory);
  const keyless = withoutAccount(observation);
  if (!keyless) return left;
  return deletedAt !== undefined && ageOfTime(deletedAt, now) >= limits.deleteMs
    ? act(step, memory)
    : act(keyless, memory);
}

/** Seen to be free just before: an upsert by name would change whatever bears it (deployments.md section 2). */
function creation(observation: DeploymentObservation): DeploymentDecision {
  const { memory, desired, conflict, limits, recheckMs } = observation;
  if (observation.blocked)
    return stalled(memory, observation.blocked.reason, observation.blocked.message, recheckMs);
  if (desired.state === "unknown") return noStep(desired.readError ?? { kind: "Unknown" }, memory);
  if (desired.state === "missing") return stalled(memory, desired.reason, desired.message, recheckMs);
  if (conflict?.owns) {
    const message = `${conflict.key} has a deployment named "${observation.name}" in project ${observation.spec.projectId} already: choose another spec.name, or delete that object with deletionPolicy Orphan and adopt its deployment`;
    return stalled(memory, REASON.AlreadyExists, message, limits.slowMs);
  }
  const decision = occupied(observation, memory) ?? preparation(observation, desired, memory);
  return decision ?? act({ do: "create" }, withoutOperation(memory));
}

function adopted(observation: DeploymentObservation, id: string): OwnershipStep {
  const { resource, spec, readError } = observation;
  const deployment = resource.state === "present" ? resource.deployment : undefined;
  const elsewhere = deployment?.projectId && deployment.projectId !== spec.projectId;
  const changes = elsewhere ? [{ field: "projectId", from: deployment.projectId, to: spec.projectId }] : [];
  const seen = { state: resource.state, ...(readError && { readError }), changes };
  return adoption(id, seen, observation);
}

function gone(observation: DeploymentObservation, certain: boolean): DeploymentDecision {
  const { memory, halted, deleting } = observation;
  // The next deployment uses them again, or removes them once it is well.
  const left = certain && deleting && !halted ? leftSecrets(observation, memory) : undefined;
  return left ?? absence(observation, certain, { ...withoutOperation(memory), history: [] });
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
