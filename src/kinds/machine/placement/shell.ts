/**
 * A shell: a machine that this object's own create made, that was asked to start and never was on. Only a shell is deleted
 * to try the next candidate of a placement; whatever else may be is a machine with data, and stays. Pure.
 */
import { millis } from "../../../reconcile/conditions.ts";
import {
  ageOfTime,
  isLate,
  noStep,
  operationAge,
  requeueAfter,
  untilLook,
  withoutOperation,
} from "../../../reconcile/decision.ts";
import type { Operation } from "../../../reconcile/managed.ts";
import { giveUpMs } from "../../tries.ts";
import type { Machine, MachineEvent } from "../api.ts";
import { failure, untilRetry } from "../event-retry.ts";
import {
  AWAIT_CAPACITY,
  act,
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  TO_REPLACE,
} from "../observation.ts";
import { eventFact, isBelieved, powerOf, underWay } from "../operation.ts";
import { REASON } from "../reasons.ts";
import { shownPlace } from "./candidates.ts";
import { nextRung, withTry } from "./ladder.ts";
import { waitingSince } from "./patience.ts";
import { WATCH_MS } from "./shell-evidence.ts";

/** For so long after the last event of ours Paperspace may write to the machine by itself. */
const AFTERMATH_MS = 2 * 60_000;
/** Operations that a machine without hardware may be in. */
const WAITING: ReadonlySet<string> = new Set(["Create", "Start", AWAIT_CAPACITY]);

/** The memory once the machine was seen on: then it waits no more, and is no shell, whatever becomes of it. */
export function seenOn(memory: MachineMemory, { state }: Pick<Machine, "state">): MachineMemory {
  const power = powerOf(state);
  const isOn = power === "ready" || power === "serviceready";
  if (!isOn || !(memory.placement?.attempt || memory.capacity)) return memory;
  const { capacity: _over, placement, ...others } = memory;
  if (!placement) return others;
  const { attempt: _none, ...settled } = placement;
  return { ...others, placement: settled };
}

export function isShell(observation: MachineObservation, machine: Machine): boolean {
  const { spec, identity, memory, history, deleting, protection } = observation;
  const { operation, placement, power } = memory;
  if (deleting || protection !== undefined) return false;
  if (!spec.placement || spec.powerState !== "Running" || identity.state !== "ours") return false;
  if (!placement?.chosen || !isAttempt(observation)) return false;
  if (operation && !(WAITING.has(operation.intent) || operation.target === TO_REPLACE)) return false;
  if (power !== undefined || mayBeStarting(observation)) return false;
  return powerOf(machine.state) === "off" && isUntouched(machine, history);
}

/** A start was sent whose end is not known: the old state is read for seconds, and the events are of before it. */
function mayBeStarting({ memory: { operation }, event, now, limits }: MachineObservation): boolean {
  if (operation?.intent !== "Start") return false;
  return !isBelieved(event, operationAge(operation, now) >= limits.resendMs);
}

/** The create of this ladder made it. */
function isAttempt({ identity, memory }: MachineObservation): boolean {
  const name = identity.state === "ours" ? identity.record.name : "";
  return name !== "" && memory.placement?.attempt?.name === name;
}

/**
 * Only its create, and starts that failed, were ever done to it: by its events, and by when it was changed last, which is
 * compared with dates of the same server only. What is not known of it speaks against it.
 */
function isUntouched(machine: Machine, history: readonly MachineEvent[]): boolean {
  const events = history.filter(({ name }) => !name.startsWith("bill-"));
  const isOurs = events.every((event) => {
    const { state } = eventFact(event);
    if (event.name === "create") return state === "done";
    return (event.name === "start" || event.name === "deactivate") && state === "failed";
  });
  if (!isOurs || !events.some(({ name }) => name === "create")) return false;
  const dates = events.flatMap(({ dtCreated, dtStarted, dtFinished }) => [dtCreated, dtStarted, dtFinished]);
  const last = Math.max(...dates.map((date) => millis(date) ?? 0));
  const modified = millis(machine.dtModified);
  return modified !== undefined && modified <= last + AFTERMATH_MS;
}

/** Whether the events of what may be a shell have to be read anew: those in status may be of before they ended. */
export function isUnclear(observation: MachineObservation): boolean {
  const { resource, history } = observation;
  if (resource.state !== "present" || powerOf(resource.machine.state) !== "off") return false;
  const isCreated = history.some((event) => event.name === "create" && eventFact(event).state === "done");
  return isAttempt(observation) && !isCreated;
}

