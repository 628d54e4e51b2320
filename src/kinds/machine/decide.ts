/**
 * What to do about one machine: a pure function of what is wished, what is known and what is under way. It returns one
 * step; all behaviour of the kind is here, in the phases beside it (life, steady, deletion), or in the ownership rules
 * it begins with.
 */

import { decide } from "../../reconcile/decide.ts";
import { act, needFacts, noStep, withoutOperation } from "../../reconcile/decision.ts";
import { absence, adoption } from "../../reconcile/existence.ts";
import type { OwnershipStep } from "../../reconcile/ownership.ts";
import { capacityShort, preflight } from "./capacity.ts";
import { deletion, leftovers } from "./deletion.ts";
import { immutableDrift } from "./diff.ts";
import { inFlight } from "./in-flight.ts";
import type { MachineDecision, MachineObservation } from "./observation.ts";
import { unknownOf } from "./plan.ts";

export function decideMachine(observation: MachineObservation): MachineDecision {
  return decide(observation, {
    adopt: adopted,
    create: creation,
    absent: gone,
    missingFacts: unknownOf,
    deleting: (_, { machine }) => deletion(observation, machine),
    present: (_, { machine }) => inFlight(observation, machine),
  });
}

/** A create that would be in vain is not sent: a machine without hardware is made all the same, and billed for its disk. */
function creation(observation: MachineObservation): MachineDecision {
  const { spec, memory } = observation;
  const type = spec.powerState === "Running" ? spec.machineType : undefined;
  const { needs, outcome } = preflight(observation, { type, creates: true });
  if (needs.length > 0) return needFacts(observation.related, memory, needs);
  if (outcome) return noStep(outcome, memory);
  if (type !== undefined && observation.related.capacity[type]?.hint === "short")
    return capacityShort(observation, type, memory);
  return act({ do: "create" }, withoutOperation(memory));
}

function adopted(observation: MachineObservation, id: string): OwnershipStep {
  const { resource, spec, readError } = observation;
  const changes = resource.state === "present" ? immutableDrift(spec, resource.machine) : [];
  return adoption(id, { state: resource.state, readError, changes }, observation);
}

/** What is left behind is put away before the object goes, or gets another machine. */
function gone(observation: MachineObservation, certain: boolean): MachineDecision {
  if (!certain) return absence(observation, false, observation.memory);
  const rested = withoutOperation(observation.memory);
  const left = observation.halted ? { memory: rested } : leftovers(observation, rested);
  return left.decision ?? absence(observation, true, left.memory);
}
