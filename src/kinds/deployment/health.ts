/**
 * Third phase of a pass: what has become of the rollout that Paperspace shows of ours. It is healthy, it is waited for,
 * or it has failed and the last healthy one is to be rolled back to. Pure.
 */
import { cut } from "../../base/text.ts";
import { toTime } from "../../kube/objects.ts";
import {
  EXTERNAL_CHANGE,
  isLate,
  needFacts,
  noStep,
  ongoingOrStart,
  requeueAfter,
  STALE_FRACTION,
  stalled,
  untilLook,
  withoutOperation,
} from "../../reconcile/decision.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import type { StoredSpec } from "./api.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  FACT,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { OwnSpec } from "./relation.ts";
import { concluded, isOff, type Progress, progress, rolloutTimes, runWords } from "./rollout.ts";
import type { ChosenTarget } from "./target.ts";
import type { Rollout } from "./types.ts";

/** There is nothing to send but for `resend`. */
export type Health =
  | { state: "healthy"; outcome: ReportedOutcome; memory: DeploymentMemory }
  /** Waited for, or facts are missing. */
  | { state: "underWay"; decision: DeploymentDecision }
  | { state: "failed"; decision: DeploymentDecision }
  /** Failed, and the next pass goes on with the last healthy one as its target: `decision` remembers it. */
  | { state: "rollBack"; decision: DeploymentDecision }
  /** It was rejected for want of a project secret: once that is there it is sent again, once. */
  | { state: "resend"; memory: DeploymentMemory };

/** `observation.memory` has the id of the shown spec. */
export function healthOf(
  choice: ChosenTarget,
  relation: OwnSpec | { kind: "refused" },
  observation: DeploymentObservation,
): Health {
  const { memory, now, runs } = observation;
  const [head] = memory.history;
  if (!head) return underWay(noStep({ kind: "Unknown" }, memory));
  if (relation.kind === "refused")
    return failed({ choice, observation, head, needs: [] }, "Failed", REASON.ConfigurationRejected, INVALID);
  const { latest } = relation;
  if (lacksSecret(choice, latest, observation))
    return { state: "resend", memory: { ...memory, history: concluded(memory.history, "Superseded", now) } };
  const wasHealthy = head.outcome === "Healthy" || head.outcome === "Disabled";
  const trusted = wasHealthy && memory.operation === undefined;
  const current = progress(latest, choice.target, runs?.list, trusted);
  // The first time that it appears healthy, only a new fetch can confirm it.
  const needs = needsRuns(observation, current, trusted) ? [FACT.runs] : [];
  return assessed({ choice, observation, head, needs }, current, trusted);
}

/** Sent, and nothing that is valid is shown: there is no spec to judge by. */
const INVALID = "Paperspace took the configuration, and shows none: it calls what is stored invalid";

/** Whether it was rejected and a project secret that it names is not there, or was put back since. */
function lacksSecret(
  { target, desired }: ChosenTarget,
  { externalApplied, error }: StoredSpec,
  { memory, projectSecrets }: DeploymentObservation,
): boolean {
  if (externalApplied || !error || target.hash !== desired.hash) return false;
  return (
    memory.history[0]?.outcome === "Superseded" ||
    (projectSecrets !== undefined && target.secrets.some((name) => !projectSecrets.includes(name)))
  );
}

interface Assessment {
  choice: ChosenTarget;
  observation: DeploymentObservation;
  head: Rollout;
  needs: readonly string[];
}

function assessed(at: Assessment, current: Progress, trusted: boolean): Health {
  const { observation, head, needs } = at;
  const { memory } = observation;
  switch (current.state) {
    case "rejected": {
      const message = `Paperspace could not apply it: ${current.message}`;
      return failed(at, "Failed", REASON.ConfigurationRejected, message);
    }
    case "progressing":
      // What was seen to be healthy is no rollout under way any more, even where its mark is removed.
      return head.outcome === "Healthy"
        ? degraded(at, { ...current, state: "degraded" })
        : rollingOut(at, current);
    case "pending":
    case "disabling":
      return rollingOut(at, current);
    case "unlooked":
      return underWay(needFacts(observation, memory, [FACT.runs]));
    case "disabled":
    case "healthy":
      return needs.length > 0 && !trusted
        ? underWay(needFacts(observation, memory, needs))
        : healthy(at, current.state);
    case "degraded":
      return degraded(at, current);
  }
}

function underWay(decision: DeploymentDecision): Health {
  return { state: "underWay", decision };
}

/** Runs cost a read for each deployment: they are read while something is under way, and else slowly (see observer.ts). */
function needsRuns({ runs, limits }: DeploymentObservation, { state }: Progress, trusted: boolean): boolean {
  if (state === "pending" || state === "rejected") return false;
  const isHealthy = state === "healthy" || state === "disabled";
  if (trusted && isHealthy) return false;
  // Where reads have to queue none is ever young: then it will do that it came after what it is to confirm.
  if (isHealthy && runs?.isNewer) return false;
  return !runs || runs.ageMs >= limits.lookMs * STALE_FRACTION;
}

