/**
 * The records that deployments are made of (deployments.md), from the configuration down to a line of a log. No rules and
 * no transitions live here.
 */

import type { Cancel } from "../../../src/base/clock.ts";
import type { Owned } from "./records.ts";

export const API_VERSIONS = ["v0alpha0", "v0alpha1", "v1", "latest"] as const;

export type ApiVersion = (typeof API_VERSIONS)[number];

/** A configuration in any of the stored forms (deployments.md sections 3 and 4). Its schema is in the api folder. */
export interface Config {
  apiVersion: ApiVersion;
  name: string;
  image: string;
  resources: {
    /** Not in v0alpha0, which has instanceType. */
    machineType?: string;
    instanceType?: string;
    ports?: number[];
    replicas?: number;
    autoscaling?: { enabled?: boolean; maxReplicas: number; metrics: object[] };
  };
  enabled?: boolean;
  command?: string[];
  containerRegistry?: string;
  basicAuthKey?: string;
  env?: { name: string; value: string }[];
  healthChecks?: HealthChecks;
  healthchecks?: HealthChecks;
  integrations?: Integration[];
  region?: string;
  /** v0alpha0 only, as the two below. */
  port?: number;
  models?: { id: string; path?: string }[];
  repositories?: {
    dataset: string;
    mountPath?: string;
    repositories: { name: string; url: string; ref?: string; username?: string; password?: string }[];
  };
}

export interface Probe {
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
  path?: string;
  port?: number;
  host?: string;
  headers?: { name: string; value: string }[];
  exec?: { command: string[] };
}

export type HealthChecks = { liveness?: Probe; readiness?: Probe; startup?: Probe };

export interface Integration {
  type: "model" | "s3" | "spaces" | "volume" | "git-lfs";
  name: string;
  id?: string;
  url?: string;
  path?: string;
  region?: string;
  endpoint?: string;
  accessKeyId?: string;
  secretAccessKey?: string;
}

/** deployments.md section 6.2: sent as headers of the upsert. */
export const GIT_HEADERS = [
  "x-git-host",
  "x-git-actor",
  "x-git-owner",
  "x-git-repo",
  "x-git-ref",
  "x-git-sha",
] as const;

export type GitHeaders = Partial<Record<(typeof GIT_HEADERS)[number], string>>;

export const WORKFLOW_PHASES = [
  "Initializing",
  "Submitting",
  "Pending",
  "Running",
  "Succeeded",
  "Skipped",
  "Failed",
  "Error",
  "Omitted",
  "Canceled",
] as const;

/** deployments.md section 7: the build behind a spec. */
export interface WorkflowRun {
  id: string;
  workflowId: string;
  phase: (typeof WORKFLOW_PHASES)[number];
  message: string | null;
  dtCreated: string;
  dtStarted: string | null;
  dtFinished: string | null;
  workflow: { id: string; name: string | null; dtCreated: string };
}

/** One submitted configuration (deployments.md section 6.1). */
export interface SpecRecord {
  id: string;
  seq: number;
  userId: string;
  /** As stored. */
  data: Config;
  hash: string;
  dtCreated: string;
  externalApplied: string | null;
  dtHealthy: string | null;
  error: string | null;
  gitHeaders: GitHeaders | null;
  workflowRun: WorkflowRun | null;
}

/** What the simulator itself puts an instance into; the console may name any other, since no source has an enum. */
export type InstanceState = "pending" | "starting" | "running" | "errored" | "stopping" | "stopped";

/** One container (deployments.md section 8). */
export interface InstanceRecord {
  id: string;
  instanceId: string;
  seq: number;
  state: string;
  stateMessage: string | null;
  dtCreated: string;
  dtFinished: string | null;
  history: { state: string; message: string | null; timestamp: string }[];
  isReady: boolean;
  /** Takes one of the machines that its type has in its region. */
  slot: { machineType: string; region: string } | null;
  /** How often its container failed in a row, which is what it waits longer and longer for. */
  failures: number;
  /** Transitions that lie ahead. */
  pending: Set<Cancel>;
}

