/**
 * What would be done if the object were not under dry-run, all of it at once, for people to read. Pure; the order in
 * which it would be done is the decision's business.
 */
import type { Change } from "../../reconcile/change.ts";
import { planned } from "../../reconcile/plan.ts";
import { differences, leavesOf, shown } from "./compare.ts";
import type { DeploymentView } from "./observation.ts";
import { filledIn } from "./rollout.ts";
import { readConfig } from "./stored-config.ts";
import type { DeploymentStatus } from "./types.ts";

export type Plan = NonNullable<DeploymentStatus["plan"]>;

/** Empty: nothing would be done. */
export function planOf(view: DeploymentView): Plan {
  return planned(
    view,
    { action: "Delete" },
    () => creation(view),
    () => (wentBack(view) ? [] : entries("Deploy", driftOf(view))),
  );
}

function creation({ wanted }: DeploymentView): Plan {
  if (wanted.state !== "known") return [];
  const all = [...wanted.leaves].map(([field, to]) => ({ field, from: undefined, to }));
  return [{ action: "Create" }, ...entries("Create", all)];
}

/** The last healthy configuration runs instead, and that stays so until the spec changes. */
function wentBack({ memory, spec, wanted, sighting, name }: DeploymentView): boolean {
  const { rolledBack, history } = memory;
  const [head] = history;
  return (
    sighting.state === "present" &&
    wanted.state === "known" &&
    rolledBack?.hash === wanted.hash &&
    spec.rollback === "OnFailure" &&
    head?.rollback === true &&
    head.specId === sighting.deployment.latestSpec?.id &&
    sighting.deployment.name === name
  );
}

/** All that can be seen to differ from the spec. */
export function driftOf({ sighting, wanted, memory, name }: DeploymentView): Change[] {
  if (sighting.state !== "present" || wanted.state !== "known") return [];
  const { latestSpec, name: actual } = sighting.deployment;
  const stored = readConfig(latestSpec?.data);
  const renamed = actual === name ? [] : [{ field: "name", from: actual, to: name }];
  if (!latestSpec) return [...wanted.leaves].map(([field, to]) => ({ field, from: undefined, to }));
  if (!stored) return renamed;
  const changes = differences(wanted.leaves, leavesOf(stored), filledIn(memory.history, latestSpec));
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
