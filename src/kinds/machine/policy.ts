/** The pure part of the machine's contract: its phases, what a create leads to, its status, Events and contended fields. */
import { withoutUndefined } from "../../base/without-undefined.ts";
import { describe } from "../../reconcile/change.ts";
import { EXTERNAL_CHANGE } from "../../reconcile/decision.ts";
import type { Policy } from "../../reconcile/kind.ts";
import { RELEASES } from "./aspects/held.ts";
import { machinePhases } from "./decide.ts";
import type { MachineMemory, MachineObservation, MachineStep, MachineTypes } from "./observation.ts";
import { placing, refusedCandidate } from "./placement/creation.ts";
import { planOf } from "./plan.ts";
import { machineEventNotes, machineStatus } from "./status.ts";
import type { Deadlines } from "./steps.ts";
import type { MachineStatus } from "./types.ts";

export function machinePolicy({ createMs }: Pick<Deadlines, "createMs">): Policy<MachineTypes> {
  return {
    phases: machinePhases,
    expectCreate: (observation, { object: { spec } }, attempt) => ({
      deadlineMs: createMs,
      target: observation.spec.powerState,
      memory: {
        ...powerMemory(observation.memory),
        ...(spec.diskSize !== undefined && { disk: { size: spec.diskSize } }),
        ...placing(observation, attempt),
      },
    }),
    createRefused: refusedCandidate,
    fields,
    adopted: (observation, { adoptedOff }) =>
      adoptedOff && { status: { adoptedOff } as Partial<MachineStatus>, note: adoptionNote(observation) },
    status: (observation, outcome, context) =>
      machineStatus(observation, observation.memory, outcome, context),
    events: machineEventNotes,
  };
}

/** What the user has requested outlives the machine. */
function powerMemory({ powerChange, awake, extended, schedule }: MachineMemory): Partial<MachineMemory> {
  return withoutUndefined({ powerChange, awake, extended, schedule });
}

type PowerStep = Extract<MachineStep, { do: "start" | "stop" | "restart" }>;

/** What a step puts back; nothing where no other actor can undo it. */
function fields(step: MachineStep, { memory }: MachineObservation): readonly string[] {
  switch (step.do) {
    case "start":
    case "stop":
      return putsPowerBack(step, memory) ? ["powerState"] : [];
    case "assign":
    case "unassign":
      return [`startupScriptId ${step.of}`];
    case "grant":
    case "revoke":
      return [`accessors ${step.of}`];
    case "writeDesktop":
      return ["desktopSecretRef"];
    case "update":
    case "resize":
      return step.changes.map(({ field }) => field);
    default:
      return [];
  }
}

/**
 * Not where it is a part of another change, or of a request; nor where it is sent again, since what failed by itself nobody
 * has undone.
 */
function putsPowerBack(step: PowerStep, { operation, power }: MachineMemory): boolean {
  const { target, deadline, requests } = step;
  if (target !== undefined || deadline !== undefined || requests !== undefined) return false;
  const isAtRest = operation === undefined || operation.intent === EXTERNAL_CHANGE;
  return isAtRest && power === (step.do === "start" ? "Running" : "Stopped");
}

/** What would be done if nothing were held, before any of it is. */
function adoptionNote({ identity, ...observation }: MachineObservation): string {
  const id = identity.state === "adopt" ? identity.id : "";
  const { account } = observation;
  const record = { id, team: account.state === "valid" ? account.team : "", name: "", uid: "" };
  const plan = planOf({ ...observation, identity: { state: "ours", record, restore: false } });
  if (plan.length === 0) return "It is off, as declared";
  const planned = plan.map(({ action, field, from, to }) =>
    field === undefined ? action : `${action} (${describe([{ field, from: parsed(from), to: parsed(to) }])})`,
  );
  const isHeld = plan.some(({ action }) => action === "Start" || action === "Resize");
  const how = isHeld ? `. It is neither started nor resized before this object says so: ${RELEASES}` : "";
  return `It is off. What differs: ${planned.join(", ")}${how}`;
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
