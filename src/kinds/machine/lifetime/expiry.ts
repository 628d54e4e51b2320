/**
 * The end of a lifetime: the machine is deleted as with its object, which stays and makes no other one until its lifetime
 * changes. Pure.
 */
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import {
  done,
  isDeleteUnderWay,
  isLate,
  operationAge,
  requeueAfter,
  untilLook,
  withoutOperation,
} from "../../../reconcile/decision.ts";
import { tooLate } from "../../../reconcile/ownership.ts";
import type { Machine } from "../api.ts";
import { machineDeletion } from "../deletion.ts";
import { act, type MachineDecision, type MachineMemory, type MachineObservation } from "../observation.ts";
import { underWay } from "../operation.ts";
import { REASON } from "../reasons.ts";
import { heldBy } from "./observed.ts";

/** The steps of a deletion, once the lifetime is over; undefined before that. */
export function expire(observation: MachineObservation, machine: Machine): MachineDecision | undefined {
  const { lifetime, identity, now } = observation;
  if (!lifetime?.isDue || identity.state !== "ours" || heldBy(observation) !== undefined) return undefined;
  const decision = machineDeletion(observation, machine);
  const { step } = decision;
  // From now on its absence is the operator's doing.
  const { declared } = lifetime.memory;
  const expired = lifetime.memory.expired ?? { id: identity.record.id, at: toTime(now), declared };
  const memory: MachineMemory = { ...decision.memory, lifetime: { ...lifetime.memory, expired } };
  if (step.do !== "delete") return { ...decision, memory };
  return act({ ...step, do: "expire" }, memory);
}

/** The memory once the machine that was deleted for its lifetime is certainly gone. */
export function afterExpiry(
  { identity }: MachineObservation,
  memory: MachineMemory,
): MachineMemory | undefined {
  const { lifetime } = memory;
  if (identity.state !== "ours" || lifetime?.expired?.id !== identity.record.id) return undefined;
  const { power: _gone, ...others } = withoutOperation(memory);
  return { ...others, lifetime: { declared: lifetime.declared, expired: lifetime.expired } };
}

/** A delete in flight that the lifetime as it is now would not have sent; undefined once the machine has outlived it. */
export function awaitExpiry(
  observation: MachineObservation,
  { state }: Pick<Machine, "state">,
): MachineDecision | undefined {
  const { memory, event, now, limits } = observation;
  const { operation, lifetime } = memory;
  if (!lifetime?.expired || !isDeleteUnderWay(operation)) return undefined;
  if (isLate(operation, now) || event.state === "failed") return undefined;
  // Whether it was sent is not known.
  if (event.state === "none" && operationAge(operation, now) >= limits.resendMs) return undefined;
  const message = `${underWay(operation, state, event)}. ${tooLate(operation.requestedAt, "the change of its lifetime")}`;
  return requeueAfter(memory, REASON.Deleting, message, untilLook(observation, operation));
}

/** Why the object is to own nothing: the lifetime of what it would own is over. */
export function lifetimeOver({
  spec,
  memory,
  identity,
  now,
}: MachineObservation): MachineDecision | undefined {
  if (!spec.lifetime) return undefined;
  const expired = memory.lifetime?.expired;
  const rested = withoutOperation(memory);
  const remedy = "No machine is made before spec.lifetime changes";
  if (expired && (identity.state !== "adopt" || identity.id === expired.id)) {
    const message = `the machine ${expired.id} was deleted at the end of its lifetime, from ${expired.at} on. ${remedy}`;
    return done(rested, REASON.Expired, message);
  }
  const { deleteAt } = spec.lifetime;
  if (identity.state === "adopt" || (millis(deleteAt) ?? Number.POSITIVE_INFINITY) > now) return undefined;
  return done(rested, REASON.Expired, `the time of spec.lifetime.deleteAt (${deleteAt}) is over. ${remedy}`);
}
