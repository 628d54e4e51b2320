/**
 * Performs a step that was decided: one cloud write each. The intent of a power change is in status before it is sent;
 * the answer of every write goes into the inventory.
 */
import { isForbidden } from "../../kube/errors.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { ApiAnswer } from "../../paperspace/transport.ts";
import { describe, isFirstNaming } from "../../reconcile/change.ts";
import { startOperation } from "../../reconcile/decision.ts";
import type { EventNote } from "../../reconcile/event-notes.ts";
import type { PerformContext, Performed } from "../../reconcile/kind.ts";
import type { Operation } from "../../reconcile/managed.ts";
import { requeueNow } from "../../reconcile/outcome.ts";
import { cloudName } from "../../reconcile/record.ts";
import type { Machine, MachineApi, MachineHardware, Started } from "./api.ts";
import { rememberAddress, withAddress } from "./aspects/address.ts";
import { settingChanges } from "./aspects/settings.ts";
import { learnt } from "./aspects/stored-as.ts";
import type { DesktopSecrets } from "./desktop.ts";
import type { MachineInventory } from "./inventory.ts";
import {
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type MachineTypes,
  type ResizeSnapshot,
  SNAPSHOT,
  TO_REPLACE,
} from "./observation.ts";
import { underWay } from "./operation.ts";
import { isShell, replacing } from "./placement/shell.ts";
import { REASON } from "./reasons.ts";
import type { RelatedFacts } from "./related.ts";
import type { RelatedApi } from "./related-api.ts";
import type { PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface Deadlines {
  createMs: number;
  startMs: number;
  stopMs: number;
  resizeMs: number;
  deleteMs: number;
}

export interface MachineStepOptions {
  id: string;
  /** Name in its create; empty where it was adopted. */
  createdAs: string;
  object: PaperspaceMachine;
  /** What the step was decided on. */
  observation: MachineObservation;
  api: MachineApi;
  relatedApi: RelatedApi;
  inventory: MachineInventory;
  relatedFacts: RelatedFacts;
  desktops: DesktopSecrets;
  now: () => number;
  deadlines: Deadlines;
}

type Step<D extends MachineStep["do"]> = Extract<MachineStep, { do: D }>;
type Done = Promise<Performed<MachineTypes>>;
type SendContext = PerformContext<MachineTypes>;

export async function perform(step: MachineStep, context: SendContext, parts: MachineStepOptions): Done {
  const { memory } = context;
  switch (step.do) {
    case "update":
      return update(step, memory, context, parts);
    case "resize":
      return resize(step, memory, context, parts);
    case "snapshot":
      return snapshot(step, memory, context, parts);
    case "start":
    case "stop":
    case "restart":
      return power(step, memory, context, parts);
    case "delete":
      return remove(step, memory, context, parts);
    case "expire":
      return expire(step, memory, context, parts);
    case "replace":
      return replace(memory, context, parts);
    case "assign":
    case "unassign":
      return assign(step, memory, context, parts);
    case "grant":
    case "revoke":
      return access(step, memory, context, parts);
    case "releaseAddress":
      return releaseAddress(step, memory, context, parts);
    case "writeDesktop":
      return writeDesktop(memory, context, parts);
    case "removeDesktop":
      return removeDesktop(step, memory, parts);
    case "handle":
      return handle(step, memory, context);
  }
}

async function update(
  step: Step<"update">,
  memory: MachineMemory,
  { gate }: SendContext,
  parts: MachineStepOptions,
): Done {
  const { id, createdAs, api, inventory, object } = parts;
  const { body, answeredAt, isAnswer } = await api.updateSettings(id, step.settings, { gate });
  inventory.set(id, body.data, answeredAt);
  const changed = describe(step.changes);
  const events: EventNote[] = [];
  const isObserved = object.status?.observedGeneration === object.metadata.generation;
  const others = step.changes.filter((change) => !isFirstNaming(change, createdAs, object.status?.name));
  // This generation was observed before, so another actor has changed the machine.
  if (isObserved && others.length > 0)
    events.push({
      type: "Normal",
      reason: REASON.DriftCorrected,
      note: `put back what was changed: ${describe(others)}`,
    });
  if (step.settings.publicIpType !== undefined) events.push(...addressEvents(object, memory.staticIp));
  const learned = present(body.data);
  if (!body.event) {
    // What changes in the background has an event, and shows later.
    const answer = { machine: body.data, isCertain: isAnswer };
    const storedAs = learnt(memory.storedAs, settingChanges(step.changes), answer, parts.now());
    const { storedAs: _before, ...others } = memory;
    const after = storedAs.length > 0 ? { ...others, storedAs } : others;
    return { ...progressing(REASON.Updating, `changed ${changed}`, after), learned, events };
  }
  inventory.events.note(body.event);
  const operation = { ...begin(parts, "Update", parts.deadlines.resizeMs), eventId: body.event.id };
  const message = underWay(operation, body.data.state);
  return {
    outcome: requeueNow(REASON.Updating, message),
    memory: { ...memory, operation },
    learned: { ...learned, history: inventory.events.of(id) },
    events,
  };
}

async function resize(
  step: Step<"resize">,
  memory: MachineMemory,
  { gate, persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const operation = begin(parts, "Resize", parts.deadlines.resizeMs);
  const outcome = requeueNow(REASON.Resizing, `the change is being sent: ${describe(step.changes)}`);
  const intended = { ...memory, ...diskSent(step.hardware, memory, parts), operation };
  await persistIntent(intended, outcome);
  const { body, answeredAt } = await parts.api.update(parts.id, step.hardware, { gate });
  parts.inventory.set(parts.id, body.data, answeredAt);
  if (body.event) parts.inventory.events.note(body.event);
  const sent = { ...operation, ...(body.event && { eventId: body.event.id }) };
  const message = underWay(sent, body.data.state);
  const learned = { ...present(body.data), history: parts.inventory.events.of(parts.id) };
  return { outcome: requeueNow(REASON.Resizing, message), memory: { ...intended, operation: sent }, learned };
}

/** Its name is in status before it is requested: by that it is found again where the answer is lost. */
async function snapshot(
  step: Step<"snapshot">,
  memory: MachineMemory,
  { gate, persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const { id, inventory, relatedApi, deadlines } = parts;
  const operation = begin(parts, SNAPSHOT, deadlines.resizeMs);
  if (step.deadline !== undefined) operation.deadline = step.deadline;
  const resizeSnapshot = requestedSnapshot(operation, parts);
  const before = describe(step.changes);
  const outcome = requeueNow(
    REASON.Snapshotting,
    `the snapshot "${resizeSnapshot.name}" is being asked for, before ${before}`,
  );
  await persistIntent({ ...memory, resizeSnapshot, operation }, outcome);
  const { body } = await relatedApi.snapshot(id, resizeSnapshot.name, { gate });
  const { data, event } = body;
  if (event) inventory.events.note(event);
  const eventId = event && { eventId: event.id };
  return {
    outcome,
    memory: {
      ...memory,
      resizeSnapshot: { ...resizeSnapshot, id: data.id, ...eventId },
      operation: { ...operation, ...eventId },
    },
    learned: { history: inventory.events.of(id) },
  };
}

/** The time names the attempt: of one object none is requested twice in a second, and another object has another UID. */
function requestedSnapshot(
  { requestedAt, deadline }: Operation,
  { id, object, inventory }: MachineStepOptions,
): ResizeSnapshot {
  const { name = "", uid = "", resourceVersion = "" } = object.metadata;
  const { storageTotal } = inventory.get(id)?.item ?? {};
  return {
    name: cloudName({ name, uid, resourceVersion }, requestedAt, ""),
    machineId: id,
    requestedAt,
    deadline,
    ...(storageTotal && { storageTotal: Math.round(storageTotal) }),
    state: "Requested",
  };
}

/** So that the size that shows next tells the unit, where that is not known. */
function diskSent(
  { diskSize }: MachineHardware,
  { disk }: MachineMemory,
  { inventory, id }: MachineStepOptions,
): Pick<MachineMemory, "disk"> {
  if (diskSize === undefined || disk?.unit !== undefined) return {};
  const { storageTotal } = inventory.get(id)?.item ?? {};
  return { disk: { size: diskSize, ...(storageTotal && { former: Math.round(storageTotal) }) } };
}

const POWER = {
  start: { intent: "Start", target: "Running", reason: REASON.Starting, deadline: "startMs" },
  stop: { intent: "Stop", target: "Stopped", reason: REASON.Stopping, deadline: "stopMs" },
  restart: { intent: "Restart", target: "Running", reason: REASON.Restarting, deadline: "startMs" },
} as const;

async function power(
  step: Step<"start" | "stop" | "restart">,
  memory: MachineMemory,
  { gate, persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const { intent, target, reason, deadline } = POWER[step.do];
  const operation: Operation = {
    ...begin(parts, intent, parts.deadlines[deadline]),
    target: step.target ?? target,
    ...(step.requests && { requests: step.requests }),
  };
  if (step.deadline !== undefined) operation.deadline = step.deadline;
  const outcome = requeueNow(reason, `the ${step.do} is being sent`);
  await persistIntent({ ...memory, operation }, outcome);
  const answer = await parts.api.power(parts.id, step.do, { gate });
  return accepted(answer, { ...memory, operation }, reason, parts);
}

async function remove(
  step: Step<"delete">,
  memory: MachineMemory,
  { gate, persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const operation = begin(parts, "Delete", parts.deadlines.deleteMs);
  if (step.deadline !== undefined) operation.deadline = step.deadline;
  const known = withAddress(memory, parts.observation);
  if (known.staticIp !== memory.staticIp)
    await persistIntent(known, requeueNow(REASON.Deleting, "the delete is being sent"));
  const answer = await parts.api.delete(parts.id, { gate });
  const shown = rememberAddress(known, answer.body.data);
  const performed = accepted(answer, { ...shown, operation }, REASON.Deleting, parts);
  return { ...performed, events: addressEvents(parts.object, shown.staticIp) };
}

/** That it is deleted for its lifetime is in status before it is: its absence is not taken for another's doing. */
async function expire(
  step: Step<"expire">,
  memory: MachineMemory,
  context: SendContext,
  parts: MachineStepOptions,
): Done {
  const operation = begin(parts, "Delete", parts.deadlines.deleteMs);
  const known = withAddress(memory, parts.observation);
  const outcome = requeueNow(REASON.Deleting, "the machine is deleted at the end of its lifetime");
  await context.persistIntent({ ...known, operation }, outcome);
  return remove({ ...step, do: "delete" }, known, context, parts);
}

/** The machine is read right before it is deleted: one that has come up, or was changed, or could not be watched, stays. */
async function replace(
  memory: MachineMemory,
  { gate, persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const { id, api, inventory, observation, relatedFacts } = parts;
  const operation = { ...begin(parts, "Delete", parts.deadlines.deleteMs), target: TO_REPLACE };
  const intended = replacing(withAddress(memory, observation), operation, id);
  await persistIntent(intended, requeueNow(REASON.MovingOn, "the machine got no hardware and is deleted"));
  const { body, beganAt, answeredAt } = await api.get(id);
  const isWatched = () => relatedFacts.shell.isSettled(id);
  if (!isShell(observation, body) || !isWatched()) {
    inventory.set(id, body, answeredAt);
    return { outcome: requeueNow(REASON.MovingOn, STAYS), memory };
  }
  relatedFacts.shell.seenAgain(id, beganAt);
  try {
    // The delete may have to wait for the budget.
    const answer = await api.delete(id, { gate: () => gate() ?? (isWatched() ? undefined : STAYS) });
    const shown = rememberAddress(intended, answer.body.data);
    return accepted(answer, { ...shown, operation }, REASON.MovingOn, parts);
  } catch (error) {
    if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
    // It was there just before: a delete whose answer was lost is sent once more, and finds what the first one did.
    inventory.refresh(id);
    return {
      outcome: requeueNow(REASON.MovingOn, "the machine got no hardware and is deleted"),
      memory: intended,
    };
  }
}

const STAYS = "the machine was changed meanwhile, or not looked at for too long, and stays";

/** An unused static address costs money: it is reported, or released later. */
function addressEvents({ spec }: PaperspaceMachine, address: string | undefined): EventNote[] {
  if (address === undefined || spec.publicIpReleasePolicy === "Release") return [];
  const note = `the static address ${address} stays in the account and is billed there, as publicIpReleasePolicy says; release it in the Paperspace console when it is not needed`;
  return [{ type: "Warning", reason: REASON.AddressKept, note }];
}

async function assign(
  step: Step<"assign" | "unassign">,
  memory: MachineMemory,
  { gate }: SendContext,
  { id, relatedApi, relatedFacts }: MachineStepOptions,
): Done {
  const { machineIds, answeredAt } = await relatedApi.assign(step.of, id, step.do, { gate });
  relatedFacts.noteScript(step.of, machineIds, answeredAt);
  return { outcome: { kind: "Requeue" }, memory };
}

async function access(
  { do: action, user }: Step<"grant" | "revoke">,
  memory: MachineMemory,
  { gate }: SendContext,
  { id, relatedApi, relatedFacts }: MachineStepOptions,
): Done {
  const answeredAt = await relatedApi[action](id, user.id, { gate });
  relatedFacts.noteAccess(id, user, action, answeredAt);
  return { outcome: { kind: "Requeue" }, memory };
}

async function releaseAddress(
  { ip }: Step<"releaseAddress">,
  { staticIp: _released, ...memory }: MachineMemory,
  { gate }: SendContext,
  { relatedApi, relatedFacts }: MachineStepOptions,
): Done {
  await relatedApi.release(ip, { gate });
  relatedFacts.forgetAddresses();
  const note = `the static address ${ip} was given back, as publicIpReleasePolicy says`;
  const events: EventNote[] = [{ type: "Normal", reason: REASON.AddressReleased, note }];
  return { ...progressing(REASON.Updating, note, memory), events };
}

async function writeDesktop(
  memory: MachineMemory,
  { persistIntent }: SendContext,
  parts: MachineStepOptions,
): Done {
  const { object, desktops, relatedFacts, id } = parts;
  const desktop = relatedFacts.desktopOf(id);
  const name = object.spec.desktopSecretRef?.name;
  if (!desktop || name === undefined) return { outcome: { kind: "Requeue" }, memory };
  const intended = { ...memory, desktopSecret: name };
  // Before the Secret exists: it would be leaked where the spec changes right after the write.
  if (memory.desktopSecret !== name)
    await persistIntent(
      intended,
      requeueNow(REASON.Updating, `the Secret ${name} with the desktop access is being written`),
    );
  await desktops.write(object, desktop);
  return { outcome: { kind: "Requeue" }, memory: intended };
}

async function removeDesktop(
  { name }: Step<"removeDesktop">,
  { desktopSecret: _removed, ...memory }: MachineMemory,
  { object, desktops }: MachineStepOptions,
): Done {
  try {
    await desktops.remove(object, name);
  } catch (error) {
    // The garbage collector deletes it with the object, whose deletion must not wait for a right that was taken away.
    if (!isForbidden(error) || object.metadata.deletionTimestamp === undefined) throw error;
    return progressing(REASON.Updating, `the Secret ${name} is left to garbage collection`, memory);
  }
  return progressing(REASON.Updating, `removed the Secret ${name} with the desktop access`, memory);
}

async function handle(
  { requests, note }: Step<"handle">,
  memory: MachineMemory,
  { ackRequests }: SendContext,
): Done {
  await ackRequests(requests);
  const events: EventNote[] = note ? [{ type: "Normal", reason: REASON.RequestIgnored, note }] : [];
  return { outcome: { kind: "Requeue" }, memory, events };
}

/** A write that the API accepted: its event is what to wait for. */
export function accepted(
  { body: { data, event }, answeredAt }: ApiAnswer<Started>,
  memory: MachineMemory & { operation: Operation },
  reason: string,
  { inventory }: Pick<MachineStepOptions, "inventory">,
): Performed<MachineTypes> {
  inventory.set(data.id, data, answeredAt);
  if (event) inventory.events.note(event);
  const operation = { ...memory.operation, ...(event && { eventId: event.id }) };
  // The same message as in the next pass, so that the status is not written twice.
  const message = underWay(operation, data.state);
  const learned = { ...present(data), history: inventory.events.of(data.id) };
  return { outcome: requeueNow(reason, message), memory: { ...memory, operation }, learned };
}

/** The machine as the answer of a write shows it. */
function present(machine: Machine): Pick<MachineObservation, "resource"> {
  return { resource: { state: "present", machine } };
}

/** The step is done, and its memory is to be written to status. */
function progressing(reason: string, message: string, memory: MachineMemory): Performed<MachineTypes> {
  return { outcome: requeueNow(reason, message), memory };
}

function begin({ now }: Pick<MachineStepOptions, "now">, intent: string, deadlineMs: number): Operation {
  return startOperation(now(), intent, deadlineMs);
}
