/**
 * Changes to deployments that do not come through the API: what a user does in the vendor's console, what the cluster
 * does by itself, and what an experiment needs. Every method works on the world alone; the control port calls the same
 * ones.
 */

import { note } from "./activity.ts";
import { inOlderSchema, meaningOf } from "./deployment-config.ts";
import { writeLog } from "./deployment-logs.ts";
import type {
  Config,
  DeploymentRecord,
  Fate,
  Hold,
  InstanceFate,
  InstanceRecord,
  InstanceState,
  PlannedSpecFailure,
  RunRecord,
  WorkflowRun,
} from "./deployment-records.ts";
import { deleteDeployment, upsert } from "./deployments.ts";
import * as instances from "./instances.ts";
import type { Metric } from "./metrics.ts";
import * as rollouts from "./rollouts.ts";
import type { World } from "./world.ts";

/** The defaults of a deployment made by hand. */
const FOREIGN: Config = {
  apiVersion: "v1",
  name: "made-in-the-console",
  image: "nginx:1.27",
  enabled: true,
  resources: { machineType: "C4", ports: [80], replicas: 1 },
};

/** A partial configuration; nested objects are partial too, arrays are whole. */
export type ConfigChange = {
  [K in keyof Config]?: Config[K] extends object ? Partial<Config[K]> : Config[K];
};

