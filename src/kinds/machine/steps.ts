/**
 * Does what decide chose: one cloud write each. The intent of a power change is in status before it is sent; the answer
 * of every write is the newest thing that the inventory knows.
 */
import { toTime } from "../../kube/objects.ts";
import type { ApiAnswer } from "../../paperspace/transport.ts";
import type { Operation, Performed, Tools } from "../../reconcile/kind.ts";
import type { Outcome, Telling } from "../../reconcile/outcome.ts";
import type { CreateMachine, Machine, MachineApi, MachineEvent } from "./api.ts";
import type { MachineMemory, MachineStep } from "./decide.ts";
import { describe } from "./diff.ts";
import type { MachineInventory } from "./inventory.ts";
import { underWay } from "./operation.ts";
import { REASON } from "./reasons.ts";
import type { MachineSpec, PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface Deadlines {
  createMs: number;
  startMs: number;
  stopMs: number;
  deleteMs: number;
}

export interface StepParts {
  id: string;
  api: MachineApi;
  inventory: MachineInventory;
  now: () => number;
  deadlines: Deadlines;
}

/** machines.md section 3. `emailPassword` is true by default there: automation must say false. */
export function createBody(spec: MachineSpec, name: string): CreateMachine {
  const { machineType, region, templateId, diskSize, powerState, autoShutdown, autoSnapshot } = spec;
  if (templateId === undefined || diskSize === undefined)
    throw new Error("a create needs templateId and diskSize: the schema does not let such a spec in");
  return {
    name,
    machineType,
    templateId,
    diskSize,
    region,
    startOnCreate: powerState === "Running",
    emailPassword: false,
    ...(autoShutdown && {
      autoShutdownEnabled: autoShutdown.enabled,
      ...(autoShutdown.timeoutHours !== undefined && { autoShutdownTimeout: autoShutdown.timeoutHours }),
      ...(autoShutdown.force !== undefined && { autoShutdownForce: autoShutdown.force }),
    }),
    ...(autoSnapshot && {
      autoSnapshotEnabled: autoSnapshot.enabled,
      ...(autoSnapshot.frequency !== undefined && { autoSnapshotFrequency: autoSnapshot.frequency }),
      ...(autoSnapshot.saveCount !== undefined && { autoSnapshotSaveCount: autoSnapshot.saveCount }),
    }),
  };
}

export async function perform(
  step: MachineStep,
  memory: MachineMemory,
  tools: Tools<MachineMemory>,
  parts: StepParts,
): Promise<Performed<MachineMemory>> {
  switch (step.do) {
    case "update":
      return update(step, memory, tools, parts);
    case "start":
    case "stop":
      return power(step, memory, tools, parts);
    case "delete":
      return remove(step, memory, tools, parts);
  }
}

type Step<D extends MachineStep["do"]> = Extract<MachineStep, { do: D }>;

async function update(
  step: Step<"update">,
  memory: MachineMemory,
  { gate }: Tools<MachineMemory>,
  { id, api, inventory }: StepParts,
): Promise<Performed<MachineMemory>> {
  const answer = await api.update(id, step.settings, { gate });
  inventory.noteWrite(id, answer.body.data, answer.answeredAt);
  const message = `changed ${describe(step.changes)}`;
  return { outcome: { kind: "Wait", reason: REASON.Updating, message, afterMs: 0 }, memory };
}

async function power(
  step: Step<"start" | "stop">,
  memory: MachineMemory,
  { gate, remember }: Tools<MachineMemory>,
  parts: StepParts,
): Promise<Performed<MachineMemory>> {
  const start = step.do === "start";
  const operation = begin(
    parts,
    start ? "Start" : "Stop",
    start ? parts.deadlines.startMs : parts.deadlines.stopMs,
  );
  operation.target = start ? "Running" : "Stopped";
  if (step.deadline !== undefined) operation.deadline = step.deadline;
  const outcome = waiting(start ? REASON.Starting : REASON.Stopping, `the ${step.do} is being sent`);
  await remember({ ...memory, operation }, outcome);
  const answer = await parts.api.power(parts.id, step.do, { gate });
  return accepted(answer, { ...memory, operation }, outcome.reason, parts);
}

async function remove(
  step: Step<"delete">,
  memory: MachineMemory,
  { gate }: Tools<MachineMemory>,
  parts: StepParts,
): Promise<Performed<MachineMemory>> {
  const operation = begin(parts, "Delete", parts.deadlines.deleteMs);
  if (step.deadline !== undefined) operation.deadline = step.deadline;
  const answer = await parts.api.delete(parts.id, { gate });
  return accepted(answer, { ...memory, operation }, REASON.Deleting, parts);
}

/** A write that the API took: its event is what to wait for. */
export function accepted(
  { body, answeredAt }: ApiAnswer<{ data: Machine; event: MachineEvent }>,
  memory: MachineMemory & { operation: Operation },
  reason: string,
  { inventory }: Pick<StepParts, "inventory">,
): Performed<MachineMemory> {
  inventory.noteWrite(body.data.id, body.data, answeredAt);
  inventory.events.note(body.event);
  const operation = { ...memory.operation, eventId: body.event.id };
  // In the words of the next pass, so that the status is not written twice for one thing.
  const message = underWay(operation, body.data.state);
  return { outcome: waiting(reason, message), memory: { ...memory, operation } };
}

/** At once again: the next pass begins to wait, on what the inventory knows. */
function waiting(reason: string, message: string): Telling & Outcome {
  return { kind: "Wait", reason, message, afterMs: 0 };
}

export function begin({ now }: Pick<StepParts, "now">, intent: string, deadlineMs: number): Operation {
  const at = now();
  return { intent, requestedAt: toTime(at), deadline: toTime(at + deadlineMs) };
}

/** What a create leads to, written down before it is sent. */
export function createOperation(
  object: PaperspaceMachine,
  attempt: { name: string; time: string },
  deadlineMs: number,
): Operation {
  return {
    intent: "Create",
    requestedAt: attempt.time,
    deadline: toTime(Date.parse(attempt.time) + deadlineMs),
    name: attempt.name,
    target: object.spec.powerState,
  };
}
