/**
 * What the object says about its deployment: the status and its conditions, from what is known. Pure: equal knowledge
 * gives an equal status, so that an idle deployment costs no write.
 */
import type { Claim } from "../../reconcile/conditions.ts";
import type { Announcement } from "../../reconcile/event-notes.ts";
import type { Subject } from "../../reconcile/kind.ts";
import type { Telling } from "../../reconcile/outcome.ts";
import { REASON as SHARED } from "../../reconcile/reasons.ts";
import { kept, managedStatus, syncedClaim } from "../../reconcile/status.ts";
import { apiTime } from "../time.ts";
import type { Deployment, Instance, Run } from "./api.ts";
import { shown } from "./compare.ts";
import type { DeploymentMemory, DeploymentView } from "./observation.ts";
import { driftOf, planOf } from "./plan.ts";
import { REASON } from "./reasons.ts";
import { isBad } from "./rollout.ts";
import type { DeploymentStatus, PaperspaceDeployment } from "./types.ts";

type Known = Subject<PaperspaceDeployment, { team: string }>;

/** Instances that are shown; a status must stay small. */
const SHOWN = 50;

export function deploymentStatus(
  view: DeploymentView,
  memory: DeploymentMemory,
  outcome: Telling,
  subject: Known,
): DeploymentStatus {
  const before = subject.object.status;
  const { sighting, halted } = view;
  const seen = sighting.state === "present" && subject.record ? sighting.deployment : undefined;
  const gone = sighting.state === "absent" && sighting.certain;
  const facts = gone || !subject.record ? {} : factsOf(view, seen, memory, before);
  return managedStatus(view, outcome, subject, {
    facts: {
      // The scale subresource needs both from the beginning.
      replicas: 0,
      selector: selectorOf(subject.object),
      ...facts,
      ...(halted?.reason === SHARED.DryRun && { plan: planOf(view) }),
    },
    memory: remembering(memory),
    claims: [...synced(view, seen), ...healthyClaim(memory, outcome, seen)],
    saidAnew: ["Synced", "Healthy"],
  });
}

function remembering({
  history,
  secrets,
  operation,
  rolledBack,
}: DeploymentMemory): Partial<DeploymentStatus> {
  return {
    ...(operation && { operation }),
    ...(history.length > 0 && { history: [...history] }),
    ...(rolledBack && { rolledBack }),
    ...(secrets.length > 0 && { secrets: [...secrets] }),
  };
}

/** There are no pods: it names the object, and matches nothing. An autoscaler wants one that is not empty. */
function selectorOf({ metadata }: PaperspaceDeployment): string {
  return `paperspace.com/deployment-uid=${metadata.uid ?? ""}`;
}

function factsOf(
  { runs }: DeploymentView,
  seen: Deployment | undefined,
  { history }: DeploymentMemory,
  before: DeploymentStatus | undefined,
): Partial<DeploymentStatus> {
  const described = seen ? describedBy(seen, history) : kept(before, SEEN);
  return { ...described, ...(runs ? countsOf(runs.list) : kept(before, COUNTED)) };
}

function describedBy(
  { name, endpoint, dtCreated, latestSpec }: Deployment,
  [head]: DeploymentMemory["history"],
): Partial<DeploymentStatus> {
  const createdAt = apiTime(dtCreated);
  const appliedAt = apiTime(latestSpec?.externalApplied);
  const healthyAt = apiTime(latestSpec?.dtHealthy);
  return {
    name,
    ...(endpoint && { endpoint, url: `https://${endpoint}` }),
    ...(createdAt && { createdAt }),
    ...(latestSpec && {
      spec: {
        id: latestSpec.id,
        ...(head?.specId === latestSpec.id && { hash: head.hash }),
        ...(appliedAt && { appliedAt }),
        ...(healthyAt && { healthyAt }),
        ...(latestSpec.error && { error: latestSpec.error.slice(0, 4096) }),
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
    ...(message && { message: message.slice(0, 1024) }),
    ...(created && { createdAt: created }),
  };
}

const SEEN = ["name", "endpoint", "url", "createdAt", "spec"] as const;
const COUNTED = ["replicas", "readyReplicas", "availableReplicas", "instances"] as const;

function synced(view: DeploymentView, seen: Deployment | undefined): Claim[] {
  if (!seen) return [];
  const { wanted } = view;
  if (wanted.state === "missing") {
    const { reason, message } = wanted;
    return [{ type: "Synced", status: "Unknown", reason, message }];
  }
  if (wanted.state === "unknown") {
    const message = "what the spec refers to is not known yet";
    return [{ type: "Synced", status: "Unknown", reason: "NotLookedAt", message }];
  }
  return [syncedClaim(shown(driftOf(view)), "the configuration is as declared")];
}

/** Of what this object sent last, and nothing else: whatever runs besides is no news of it. */
function healthyClaim(
  { history: [head], rolledBack }: DeploymentMemory,
  { reason, message }: Telling,
  seen: Deployment | undefined,
): Claim[] {
  if (!seen || !head) return [];
  const claim = (status: Claim["status"], why: string, words: string): Claim[] => [
    { type: "Healthy", status, reason: why, message: words },
  ];
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

/** What a change of status is worth telling beyond its conditions: each instance that comes to grief, once. */
export function deploymentNews(before: DeploymentStatus, after: DeploymentStatus): Announcement[] {
  const known = new Map(before.instances?.map((one) => [one.id, one.state]));
  return (after.instances ?? [])
    .filter((one) => isBad(one) && known.get(one.id) !== one.state)
    .map(({ id, state, message }) => ({
      id: `instance/${id}/${state}`,
      type: "Warning",
      reason: REASON.InstanceFailed,
      note: `instance ${id} is ${state}${message ? `: ${message}` : ""}`,
    }));
}
