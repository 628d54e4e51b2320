/**
 * What to do about one machine: a pure function of the observation, which returns one step. The phases of the machine
 * are beside it (in-flight.ts, converge.ts, deletion.ts); their order is that of every kind (reconcile/decide.ts).
 */

import { decide, type Phases } from "../../reconcile/decide.ts";
import { immutableDrift } from "./aspects/hardware.ts";
import { heldOf, isHeldOnAdoption } from "./aspects/held.ts";
import { leftovers, missingFacts } from "./aspects/list.ts";
import { beforeCreate } from "./capacity.ts";
import { converge } from "./converge.ts";
import { machineDeletion } from "./deletion.ts";
import { settle } from "./in-flight.ts";
import { afterExpiry, lifetimeOver } from "./lifetime/expiry.ts";
import type { MachineDecision, MachineObservation, MachineStep } from "./observation.ts";
import { replaced } from "./placement/shell.ts";
import { observedMachine, protectedMachine } from "./unmanaged.ts";

export const machinePhases: Phases<MachineObservation, MachineStep> = {
  immutable: ({ spec }, { machine }) => immutableDrift(spec, machine),
  adopted: ({ spec, memory }, { machine }) =>
    isHeldOnAdoption(machine.state) ? { ...memory, adoptedOff: heldOf(spec) } : memory,
  nothingToOwn: lifetimeOver,
  beforeCreate,
  // Only what hung on a machine of its own is the object's to remove, and an orphan keeps what hangs on it.
  leftovers(observation, memory) {
    const { identity, deleting, deletionPolicy } = observation;
    const isKept = identity.state !== "ours" || (deleting && deletionPolicy === "Orphan");
    return isKept ? { memory } : leftovers(observation, memory);
  },
  missingFacts,
  observed: (observation, { machine }) => observedMachine(observation, machine),
  replaced: (observation, memory) => replaced(observation, memory) ?? afterExpiry(observation, memory),
  deleting: (observation, { machine }) => machineDeletion(observation, machine),
  whileProtected: (observation, { machine }) => protectedMachine(observation, machine),
  settle: (observation, { machine }) => settle(observation, machine),
  converge: (observation, { machine }) => converge(observation, machine),
};

export function decideMachine(observation: MachineObservation): MachineDecision {
  return decide(observation, machinePhases);
}
