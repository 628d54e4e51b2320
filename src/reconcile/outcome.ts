/**
 * How a pass ended, as one value. The outcome alone decides the queue's next move and the conditions Ready, Reconciling
 * and Stalled; nothing else in the program may. It depends neither on Kubernetes nor on the cloud.
 */
import type { Result } from "../runtime/workers.ts";

export type Outcome =
  /**
   * The resource is as declared. Next pass at the resync, or when something changes. `reconciling`: the reason why
   * Reconciling is True beside it, for what goes on without being needed. `ready`: False of what is only observed, and is
   * not ready as it is.
   */
  | { kind: "Done"; reason: string; message: string; reconciling?: string; ready?: false }
  /**
   * The cloud is working. `afterMs`: when to requeue if no change is observed before. Reconciling. `ready`: what Ready is
   * beside it, where that is not False: what is changed serves all the while, or could not be observed for long.
   */
  | { kind: "RequeueAfter"; reason: string; message: string; afterMs: number; ready?: Readiness }
  /** A transient failure: retried with back-off, not before `atLeastMs`. Reconciling. */
  | { kind: "Retry"; reason: string; message: string; atLeastMs?: number }
  /** Only the user can correct it: the spec, the credential or the identity. Rechecked slowly all the same. Stalled. */
  | { kind: "Terminal"; reason: string; message: string; recheckMs: number }
  /** The user paused the object. Conditions other than Paused stay as they are. */
  | { kind: "Halted"; reason: string; message: string; recheckMs: number }
  /**
   * A step of bookkeeping was done and the next pass has more to do, at once. Not reported. `backOff`: nothing was done,
   * and the next pass decides anew, after the key's back-off.
   */
  | { kind: "Requeue"; backOff?: true }
  /** Facts are missing; fetching them queues the key. Not reported. */
  | { kind: "Unknown" }
  /** The finalizer is removed: the object is no longer managed. */
  | { kind: "Released" };

export interface Readiness {
  status: "True" | "Unknown";
  reason: string;
}

/** The outcomes that are shown in the object's status. */
export type ReportedOutcome = Exclude<Outcome, { kind: "Requeue" | "Unknown" | "Released" }>;

/** Requeued at once: what was just done is reported, and the next pass waits on what is observed then. */
export function requeueNow(reason: string, message: string): Extract<Outcome, { kind: "RequeueAfter" }> {
  return { kind: "RequeueAfter", reason, message, afterMs: 0 };
}

/** Outcomes of a call that failed, which its back-off delays. */
export type Failed = Extract<Outcome, { kind: "Retry" | "Terminal" }>;

/** Why a read failed: reported instead of deciding on stale facts. */
export type ReadError = Failed;

/** The same failure where it is not retried before `ms`; what is terminal has a pace of its own. */
export function atLeast(failed: Failed, ms: number): Failed {
  if (failed.kind === "Terminal" || ms <= (failed.atLeastMs ?? 0)) return failed;
  return { ...failed, atLeastMs: ms };
}

export function isFailed(outcome: Outcome): outcome is Failed {
  return outcome.kind === "Retry" || outcome.kind === "Terminal";
}

/** Nothing was done, and the next pass decides anew. */
export function isUnsent(outcome: Outcome): boolean {
  return outcome.kind === "Requeue" && outcome.backOff === true;
}

export function isReported(outcome: Outcome): outcome is ReportedOutcome {
  return outcome.kind !== "Requeue" && outcome.kind !== "Unknown" && outcome.kind !== "Released";
}

/** The same, with a pass after `ms` at the latest. */
export function atTheLatest(result: Result, ms: number): Result {
  const atMostMs = Math.max(1, Math.ceil(ms));
  switch (result.kind) {
    case "done":
      return result;
    case "after":
      return { kind: "after", ms: Math.min(result.ms, atMostMs) };
    default:
      return { ...result, atMostMs };
  }
}

/**
 * What the work queue does next. `resyncMs` is the time until the key's next regular pass. Times are rounded up to
 * whole milliseconds: a key that is due a fraction too early would be requeued over and over.
 */
export function resultOf(outcome: Outcome, resyncMs: number): Result {
  switch (outcome.kind) {
    case "Done":
      return { kind: "after", ms: resyncMs };
    case "RequeueAfter":
      return { kind: "after", ms: Math.ceil(outcome.afterMs) };
    case "Terminal":
    case "Halted":
      return { kind: "after", ms: Math.ceil(outcome.recheckMs) };
    case "Retry":
      return outcome.atLeastMs === undefined
        ? { kind: "retry" }
        : { kind: "retry", atLeastMs: Math.ceil(outcome.atLeastMs) };
    case "Requeue":
      return outcome.backOff ? { kind: "retry" } : { kind: "after", ms: 0 };
    case "Unknown":
      return { kind: "wait" };
    case "Released":
      return { kind: "done" };
  }
}
