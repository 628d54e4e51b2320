/**
 * What the object reports about its deployment: the status and its conditions. Pure: an equal observation
 * gives an equal status, so that an idle deployment costs no write.
 */
import { clip } from "../../base/plain-text.ts";
import { cut } from "../../base/text.ts";
import type { DesiredCondition } from "../../reconcile/conditions.ts";
import type { EventNote } from "../../reconcile/event-notes.ts";
import type { ReconcileContext } from "../../reconcile/kind.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import { REASON as SHARED } from "../../reconcile/reasons.ts";
import { kept, managedStatus, syncedCondition } from "../../reconcile/status.ts";
import { apiTime } from "../time.ts";
import type { Deployment, Instance, Run } from "./api.ts";
import { shown } from "./compare.ts";
import type { DeploymentMemory, DeploymentObservation } from "./observation.ts";
import { nextOpen } from "./placement/ladder.ts";
import { driftOf, planOf } from "./plan.ts";
import { REASON } from "./reasons.ts";
import { undecidable } from "./relation.ts";
import { assessedFirst, isBad, isPlaced } from "./rollout.ts";
import { writtenOtherwise } from "./stored-as.ts";
import { readConfig } from "./stored-config.ts";
import type { DeploymentStatus, PaperspaceDeployment } from "./types.ts";

type KnownContext = ReconcileContext<PaperspaceDeployment, { team: string }>;

/** Instances that are shown; a status must stay small. */
const SHOWN = 50;

export function deploymentStatus(
  observation: DeploymentObservation,
  memory: DeploymentMemory,
  outcome: ReportedOutcome,
  context: KnownContext,
): DeploymentStatus {
  const before = context.object.status;
  const { resource, halted, observes } = observation;
  const isShown = context.record !== undefined || observes === true;
  const seen = resource.state === "present" && isShown ? resource.deployment : undefined;
  const gone = resource.state === "absent" && resource.certain;
  const facts = gone || !isShown ? {} : factsOf(observation, seen, memory, before);
  return managedStatus(observation, outcome, context, {
    facts: {
      // The scale subresource needs both from the beginning.
      replicas: 0,
      selector: selectorOf(context.object),
      ...facts,
      ...(halted?.reason === SHARED.DryRun && { plan: planOf(observation) }),
    },
    memory: {
      projectId: observation.projectId,
      ...remembering(memory),
      ...shownPlacement(observation, memory),
    },
    conditions: [...synced(observation, seen), ...healthOf(observation, memory, outcome, seen)],
    refreshedWhilePaused: ["Synced", "Healthy"],
  });
}

function remembering({
  history,
  secrets,
  formerSecrets = [],
  operation,
  rolledBack,
  storedAs = [],
}: DeploymentMemory): Partial<DeploymentStatus> {
  return {
    ...(operation && { operation }),
    ...(history.length > 0 && { history: [...history] }),
    ...(rolledBack && { rolledBack }),
    ...(storedAs.length > 0 && { storedAs: [...storedAs] }),
    ...(secrets.length > 0 && { secrets: [...secrets] }),
    ...(formerSecrets.length > 0 && { formerSecrets: [...formerSecrets] }),
  };
}

/** With the candidate that comes next, until the one that is chosen was healthy. */
function shownPlacement(
  { spec, now }: DeploymentObservation,
  { placement, history: [head] }: DeploymentMemory,
): Pick<DeploymentStatus, "placement"> {
  if (!placement) return {};
  const next = head && isPlaced(head) ? undefined : nextOpen(spec, placement, now, placement.chosen);
  return { placement: { ...placement, ...(next && { next }) } };
}

/** There are no pods: it names the object, and matches nothing. An autoscaler wants one that is not empty. */
function selectorOf({ metadata }: PaperspaceDeployment): string {
  return `paperspace.com/deployment-uid=${metadata.uid ?? ""}`;
}

function factsOf(
  { runs }: DeploymentObservation,
  seen: Deployment | undefined,
  { history }: DeploymentMemory,
  before: DeploymentStatus | undefined,
): Partial<DeploymentStatus> {
  const described = seen ? describedBy(seen, history) : kept(before, SEEN);
  if (!runs) return { ...described, ...kept(before, COUNTED) };
  const latest = seen?.latestSpec;
  return { ...described, ...countsOf(latest ? assessedFirst(runs.list, latest, history[0]) : runs.list) };
}

function describedBy(
  { name, endpoint, dtCreated, latestSpec }: Deployment,
  [head]: DeploymentMemory["history"],
): Partial<DeploymentStatus> {
  const createdAt = apiTime(dtCreated);
  const appliedAt = apiTime(latestSpec?.externalApplied);
  const healthyAt = apiTime(latestSpec?.dtHealthy);
  const machineType = readConfig(latestSpec?.data)?.resources.machineType;
  return {
    name,
    ...(machineType && { machineType: clip(machineType) }),
    ...(endpoint && { endpoint, url: `https://${endpoint}` }),
    ...(createdAt && { createdAt }),
    ...(latestSpec && {
      spec: {
        id: latestSpec.id,
        ...(head?.specId === latestSpec.id && { hash: head.hash }),
        ...(appliedAt && { appliedAt }),
        ...(healthyAt && { healthyAt }),
        ...(latestSpec.error && { error: cut(latestSpec.error, 4096) }),
      },
    }),
  };
}

