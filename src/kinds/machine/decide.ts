/**
 * What to do about one machine: a pure function of what is wished, what is known and what is under way. It returns one
 * step; all behaviour of the kind is here, in the phases beside it (life, steady, deletion), or in the ownership rules
 * it begins with.
 */

import { choose } from "../../reconcile/decide.ts";
import { act, lacking, rest, without } from "../../reconcile/decision.ts";
import { absence, adoption } from "../../reconcile/existence.ts";
import type { OwnershipStep } from "../../reconcile/ownership.ts";
import { capacityShort, preflight } from "./capacity.ts";
import { deletion, leavings } from "./deletion.ts";
import { immutableDrift } from "./diff.ts";
import { life } from "./in-flight.ts";
import type { Choice, MachineView } from "./observation.ts";
import { unknownOf } from "./plan.ts";

export function decide(view: MachineView): Choice {
  return choose(view, {
    adopt: adopted,
    create: creation,
    gone,
    lacks: unknownOf,
    end: (_, { machine }) => deletion(view, machine),
    life: (_, { machine }) => life(view, machine),
  });
}

/** A create that would be in vain is not sent: a machine without hardware is made all the same, and billed for its disk. */
function creation(view: MachineView): Choice {
  const { spec, memory } = view;
  const type = spec.powerState === "Running" ? spec.machineType : undefined;
  const { asks, outcome } = preflight(view, { type, creates: true });
  if (asks.length > 0) return lacking(view.around, memory, asks);
  if (outcome) return rest(outcome, memory);
  if (type !== undefined && view.around.capacity[type]?.hint === "short")
    return capacityShort(view, type, memory);
  return act({ do: "create" }, without(memory));
}

function adopted(view: MachineView, id: string): OwnershipStep {
  const { sighting, spec, trouble } = view;
  const changes = sighting.state === "present" ? immutableDrift(spec, sighting.machine) : [];
  return adoption(id, { state: sighting.state, trouble, changes }, view);
}

/** What is left behind is put away before the object goes, or gets another machine. */
function gone(view: MachineView, certain: boolean): Choice {
  if (!certain) return absence(view, false, view.memory);
  const rested = without(view.memory);
  const left = view.halted ? { memory: rested } : leavings(view, rested);
  return left.choice ?? absence(view, true, left.memory);
}