/** What the cluster makes of a configuration (deployments.md section 8). */
export interface RunRecord {
  id: string;
  seq: number;
  /** The latest spec that it carries out. */
  spec: SpecRecord;
  replicas: number;
  instances: InstanceRecord[];
  dtCreated: string;
  isEnding: boolean;
  dtFinished: string | null;
}

export interface LogRecord {
  id: string;
  seq: number;
  jobId: string;
  instanceId: string | null;
  message: string;
  dtCreated: string;
}

/** Where the console can hold a rollout: before the step of that name nothing goes on. */
export const HOLDS = ["unapplied", "pending", "starting", "unready", "unhealthy"] as const;

export type Hold = (typeof HOLDS)[number];

/**
 * What goes wrong with instances. `pull`: no image; `startup`: the startup check fails; `crash`: the container ends by
 * itself; `unready`: it runs, but the readiness check fails.
 */
export const INSTANCE_FATES = ["pull", "startup", "crash", "unready"] as const;
/** What goes wrong with a configuration as a whole. */
export const SPEC_FATES = ["config", "prebuild"] as const;

export type InstanceFate = (typeof INSTANCE_FATES)[number];
export type Fate = InstanceFate | (typeof SPEC_FATES)[number];

/** deployments.md section 6. */
export interface DeploymentRecord extends Owned {
  name: string;
  projectId: string;
  /** Host name. */
  endpoint: string;
  /** Oldest first, never empty. */
  specs: SpecRecord[];
  /** Oldest first, ended ones included. */
  runs: RunRecord[];
  logs: LogRecord[];
  /** The stored configuration cannot be read: latestSpec is null. */
  isInvalid: boolean;
  isDeleting: boolean;
  /** What reads give until the monotonic time `until`. */
  stale: { view: DeploymentView; until: number } | null;
  /** The result that the console sets for all its instances. */
  trouble: { fate: InstanceFate; message?: string } | null;
  hold: Hold | null;
  /** Steps that wait for the hold to end. */
  held: (() => void)[];
  /** Fixed values of metrics instead of figures, by name of the metric. */
  metrics: Map<string, readonly string[]>;
  /** What lies ahead of the latest spec. */
  pending: Set<Cancel>;
}

/** deployments.md section 6.1. */
export interface SpecView {
  id: string;
  deploymentId: string;
  userId: string;
  data: Config | null;
  externalApplied: string | null;
  dtHealthy: string | null;
  error: string | null;
  metadata: { gitHeaders: GitHeaders } | null;
}

/** deployments.md section 6. */
export interface DeploymentView {
  id: string;
  name: string;
  projectId: string;
  teamId: string;
  endpoint: string;
  basicAuthKey: string | null;
  dtCreated: string;
  latestSpec: SpecView | null;
  latestSpecHash: string | null;
}

/** deployments.md section 8. */
export interface RunView {
  id: string;
  replicas: number;
  readyReplicas: number;
  availableReplicas: number;
  instances: Pick<
    InstanceRecord,
    "id" | "instanceId" | "state" | "stateMessage" | "dtCreated" | "dtFinished" | "history"
  >[];
}

export const ACTIONS = [
  "deployment.created",
  "deployment.updated",
  "deployment.deleted",
  "deployment.enabled",
  "deployment.disabled",
  "deployment.scaled",
  "deployment.autoscaling.enabled",
  "deployment.autoscaling.disabled",
] as const;

/** deployments.md section 11. */
export interface ActivityRecord {
  id: string;
  seq: number;
  projectId: string;
  deploymentId: string;
  action: (typeof ACTIONS)[number];
  dtCreated: string;
  data: { from: number; to: number } | null;
  /** null: the cloud did it by itself. */
  userId: string | null;
}

/** The next configuration (of a deployment of this name) turns out to be a fatal error. */
export interface PlannedSpecFailure {
  name?: string;
  error: string;
}
