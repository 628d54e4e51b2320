/**
 * How far an operation in flight has come: by the event of its write first, then by the machine's state, since for
 * seconds after a write the old state is still read (observed-in-the-field.md 6). Pure.
 */
import { millis } from "../../reconcile/conditions.ts";
import type { Operation } from "../../reconcile/kind.ts";
import type { MachineEvent } from "./api.ts";

/** What is known of the event that tells how an operation goes. */
export type EventFact =
  /** The operation has none: the answer of its write was lost. */
  | { state: "none" }
  | { state: "pending" }
  | { state: "done" }
  | { state: "failed"; message: string }
  /** The API does not know it any more: the state must tell. */
  | { state: "vanished" };

export type Power = "ready" | "serviceready" | "off" | "changing";

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
 * somebody has moved the machine on since.
 */
export type Verdict = "running" | "reached" | "failed" | "late" | "unsent" | "overtaken";

export function judge(
  operation: Operation,
  state: string,
  event: EventFact,
  now: number,
  resendMs: number,
): Verdict {
  const power = powerOf(state);
  const target = operation.target === "Stopped" ? "off" : "ready";
  const settled = event.state !== "pending";
  if (settled && event.state !== "failed" && power === target) return "reached";
  if (settled && operation.intent === "Create" && target === "off" && power === "ready") return "overtaken";
  if (now >= (millis(operation.deadline) ?? 0)) return "late";
  if (event.state === "failed") return "failed";
  const age = now - (millis(operation.requestedAt) ?? 0);
  const resting = power === "off" || power === "ready";
  if (!settled || !resting || age < resendMs || operation.intent === "Create") return "running";
  // A start that is done and left the machine off has found no hardware: that is for the deadline to tell.
  return event.state === "none" || operation.intent === "Stop" ? "unsent" : "running";
}

/** For people: what was asked for, and how far it is. */
export function underWay({ intent, requestedAt, eventId }: Operation, state: string): string {
  const event = eventId === undefined ? "" : `, event ${eventId}`;
  return `${intent} was asked for at ${requestedAt}${event}; the machine is ${state}`;
}
