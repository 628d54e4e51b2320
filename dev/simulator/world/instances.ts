/**
 * The course of one instance: waiting for a machine, starting, running, ready, failing and starting over, ending
 * (deployments.md section 8). Which instances there are to be is rollouts.ts's; it is told here when one changes.
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
import type { World } from "./world.ts";

const LONGEST_BACK_OFF_MS = 300_000;
/** A container that fails for days must not fill the memory. */
const KEPT_HISTORY = 50;

/** Where an instance belongs, and who wants to know what becomes of it. */
export interface Place {
  world: World;
  deployment: DeploymentRecord;
  run: RunRecord;
  /** Something of the run's readiness has changed. */
  changed(): void;
}

/** A new one, which waits at first. `nth`: of those that begin together. */
export function addInstance(place: Place, nth: number): InstanceRecord {
  const { world, run } = place;
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
  next(place, instance, instancePendingMs + nth * instanceStaggerMs, "pending", () => seat(place, instance));
  return instance;
}

/** Starts the container over, at once, whatever it was waiting for. */
export function restart(place: Place, instance: InstanceRecord): void {
  dropPlans(instance);
  if (instance.slot) start(place, instance);
  else seat(place, instance);
}

/** The container ended by itself; it starts over after a while, unless it is to stay so. */
export function fail(place: Place, instance: InstanceRecord, message: string, startsOver = true): void {
  const { world } = place;
  dropPlans(instance);
  instance.failures++;
  enter(world, instance, "errored", message);
  log(place, instance, message);
  place.changed();
  if (!startsOver) return;
  const backOff = world.behaviour.instanceRestartMs * 2 ** (instance.failures - 1);
  plan(place, instance, Math.min(backOff, LONGEST_BACK_OFF_MS), () => start(place, instance));
}

/** Takes it down; it is listed until it has stopped. */
export function stop(place: Place, instance: InstanceRecord): void {
  const { world } = place;
  dropPlans(instance);
  enter(world, instance, "stopping", null);
  world.laterIn(instance.pending, world.behaviour.instanceStopMs, () => finish(world, instance));
}

/** The end, without any work before it. */
export function finish(world: World, instance: InstanceRecord): void {
  if (instance.dtFinished) return;
  dropPlans(instance);
  instance.slot = null;
  enter(world, instance, "stopped", null);
  instance.dtFinished = world.iso();
}

/** Changes the state, by no rule where the console says so. */
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
export function makeReady(place: Place, instance: InstanceRecord): void {
  const { machineType, region } = meaningOf(place.run.spec.data);
  dropPlans(instance);
  instance.slot ??= { machineType, region };
  if (instance.state !== "running") enter(place.world, instance, "running", null);
  instance.isReady = true;
  instance.failures = 0;
  place.changed();
}

/** Looks for a machine again and again, as a scheduler does. */
function seat(place: Place, instance: InstanceRecord): void {
  const { world, run } = place;
  const { machineType, region } = meaningOf(run.spec.data);
  if (isDeployable(machineType) && world.hasCapacity(machineType, region)) {
    instance.slot = { machineType, region };
    return start(place, instance);
  }
  const message = isDeployable(machineType)
    ? `There is currently no capacity for ${machineType} in ${region}`
    : `Machine type ${machineType} does not exist`;
  if (instance.stateMessage !== message) enter(world, instance, "pending", message);
  // Never at once, or it would look for ever without any time passing.
  const ms = Math.max(1_000, world.behaviour.instancePendingMs);
  next(place, instance, ms, "pending", () => seat(place, instance));
}

function start(place: Place, instance: InstanceRecord): void {
  const { world, deployment, run } = place;
  const { image } = run.spec.data;
  enter(world, instance, "starting", null);
  log(place, instance, `Pulling image ${image}`);
  next(place, instance, world.behaviour.instanceStartMs, "starting", () => {
    const trouble = troubleOf(world, deployment, run.spec.data);
    if (trouble?.fate === "pull") return fail(place, instance, trouble.message);
    log(place, instance, `Pulled image ${image}`);
    runOn(place, instance);
  });
}

function runOn(place: Place, instance: InstanceRecord): void {
  const { world, deployment, run } = place;
  const { startup, readiness } = meaningOf(run.spec.data).checks;
  enter(world, instance, "running", null);
  log(place, instance, "Container started");
  const delays = (startup?.initialDelaySeconds ?? 0) + (readiness?.initialDelaySeconds ?? 0);
  next(place, instance, world.behaviour.instanceReadyMs + delays * 1_000, "unready", () => {
    const trouble = troubleOf(world, deployment, run.spec.data);
    // Nothing more happens to one that never gets ready, until somebody starts it over.
    if (trouble?.fate === "unready") {
      instance.stateMessage = trouble.message;
      return log(place, instance, trouble.message);
    }
    if (trouble) return fail(place, instance, trouble.message);
    log(place, instance, "Listening");
    makeReady(place, instance);
  });
}

/** A step of its course, before which a person may hold it. */
function next(place: Place, instance: InstanceRecord, ms: number, hold: Hold, step: () => void): void {
  plan(place, instance, ms, () => {
    const { deployment } = place;
    if (deployment.hold !== hold) return step();
    const { history } = instance;
    const mark = history.at(-1);
    // Whatever else became of it meanwhile counts.
    deployment.held.push(() => history.at(-1) === mark && !instance.dtFinished && step());
  });
}

function plan({ world }: Place, instance: InstanceRecord, ms: number, fn: () => void): void {
  world.laterIn(instance.pending, ms, fn);
}

function log({ world, deployment, run }: Place, instance: InstanceRecord, message: string): void {
  writeLog(world, deployment, message, { jobId: run.id, instanceId: instance.instanceId });
}
