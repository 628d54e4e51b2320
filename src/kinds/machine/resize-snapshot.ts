/**
 * The snapshot before a resize: taken with the machine off, under a name that is in status before it is requested, and
 * good for as long as the machine stays off. Nothing is resized before it is known to be done. Pure.
 */
import { shellCommand } from "../../base/shell-command.ts";
import { isReadable } from "../../paperspace/answers.ts";
import type { Settled } from "../../reconcile/decide.ts";
import { isLate, needFacts, requeueAfter, untilLook, withoutOperation } from "../../reconcile/decision.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Machine, MachineEvent } from "./api.ts";
import {
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  type Refusal,
  type ResizeSnapshot,
} from "./observation.ts";
import { eventFact } from "./operation.ts";
import { REASON } from "./reasons.ts";
import { refusalOf } from "./resize-refusal.ts";

/** Whether the disk as it is has to be saved before it is resized. */
export function needsSnapshot({ spec }: Pick<MachineObservation, "spec">, memory: MachineMemory): boolean {
  return spec.snapshotBeforeResize === true && memory.resizeSnapshot?.state !== "Done";
}

/** The memory with what the snapshot is worth now: nothing of another machine, and no more once this one was on. */
export function asNow(
  memory: MachineMemory,
  machine: Machine,
  history: readonly MachineEvent[],
): MachineMemory {
  const { resizeSnapshot: snapshot, ...others } = memory;
  if (!snapshot) return memory;
  if (snapshot.machineId !== machine.id) return others;
  if (snapshot.state === "Outdated" || !wasOnSince(snapshot, machine, history)) return memory;
  return { ...memory, resizeSnapshot: { ...snapshot, state: "Outdated" } };
}

/** Nothing is to be resized any more: a resize that is declared later is another one, with a snapshot of its own. */
export function spent(memory: MachineMemory): MachineMemory {
  const { resizeSnapshot: snapshot, ...others } = memory;
  if (snapshot?.state === "Lost") return others;
  return snapshot?.state === "Done"
    ? { ...others, resizeSnapshot: { ...snapshot, state: "Outdated" } }
    : memory;
}

/** By its state, and by events that began after that of the snapshot: it may have been on between two reads. */
function wasOnSince(
  { eventId }: ResizeSnapshot,
  { state }: Machine,
  newestFirst: readonly MachineEvent[],
): boolean {
  if (!["off", "stopping", "upgrading"].includes(state)) return true;
  const at = newestFirst.findIndex(({ id }) => id === eventId);
  return newestFirst.slice(0, Math.max(0, at)).some(({ name }) => name === "start" || name === "restart");
}

/** `lost`: it was never requested, for certain. `unclear`: which of several snapshots failed is not known. */
type Progress = "done" | "failed" | "lost" | "unclear" | "running" | "unknown";

export function settleSnapshot(
  observation: MachineObservation,
  operation: Operation,
): Settled<MachineDecision, MachineMemory> {
  const { spec, memory, event, related, now } = observation;
  const { resizeSnapshot: snapshot } = memory;
  const isDropped = spec.snapshotBeforeResize !== true && event.state !== "pending";
  if (!snapshot || isDropped) return { memory: withoutOperation(memory) };
  const late = isLate(operation, now);
  const progress = progressOf(observation, snapshot);
  switch (progress) {
    case "done":
      return { memory: ended(memory, { ...snapshot, ...foundId(observation), state: doneState(snapshot) }) };
    case "failed":
      return { memory: refused(observation, "Failed", failureOf(observation)) };
    case "unclear":
      return {
        memory: refused(observation, "Unconfirmed", "a snapshot of the machine failed, it or another"),
      };
    case "lost":
      if (late)
        return { memory: refused(observation, "Failed", "Paperspace did not take the request for it") };
      return { memory: ended(memory, { ...snapshot, state: "Lost" }) };
    default:
      break;
  }
  // Past the deadline it is looked for once more, unless that cannot be read.
  if (progress === "unknown" && !(late && related.readErrors[FACT.snapshot]))
    return { decision: needFacts(related, memory, [FACT.snapshot]) };
  if (late) return { memory: refused(observation, "Unconfirmed", "it is not known to be done") };
  const message = `the snapshot "${snapshot.name}" was asked for at ${snapshot.requestedAt}; the machine is resized once that is done`;
  const look = untilLook(observation, operation);
  return { decision: requeueAfter(memory, REASON.Snapshotting, message, look) };
}

