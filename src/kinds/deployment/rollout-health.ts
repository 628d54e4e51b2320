/**
 * What comes of a rollout of ours that Paperspace shows: it is waited for, it is well, it has failed and the last healthy
 * one is gone back to. Pure; which spec is ours is life.ts's matter.
 */
import { toTime } from "../../kube/objects.ts";
import {
  DUE,
  isLate,
  needFacts,
  noStep,
  OBSERVE,
  ongoingOrStart,
  stalled,
  untilLook,
  wait,
  withoutOperation,
} from "../../reconcile/decision.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import type { StoredSpec } from "./api.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DesiredTarget,
  FACT,
  type Target,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import { concluded, isOff, type Progress, progress, runWords } from "./rollout.ts";
import type { Rollout } from "./types.ts";

/** Sent, and nothing that is valid is shown: there is no spec to judge by. */
export function refused(
  observation: DeploymentObservation,
  target: Target,
  desired: DesiredTarget,
  memory: DeploymentMemory,
  why: string,
): DeploymentDecision {
  const [head] = memory.history;
  if (!head) return noStep({ kind: "Unknown" }, memory);
  const at = { observation, target, desired, memory, head, needs: [] };
  return failed(at, "Failed", REASON.ConfigurationRejected, why);
}

/** The shown spec is ours: what has become of it. */
export function assessRollout(
  observation: DeploymentObservation,
  latest: StoredSpec,
  target: Target,
  desired: DesiredTarget,
  memory: DeploymentMemory,
): DeploymentDecision {
  const [head] = memory.history;
  if (!head) return noStep({ kind: "Unknown" }, memory);
  const wasWell = head.outcome === "Healthy" || head.outcome === "Disabled";
  const trusted = wasWell && memory.operation === undefined;
  const known = progress(latest, target, observation.runs?.list, trusted);
  // The first time that it looks well, only a look of now can confirm it.
  const needs = needsRuns(observation, known, trusted) ? [FACT.runs] : [];
  const at = { observation, target, desired, memory, head, needs };
  switch (known.state) {
    case "rejected":
      return failed(
        at,
        "Failed",
        REASON.ConfigurationRejected,
        `Paperspace could not apply it: ${known.message}`,
      );
    case "progressing":
      // What was seen to be healthy is no rollout under way any more, though the mark of it be taken away.
      return head.outcome === "Healthy" ? degraded(at, { ...known, state: "degraded" }) : underWay(at, known);
    case "pending":
    case "disabling":
      return underWay(at, known);
    case "unlooked":
      return needFacts(observation, memory, [FACT.runs]);
    case "disabled":
    case "healthy":
      return needs.length > 0 && !trusted ? needFacts(observation, memory, needs) : healthy(at, known.state);
    case "degraded":
      return degraded(at, known);
  }
}

interface At {
  observation: DeploymentObservation;
  target: Target;
  desired: DesiredTarget;
  memory: DeploymentMemory;
  head: Rollout;
  needs: readonly string[];
}

/** Runs cost a read for each deployment: they are read while something is under way, and else slowly (see observer.ts). */
function needsRuns({ runs, limits }: DeploymentObservation, { state }: Progress, trusted: boolean): boolean {
  if (state === "pending" || state === "rejected") return false;
  const isWell = state === "healthy" || state === "disabled";
  if (trusted && isWell) return false;
  // Where reads have to queue none is ever young: then it will do that it came after what it is to confirm.
  if (isWell && runs?.isNewer) return false;
  return !runs || runs.ageMs >= limits.lookMs * DUE;
}

/** When the rollout counts as late; in the words of an operation, for the pace of looks. */
function clockOf({ head, observation }: At): { requestedAt: string; deadline: string } {
  const deadline = Date.parse(head.sentAt) + observation.spec.progressDeadlineSeconds * 1000;
  return { requestedAt: head.sentAt, deadline: toTime(deadline) };
}

function underWay(at: At, known: Progress): DeploymentDecision {
  const { observation, memory, head, needs } = at;
  const times = clockOf(at);
  const words = wordsOf(known);
  const reason =
    { pending: REASON.Pending, disabling: REASON.Disabling }[known.state as string] ?? REASON.Progressing;
  if (isLate(times, observation.now)) {
    // Where only the runs speak against it, they must be of now: it may have come about since they were read.
    if (needs.length > 0 && (known.state === "degraded" || known.state === "disabling"))
      return needFacts(observation, memory, needs);
    return {
      ...failed(at, "TimedOut", REASON.ProgressDeadlineExceeded, `not done by ${times.deadline}: ${words}`),
      needs,
    };
  }
  const history = concluded(memory.history, "Progressing", observation.now);
  const message = `sent at ${head.sentAt}: ${words}`;
  return {
    ...wait({ ...withoutOperation(memory), history }, reason, message, untilLook(observation, times)),
    needs,
  };
}

