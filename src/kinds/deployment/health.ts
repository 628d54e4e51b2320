/**
 * Third phase of a pass: what has become of the rollout that Paperspace shows of ours. It is healthy, it is waited for,
 * or it has failed and the last healthy one is to be rolled back to. Pure.
 */
import {
  EXTERNAL_CHANGE,
  isLate,
  needFacts,
  noStep,
  ongoingOrStart,
  requeueAfter,
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
  type DeploymentStep,
  FACT,
} from "./observation.ts";
import { type HardwareShortage, shortageOf, shortageWords } from "./placement/moving.ts";
import { REASON } from "./reasons.ts";
import type { OwnSpec } from "./relation.ts";
import { rollbackTo, type StandingRollback } from "./rollback.ts";
import {
  areStale,
  assessedFirst,
  concluded,
  isBad,
  isGrowing,
  isOff,
  isProven,
  lastHealthy,
  leastOf,
  type Progress,
  progress,
  rolloutTimes,
  runWords,
} from "./rollout.ts";
import { isServed, readyMeanwhile } from "./scaling.ts";
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
  /** It got no hardware, and the next pass goes on with another candidate: `decision` remembers it. */
  | { state: "moveOn"; decision: DeploymentDecision }
  /** It was rejected for want of a project secret: once that is there it is sent again, once. */
  | { state: "resend"; memory: DeploymentMemory };

/** `observation.memory` has the id of the shown spec. */
export function healthOf(
  choice: ChosenTarget,
  relation: OwnSpec | { kind: "refused" },
  observation: DeploymentObservation,
): Health {
  const { memory, now } = observation;
  const [head] = memory.history;
  if (!head) return underWay(noStep({ kind: "Unknown" }, memory));
  if (relation.kind === "refused")
    return failed(
      { choice, observation, head, needs: [], latest: null },
      "Failed",
      REASON.ConfigurationRejected,
      INVALID,
    );
  const { latest } = relation;
  const wasHealthy = head.outcome === (isOff(choice.target) ? "Disabled" : "Healthy");
  const trusted = wasHealthy && memory.operation === undefined;
  const known = { wasHealthy, isTrusted: trusted, isScaled: head.scaled === true };
  const runs = observation.runs && assessedFirst(observation.runs.list, latest, head);
  const current = progress(latest, choice.target, runs, known);
  if (current.state === "rejected" && lacksSecret(choice, observation))
    return { state: "resend", memory: { ...memory, history: concluded(memory.history, "Superseded", now) } };
  // The first time that it appears healthy, only a new fetch can confirm it.
  const needs = needsRuns(observation, current, trusted) ? [FACT.runs] : [];
  return assessed({ choice, observation, head, needs, latest }, current, trusted);
}

/** Sent, and nothing that is valid is shown: there is no spec to judge by. */
const INVALID = "Paperspace took the configuration, and shows none: it calls what is stored invalid";

/** Of one that was rejected: whether a project secret that it names is not there, or was put back since. */
function lacksSecret(
  { target, desired }: ChosenTarget,
  { memory, projectSecrets }: DeploymentObservation,
): boolean {
  if (target.hash !== desired.hash) return false;
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
  latest: StoredSpec | null;
}

function assessed(at: Assessment, current: Progress, trusted: boolean): Health {
  const { observation, needs } = at;
  const { memory } = observation;
  switch (current.state) {
    case "rejected": {
      const message = `Paperspace could not apply it: ${current.message}`;
      return failed(at, "Failed", REASON.ConfigurationRejected, message);
    }
    case "scaling":
      // However long it takes: enough instances serve all the while.
      if (!isServed(at.choice, observation)) return rollingOut(at, { state: "pending" });
      return underWay(readyMeanwhile(awaited(at, current), observation));
    case "progressing":
    case "pending":
    case "disabling":
      return rollingOut(at, current);
    case "unlooked":
      return underWay(needFacts(observation, memory, [FACT.runs]));
    case "disabled":
    case "healthy":
      if (needs.length > 0 && !trusted) return underWay(needFacts(observation, memory, needs));
      return trusted && observation.isUnobserved && current.state === "healthy" && !at.choice.rolledBack
        ? unobserved(observation)
        : healthy(at, current);
    case "degraded":
      return degraded(at, current);
  }
}

function underWay(decision: DeploymentDecision): Health {
  return { state: "underWay", decision };
}

/** Runs cost a read for each deployment: they are read while something is under way, and else slowly (see observer.ts). */
function needsRuns({ runs, limits }: DeploymentObservation, current: Progress, trusted: boolean): boolean {
  const { state } = current;
  if (state === "rejected" || (state === "pending" && !current.isUnshown)) return false;
  const isHealthy = state === "healthy" || state === "disabled";
  if (trusted && isHealthy) return false;
  // Where reads have to queue none is ever young: then it will do that it came after what it is to confirm.
  if (isHealthy && runs?.isNewer) return false;
  return areStale(runs, limits.lookMs);
}

