/**
 * Observations of a deployment for the tests of `decide`: one that is healthy, and what differs from it. Times are
 * given as ages.
 */

import type { Deployment, Instance, Run, StoredSpec } from "../../../src/kinds/deployment/api.ts";
import { configOf, type DeploymentConfig, secretValue } from "../../../src/kinds/deployment/config.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import type {
  DeploymentDecision,
  DeploymentLimits,
  DeploymentMemory,
  DeploymentObservation,
  DesiredTarget,
} from "../../../src/kinds/deployment/observation.ts";
import { targetOf as declaredTarget } from "../../../src/kinds/deployment/placement/candidates.ts";
import { sentOf } from "../../../src/kinds/deployment/rollout.ts";
import { deploymentStatus } from "../../../src/kinds/deployment/status.ts";
import type { DeploymentSpec, Rollout } from "../../../src/kinds/deployment/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import type { Outcome } from "../../../src/reconcile/outcome.ts";
import { wordOf } from "../engine/law.ts";
import { SPEC } from "./spec.ts";

export const NOW = Date.UTC(2026, 5, 1);
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const DEADLINE_MS = SPEC.progressDeadlineSeconds * SECOND;
export const RECHECK_MS = 30_000;
export const LIMITS: DeploymentLimits = {
  resendMs: 30_000,
  settleMs: 225_000,
  slowMs: 10 * MINUTE,
  lookMs: 3_000,
  absenceGraceMs: 2 * MINUTE,
  deleteMs: 30 * MINUTE,
  freshMs: 15_000,
};

export const TEAM = "te1";
export const UID = "uid-1";
export const ID = "d1";
export const NAME = "web";
export const RECORD = { id: ID, team: TEAM, name: `p-alpha/${NAME}`, uid: UID };
export const ATTEMPT = { name: RECORD.name, team: TEAM, uid: UID, time: toTime(NOW - MINUTE) };
export const OURS = { state: "ours", record: RECORD, restore: false } as const;
export const NONE = { state: "none" } as const;

/** Configurations to distinguish: the one that was well, the one that is declared, one of another actor. */
export const GOOD: DeploymentSpec = { ...SPEC, image: "ghcr.io/acme/model:1" };
export const NEW: DeploymentSpec = { ...SPEC, image: "ghcr.io/acme/model:2" };
export const FOREIGN: DeploymentSpec = { ...SPEC, image: "ghcr.io/somebody/else:1" };
export const OFF: DeploymentSpec = { ...NEW, enabled: false };
export const WITH_SECRET: DeploymentSpec = {
  ...GOOD,
  env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }],
};

export function secretName(name: string, key: string): string {
  return `k8s_${name}_${key}`;
}

/** The spec's configuration; each key of a Secret becomes a project secret of its own. */
export function targetOf(spec: DeploymentSpec, name = NAME): DesiredTarget {
  const secrets: string[] = [];
  const config = configOf(spec, name, ({ name: secret, key }) => {
    const made = secretName(secret, key);
    if (!secrets.includes(made)) secrets.push(made);
    return secretValue(made);
  });
  return { state: "known", ...declaredTarget(config, secrets, spec) };
}

export function ago(ms: number): string {
  return toTime(NOW - ms);
}

/** What Paperspace reports of a spec, by how far it is. */
const PROGRESS = {
  pending: {},
  rejected: { error: "no such machine type" },
  applied: { externalApplied: ago(MINUTE) },
  "applied, with an error": { externalApplied: ago(MINUTE), error: "one instance failed" },
  healthy: { externalApplied: ago(MINUTE), dtHealthy: ago(SECOND) },
} as const satisfies Record<string, Partial<StoredSpec>>;

export type SpecProgress = keyof typeof PROGRESS;

export function stored(
  id: string,
  of: DeploymentSpec | DeploymentConfig,
  progress: SpecProgress = "healthy",
  name = NAME,
): StoredSpec {
  const data = "apiVersion" in of ? of : targetOf(of, name).config;
  return { id, data, externalApplied: null, dtHealthy: null, error: null, ...PROGRESS[progress] };
}

/** A configuration that this object sent. */
export function sent(
  of: DeploymentSpec,
  { ageMs = 2 * MINUTE, ...more }: Partial<Rollout> & { ageMs?: number } = {},
): Rollout {
  return {
    ...sentOf(targetOf(of)),
    generation: 1,
    sentAt: ago(ageMs),
    outcome: "Progressing",
    ...more,
  };
}

export function run(ready: number, replicas = 1, instances: readonly Instance[] = []): Run {
  return { replicas, ready, available: 0, instances };
}