function ended(memory: MachineMemory, resizeSnapshot: ResizeSnapshot): MachineMemory {
  return { ...withoutOperation(memory), resizeSnapshot };
}

function doneState({ state }: ResizeSnapshot): ResizeSnapshot["state"] {
  return state === "Outdated" ? "Outdated" : "Done";
}

function foundId({ related }: MachineObservation): Pick<ResizeSnapshot, "id"> {
  return related.snapshot?.id === undefined ? {} : { id: related.snapshot.id };
}

/**
 * By its event. Where that is not known, by the list of snapshots and all newest events of the machine, once neither
 * can lag behind any more. They do not show which event is whose, so that one that is not done speaks for all.
 */
function progressOf(
  { event, related, snapshotSettled }: MachineObservation,
  snapshot: ResizeSnapshot,
): Progress {
  if (event.state === "done" || event.state === "failed") return event.state;
  if (event.state === "pending") return "running";
  const { snapshot: found } = related;
  if (!found) return "unknown";
  if (!snapshotSettled) return "running";
  if (found.id === undefined) return snapshot.id === undefined ? "lost" : "failed";
  const states = new Set(found.events.map((made) => eventFact(made).state));
  if (states.has("failed")) return "unclear";
  return states.size === 1 && states.has("done") ? "done" : "running";
}

function failureOf({ event, memory: { resizeSnapshot } }: MachineObservation): string {
  if (event.state === "failed") return event.message;
  return `"${resizeSnapshot?.name}" is not in the list of snapshots any more`;
}

/** Nothing is resized, and what is known to have failed is no snapshot. */
function refused(
  observation: MachineObservation,
  how: NonNullable<Refusal["snapshot"]>,
  message: string,
): MachineMemory {
  const { resizeSnapshot, ...memory } = withoutOperation(observation.memory);
  const isKept = how === "Unconfirmed" && resizeSnapshot;
  return { ...memory, ...(isKept && { resizeSnapshot }), ...refusalOf(observation, message, how) };
}

/** For the message about a resize that was not done for want of its snapshot. */
export function snapshotRefusal({ message, snapshot }: Refusal): string {
  const [what, look] =
    snapshot === "Failed" ? ["failed", ""] : ["is not confirmed", ". Look for it in the Paperspace console"];
  return `the snapshot before the resize ${what}: ${message}${look}. Nothing is resized. Set snapshotBeforeResize to false to resize without one, or put the old machineType or diskSize back; a new value of the annotation paperspace.com/reconcile-requested-at tries it again`;
}

/** How the disk as it was before a resize that failed is had again; empty where there is no snapshot of it. */
export function restoreAdvice({ resizeSnapshot }: MachineMemory, machine: Machine): string {
  const { id, name, storageTotal, state } = resizeSnapshot ?? {};
  if (id === undefined || state === "Requested" || state === "Lost") return "";
  const isSame = isReadable(machine, "storageTotal") && machine.storageTotal === storageTotal;
  if (isSame) return `. The disk has its old size; the snapshot ${id} ("${name}") from before stays`;
  const command = shellCommand`curl -X POST -H "Authorization: Bearer $PAPERSPACE_API_KEY" -H "Content-Type: application/json" -d '{"createSnapshotBeforeRestore": true}' "\${PAPERSPACE_API_URL:-https://api.paperspace.com/v1}/snapshots/${{ id }}/restore"`;
  const [before, now] = [storageTotal, machine.storageTotal].map((size) => size ?? "unknown");
  return `. The disk is not as before (its storageTotal was ${before} and is ${now}). To go back to the snapshot ${id} ("${name}") from before the resize, set powerState to Stopped, and once the machine is off: ${command}`;
}
