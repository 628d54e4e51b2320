/**
 * How a machine is deleted. What it leaves behind is with the aspects (aspects/list.ts). Pure.
 */
import { isLate, noStep, operationAge, requeueAfter, untilLook } from "../../reconcile/decision.ts";
import { decideDeletion as generic } from "../../reconcile/existence.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Machine } from "./api.ts";
import { failure, untilRetry } from "./event-retry.ts";
import { act, type MachineDecision, type MachineObservation, TO_DELETE, TO_REPLACE } from "./observation.ts";
import { isBelieved, powerOf, underWay } from "./operation.ts";
import { REASON } from "./reasons.ts";

/** A running machine may be deleted as it is (observed-in-the-field.md 10); it is stopped first only where that is refused. */
export function machineDeletion(observation: MachineObservation, machine: Machine): MachineDecision {
  const { memory, event, now } = observation;
  const { operation } = memory;
  // Whether one that was to make way for another was sent is not known.
  if (operation?.target === TO_REPLACE && event.state === "none") return act({ do: "delete" }, memory);
  if (operation?.target === TO_DELETE) return stopFirst(observation, machine, operation);
  if (operation?.intent === "Delete" && event.state === "failed" && !isLate(operation, now)) {
    const failed = failure(observation, operation);
    const left = untilRetry(observation, failed);
    if (left <= 0) return act({ do: "delete" }, memory);
    const { message } = event;
    const outcome = { kind: "Retry", reason: REASON.DeleteFailed, message } as const;
    return noStep({ ...outcome, atLeastMs: left }, { ...memory, operation: failed });
  }
  return generic(observation, (sent) => underWay(sent, machine.state, event));
}

/**
 * The delete was refused while the machine was on: the operation notes it with the intent Delete, and with the intent
 * Stop once that was sent. However the stop ends, the delete is sent again.
 */
function stopFirst(observation: MachineObservation, machine: Machine, operation: Operation): MachineDecision {
  const { memory, event, now, limits } = observation;
  const power = powerOf(machine.state);
  if (operation.intent === "Delete")
    return power === "ready" || power === "serviceready"
      ? act({ do: "stop", target: TO_DELETE }, memory)
      : act({ do: "delete" }, memory);
  const isOld = operationAge(operation, now) >= limits.resendMs;
  // The old state is read for seconds: a stop that does not show yet is not the end of it.
  const isHidden = power !== "off" && !isBelieved(event, isOld);
  const stopping = event.state === "pending" || power === "changing" || isHidden;
  if (!stopping || isLate(operation, now)) return act({ do: "delete" }, memory);
  return requeueAfter(
    memory,
    REASON.Deleting,
    underWay(operation, machine.state, event),
    untilLook(observation, operation),
  );
}
