/**
 * How a pass ended, as one value. The outcome alone decides the queue's next move and the conditions Ready, Reconciling
 * and Stalled; nothing else in the program may. It knows neither Kubernetes nor the cloud.
 */
import type { Disposition } from "../runtime/workers.ts";

export type Outcome =
  /** Things are as declared. Next look at the resync, or when something changes. */
  | { kind: "Done"; reason: string; message: string }
  /** The cloud is at work. `afterMs` is when to look again if nothing is heard before. Reconciling. */
  | { kind: "Wait"; reason: string; message: string; afterMs: number }
  /** A pass failed in a way that may pass by itself: again with back-off, not before `atLeastMs`. Reconciling. */
  | { kind: "Retry"; reason: string; message: string; atLeastMs?: number }
  /** Only the user can help: the spec, the credential or the identity. A slow recheck all the same. Stalled. */
  | { kind: "Terminal"; reason: string; message: string; recheckMs: number }
  /** The user has halted us. Conditions other than Paused stay as they are. */
  | { kind: "Halted"; reason: string; message: string; recheckMs: number }
  /** A step of bookkeeping was done and the next pass has more to do, at once. Says nothing about the object. */
  | { kind: "Again" }
  /** Not enough is known yet; whoever brings the knowledge queues the key. Says nothing about the object. */
  | { kind: "Unknown" }
  /** The object is ours no more. */
  | { kind: "Released" };

/** The outcomes that say something about the object, and so are shown in its status. */
export type Telling = Exclude<Outcome, { kind: "Again" | "Unknown" | "Released" }>;

/** At once again: what was just done is told, and the next pass begins to wait on what is known then. */
export function waiting(reason: string, message: string): Extract<Outcome, { kind: "Wait" }> {
  return { kind: "Wait", reason, message, afterMs: 0 };
}

/** Why a look failed: what to say instead of deciding on old knowledge. */
export type Trouble = Extract<Outcome, { kind: "Retry" }>;

export function isTelling(outcome: Outcome): outcome is Telling {
  return outcome.kind !== "Again" && outcome.kind !== "Unknown" && outcome.kind !== "Released";
}

/**
 * What the work queue is told. `resyncMs` is the time until the key's next regular turn. Times are whole milliseconds:
 * what is due a fraction too early would come again and again until its time is there.
 */
export function dispositionOf(outcome: Outcome, resyncMs: number): Disposition {
  switch (outcome.kind) {
    case "Done":
      return { kind: "after", ms: resyncMs };
    case "Wait":
      return { kind: "after", ms: Math.ceil(outcome.afterMs) };
    case "Terminal":
    case "Halted":
      return { kind: "after", ms: Math.ceil(outcome.recheckMs) };
    case "Retry":
      return outcome.atLeastMs === undefined
        ? { kind: "retry" }
        : { kind: "retry", atLeastMs: Math.ceil(outcome.atLeastMs) };
    case "Again":
      return { kind: "after", ms: 0 };
    case "Unknown":
    case "Released":
      return { kind: "done" };
  }
}
