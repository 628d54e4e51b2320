/**
 * How a pass ended, as one value. The outcome alone decides the queue's next move and the conditions Ready, Reconciling
 * and Stalled; nothing else in the program may. It knows neither Kubernetes nor the cloud.
 */
import type { Result } from "../runtime/workers.ts";

export type Outcome =
  /** Things are as declared. Next look at the resync, or when something changes. */
  | { kind: "Done"; reason: string; message: string }
  /** The cloud is at work. `afterMs` is when to look again if nothing is heard before. Reconciling. */
  | { kind: "RequeueAfter"; reason: string; message: string; afterMs: number }
  /** A pass failed in a way that may pass by itself: again with back-off, not before `atLeastMs`. Reconciling. */
  | { kind: "Retry"; reason: string; message: string; atLeastMs?: number }
  /** Only the user can help: the spec, the credential or the identity. A slow recheck all the same. Stalled. */
  | { kind: "Terminal"; reason: string; message: string; recheckMs: number }
  /** The user has halted us. Conditions other than Paused stay as they are. */
  | { kind: "Halted"; reason: string; message: string; recheckMs: number }
  /** A step of bookkeeping was done and the next pass has more to do, at once. Says nothing about the object. */
  | { kind: "Requeue" }
  /** Not enough is known yet; whoever brings the knowledge queues the key. Says nothing about the object. */
  | { kind: "Unknown" }
  /** The object is ours no more. */
  | { kind: "Released" };

/** The outcomes that say something about the object, and so are shown in its status. */
export type ReportedOutcome = Exclude<Outcome, { kind: "Requeue" | "Unknown" | "Released" }>;

/** At once again: what was just done is told, and the next pass begins to wait on what is known then. */
export function waiting(reason: string, message: string): Extract<Outcome, { kind: "RequeueAfter" }> {
  return { kind: "RequeueAfter", reason, message, afterMs: 0 };
}

/** Why a look failed: what to say instead of deciding on old knowledge. */
export type ReadError = Extract<Outcome, { kind: "Retry" }>;

export function isReported(outcome: Outcome): outcome is ReportedOutcome {
  return outcome.kind !== "Requeue" && outcome.kind !== "Unknown" && outcome.kind !== "Released";
}

/**
 * What the work queue is told. `resyncMs` is the time until the key's next regular turn. Times are whole milliseconds:
 * what is due a fraction too early would come again and again until its time is there.
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
      return { kind: "after", ms: 0 };
    case "Unknown":
    case "Released":
      return { kind: "done" };
  }
}
