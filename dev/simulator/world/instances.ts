/**
 * The course of one instance: waiting for a machine, starting, running, ready, failing and starting over, ending
 * (deployments.md section 8). Which instances there are to be is rollouts.ts's; instances.ts is called when one
 * changes.
 */

import { meaningOf } from "./deployment-config.ts";
import { writeLog } from "./deployment-logs.ts";
import type {
  DeploymentRecord,
  Hold,
  InstanceRecord,
  InstanceState,
  RunRecord,
} from "./deployment-records.ts";
import { isDeployable, troubleOf } from "./fates.ts";
import { meterInstance } from "./metering.ts";
import type { World } from "./world.ts";

const LONGEST_BACK_OFF_MS = 300_000;
/** A container that fails for days must not fill the memory. */
const KEPT_HISTORY = 50;

/** What an instance belongs to, and the callback for its changes. */
export interface InstanceContext {
  world: World;
  deployment: DeploymentRecord;
  run: RunRecord;
  /** Something of the run's readiness has changed. */
  changed(): void;
}

/** A new one, which waits at first. `nth`: of those that begin together. */
export function addInstance(context: InstanceContext, nth: number): InstanceRecord {
  const { world, run } = context;
  const instance: InstanceRecord = {
    id: world.uuid(),
    instanceId: world.id("in"),
    seq: world.nextSeq(),
    state: "pending",
    stateMessage: null,
    dtCreated: world.iso(),
    dtFinished: null,
    history: [],
    isReady: false,
    slot: null,
    failures: 0,
    pending: new Set(),
  };
  run.instances.push(instance);
  enter(world, instance, "pending", null);
  const { instancePendingMs, instanceStaggerMs } = world.behaviour;
  next(context, instance, instancePendingMs + nth * instanceStaggerMs, "pending", () =>
    schedule(context, instance),
  );
  return instance;
}

/** Starts the container over, at once, whatever it was waiting for. */
export function restart(context: InstanceContext, instance: InstanceRecord): void {
  dropPlans(instance);
  if (instance.slot) start(context, instance);
  else schedule(context, instance);
}

/** The container ended by itself; it starts over after a while, unless it is to stay so. */
export function fail(
  context: InstanceContext,
  instance: InstanceRecord,
  message: string,
  startsOver = true,
): void {
  const { world } = context;
  dropPlans(instance);
  instance.failures++;
  enter(world, instance, "errored", message);
  log(context, instance, message);
  context.changed();
  if (!startsOver) return;
  const backOff = world.behaviour.instanceRestartMs * 2 ** (instance.failures - 1);
  plan(context, instance, Math.min(backOff, LONGEST_BACK_OFF_MS), () => start(context, instance));
}

/** Takes it down; it is listed until it has stopped. */
export function stop(context: InstanceContext, instance: InstanceRecord): void {
  const { world } = context;
  dropPlans(instance);
  enter(world, instance, "stopping", null);
  world.laterIn(instance.pending, world.behaviour.instanceStopMs, () => finish(world, instance));
}

/** The end, without any work before it. */
export function finish(world: World, instance: InstanceRecord): void {
  if (instance.dtFinished) return;
  dropPlans(instance);
  instance.slot = null;
  world.ledger.charge("instance", instance.id, undefined);
  enter(world, instance, "stopped", null);
  instance.dtFinished = world.iso();
}

/** Changes the state, by no rule where the console requests it. */
export function enter(
  world: World,
  instance: InstanceRecord,
  state: InstanceState | (string & {}),
  message: string | null,
): void {
  Object.assign(instance, { state, stateMessage: message, isReady: false });
  instance.history.push({ state, message, timestamp: world.iso() });
  if (instance.history.length > KEPT_HISTORY) instance.history.shift();
}

export function dropPlans(instance: InstanceRecord): void {
  for (const cancel of instance.pending) cancel();
  instance.pending.clear();
}

/** Becomes ready at once, by no rule. */
export function makeReady(context: InstanceContext, instance: InstanceRecord): void {
  const { machineType, region } = meaningOf(context.run.spec.data);
  dropPlans(instance);
  instance.slot ??= { machineType, region };
  meterInstance(context.world, instance, context.deployment.id);
  if (instance.state !== "running") enter(context.world, instance, "running", null);
  instance.isReady = true;
  instance.failures = 0;
  context.changed();
}

/** Looks for a machine again and again, as a scheduler does. */
function schedule(context: InstanceContext, instance: InstanceRecord): void {
  const { world, run } = context;
  const { machineType, region } = meaningOf(run.spec.data);
  if (isDeployable(machineType) && world.hasCapacity(machineType, region)) {
    instance.slot = { machineType, region };
    meterInstance(world, instance, context.deployment.id);
    return start(context, instance);
  }
  const message = isDeployable(machineType)
    ? `There is currently no capacity for ${machineType} in ${region}`
    : `Machine type ${machineType} does not exist`;
  if (instance.stateMessage !== message) enter(world, instance, "pending", message);
  // Never at once, or it would look for ever without any time passing.
  const ms = Math.max(1_000, world.behaviour.instancePendingMs);
  next(context, instance, ms, "pending", () => schedule(context, instance));
}

function start(context: InstanceContext, instance: InstanceRecord): void {
  const { world, deployment, run } = context;
  const { image } = run.spec.data;
  enter(world, instance, "starting", null);
  log(context, instance, `Pulling image ${image}`);
  next(context, instance, world.behaviour.instanceStartMs, "starting", () => {
    const trouble = troubleOf(world, deployment, run.spec.data);
    if (trouble?.fate === "pull") return fail(context, instance, trouble.message);
    log(context, instance, `Pulled image ${image}`);
    runOn(context, instance);
  });
}

function runOn(context: InstanceContext, instance: InstanceRecord): void {
  const { world, deployment, run } = context;
  const { startup, readiness } = meaningOf(run.spec.data).checks;
  enter(world, instance, "running", null);
  log(context, instance, "Container started");
  const delays = (startup?.initialDelaySeconds ?? 0) + (readiness?.initialDelaySeconds ?? 0);
  next(context, instance, world.behaviour.instanceReadyMs + delays * 1_000, "unready", () => {
    const trouble = troubleOf(world, deployment, run.spec.data);
    // Nothing more happens to one that never gets ready, until it is restarted.
    if (trouble?.fate === "unready") {
      instance.stateMessage = trouble.message;
      return log(context, instance, trouble.message);
    }
    if (trouble) return fail(context, instance, trouble.message);
    log(context, instance, "Listening");
    makeReady(context, instance);
  });
}

/** A step of its course, before which the console may hold it. */
function next(
  context: InstanceContext,
  instance: InstanceRecord,
  ms: number,
  hold: Hold,
  step: () => void,
): void {
  plan(context, instance, ms, () => {
    const { deployment } = context;
    if (deployment.hold !== hold) return step();
    const { history } = instance;
    const mark = history.at(-1);
    // Whatever else became of it meanwhile counts.
    deployment.held.push(() => history.at(-1) === mark && !instance.dtFinished && step());
  });
}

function plan({ world }: InstanceContext, instance: InstanceRecord, ms: number, fn: () => void): void {
  world.laterIn(instance.pending, ms, fn);
}

function log({ world, deployment, run }: InstanceContext, instance: InstanceRecord, message: string): void {
  writeLog(world, deployment, message, { jobId: run.id, instanceId: instance.instanceId });
}
