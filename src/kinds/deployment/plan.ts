/**
 * What would be done if the object were not under dry-run, all of it at once, for people to read. Pure; the order in
 * which it would be done is the decision's business.
 */
import type { Change } from "../../reconcile/change.ts";
import { planned } from "../../reconcile/plan.ts";
import { differences, leavesOf, shown } from "./compare.ts";
import type { DeploymentObservation } from "./observation.ts";
import { filledIn } from "./rollout.ts";
import { readConfig } from "./stored-config.ts";
import type { DeploymentStatus } from "./types.ts";

export type Plan = NonNullable<DeploymentStatus["plan"]>;

/** Empty: nothing would be done. */
export function planOf(observation: DeploymentObservation): Plan {
  return planned(
    observation,
    { action: "Delete" },
    () => creation(observation),
    () => (wentBack(observation) ? [] : entries("Deploy", driftOf(observation))),
  );
}

function creation({ desired }: DeploymentObservation): Plan {
  if (desired.state !== "known") return [];
  const all = [...desired.leaves].map(([field, to]) => ({ field, from: undefined, to }));
  return [{ action: "Create" }, ...entries("Create", all)];
}

/** The last healthy configuration runs instead, and that stays so until the spec changes. */
function wentBack({ memory, spec, desired, resource, name }: DeploymentObservation): boolean {
  const { rolledBack, history } = memory;
  const [head] = history;
  return (
    resource.state === "present" &&
    desired.state === "known" &&
    rolledBack?.hash === desired.hash &&
    spec.rollback === "OnFailure" &&
    head?.rollback === true &&
    head.specId === resource.deployment.latestSpec?.id &&
    resource.deployment.name === name
  );
}

/** All that can be seen to differ from the spec. */
export function driftOf({ resource, desired, memory, name }: DeploymentObservation): Change[] {
  if (resource.state !== "present" || desired.state !== "known") return [];
  const { latestSpec, name: actual } = resource.deployment;
  const stored = readConfig(latestSpec?.data);
  const renamed = actual === name ? [] : [{ field: "name", from: actual, to: name }];
  if (!latestSpec) return [...desired.leaves].map(([field, to]) => ({ field, from: undefined, to }));
  if (!stored) return renamed;
  const changes = differences(desired.leaves, leavesOf(stored), filledIn(memory.history, latestSpec));
  return changes.some(({ field }) => field === "name") ? changes : [...renamed, ...changes];
}

function entries(action: string, changes: readonly Change[]): Plan {
  return shown(changes).map(({ field, from, to }) => ({
    action,
    field,
    ...(from !== undefined && { from: JSON.stringify(from) }),
    ...(to !== undefined && { to: JSON.stringify(to) }),
  }));
}
