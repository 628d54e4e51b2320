/**
 * The end of a machine: how it is deleted, and what it leaves behind when it is gone. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import { millis } from "../../reconcile/conditions.ts";
import { isLate, needFacts, noStep, untilLook, wait } from "../../reconcile/decision.ts";
import { deletion as generic } from "../../reconcile/existence.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Machine } from "./api.ts";
import {
  act,
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  TO_DELETE,
} from "./observation.ts";
import { powerOf, underWay } from "./operation.ts";
import { REASON } from "./reasons.ts";

/** A running machine may be deleted as it is (observed-in-the-field.md 10); it is stopped first only where that is refused. */
export function deletion(observation: MachineObservation, machine: Machine): MachineDecision {
  const { memory, event, now, limits } = observation;
  const { operation } = memory;
  if (operation?.target === TO_DELETE) return stopFirst(observation, machine, operation);
  if (operation?.intent === "Delete" && event.state === "failed" && !isLate(operation, now)) {
    const failed = { failedAt: toTime(now), ...operation };
    const since = now - (millis(failed.failedAt) ?? 0);
    if (since >= limits.resendMs) return act({ do: "delete" }, memory);
    const { message } = event;
    const outcome = { kind: "Retry", reason: REASON.DeleteFailed, message } as const;
    return noStep({ ...outcome, atLeastMs: limits.resendMs - since }, { ...memory, operation: failed });
  }
  return generic(observation, (sent) => underWay(sent, machine.state));
}

/**
 * The delete was refused while the machine was on: the operation says so with the intent Delete, and with the intent
 * Stop once that was sent. However the stop ends, the delete is sent again.
 */
function stopFirst(observation: MachineObservation, machine: Machine, operation: Operation): MachineDecision {
  const { memory, event, now } = observation;
  const power = powerOf(machine.state);
  if (operation.intent === "Delete")
    return power === "ready" || power === "serviceready"
      ? act({ do: "stop", target: TO_DELETE }, memory)
      : act({ do: "delete" }, memory);
  const stopping = event.state === "pending" || power === "changing";
  if (!stopping || isLate(operation, now)) return act({ do: "delete" }, memory);
  return wait(memory, REASON.Deleting, underWay(operation, machine.state), untilLook(observation, operation));
}

export interface Leftovers {
  memory: MachineMemory;
  /** What is to be done about them; absent when nothing is. */
  decision?: MachineDecision;
}

/**
 * What is still to be put away once a machine is gone, or has no use for it any more: the Secret with its desktop, its
 * static address. `machine` is absent when it is gone.
 */
export function leftovers(
  observation: MachineObservation,
  memory: MachineMemory,
  machine?: Machine,
): Leftovers {
  const { desktopSecret, staticIp, ...others } = memory;
  if (desktopSecret !== undefined && desktopSecret !== (machine && observation.spec.desktopSecretRef?.name))
    return { memory, decision: act({ do: "removeDesktop", name: desktopSecret }, memory) };
  if (staticIp === undefined || (machine && mayUse(machine, staticIp))) return { memory };
  const forgotten = { ...others, ...(desktopSecret !== undefined && { desktopSecret }) };
  if (observation.spec.publicIpReleasePolicy !== "Release") return { memory: forgotten };
  const { addresses } = observation.related;
  if (!addresses) return { memory, decision: needFacts(observation.related, memory, [FACT.addresses]) };
  // Only what nobody else has taken meanwhile is ours to release.
  const own = observation.identity.state === "ours" ? observation.identity.record.id : undefined;
  const ours = addresses.some(
    ({ ip, machineId }) => ip === staticIp && (machineId === null || machineId === own),
  );
  return ours
    ? { memory, decision: act({ do: "releaseAddress", ip: staticIp }, memory) }
    : { memory: forgotten };
}

/** Null and "" say nothing yet (machines.md section 7). */
function mayUse({ publicIpType, publicIp }: Machine, staticIp: string): boolean {
  return !publicIpType || publicIpType === "static" || publicIp === staticIp;
}