/**
 * What to do about a machine that waits for hardware while another candidate is free: it is deleted, once its events surely
 * show that nobody ever used it. `needs`: what is missing to know that there is one. Undefined where it stays.
 */
export function moveOn(
  observation: MachineObservation,
  machine: Machine,
): { decision: MachineDecision } | { needs: string[] } | undefined {
  const { memory, now, spec, limits, related } = observation;
  const { chosen, attempt } = memory.placement ?? {};
  if (!chosen || !attempt || !isShell(observation, machine)) return undefined;
  if (ageOfTime(attempt.at, now) < giveUpMs(spec.placement?.giveUpAfter, limits.giveUpMs)) return undefined;
  const next = nextRung(observation, chosen);
  if ("needs" in next) return next;
  if (!("go" in next)) return undefined;
  const { shell, readErrors } = related;
  if (shell && !isUntouched(machine, shell.events)) return undefined;
  if (shell?.isSettled) return { decision: act({ do: "replace" }, memory) };
  if (readErrors[FACT.shell]) return undefined;
  const message = `the machine got no hardware, and ${shownPlace(next.go)} is to be tried. Before the machine is deleted it is watched for some minutes and its events are read, so that none is deleted that was ever used`;
  return {
    decision: { ...requeueAfter(memory, REASON.MovingOn, message, WATCH_MS), needs: [FACT.shell] },
  };
}

/** The memory that status holds before the delete is sent: from then on its absence is the operator's doing. */
export function replacing(memory: MachineMemory, operation: Operation, id: string): MachineMemory {
  const { placement } = memory;
  const attempt = placement?.attempt && { ...placement.attempt, removing: id };
  return { ...memory, operation, ...(placement && attempt && { placement: { ...placement, attempt } }) };
}

/** The delete of a shell is in flight; undefined once it is over, with the machine still there. */
export function awaitReplacement(
  observation: MachineObservation,
  { state }: Machine,
  operation: Operation,
): MachineDecision | undefined {
  const { memory, event, now, limits } = observation;
  if (isLate(operation, now)) return undefined;
  if (event.state === "failed") {
    const failed = failure(observation, operation);
    const left = untilRetry(observation, failed);
    if (left <= 0) return undefined;
    const outcome = { kind: "Retry", reason: REASON.DeleteFailed, message: event.message } as const;
    return noStep({ ...outcome, atLeastMs: left }, { ...memory, operation: failed });
  }
  // Whether it was sent is not known, unless its event is listed: the machine may be read as it was for minutes after that.
  const isOld = operationAge(operation, now) >= limits.resendMs;
  if (event.state === "none" && isOld && !isDeleteListed(observation)) return undefined;
  const look = untilLook(observation, operation);
  return requeueAfter(memory, REASON.MovingOn, underWay(operation, state, event), look);
}

/** A shell has no such event before it is deleted (see `isUntouched`). */
function isDeleteListed({ history }: MachineObservation): boolean {
  return history.some((event) => event.name === "deactivate" && eventFact(event).state !== "failed");
}

/** The memory once a delete is over that left the machine: where that was changed since, its end will be another's doing. */
export function outlived(observation: MachineObservation, machine: Machine): MachineMemory {
  const memory = withoutOperation(observation.memory);
  const { placement } = memory;
  if (!placement?.attempt?.removing || isShell(observation, machine) || isDeleteListed(observation))
    return memory;
  const { removing: _none, ...attempt } = placement.attempt;
  return { ...memory, placement: { ...placement, attempt } };
}

/** Whether the operator deleted the machine to try the next candidate. By its id: a restored record has no name. */
export function isRemoved({ identity, memory }: MachineObservation): boolean {
  return identity.state === "ours" && memory.placement?.attempt?.removing === identity.record.id;
}

/** The memory once the shell is gone for certain: its candidate came to nothing. */
export function replaced(observation: MachineObservation, memory: MachineMemory): MachineMemory | undefined {
  const { identity, now } = observation;
  const { placement } = memory;
  if (!isRemoved(observation) || identity.state !== "ours" || !placement?.chosen) return undefined;
  const { power: _never, ...others } = withoutOperation(memory);
  const outcome = { outcome: "NoHardware", removed: identity.record.id } as const;
  const since = waitingSince(observation, memory, placement.attempt?.at);
  return { ...others, ...since, placement: withTry(placement, placement.chosen, outcome, now) };
}
