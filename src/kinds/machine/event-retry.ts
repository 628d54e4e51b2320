/**
 * When a write whose event has failed is sent again: more rarely with each failure in a row, and soon where the user has
 * changed something since. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import { millis } from "../../reconcile/conditions.ts";
import type { Operation } from "../../reconcile/managed.ts";
import { failuresInRow } from "./history.ts";
import type { MachineObservation } from "./observation.ts";

/** The operation as one whose event has failed. */
export function failure(observation: MachineObservation, operation: Operation) {
  return { failedAt: toTime(observation.now), failedFor: failedFor(observation), ...operation };
}

function failedFor({ generation, asked = "" }: MachineObservation): string {
  return `${generation}/${asked}`;
}

/**
 * Milliseconds until what failed is sent again: longer with each failure in a row, unless the user has changed the spec or
 * requested a retry since.
 */
export function untilRetry(observation: MachineObservation, operation: ReturnType<typeof failure>): number {
  const { history, limits, now } = observation;
  const longest = Math.max(limits.slowMs, limits.resendMs);
  const failures = operation.failedFor === failedFor(observation) ? failuresInRow(history, 3 * longest) : 1;
  const wait = Math.min(limits.resendMs * 2 ** Math.max(0, failures - 1), longest);
  return wait - (now - (millis(operation.failedAt) ?? 0));
}
