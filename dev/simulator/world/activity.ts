/**
 * The audit trail of a project (deployments.md section 11): what was done to its deployments, by whom. Only entries are
 * made here; nothing is decided.
 */

import { differsOtherwise, meaningOf } from "./deployment-config.ts";
import type { ActivityRecord, Config, DeploymentRecord, SpecRecord } from "./deployment-records.ts";
import type { World } from "./world.ts";

/** `userId` null: the cloud did it by itself. */
export function note(
  world: World,
  deployment: DeploymentRecord,
  action: ActivityRecord["action"],
  userId: string | null,
  data: ActivityRecord["data"] = null,
): void {
  world.activity.push({
    id: world.uuid(),
    seq: world.nextSeq(),
    projectId: deployment.projectId,
    deploymentId: deployment.id,
    action,
    dtCreated: world.iso(),
    data,
    userId,
  });
}

/** An entry for each difference; `updated` where there is no other action for it. */
export function noteChanges(
  world: World,
  deployment: DeploymentRecord,
  before: Config,
  { data: after, userId }: SpecRecord,
): void {
  const was = meaningOf(before);
  const is = meaningOf(after);
  const record = (action: ActivityRecord["action"], data: ActivityRecord["data"] = null) =>
    note(world, deployment, action, userId, data);
  const noted = world.activity.length;
  if (differsOtherwise(before, after)) record("deployment.updated");
  if (was.isEnabled !== is.isEnabled) record(is.isEnabled ? "deployment.enabled" : "deployment.disabled");
  if (was.replicas !== is.replicas) record("deployment.scaled", { from: was.replicas, to: is.replicas });
  if ((was.autoscaling === null) !== (is.autoscaling === null)) {
    record(is.autoscaling ? "deployment.autoscaling.enabled" : "deployment.autoscaling.disabled");
  }
  if (world.activity.length === noted) record("deployment.updated");
}
