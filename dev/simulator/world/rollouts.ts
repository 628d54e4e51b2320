/**
 * What the cluster does with a configuration: applies it or not, starts a run of instances or changes one, ends the old
 * run when the new one is ready, and marks the spec as healthy (deployments.md sections 5, 6.1 and 8).
 */

import { isOff, meaningOf, templateOf } from "./deployment-config.ts";
import type { DeploymentRecord, Hold, RunRecord, SpecRecord } from "./deployment-records.ts";
import { specError } from "./fates.ts";
import { addInstance, fail, finish, type InstanceContext, makeReady, restart, stop } from "./instances.ts";
import type { World } from "./world.ts";

export const latestSpec = (deployment: DeploymentRecord) => deployment.specs.at(-1) as SpecRecord;

export const readyOf = (run: RunRecord) => run.instances.filter((i) => i.isReady).length;

/** Those that are there to stay. */
const livingOf = (run: RunRecord) => run.instances.filter((i) => !i.dtFinished && i.state !== "stopping");

/** Newest first; those that are being taken down are still listed. */
export const activeRuns = (deployment: DeploymentRecord) =>
  deployment.runs.filter((r) => !r.dtFinished).reverse();

/** The run that carries the deployment, or is to do so. */
export const currentRun = (deployment: DeploymentRecord) =>
  deployment.runs.findLast((r) => !r.dtFinished && !r.isEnding);

/** The latest spec goes to the cluster after a while; one that was on its way is passed over. */
export function submit(world: World, deployment: DeploymentRecord): void {
  const spec = latestSpec(deployment);
  dropPlans(deployment);
  world.laterIn(deployment.pending, world.behaviour.appliedMs, () =>
    unlessHeld(deployment, "unapplied", () => apply(world, deployment, spec)),
  );
}

/** The number of replicas changes, by the configuration or by the cloud itself. */
export function scale(world: World, deployment: DeploymentRecord, run: RunRecord, replicas: number): void {
  run.replicas = replicas;
  const context = contextOf(world, deployment, run);
  const living = livingOf(run);
  for (let i = living.length; i < replicas; i++) addInstance(context, i - living.length);
  for (const instance of living.slice(replicas)) stop(context, instance);
  settle(world, deployment, run);
}

/** Ends all runs: the deployment is switched off, or goes. */
export function endRuns(world: World, deployment: DeploymentRecord, now = false): void {
  for (const run of activeRuns(deployment)) {
    if (now) finishRun(world, run);
    else endRun(world, deployment, run);
  }
}

/** What is on its way to the cluster does not come there. */
export function dropPlans(deployment: DeploymentRecord): void {
  for (const cancel of deployment.pending) cancel();
  deployment.pending.clear();
}

/** The console holds a rollout before a step, or releases it. */
export function holdAt(deployment: DeploymentRecord, hold: Hold | null): void {
  if (deployment.hold === hold) return;
  deployment.hold = hold;
  const held = deployment.held.splice(0);
  for (const step of held) step();
}

/** Puts the latest spec through to its end at once, by no rule but that of fatal errors. */
export function complete(world: World, deployment: DeploymentRecord): void {
  const spec = latestSpec(deployment);
  holdAt(deployment, null);
  dropPlans(deployment);
  if (!spec.externalApplied) apply(world, deployment, spec);
  if (!spec.externalApplied) return;
  const current = currentRun(deployment);
  for (const run of activeRuns(deployment)) if (run !== current) finishRun(world, run);
  if (!current) return;
  for (const instance of current.instances) if (instance.state === "stopping") finish(world, instance);
  for (const instance of livingOf(current)) {
    if (!instance.isReady) makeReady(contextOf(world, deployment, current), instance);
  }
  spec.dtHealthy ??= world.iso();
}

/** One container of a run ends by itself; dtHealthy stays (deployments.md section 10.3, traps). */
export function crash(
  world: World,
  deployment: DeploymentRecord,
  instanceId: string,
  message: string,
  startsOver: boolean,
): void {
  const run = deployment.runs.findLast((r) => r.instances.some((i) => i.instanceId === instanceId));
  const instance = run?.instances.find((i) => i.instanceId === instanceId && !i.dtFinished);
  if (!run || !instance) throw new Error(`there is no instance ${instanceId}`);
  fail(contextOf(world, deployment, run), instance, message, startsOver);
}