export function seen(list: readonly Run[], ageMs = 0): NonNullable<DeploymentObservation["runs"]> {
  return { list, ageMs };
}

/** Views are given whole parts; of these the ones that are left out are as in the healthy one. */
export interface Particulars extends Omit<Partial<DeploymentObservation>, "spec" | "memory" | "resource"> {
  spec?: DeploymentSpec;
  latest?: StoredSpec | null;
  deployment?: Partial<Deployment>;
  resource?: DeploymentObservation["resource"];
  history?: readonly Rollout[];
  memory?: Partial<DeploymentMemory>;
}

/** A deployment that is healthy and as declared: nothing speaks against anything, and nothing is to be done. */
export function situation({
  spec = GOOD,
  name = NAME,
  latest = stored("s1", spec, "healthy", name),
  history = [sent(spec, { specId: "s1", outcome: "Healthy" })],
  deployment,
  memory,
  ...more
}: Particulars = {}): DeploymentObservation {
  const there: Deployment = { id: ID, name, projectId: spec.projectId, latestSpec: latest, ...deployment };
  const identity = more.identity ?? OURS;
  return {
    noun: "deployment",
    deleting: false,
    finalizer: true,
    deletionPolicy: spec.deletionPolicy,
    identity,
    account: { state: "valid", team: TEAM },
    requests: {},
    backingOff: {},
    recheckMs: RECHECK_MS,
    spec,
    generation: 2,
    reference: `psd/${NAME} -n default`,
    uid: UID,
    projectId: spec.projectId,
    name,
    desired: targetOf(spec, name),
    resource: identity.state === "none" ? { state: "unknown" } : { state: "present", deployment: there },
    runs: seen([run(1)]),
    readErrors: {},
    memory: { history: identity.state === "none" ? [] : history, secrets: [], ...memory },
    now: NOW,
    limits: LIMITS,
    ...more,
  };
}

/** Nothing is owned yet, and all that a create needs is known. */
export function beginning(more: Particulars = {}): DeploymentObservation {
  return situation({ identity: NONE, siblings: { ids: [], ageMs: 0 }, ...more });
}

/** What was chosen, in a word or two: "deploy", "RequeueAfter/Progressing". */
export function chosen(observation: DeploymentObservation): string {
  const decision = decideDeployment(observation);
  return decision.step.do === "deploy" ? "deploy" : wordOf(decision);
}

/** Sends what is sent last, as life and the laws see it: a step of `deploy` in a few words. */
export function deployed({ step }: DeploymentDecision) {
  if (step.do !== "deploy") return undefined;
  const { target, replaces, rollback, changes, git } = step;
  return { image: target.config.image, name: target.config.name, replaces, rollback, changes, git };
}

export function outcomeOf({ step }: DeploymentDecision): Outcome | undefined {
  return step.do === "none" ? step.outcome : undefined;
}

export function messageOf(decision: DeploymentDecision): string {
  const outcome = outcomeOf(decision);
  return outcome && "message" in outcome ? outcome.message : "";
}

/** What the object reports, once a pass is over. */
export interface Reported {
  ready: string;
  reason: string;
  healthy: string;
  /** Reconciling or Stalled, or neither. */
  progress: "Reconciling" | "Stalled" | "-";
  message: string;
}

/** The conditions that come of a view, through decide and the status. Of a decision that takes no step and reports. */
export function reported(observation: DeploymentObservation): Reported {
  const { step, memory } = decideDeployment(observation);
  if (step.do !== "none") throw new Error(`${step.do} reports nothing before it is done`);
  const { outcome } = step;
  if (!("reason" in outcome)) throw new Error(`${outcome.kind} reports nothing`);
  const object = {
    apiVersion: "paperspace.com/v1alpha1",
    kind: "PaperspaceDeployment",
    metadata: { name: NAME, namespace: "default", uid: UID, generation: observation.generation },
    spec: observation.spec,
  };
  const context = {
    key: `default/${NAME}`,
    object,
    ...(observation.identity.state === "ours" && { record: observation.identity.record }),
  };
  const { conditions = [] } = deploymentStatus(observation, memory, outcome, context);
  const find = (type: string) => conditions.find((condition) => condition.type === type);
  const ready = find("Ready");
  const progress = find("Reconciling") ? "Reconciling" : find("Stalled") ? "Stalled" : "-";
  return {
    ready: ready?.status ?? "-",
    reason: ready?.reason ?? "-",
    healthy: find("Healthy")?.status ?? "-",
    progress,
    message: ready?.message ?? "",
  };
}