function rollingOut(at: Assessment, current: Progress): Health {
  const { choice, observation, head, needs, latest } = at;
  const { memory, now } = observation;
  const shortage =
    choice.rolledBack || current.state !== "progressing" ? undefined : shortageOf(observation, head, latest);
  if (shortage) return short(at, shortage);
  const times = rolloutTimes(head, observation.spec);
  if (isLate(times, now)) {
    // What the runs decide must be of now: it may have come about since they were read.
    if (needs.length > 0 && isUpToRuns(at, current)) return underWay(needFacts(observation, memory, needs));
    const error = latest?.error ? `; Paperspace reports: ${latest.error}` : "";
    const why = `not done by ${times.deadline}: ${wordsOf(current, choice, latest)}${error}`;
    return failed(at, "TimedOut", REASON.ProgressDeadlineExceeded, why, current);
  }
  return underWay(awaited(at, current));
}

/** Neither a roll back nor a deadline ends that: what lacks is no better with another configuration. */
function short(at: Assessment, shortage: HardwareShortage): Health {
  const { observation, head, needs } = at;
  const { memory, now, limits } = observation;
  const message = shortageWords(shortage);
  if (shortage.state === "moveOn")
    return needs.length > 0
      ? underWay(needFacts(observation, memory, needs))
      : { state: "moveOn", decision: requeueAfter(shortage.memory, REASON.MovingOn, message, 0) };
  const seen = { ...withoutOperation(memory), history: concluded(memory.history, "Progressing", now) };
  // It may be so for days: each candidate's own deadline is no reason to look more often.
  const isLong = shortage.state === "unavailable";
  const paceMs = isLong ? limits.slowMs : untilLook(observation, rolloutTimes(head, observation.spec));
  const look = Math.min(paceMs, shortage.againMs);
  const reason = shortage.isShort ? REASON.WaitingForCapacity : REASON.Progressing;
  const decision = isLong
    ? stalled<DeploymentStep, DeploymentMemory>(seen, REASON.CapacityUnavailable, message, look)
    : requeueAfter<DeploymentStep, DeploymentMemory>(
        seen,
        reason,
        `sent at ${head.sentAt}: ${message}`,
        look,
      );
  return underWay({ ...decision, needs });
}

function awaited(at: Assessment, current: Progress): DeploymentDecision {
  const { choice, observation, head, needs, latest } = at;
  const { memory, now } = observation;
  const reason =
    { pending: REASON.Pending, disabling: REASON.Disabling }[current.state as string] ?? REASON.Progressing;
  const seen = { ...withoutOperation(memory), history: concluded(memory.history, "Progressing", now) };
  const message = `sent at ${head.sentAt}: ${wordsOf(current, choice, latest)}`;
  const look = untilLook(observation, rolloutTimes(head, observation.spec));
  return { ...requeueAfter(seen, reason, message, look), needs } as DeploymentDecision;
}

/** They alone speak against it, or they show whether what would be rolled back serves. */
function isUpToRuns(at: Assessment, { state }: Progress): boolean {
  if (state === "degraded" || state === "disabling") return true;
  const { history } = at.observation.memory;
  return mayRollBack(at) && !isProven(at.head) && lastHealthy(history) !== undefined;
}

function wordsOf(current: Progress, { target }: ChosenTarget, latest: StoredSpec | null): string {
  switch (current.state) {
    case "pending":
    case "scaling":
      return latest?.externalApplied === undefined
        ? "Paperspace does not show whether it has applied it"
        : "Paperspace has not applied it yet";
    case "disabling":
      return "its instances are still running";
    case "progressing":
    case "degraded":
      return runWords(current.run, leastOf(target));
    default:
      return "";
  }
}

function failed(
  at: Assessment,
  outcome: "Failed" | "TimedOut",
  reason: string,
  why: string,
  current?: Progress,
): Health {
  const { choice, observation, head, needs } = at;
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
  const { rolledBack, desired } = choice;
  if (rolledBack && !isProven(head)) {
    const message = `${rolledBack.message}. Going back to spec ${rolledBack.to} failed, too: ${why}. Correct the spec`;
    return giveUp(REASON.RollbackFailed, message);
  }
  if (isProven(head)) {
    if (!rolledBack) return giveUp(reason, `${why}. ${PROVEN}`);
    return giveUp(
      REASON.RolledBack,
      `${rolledBack.message}. ${runsInstead(rolledBack, head)}, and of that: ${why}`,
    );
  }
  if (!mayRollBack(at)) return giveUp(reason, `${why}. ${ADVICE}`);
  if (isServing(current))
    return giveUp(reason, `${why}. ${current?.state === "pending" ? UNSHOWN : SERVING}`);
  const good = lastHealthy(history);
  if (!good) return giveUp(reason, `${why}. There is no healthy configuration to go back to. ${ADVICE}`);
  const begun = rollbackTo(good, desired, why, now);
  const message = `${why}; going back to the last healthy configuration (spec ${good.specId})`;
  const decision = requeueAfter({ ...memory, rolledBack: begun }, REASON.RolledBack, message, 0);
  return { state: "rollBack", decision: { ...decision, needs } as DeploymentDecision };
}

