/**
 * Progress of an operation in flight: by the event of its write first, then by the machine's state, since for seconds
 * after a write the old state is still read (observed-in-the-field.md 6). Pure.
 */
import { isReadable } from "../../paperspace/answers.ts";
import { isLate, operationAge } from "../../reconcile/decision.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { MachineEvent } from "./api.ts";
import { type EventFact, type Power, SNAPSHOT, TO_DELETE, TO_RESIZE } from "./observation.ts";

/** Groups the states of machines.md section 7; an unknown one counts as changing: nothing is done to it. */
export function powerOf(state: string): Power {
  switch (state.toLowerCase()) {
    case "ready":
      return "ready";
    case "serviceready":
      return "serviceready";
    case "off":
      return "off";
    default:
      return "changing";
  }
}

export function eventFact(event: MachineEvent): EventFact {
  // As where there is no event: the state of the machine decides.
  if (!isReadable(event, "state")) return { state: "none" };
  switch (event.state.toLowerCase()) {
    case "done":
      return { state: "done" };
    case "error":
    case "cancelled":
      return {
        state: "failed",
        message: `event ${event.id} (${event.name}) ended in ${event.state}${event.error ? `: ${event.error}` : ""}`,
      };
    default:
      return { state: "pending" };
  }
}

/**
 * `unsent`: the change seems never to have arrived, and sending it again does no harm. `overtaken`: it is over, and
 * another actor has changed the machine since.
 */
export type Verdict = "running" | "reached" | "failed" | "late" | "unsent" | "overtaken";

const CHANGING_POWER: ReadonlySet<string> = new Set([
  ...["Create", "Start", "Stop", "Restart", "Resize", "Delete"],
  SNAPSHOT,
]);

/** Whether the machine may be on or off because of it, or once it is over. */
export function changesPower(operation: Operation | undefined): boolean {
  return operation !== undefined && CHANGING_POWER.has(operation.intent);
}

/** Whether an operation leads to off; all others lead to on, or to wherever the machine was. */
export function leadsToOff({ target }: Operation): boolean {
  return target === "Stopped" || target === TO_RESIZE || target === TO_DELETE;
}

export function judge(
  operation: Operation,
  state: string,
  event: EventFact,
  now: number,
  resendMs: number,
): Verdict {
  const isOld = operationAge(operation, now) >= resendMs;
  const verdict = event.state === "failed" ? "failed" : progress(operation, powerOf(state), event, isOld);
  // Past the deadline a reached target still counts; everything else is late.
  return isLate(operation, now) && verdict !== "reached" && verdict !== "overtaken" ? "late" : verdict;
}

/**
 * Whether the machine as read shows the state after the change. Without an event, or where none can be read, only
 * time distinguishes a change that is over from one that does not show yet.
 */
export function isBelieved(event: EventFact, isOld: boolean): boolean {
  switch (event.state) {
    case "pending":
      return false;
    case "done":
      return !event.unseen;
    case "none":
    case "unreadable":
      return isOld;
    default:
      return true;
  }
}

/** A machine that was never on before is on: only its create can have brought it there, whatever of its events was read. */
function isFirstUp(operation: Operation, power: Power): boolean {
  return operation.intent === "Create" && !leadsToOff(operation) && power === "ready";
}

function progress(operation: Operation, power: Power, event: EventFact, isOld: boolean): Verdict {
  if (isFirstUp(operation, power)) return "reached";
  if (event.state === "pending") return "running";
  const believed = isBelieved(event, isOld);
  switch (operation.intent) {
    case "Update":
      return believed ? "reached" : "running";
    case "Resize":
    case "Restart":
      // Wherever it ends: what still differs is changed from there.
      return believed && power !== "changing" ? "reached" : "running";
    default:
      return powerProgress(operation, power, event, isOld);
  }
}

function powerProgress(operation: Operation, power: Power, event: EventFact, isOld: boolean): Verdict {
  const { intent } = operation;
  const target = leadsToOff(operation) ? "off" : "ready";
  if (power === target) return "reached";
  if (intent === "Create" && target === "off" && power === "ready") return "overtaken";
  // Services without an agent may stay so for ever: for a stop that is a machine that is on.
  const resting = power === "off" || power === "ready" || (power === "serviceready" && target === "off");
  if (!resting || !isOld || !isBelieved(event, isOld) || intent === "Create") return "running";
  // A start that is done and left the machine off has found no hardware: the deadline decides that.
  return event.state === "none" || intent === "Stop" ? "unsent" : "running";
}

/** For messages: what was requested, and its progress. */
export function underWay(
  { intent, requestedAt, eventId }: Operation,
  state: string,
  fact: EventFact = { state: "none" },
): string {
  const event = eventId === undefined ? "" : `, event ${eventId}`;
  const unread =
    fact.state === "unreadable"
      ? `. Its events cannot be read (${fact.message}): its state alone decides`
      : "";
  return `${intent} was asked for at ${requestedAt}${event}; the machine is ${state}${unread}`;
}
