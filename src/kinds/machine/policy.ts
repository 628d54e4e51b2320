/** The pure part of the machine's contract: its phases, what a create leads to, its status, Events and contended fields. */
import { EXTERNAL_CHANGE } from "../../reconcile/decision.ts";
import type { Policy } from "../../reconcile/kind.ts";
import { machinePhases } from "./decide.ts";
import type { MachineMemory, MachineObservation, MachineStep, MachineTypes } from "./observation.ts";
import { machineEventNotes, machineStatus } from "./status.ts";
import type { Deadlines } from "./steps.ts";

export function machinePolicy({ createMs }: Pick<Deadlines, "createMs">): Policy<MachineTypes> {
  return {
    phases: machinePhases,
    expectCreate: (_observation, { object: { spec } }) => ({
      deadlineMs: createMs,
      target: spec.powerState,
      memory: spec.diskSize === undefined ? {} : { disk: { size: spec.diskSize } },
    }),
    fields,
    status: (observation, outcome, context) =>
      machineStatus(observation, observation.memory, outcome, context),
    events: machineEventNotes,
  };
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
