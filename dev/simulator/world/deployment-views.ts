/**
 * What a reader sees of a deployment, its specs, runs, log and activity (deployments.md sections 6, 7, 8 and 11). Reading
 * only, nothing here changes a record.
 */

import type {
  ActivityRecord,
  DeploymentRecord,
  DeploymentView,
  LogRecord,
  RunRecord,
  RunView,
  SpecRecord,
  SpecView,
} from "./deployment-records.ts";
import type { World } from "./world.ts";

/** A deployment as it is now. */
export function deploymentView(world: World, deployment: DeploymentRecord): DeploymentView {
  const { id, name, projectId, teamId, endpoint, dtCreated, isInvalid } = deployment;
  const spec = deployment.specs.at(-1) as SpecRecord;
  const hidesKey = world.behaviour.basicAuthKeyShown === "null";
  return {
    id,
    name,
    projectId,
    teamId,
    endpoint,
    basicAuthKey: hidesKey ? null : (spec.data.basicAuthKey ?? null),
    dtCreated,
    latestSpec: isInvalid ? null : specView(deployment, spec),
    latestSpecHash: spec.hash,
  };
}

/** A deployment as it reads, which for some seconds after an upsert may be as it was. */
export function shownDeployment(world: World, deployment: DeploymentRecord): DeploymentView {
  const { stale } = deployment;
  return stale && world.clock.monotonic() < stale.until ? stale.view : deploymentView(world, deployment);
}

/** Secrets stay references in it (deployments.md section 10.3, traps). */
export function specView(deployment: DeploymentRecord, spec: SpecRecord): SpecView {
  return {
    id: spec.id,
    deploymentId: deployment.id,
    userId: spec.userId,
    data: structuredClone(spec.data),
    externalApplied: spec.externalApplied,
    dtHealthy: spec.dtHealthy,
    error: spec.error,
    metadata: spec.gitHeaders && { gitHeaders: { ...spec.gitHeaders } },
  };
}

/** It has no date of its own, and no number. One that cannot be read has no data. */
export function historyView(deployment: DeploymentRecord, spec: SpecRecord) {
  const isUnreadable = deployment.isInvalid && spec === deployment.specs.at(-1);
  return {
    ...specView(deployment, spec),
    ...(isUnreadable && { data: null }),
    workflowRun: structuredClone(spec.workflowRun),
  };
}

/** `availableReplicas`: "available but not ready", as the documents put it. */
export function runView(world: World, run: RunRecord): RunView {
  const isListed = (i: { dtFinished: string | null }) =>
    world.behaviour.finishedInstances === "listed" || i.dtFinished === null;
  return {
    id: run.id,
    replicas: run.replicas,
    readyReplicas: run.instances.filter((i) => i.isReady).length,
    availableReplicas: run.instances.filter((i) => i.state === "running" && !i.isReady).length,
    instances: run.instances
      .filter(isListed)
      .map(({ id, instanceId, state, stateMessage, dtCreated, dtFinished, history }) => ({
        id,
        instanceId,
        state,
        stateMessage,
        dtCreated,
        dtFinished,
        history: history.map((entry) => ({ ...entry })),
      })),
  };
}

export function logView({ id, jobId, message, dtCreated, instanceId }: LogRecord) {
  return { id, jobId, message, dtCreated, instanceId, uuid: null };
}

/** The only place where the date of a deletion appears. */
export function activityView(world: World, { id, action, dtCreated, data, ...of }: ActivityRecord) {
  const deployment = world.deployments.get(of.deploymentId);
  const users = [...world.teams.values()].flatMap((t) => t.users);
  const user = users.find((u) => u.id === of.userId);
  const fullName = [user?.firstName, user?.lastName].filter(Boolean).join(" ");
  return {
    id,
    action,
    dtCreated,
    data: data && { ...data },
    deployment: deployment && {
      id: deployment.id,
      name: deployment.name,
      dtDeleted: deployment.dtDeleted,
    },
    actor: user ? { email: user.email, fullName: fullName || null, avatarUrl: null } : null,
  };
}