/** All that fail restart, as when the cause is gone. */
export function restartUnready(world: World, deployment: DeploymentRecord): void {
  for (const run of activeRuns(deployment)) {
    for (const instance of livingOf(run)) {
      if (instance.isReady) continue;
      instance.failures = 0;
      restart(contextOf(world, deployment, run), instance);
    }
  }
}

/** All start over, and meet whatever is wrong by now. */
export function restartAll(world: World, deployment: DeploymentRecord): void {
  for (const run of activeRuns(deployment)) {
    for (const instance of livingOf(run)) restart(contextOf(world, deployment, run), instance);
  }
}

export function unlessHeld(deployment: DeploymentRecord, hold: Hold, step: () => void): void {
  if (deployment.hold === hold) deployment.held.push(step);
  else step();
}

function apply(world: World, deployment: DeploymentRecord, spec: SpecRecord): void {
  // While it was held, another one may have come, or the end.
  if (deployment.dtDeleted || deployment.isDeleting || latestSpec(deployment) !== spec) return;
  spec.error = specError(world, deployment, spec.data) ?? null;
  if (spec.error !== null) return;
  spec.externalApplied = world.iso();
  if (isOff(spec.data)) {
    endRuns(world, deployment);
    if (world.behaviour.disabledHealthy === "set") spec.dtHealthy = world.iso();
    return;
  }
  const { replicas } = meaningOf(spec.data);
  const run = currentRun(deployment);
  if (run && world.behaviour.newRun === "template" && isSameTemplate(run.spec, spec)) {
    run.spec = spec;
    scale(world, deployment, run, withinAutoscaling(run, spec));
    return;
  }
  const begun: RunRecord = {
    id: world.uuid(),
    seq: world.nextSeq(),
    spec,
    replicas: 0,
    instances: [],
    dtCreated: world.iso(),
    isEnding: false,
    dtFinished: null,
  };
  deployment.runs.push(begun);
  scale(world, deployment, begun, replicas);
}

const isSameTemplate = (a: SpecRecord, b: SpecRecord) => templateOf(a.data) === templateOf(b.data);

/** Where the cloud chose a number, it stays as far as the new bounds allow. */
function withinAutoscaling(run: RunRecord, spec: SpecRecord): number {
  const { autoscaling, replicas } = meaningOf(spec.data);
  return autoscaling ? Math.max(replicas, Math.min(run.replicas, autoscaling.maxReplicas)) : replicas;
}

/** Once there are enough that are ready, the older runs go, and after a while the spec is healthy. */
function settle(world: World, deployment: DeploymentRecord, run: RunRecord): void {
  if (run.isEnding || run.dtFinished || readyOf(run) < run.replicas) return;
  for (const other of activeRuns(deployment)) if (other.seq < run.seq) endRun(world, deployment, other);
  const { spec } = run;
  if (spec.dtHealthy) return;
  world.later(world.behaviour.healthyLagMs, () =>
    unlessHeld(deployment, "unhealthy", () => {
      if (run.isEnding || readyOf(run) < run.replicas) return;
      spec.dtHealthy ??= world.iso();
    }),
  );
}

function endRun(world: World, deployment: DeploymentRecord, run: RunRecord): void {
  if (run.isEnding) return;
  run.isEnding = true;
  const context = contextOf(world, deployment, run);
  for (const instance of run.instances) if (!instance.dtFinished) stop(context, instance);
  world.later(world.behaviour.instanceStopMs, () => finishRun(world, run));
}

function finishRun(world: World, run: RunRecord): void {
  if (run.dtFinished) return;
  run.isEnding = true;
  for (const instance of run.instances) finish(world, instance);
  run.dtFinished = world.iso();
}

function contextOf(world: World, deployment: DeploymentRecord, run: RunRecord): InstanceContext {
  return { world, deployment, run, changed: () => settle(world, deployment, run) };
}
