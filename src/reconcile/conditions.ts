/**
 * Conditions as kstatus and kubectl wait read them. Derived from the outcome of a pass and a kind's own conditions;
 * pure. The transition time moves only when a condition's status does.
 */

import { memoized } from "../base/memoized.ts";
import { clip, plainReason } from "../base/plain-text.ts";
import type { Condition } from "../kube/objects.ts";
import type { ReportedOutcome } from "./outcome.ts";

/** A condition to write; one that is not in the list is left out. */
export interface DesiredCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
}

/** Longest condition message: an API's text may be long, an object should stay readable. */
const MESSAGE_LIMIT = 1024;

export interface ConditionFacts {
  previous: readonly Condition[];
  generation: number;
  /** Wall clock, RFC 3339 with seconds, as Kubernetes writes times. */
  now: string;
}

/** `desired` replaces all conditions, keeping transition times where the status stays. */
export function conditions(desired: readonly DesiredCondition[], facts: ConditionFacts): Condition[] {
  return desired.map(({ type, status, reason, message }) => {
    const before = facts.previous.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason: plainReason(reason),
      message: clip(message, MESSAGE_LIMIT),
      observedGeneration: facts.generation,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : facts.now,
    };
  });
}

/** Ready, Reconciling and Stalled (docs/design.md, Status); the last two only when true, and never both. */
export function progressConditions(
  outcome: Exclude<ReportedOutcome, { kind: "Halted" }>,
  deleting: boolean,
): DesiredCondition[] {
  const { reason, message } = outcome;
  const ready: DesiredCondition = { type: "Ready", ...readiness(outcome), message };
  if (outcome.kind === "Done") {
    const { reconciling } = outcome;
    if (reconciling === undefined || deleting) return [ready];
    return [ready, { type: "Reconciling", status: "True", reason: reconciling, message }];
  }
  if (outcome.kind === "Terminal") {
    // A deletion that is blocked is still a deletion, but kstatus expects one of the two: Stalled is more informative.
    return [ready, { type: "Stalled", status: "True", reason, message }];
  }
  return [ready, { type: "Reconciling", status: "True", reason: deleting ? "Deleting" : reason, message }];
}

function readiness(outcome: ReportedOutcome): Pick<DesiredCondition, "status" | "reason"> {
  const { kind, reason } = outcome;
  if (kind === "Done") return { status: outcome.ready === false ? "False" : "True", reason };
  return (kind === "RequeueAfter" && outcome.ready) || { status: "False", reason };
}

/** Milliseconds since the epoch of a metav1.Time or an API date; undefined where it is none. */
export function millis(time: string | undefined | null): number | undefined {
  if (!time) return undefined;
  const ms = time.length <= LONGEST_TIME ? parsed(time) : Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Of what is a time; nothing longer is kept in memory. */
const LONGEST_TIME = 40;
/** Each pass reads the times of its object again. */
const parsed = memoized((time: string) => Date.parse(time));
