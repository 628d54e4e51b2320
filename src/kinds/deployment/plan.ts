/**
 * What would be done if the object were not under dry-run, and in what the deployment differs from the spec, for users.
 * The plan is the cloud write that the decision itself comes to, so it cannot promise another one. Pure.
 */
import { printableJson } from "../../base/plain-text.ts";
import type { Change } from "../../reconcile/change.ts";
import { withoutOperation } from "../../reconcile/decision.ts";
import type { Outcome } from "../../reconcile/outcome.ts";
import { plannedStep } from "../../reconcile/plan.ts";
import type { Deployment } from "./api.ts";
import { differences, leavesOf, shown } from "./compare.ts";
import { courseOf, misplacement } from "./converge.ts";
import { deploymentPhases } from "./decide.ts";
import { type DeploymentObservation, FACT, type Target } from "./observation.ts";
import { withPlacement } from "./placement/candidates.ts";
import { filledIn } from "./relation.ts";
import { asSent } from "./stored-as.ts";
import { readConfig } from "./stored-config.ts";
import type { DeploymentStatus } from "./types.ts";

export type Plan = NonNullable<DeploymentStatus["plan"]>;

/**
 * Empty: nothing would be done. What is waited for is not in it, nor are project secrets, requests and strays. Facts that
 * are missing are taken to be in favour: the name is free, the secrets can be stored, what is to be deleted is there.
 */
export function planOf(observation: DeploymentObservation): Plan {
  return planAhead({ ...observation, requests: {}, readErrors: {} });
}

function planAhead(observation: DeploymentObservation): Plan {
  const next = plannedStep(observation, deploymentPhases, favoured);
  if (!next) return [];
  const { step, observation: at } = next;
  const { memory, projectSecrets = [] } = at;
  switch (step.do) {
    case "create":
      return creation(at);
    case "deploy":
      return upsert(visibleChanges(step.deployment, step.target, step.changes));
    case "delete":
      return [{ action: "Delete" }];
    case "putSecret":
      return planAhead({ ...at, projectSecrets: [...projectSecrets, step.of] });
    case "deleteStray":
      return planAhead({ ...at, memory: withoutOperation(memory) });
    default:
      return [];
  }
}

function favoured(
  outcome: Outcome,
  observation: DeploymentObservation,
  needs: readonly string[],
): DeploymentObservation | undefined {
  const { desired } = observation;
  // A roll back and another candidate begin at once; what else is waited for is no plan.
  if (outcome.kind === "RequeueAfter" && outcome.afterMs === 0)
    return withPlacement(observation, observation.memory);
  if (outcome.kind !== "Unknown") return undefined;
  if (needs.includes(FACT.siblings)) return { ...observation, siblings: { ids: [], ageMs: 0 } };
  if (needs.includes(FACT.projectSecrets) && desired.state === "known")
    return { ...observation, projectSecrets: desired.secrets };
  return undefined;
}

function creation({ desired }: DeploymentObservation): Plan {
  if (desired.state !== "known") return [];
  return [{ action: "Create" }, ...entries("Create", everything(desired))];
}

/** An upsert without a visible change is one all the same. */
function upsert(changes: readonly Change[]): Plan {
  return changes.length > 0 ? entries("Deploy", changes) : [{ action: "Deploy" }];
}

function entries(action: string, changes: readonly Change[]): Plan {
  return shown(changes).map(({ field, from, to }) => ({
    action,
    field,
    ...(from !== undefined && { from: printableJson(from) }),
    ...(to !== undefined && { to: printableJson(to) }),
  }));
}

/** All that can be seen to differ from the spec, by what the phases of the pass found. */
export function driftOf(observation: DeploymentObservation): Change[] {
  const { resource, desired, memory } = observation;
  if (resource.state !== "present" || desired.state !== "known") return [];
  const { deployment } = resource;
  const misplaced = misplacement(observation, deployment);
  if (misplaced.length > 0) return misplaced;
  const { choice, relation } = courseOf(observation, deployment);
  if (choice?.target === desired) {
    if (relation?.kind === "ours" || relation?.kind === "same") return [];
    if (relation?.kind === "other")
      return orUnreadable(visibleChanges(deployment, desired, relation.changes), deployment);
  }
  // Another one is to run, or what was sent does not show yet.
  const { latestSpec } = deployment;
  const stored = readConfig(latestSpec?.data);
  const changes =
    latestSpec && stored
      ? differences(
          desired.leaves,
          asSent(leavesOf(stored), desired.leaves, memory.storedAs),
          filledIn(memory.history, latestSpec),
        )
      : [];
  return orUnreadable(visibleChanges(deployment, desired, changes), deployment);
}

/** What cannot be read is sent again, so it counts as another configuration. */
function orUnreadable(changes: Change[], { latestSpec }: Deployment): Change[] {
  if (changes.length > 0 || !latestSpec || readConfig(latestSpec.data)) return changes;
  return [{ field: "the configuration", from: "unreadable", to: "as declared" }];
}

/** With the name, which a configuration may not hold, and with everything where nothing is stored. */
function visibleChanges(
  { latestSpec, name: from }: Deployment,
  target: Target,
  changes: readonly Change[],
): Change[] {
  if (!latestSpec) return everything(target);
  const to = target.config.name;
  if (from === to || changes.some(({ field }) => field === "name")) return [...changes];
  return [{ field: "name", from, to }, ...changes];
}

function everything({ leaves }: Target): Change[] {
  return [...leaves].map(([field, to]) => ({ field, from: undefined, to }));
}