function rollingOut(at: Assessment, current: Progress): Health {
  const { observation, head, needs } = at;
  const { memory, now } = observation;
  const times = rolloutTimes(head, observation.spec);
  const words = wordsOf(current);
  if (isLate(times, now)) {
    // Where only the runs speak against it, they must be of now: it may have come about since they were read.
    if (needs.length > 0 && (current.state === "degraded" || current.state === "disabling"))
      return underWay(needFacts(observation, memory, needs));
    const why = `not done by ${times.deadline}: ${words}`;
    return failed(at, "TimedOut", REASON.ProgressDeadlineExceeded, why);
  }
  const reason =
    { pending: REASON.Pending, disabling: REASON.Disabling }[current.state as string] ?? REASON.Progressing;
  const seen = { ...withoutOperation(memory), history: concluded(memory.history, "Progressing", now) };
  const decision = requeueAfter(
    seen,
    reason,
    `sent at ${head.sentAt}: ${words}`,
    untilLook(observation, times),
  );
  return underWay({ ...decision, needs } as DeploymentDecision);
}

function wordsOf(current: Progress): string {
  switch (current.state) {
    case "pending":
      return "Paperspace has not applied it yet";
    case "disabling":
      return "its instances are still running";
    case "progressing":
    case "degraded":
      return runWords(current.run);
    default:
      return "";
  }
}

function failed(at: Assessment, outcome: "Failed" | "TimedOut", reason: string, why: string): Health {
  const { observation, head, needs } = at;
  const { now, limits } = observation;
  const history = concluded(observation.memory.history, outcome, now, why);
  const memory = { ...observation.memory, history };
  // The rollout may still become healthy, and then nothing has to be corrected.
  const pace =
    outcome === "TimedOut" ? untilLook(observation, rolloutTimes(head, observation.spec)) : limits.slowMs;
  const giveUp = (code: string, message: string): Health => {
    const decision = { ...stalled(memory, code, message, pace), needs } as DeploymentDecision;
    return { state: "failed", decision };
  };
  const { rolledBack } = memory;
  if (rolledBack) {
    const message = `${rolledBack.message}. Going back to spec ${rolledBack.to} failed, too: ${why}. Correct the spec`;
    return giveUp(REASON.RollbackFailed, message);
  }
  if (!mayRollBack(at)) return giveUp(reason, `${why}. ${ADVICE}`);
  const to = lastHealthy(history, head);
  if (to === undefined)
    return giveUp(reason, `${why}. There is no healthy configuration to go back to. ${ADVICE}`);
  const begun = { hash: at.choice.desired.hash, to, message: cut(why, 1000), at: toTime(now) };
  const message = `${why}; going back to the last healthy configuration (spec ${to})`;
  const decision = requeueAfter({ ...memory, rolledBack: begun }, REASON.RolledBack, message, 0);
  return { state: "rollBack", decision: { ...decision, needs } as DeploymentDecision };
}

/** What shall be off is not answered with something that runs. */
function mayRollBack({ choice: { target, desired }, observation: { spec } }: Assessment): boolean {
  return spec.rollback === "OnFailure" && target.hash === desired.hash && !isOff(target);
}

/** Id of the newest healthy spec of another configuration. */
function lastHealthy([, ...older]: readonly Rollout[], head: Rollout): string | undefined {
  return older.find(({ outcome, specId, hash }) => outcome === "Healthy" && specId && hash !== head.hash)
    ?.specId;
}

const ADVICE = "Correct the spec; `kubectl paperspace logs` shows what the instances say";

function degraded(at: Assessment, current: Extract<Progress, { state: "degraded" }>): Health {
  const { observation, head, needs } = at;
  // Never healthy yet: then it is still on its way.
  if (head.outcome !== "Healthy") return rollingOut(at, current);
  const { memory, spec, now } = observation;
  const operation = ongoingOrStart(observation, EXTERNAL_CHANGE, spec.progressDeadlineSeconds * 1000);
  const seen = { ...memory, operation };
  const message = `it was healthy, and now ${runWords(current.run)}`;
  const isStuck = isLate(operation, now);
  const look = untilLook(observation, operation);
  const stuck = `${message}, since ${operation.requestedAt}. ${ADVICE}`;
  const decision = isStuck
    ? stalled(seen, REASON.Degraded, stuck, look)
    : requeueAfter(seen, REASON.Degraded, message, look);
  return { state: isStuck ? "failed" : "underWay", decision: { ...decision, needs } as DeploymentDecision };
}

function healthy({ observation, head }: Assessment, state: "healthy" | "disabled"): Health {
  const { memory, now, limits } = observation;
  const outcome = state === "healthy" ? "Healthy" : "Disabled";
  const history = concluded(memory.history, outcome, now);
  return {
    state: "healthy",
    outcome: conclusionOf(memory, head, state, limits.slowMs),
    memory: { ...withoutOperation(memory), history },
  };
}

function conclusionOf(
  { rolledBack }: DeploymentMemory,
  { specId }: Rollout,
  state: "healthy" | "disabled",
  recheckMs: number,
): ReportedOutcome {
  if (rolledBack) {
    const message = `${rolledBack.message}. The last healthy configuration runs instead (spec ${rolledBack.to}, sent again as ${specId}). The one of this object is tried again when its spec changes`;
    return { kind: "Terminal", reason: REASON.RolledBack, message, recheckMs };
  }
  return state === "healthy"
    ? { kind: "Done", reason: REASON.Available, message: `the rollout of spec ${specId} is healthy` }
    : {
        kind: "Done",
        reason: REASON.Disabled,
        message: "the deployment is switched off, as asked: no instance runs",
      };
}
