/**
 * What to do about one machine: a pure function of what is wished, what is known and what is under way. It returns one
 * step; all behaviour of the kind is here, in the phases beside it (life, steady, deletion), or in the ownership rules
 * it begins with.
 */

import { decide, type Phases } from "../../reconcile/decide.ts";
import { needFacts, noStep } from "../../reconcile/decision.ts";
import { capacityShort, preflight } from "./capacity.ts";
import { deletion, leftovers } from "./deletion.ts";
import { immutableDrift } from "./diff.ts";
import { inFlight } from "./in-flight.ts";
import type { MachineDecision, MachineObservation, MachineStep } from "./observation.ts";
import { unknownOf } from "./plan.ts";

export const machinePhases: Phases<MachineObservation, MachineStep> = {
  immutable: ({ spec }, { machine }) => immutableDrift(spec, machine),
  beforeCreate,
  // Only what hung on a machine of its own is the object's to remove.
  leftovers: (observation, memory) =>
    observation.identity.state === "ours" ? leftovers(observation, memory) : { memory },
  missingFacts: unknownOf,
  deleting: (observation, { machine }) => deletion(observation, machine),
  settle: (observation) => ({ memory: observation.memory }),
  converge: (observation, { machine }) => inFlight(observation, machine),
};

export function decideMachine(observation: MachineObservation): MachineDecision {
  return decide(observation, machinePhases);
}

/** A create that would be in vain is not sent: a machine without hardware is made all the same, and billed for its disk. */
function beforeCreate(observation: MachineObservation): MachineDecision | undefined {
  const { spec, memory } = observation;
  const type = spec.powerState === "Running" ? spec.machineType : undefined;
  const { needs, outcome } = preflight(observation, { type, creates: true });
  if (needs.length > 0) return needFacts(observation.related, memory, needs);
  if (outcome) return noStep(outcome, memory);
  if (type !== undefined && observation.related.capacity[type]?.hint === "short")
    return capacityShort(observation, type, memory);
  return undefined;
}