export class DeploymentConsole {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * Makes a deployment that no client created, or submits another configuration for the one of that name; `settled`
   * puts it through to its end at once. Throws ApiError as an upsert would.
   */
  create(
    projectId: string,
    config: ConfigChange = {},
    { settled = false, userId }: { settled?: boolean; userId?: string } = {},
  ): DeploymentRecord {
    const team = this.#world.teams.get(this.#world.projects.get(projectId)?.teamId ?? "");
    if (!team) throw new Error(`there is no project ${projectId}`);
    const input = { projectId, config: merged(FOREIGN, config) };
    const deployment = upsert(this.#world, team, input, { userId });
    if (settled) this.settle(deployment.id);
    return deployment;
  }

  /** Submits the latest configuration with changes; undefined takes a field away. A rename is one, too. */
  edit(id: string, change: ConfigChange, userId?: string): void {
    const { teamId, projectId, specs } = this.deployment(id);
    const team = this.#world.teams.get(teamId);
    const latest = specs.at(-1);
    if (!team || !latest) throw new Error(`deployment ${id} has no team or no configuration`);
    const input = { projectId, deploymentId: id, config: merged(latest.data, change) };
    upsert(this.#world, team, input, { userId });
  }

  enable(id: string, enabled = true): void {
    this.edit(id, { enabled });
  }

  scale(id: string, replicas: number): void {
    this.edit(id, { resources: { replicas } });
  }

  /** The latest configuration is applied and healthy at once, or switched off; only fatal errors still count. */
  settle(id: string): void {
    rollouts.complete(this.#world, this.deployment(id));
  }

  /** Deletes as the console would; `now` without the time it may take. */
  delete(id: string, now = false, userId: string | null = null): void {
    deleteDeployment(this.#world, this.deployment(id), userId, now ? 0 : undefined);
  }

  /** The cloud changes the number of replicas by itself, between that of the configuration and maxReplicas. */
  autoscale(id: string, replicas: number): void {
    const deployment = this.deployment(id);
    const run = this.#currentRun(deployment);
    const { autoscaling, replicas: least } = meaningOf(run.spec.data);
    const most = autoscaling?.maxReplicas ?? least;
    if (replicas < least || replicas > most) {
      throw new Error(`the deployment scales between ${least} and ${most}`);
    }
    note(this.#world, deployment, "deployment.scaled", null, { from: run.replicas, to: replicas });
    rollouts.scale(this.#world, deployment, run, replicas);
  }

  /** One container ends by itself: the first of the current run, if none is named. It starts over, if it is to. */
  crash(
    id: string,
    {
      instanceId,
      message,
      startsOver = true,
    }: { instanceId?: string; message?: string; startsOver?: boolean } = {},
  ): InstanceRecord {
    const deployment = this.deployment(id);
    const instance = this.#instance(deployment, instanceId);
    const text = message ?? "Container exited with code 1";
    rollouts.crash(this.#world, deployment, instance.instanceId, text, startsOver);
    return instance;
  }

  /** All its instances get this result from now on, those that run included, whatever its image. */
  fail(id: string, fate: InstanceFate, message?: string): void {
    const deployment = this.deployment(id);
    deployment.trouble = { fate, ...(message !== undefined && { message }) };
    rollouts.restartAll(this.#world, deployment);
  }

  /** Ends what `fail` began; instances that fail restart at once. */
  recover(id: string): void {
    const deployment = this.deployment(id);
    deployment.trouble = null;
    rollouts.restartUnready(this.#world, deployment);
  }

  /** Nothing goes on before the step of that name until `hold` is null; `next`: of the next one to be created. */
  hold(id: string | "next", hold: Hold | null): void {
    if (id === "next") this.#world.holdNextRollout = hold;
    else rollouts.holdAt(this.deployment(id), hold);
  }

  /** The next configuration (of a deployment of that name) is a fatal error. */
  failNext(failure: PlannedSpecFailure): void {
    this.#world.specFailures.push(failure);
  }

  /** The result of all instances whose image contains `part`; null: they succeed. */
  setImageFate(part: string, fate: Fate | null): void {
    this.#world.imageFates.delete(part);
    this.#world.imageFates.set(part, fate);
  }

  /** Puts an instance into a state at once, by no rule; it stays there. The state may be an unknown one. */
  setInstanceState(
    id: string,
    state: InstanceState | (string & {}),
    { instanceId, message = null }: { instanceId?: string; message?: string | null } = {},
  ): void {
    const instance = this.#instance(this.deployment(id), instanceId);
    instances.dropPlans(instance);
    instances.enter(this.#world, instance, state, message);
  }

  /** A line of an instance, or of none. */
  log(id: string, message: string, instanceId: string | null = null): void {
    const deployment = this.deployment(id);
    const run = deployment.runs.findLast(
      (r) => instanceId === null || r.instances.some((i) => i.instanceId === instanceId),
    );
    writeLog(this.#world, deployment, message, { jobId: run?.id ?? deployment.id, instanceId });
  }

  /** Stores the latest configuration in the schema of an older version, as old deployments have it. */
  rewrite(id: string, version: "v0alpha0" | "v0alpha1"): void {
    const spec = rollouts.latestSpec(this.deployment(id));
    spec.data = inOlderSchema(spec.data, version);
  }

  /** The stored configuration cannot be read (latestSpec null) until the next upsert, or until `invalid` is false. */
  invalidate(id: string, invalid = true): void {
    this.deployment(id).isInvalid = invalid;
  }

  /** Puts the build behind the latest spec into the history. */
  attachWorkflowRun(id: string, phase: WorkflowRun["phase"], message: string | null = null): void {
    const world = this.#world;
    const now = world.iso();
    const isOver = !["Initializing", "Submitting", "Pending", "Running"].includes(phase);
    const workflowId = world.uuid();
    rollouts.latestSpec(this.deployment(id)).workflowRun = {
      id: world.uuid(),
      workflowId,
      phase,
      message,
      dtCreated: now,
      dtStarted: now,
      dtFinished: isOver ? now : null,
      workflow: { id: workflowId, name: "build", dtCreated: now },
    };
  }

  /**
   * The values of a metric in turn instead of figures, such as "NaN"; none at all makes an empty array, null ends it.
   */
  setMetric(id: string, metric: Metric, values: readonly string[] | null): void {
    const { metrics } = this.deployment(id);
    if (values) metrics.set(metric, values);
    else metrics.delete(metric);
  }

  /** A deployment that is not deleted; throws when there is none. */
  deployment(id: string): DeploymentRecord {
    const deployment = this.#world.deployments.get(id);
    if (!deployment || deployment.dtDeleted) throw new Error(`there is no deployment ${id}`);
    return deployment;
  }

  #currentRun(deployment: DeploymentRecord): RunRecord {
    const run = rollouts.currentRun(deployment);
    if (!run) throw new Error(`deployment ${deployment.id} has no run`);
    return run;
  }

  #instance(deployment: DeploymentRecord, instanceId: string | undefined): InstanceRecord {
    const all = deployment.runs.flatMap((r) => r.instances);
    const instance =
      instanceId === undefined
        ? this.#currentRun(deployment).instances.find((i) => !i.dtFinished)
        : all.find((i) => i.instanceId === instanceId);
    if (!instance) throw new Error(`there is no instance ${instanceId ?? `of ${deployment.id}`}`);
    return instance;
  }
}

/** Arrays are replaced, objects merged, and what is undefined goes. */
function merged<T extends object>(base: T, change: object): T {
  const out = structuredClone(base) as Record<string, unknown>;
  for (const [key, value] of Object.entries(change)) {
    const present = out[key];
    if (value === undefined) delete out[key];
    else out[key] = isPlain(present) && isPlain(value) ? merged(present, value) : value;
  }
  return out as T;
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