/** What shall be off is not answered with something that runs. */
function mayRollBack({ choice: { target, rolledBack }, observation: { spec } }: Assessment): boolean {
  return spec.rollback === "OnFailure" && !rolledBack && !isOff(target);
}

/** Some instances are ready and none has failed: what lacks is a place for the others, or what would show how far it is. */
function isServing(current: Progress | undefined): boolean {
  if (current?.state !== "pending" && current?.state !== "progressing" && current?.state !== "degraded")
    return false;
  return current.run !== undefined && current.run.ready > 0 && !current.run.instances.some(isBad);
}

const ADVICE = "Correct the spec; `kubectl paperspace logs` shows what the instances say";
const PROVEN = "The same configuration was healthy before, so that it is not rolled back";
const SERVING = "What serves is not rolled back because the other instances did not come";
const UNSHOWN = "What serves is not rolled back because of what Paperspace does not show";

function degraded(at: Assessment, current: Extract<Progress, { state: "degraded" }>): Health {
  const { choice, observation, head, needs, latest } = at;
  // Never healthy yet, or not with as many: then it is still on its way.
  if (!isProven(head) || isGrowing(head)) return rollingOut(at, current);
  const { memory, spec, now } = observation;
  const operation = ongoingOrStart(observation, EXTERNAL_CHANGE, spec.progressDeadlineSeconds * 1000);
  const seen = { ...memory, operation };
  const message = `it was healthy, and now ${runWords(current.run, leastOf(choice.target))}`;
  const isStuck = isLate(operation, now);
  const look = untilLook(observation, operation);
  const error = latest?.error ? `; Paperspace reports: ${latest.error}` : "";
  const stuck = `${message}, since ${operation.requestedAt}${error}. ${ADVICE}`;
  const decision = isStuck
    ? stalled(seen, REASON.Degraded, stuck, look)
    : requeueAfter(seen, REASON.Degraded, message, look);
  return { state: isStuck ? "failed" : "underWay", decision: { ...decision, needs } as DeploymentDecision };
}

/** It was ready when it was observed last, which is too long ago. */
function unobserved(observation: DeploymentObservation): Health {
  const { memory, readErrors, limits } = observation;
  const error = readErrors[FACT.runs];
  const message = `its instances were not read for two resyncs${error ? `: ${error.message}` : ""}`;
  const reason = REASON.NotObserved;
  const ready = { status: "Unknown", reason } as const;
  const outcome = { kind: "RequeueAfter", reason, message, afterMs: limits.slowMs, ready } as const;
  return underWay({ ...noStep(outcome, memory), needs: [FACT.runs] });
}

function healthy(
  { choice, observation, head }: Assessment,
  current: Extract<Progress, { state: "healthy" | "disabled" }>,
): Health {
  const { memory, now, limits } = observation;
  const outcome = current.state === "healthy" ? "Healthy" : "Disabled";
  const history = concluded(memory.history, outcome, now);
  return {
    state: "healthy",
    outcome: conclusionOf(choice, head, current, limits.slowMs),
    memory: { ...withoutOperation(memory), history },
  };
}

function runsInstead({ to }: StandingRollback, { specId }: Rollout): string {
  return `The last healthy configuration runs instead (spec ${to}, sent again as ${specId})`;
}

function conclusionOf(
  { rolledBack, target }: ChosenTarget,
  head: Rollout,
  current: Extract<Progress, { state: "healthy" | "disabled" }>,
  recheckMs: number,
): ReportedOutcome {
  if (rolledBack) {
    const message = `${rolledBack.message}. ${runsInstead(rolledBack, head)}. The one of this object is tried again when its spec changes in more than the number of instances`;
    return { kind: "Terminal", reason: REASON.RolledBack, message, recheckMs };
  }
  if (current.state === "disabled")
    return {
      kind: "Done",
      reason: REASON.Disabled,
      message: "the deployment is switched off, as asked: no instance runs",
    };
  const message = `the rollout of spec ${head.specId} is healthy`;
  const { run } = current;
  if (!run || run.ready >= run.replicas) return { kind: "Done", reason: REASON.Available, message };
  const scaling = `${run.ready} of ${run.replicas} instances are ready, and ${leastOf(target)} are the least`;
  return {
    kind: "Done",
    reason: REASON.Available,
    message: `${message}; ${scaling}`,
    reconciling: REASON.Scaling,
  };
}
