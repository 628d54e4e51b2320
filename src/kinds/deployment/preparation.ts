/**
 * What a configuration needs before it can be sent: the project secrets that it names, and a name that nobody else has.
 * Pure.
 */
import { DUE, needFacts, stalled, wait } from "../../reconcile/decision.ts";
import { adoptOrder } from "../../reconcile/record.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  FACT,
  type Target,
} from "./observation.ts";
import { REASON } from "./reasons.ts";

/** Undefined where all is ready. */
export function preparation(
  observation: DeploymentObservation,
  target: Pick<Target, "secrets">,
  memory: DeploymentMemory,
): DeploymentDecision | undefined {
  if (target.secrets.length === 0) return undefined;
  const { projectSecrets } = observation;
  if (!projectSecrets) return needFacts(observation, memory, [FACT.projectSecrets]);
  const of = target.secrets.find((name) => !projectSecrets.includes(name));
  return of === undefined ? undefined : act({ do: "putSecret", of }, memory);
}

/**
 * The declared name must have been seen free just before: what bears it is changed by an upsert, or refuses it. `own` is
 * the id of what may bear it. Undefined where it is free.
 */
export function occupied(
  observation: DeploymentObservation,
  memory: DeploymentMemory,
  own?: string,
): DeploymentDecision | undefined {
  const { siblings, limits, conflict } = observation;
  if (conflict && !conflict.owns) {
    const message = `${conflict.key} is making a deployment named "${observation.name}" in project ${observation.spec.projectId} just now`;
    return wait(memory, REASON.AlreadyExists, message, limits.lookMs);
  }
  const others = siblings?.ids.filter((id) => id !== own) ?? [];
  if (!siblings || (others.length === 0 && siblings.ageMs > limits.freshMs))
    return needFacts(observation, memory, [FACT.siblings]);
  if (others.length === 0) return undefined;
  const decision = stalled(
    memory,
    REASON.AlreadyExists,
    taken(observation, others),
    limits.slowMs,
  ) as DeploymentDecision;
  // Nobody else may have the project listed.
  return siblings.ageMs >= limits.slowMs * DUE ? { ...decision, needs: [FACT.siblings] } : decision;
}

/** What to do about a name that is taken. */
export function taken({ name, spec, reference, uid }: DeploymentObservation, ids: readonly string[]): string {
  const [id = "<id>"] = ids;
  return `project ${spec.projectId} has a deployment named "${name}" already (${ids.join(", ")}), and it is not this object's. Choose another spec.name; or let this object take it over and replace its configuration: ${adoptOrder(reference, id, uid)}`;
}
