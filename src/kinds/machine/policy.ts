/** The pure part of the machine's contract: its phases, what a create leads to, its status, Events and contended fields. */
import type { Policy } from "../../reconcile/kind.ts";
import { machinePhases } from "./decide.ts";
import type { MachineStep, MachineTypes } from "./observation.ts";
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

/** What a step puts back; nothing where no other actor can undo it. */
function fields(step: MachineStep): readonly string[] {
  switch (step.do) {
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