function countsOf([run]: readonly Run[]): Partial<DeploymentStatus> {
  if (!run) return { replicas: 0, readyReplicas: 0, availableReplicas: 0 };
  const instances = [...run.instances].sort(troubledFirst).slice(0, SHOWN).map(shownInstance);
  return {
    replicas: Math.round(run.replicas),
    readyReplicas: Math.round(run.ready),
    availableReplicas: Math.round(run.available),
    ...(instances.length > 0 && { instances }),
  };
}

function troubledFirst(a: Instance, b: Instance): number {
  return Number(isBad(b)) - Number(isBad(a)) || (a.id < b.id ? -1 : 1);
}

function shownInstance({ id, state, message, createdAt }: Instance) {
  const created = apiTime(createdAt);
  return {
    id,
    state,
    ...(message && { message: cut(message, 1024) }),
    ...(created && { createdAt: created }),
  };
}

const SEEN = ["name", "machineType", "endpoint", "url", "createdAt", "spec"] as const;
const COUNTED = ["replicas", "readyReplicas", "availableReplicas", "instances"] as const;

function synced(observation: DeploymentObservation, seen: Deployment | undefined): DesiredCondition[] {
  if (!seen) return [];
  const { desired } = observation;
  if (desired.state === "missing") {
    const { reason, message } = desired;
    return [{ type: "Synced", status: "Unknown", reason, message }];
  }
  if (desired.state === "unknown") {
    const message = "what the spec refers to is not known yet";
    return [{ type: "Synced", status: "Unknown", reason: "NotLookedAt", message }];
  }
  const declared = undecidable(seen);
  const changes = declared.length > 0 ? [] : shown(driftOf(observation));
  const all = [...new Set([...(seen.unreadable ?? []), ...declared])];
  if (desired.outdated && changes.length === 0) {
    const message = `as declared when it was read last; ${desired.outdated.message}`;
    return [{ type: "Synced", status: "Unknown", reason: "Unreadable", message }];
  }
  const otherwise = writtenOtherwise(observation.memory.storedAs, desired.leaves);
  return [syncedCondition(changes, `the configuration is as declared${otherwise}`, { declared, all })];
}

function healthOf(
  { observes }: DeploymentObservation,
  memory: DeploymentMemory,
  outcome: ReportedOutcome,
  seen: Deployment | undefined,
): DesiredCondition[] {
  if (!observes) return healthyCondition(memory, outcome, seen);
  const { kind, reason, message } = outcome;
  const isHealthy = kind === "Done" && reason === REASON.Available && outcome.ready !== false;
  return seen ? [{ type: "Healthy", status: isHealthy ? "True" : "False", reason, message }] : [];
}

/** Of what this object sent last, and nothing else: what else runs does not change it. */
function healthyCondition(
  { history: [head], rolledBack }: DeploymentMemory,
  { reason, message }: ReportedOutcome,
  seen: Deployment | undefined,
): DesiredCondition[] {
  if (!seen || !head) return [];
  const claim = (status: DesiredCondition["status"], why: string, words: string): DesiredCondition[] => [
    { type: "Healthy", status, reason: why, message: words },
  ];
  if (reason === REASON.NotObserved) return claim("Unknown", reason, message);
  if (reason === REASON.Scaling) return claim("True", "Healthy", message);
  if (reason === REASON.Degraded) return claim("False", reason, message);
  switch (head.outcome) {
    case "Healthy":
      return rolledBack
        ? claim("True", REASON.RolledBack, `the last healthy configuration runs (spec ${head.specId})`)
        : claim("True", "Healthy", `spec ${head.specId} is healthy`);
    case "Disabled":
      return claim("False", REASON.Disabled, "it is switched off");
    case "Failed":
    case "TimedOut":
      return claim("False", `Rollout${head.outcome}`, head.message ?? "the rollout failed");
    default:
      return claim("False", REASON.Progressing, `the rollout that began at ${head.sentAt} is under way`);
  }
}

/** Events beyond the change of conditions: one for each instance that fails. */
export function deploymentEventNotes(before: DeploymentStatus, after: DeploymentStatus): EventNote[] {
  const states = new Map(before.instances?.map((one) => [one.id, one.state]));
  return (after.instances ?? [])
    .filter((one) => isBad(one) && states.get(one.id) !== one.state)
    .map(({ id, state, message }) => ({
      id: `instance/${encodeURIComponent(id)}/${state}`,
      type: "Warning",
      reason: REASON.InstanceFailed,
      note: `instance ${id} is ${state}${message ? `: ${message}` : ""}`,
    }));
}