function wordsOf(known: Progress): string {
  switch (known.state) {
    case "pending":
      return "Paperspace has not applied it yet";
    case "disabling":
      return "its instances are still running";
    case "progressing":
    case "degraded":
      return runWords(known.run);
    default:
      return "";
  }
}

function failed(at: At, outcome: "Failed" | "TimedOut", reason: string, why: string): DeploymentDecision {
  const { observation, memory, head, desired, target } = at;
  const { spec, now, limits } = observation;
  const history = concluded(memory.history, outcome, now, why);
  // It may still come about, and then everything mends itself.
  const pace = outcome === "TimedOut" ? 10 * limits.lookMs : limits.slowMs;
  if (memory.rolledBack) {
    const message = `${memory.rolledBack.message}. Going back to spec ${memory.rolledBack.to} failed, too: ${why}. Correct the spec`;
    return stalled({ ...memory, history }, REASON.RollbackFailed, message, pace);
  }
  // What shall be off is not answered with something that runs.
  if (spec.rollback !== "OnFailure" || target.hash !== desired.hash || isOff(target))
    return stalled({ ...memory, history }, reason, `${why}. ${ADVICE}`, pace);
  const good = history
    .slice(1)
    .find((one) => one.outcome === "Healthy" && one.specId && one.hash !== head.hash);
  if (!good?.specId) {
    const message = `${why}. There is no healthy configuration to go back to. ${ADVICE}`;
    return stalled({ ...memory, history }, reason, message, pace);
  }
  const message = why.slice(0, 1000);
  const rolledBack = { hash: desired.hash, to: good.specId, message, at: toTime(now) };
  const words = `${why}; going back to the last healthy configuration (spec ${good.specId})`;
  return wait({ ...memory, history, rolledBack }, REASON.RolledBack, words, 0);
}

const ADVICE = "Correct the spec; `kubectl paperspace logs` shows what the instances say";

function degraded(at: At, known: Extract<Progress, { state: "degraded" }>): DeploymentDecision {
  const { observation, memory, head, needs } = at;
  // Never well yet: then it is still on its way.
  if (head.outcome !== "Healthy") return underWay(at, known);
  const operation = ongoingOrStart(
    { ...observation, memory },
    OBSERVE,
    observation.spec.progressDeadlineSeconds * 1000,
  );
  const seen = { ...memory, operation };
  const message = `it was healthy, and now ${runWords(known.run)}`;
  const decision = isLate(operation, observation.now)
    ? stalled(
        seen,
        REASON.Degraded,
        `${message}, since ${operation.requestedAt}. ${ADVICE}`,
        10 * observation.limits.lookMs,
      )
    : wait(seen, REASON.Degraded, message, untilLook(observation, operation));
  return { ...decision, needs } as DeploymentDecision;
}

function healthy(at: At, state: "healthy" | "disabled"): DeploymentDecision {
  const { observation, head, desired } = at;
  const outcome = state === "healthy" ? "Healthy" : "Disabled";
  const history = concluded(at.memory.history, outcome, observation.now);
  const memory = { ...withoutOperation(at.memory), history };
  const conclusion = conclusionOf(observation, memory, head, state);
  const unused = unusedSecrets(observation, memory, desired);
  if (unused === undefined) return noStep(conclusion, memory);
  return act({ do: "dropSecret", of: unused, telling: conclusion }, memory);
}

function conclusionOf(
  { limits }: DeploymentObservation,
  { rolledBack }: DeploymentMemory,
  { specId }: Rollout,
  state: "healthy" | "disabled",
): ReportedOutcome {
  if (rolledBack) {
    const message = `${rolledBack.message}. The last healthy configuration runs instead (spec ${rolledBack.to}, sent again as ${specId}). The one of this object is tried again when its spec changes`;
    return { kind: "Terminal", reason: REASON.RolledBack, message, recheckMs: limits.slowMs };
  }
  return state === "healthy"
    ? { kind: "Done", reason: REASON.Available, message: `the rollout of spec ${specId} is healthy` }
    : {
        kind: "Done",
        reason: REASON.Disabled,
        message: "the deployment is switched off, as asked: no instance runs",
      };
}

/** A project secret of ours that neither the spec nor any kept configuration uses. */
function unusedSecrets(
  { backingOff }: DeploymentObservation,
  { secrets, history }: DeploymentMemory,
  desired: DesiredTarget,
) {
  const inUse = new Set([...desired.secrets, ...history.flatMap((rollout) => rollout.secrets ?? [])]);
  return secrets.find((name) => !inUse.has(name) && !backingOff[`dropSecret/${name}`]);
}
