/**
 * Startup scripts (other-resources.md): their texts, and which machines they are assigned to. Whether a script runs on a
 * machine leaves no trace in the API, so nothing runs here.
 */

import { machineNamed, wrongState } from "./checks.ts";
import { ApiError } from "./errors.ts";
import type { MachineRecord, ScriptRecord, Team } from "./records.ts";
import type { World } from "./world.ts";

/** Body of POST /startup-scripts. */
export interface ScriptInput {
  name: string;
  script: string;
  isRunOnce?: boolean;
}

/** "isEnabled cannot be set at creation"; without isRunOnce a script runs at every boot. */
export function createScript(world: World, team: Team, input: ScriptInput): ScriptRecord {
  const script: ScriptRecord = {
    ...world.born(team.id, "sc"),
    name: input.name,
    script: input.script,
    isRunOnce: input.isRunOnce ?? false,
    isEnabled: true,
    assignedMachineIds: [],
  };
  world.scripts.set(script.id, script);
  return script;
}

export function deleteScript(world: World, script: ScriptRecord): ScriptRecord {
  if (script.assignedMachineIds.length > 0 && world.behaviour.deleteUsedScript === "refuse") {
    throw wrongState(world, `Startup script ${script.id} is assigned to machines`);
  }
  script.assignedMachineIds = [];
  script.dtDeleted = world.iso();
  return script;
}

export function assignScript(world: World, team: Team, script: ScriptRecord, machineId: string) {
  attachScript(world, script, machineNamed(world, team, machineId));
  return script;
}

/** One that is assigned already stays so; the others go where a machine can have one only. */
export function attachScript(world: World, script: ScriptRecord, machine: MachineRecord): void {
  if (script.assignedMachineIds.includes(machine.id)) return;
  if (world.behaviour.scriptsPerMachine === "replace") detachScripts(world, machine);
  script.assignedMachineIds.push(machine.id);
}

export function unassignScript(world: World, team: Team, script: ScriptRecord, machineId: string) {
  const machine = machineNamed(world, team, machineId);
  if (!script.assignedMachineIds.includes(machine.id) && world.behaviour.scriptNotAssigned === "error") {
    throw new ApiError("CONFLICT", `Startup script ${script.id} is not assigned to machine ${machine.id}`);
  }
  script.assignedMachineIds = script.assignedMachineIds.filter((id) => id !== machine.id);
  return script;
}

/** The ids of the scripts that a machine has, oldest first. */
export function scriptsOf(world: World, machine: MachineRecord): string[] {
  const scripts = [...world.scripts.values()];
  return scripts.filter((s) => s.assignedMachineIds.includes(machine.id)).map((s) => s.id);
}

/** No script is assigned to the machine any more, as when it is gone. */
export function detachScripts(world: World, machine: MachineRecord): void {
  for (const script of world.scripts.values()) {
    script.assignedMachineIds = script.assignedMachineIds.filter((id) => id !== machine.id);
  }
}
