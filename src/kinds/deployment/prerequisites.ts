/**
 * Last phase of a pass before its step: what a configuration needs to be sent or to run, which are the project secrets
 * that it names, and a name that no other deployment has. Pure.
 */
import { needFacts, noStep, requeueAfter, STALE_FRACTION, stalled } from "../../reconcile/decision.ts";
import { adoptOrder } from "../../reconcile/record.ts";
import type { Deployment } from "./api.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentObservation,
  FACT,
  type Target,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { RelationResult } from "./relation.ts";
import { rotatedSecrets, type StandingRollback } from "./rollback.ts";
import type { ChosenTarget } from "./target.ts";

export type Prerequisites =
  /** `needs`: it is time to fetch whether the secrets are all still there. */
  | { state: "met"; needs?: readonly string[] }
  /** Not yet: a secret is put first, or facts are fetched. */
  | { state: "pending"; decision: DeploymentDecision }
  /** Another deployment, or another object, has the name. */
  | { state: "blocked"; decision: DeploymentDecision };

/** To send `target`. `deployment` is what it is sent to; none where one is to be made. `rolledBack`: to roll back to it. */
export function toSend(
  observation: DeploymentObservation,
  target: Pick<Target, "secrets" | "hash">,
  { deployment, rolledBack }: { deployment?: Deployment; rolledBack?: StandingRollback | undefined } = {},
): Prerequisites {
  const { memory, name, desired } = observation;
  if (desired.state === "known" && desired.outdated && target.hash === desired.hash)
    return { state: "pending", decision: noStep(desired.outdated, memory) };
  const named = deployment?.name === name ? MET : freeName(observation, deployment?.id);
  if (named.state !== "met") return named;
  // What is rolled back to had its secrets put when it was sent first; the values of those that were rotated since may be gone.
  const secrets = rolledBack ? rotatedSecrets(rolledBack, target.secrets) : target.secrets;
  if (secrets.length === 0 || observation.projectSecrets) return secretsOf(observation, { secrets });
  return { state: "pending", decision: needFacts(observation, memory, [FACT.projectSecrets]) };
}

/** To go on running: a project secret that was removed is put back. */
export function toRun(
  observation: DeploymentObservation,
  { target, desired }: Pick<ChosenTarget, "target" | "desired">,
  relation: RelationResult,
): Prerequisites {
  const { projectSecrets, secretsDue } = observation;
  // Values of former secrets may be gone.
  if (!("latest" in relation) || target.hash !== desired.hash || target.secrets.length === 0) return MET;
  if (projectSecrets) return secretsOf(observation, target);
  const { externalApplied, error } = relation.latest;
  const isRejected = !externalApplied && !!error;
  return secretsDue || isRejected ? { ...MET, needs: [FACT.projectSecrets] } : MET;
}

const MET = { state: "met" } as const;

function secretsOf(
  { memory, projectSecrets = [] }: DeploymentObservation,
  { secrets }: Pick<Target, "secrets">,
): Prerequisites {
  const of = secrets.find((name) => !projectSecrets.includes(name));
  return of === undefined ? MET : { state: "pending", decision: act({ do: "putSecret", of }, memory) };
}

/**
 * The declared name must have been seen free just before: what bears it is changed by an upsert, or refuses it. `own` is
 * the id of what may bear it.
 */
function freeName(observation: DeploymentObservation, own: string | undefined): Prerequisites {
  const { siblings, limits, conflict, memory, name, projectId } = observation;
  if (conflict && !conflict.owns) {
    const message = `${conflict.owner} is making a deployment named "${name}" in project ${projectId} just now`;
    return { state: "blocked", decision: requeueAfter(memory, REASON.AlreadyExists, message, limits.lookMs) };
  }
  const others = siblings?.ids.filter((id) => id !== own) ?? [];
  if (!siblings || (others.length === 0 && siblings.ageMs > limits.freshMs))
    return { state: "pending", decision: needFacts(observation, memory, [FACT.siblings]) };
  if (others.length === 0) return MET;
  const message = taken(observation, others);
  const decision: DeploymentDecision = stalled(memory, REASON.AlreadyExists, message, limits.slowMs);
  // No other object may have the project listed.
  const isDue = siblings.ageMs >= limits.slowMs * STALE_FRACTION;
  return { state: "blocked", decision: isDue ? { ...decision, needs: [FACT.siblings] } : decision };
}

/** What to do about a name that is taken. */
export function taken(
  { name, projectId, reference, uid }: DeploymentObservation,
  ids: readonly string[],
): string {
  const [id] = ids;
  return `project ${projectId} has a deployment named "${name}" already (${ids.join(", ")}), and it is not this object's. Choose another spec.name; or let this object take it over and replace its configuration: ${adoptOrder(reference, id, uid)}`;
}
