/**
 * What to do about one machine: a pure function of what is wished, what is known and what is under way. It returns one
 * step; all behaviour of the kind is here, in the phases beside it (life, steady, deletion), or in the ownership rules
 * it begins with.
 */
import { decideOwnership, type OwnershipStep } from "../../reconcile/ownership.ts";
import { capacityShort, preflight } from "./capacity.ts";
import { deletion, leavings } from "./deletion.ts";
import { describe, immutableDrift } from "./diff.ts";
import { life } from "./life.ts";
import { REASON } from "./reasons.ts";
import { type Choice, lacking, type MachineView, rest, stalled, wait, without } from "./view.ts";

export function decide(view: MachineView): Choice {
  const { memory, sighting } = view;
  const owned = decideOwnership(view);
  if (owned?.do === "adopt") return { step: adoption(view, owned.id), memory };
  if (owned?.do === "create") return creation(view);
  if (owned) return { step: owned, memory };
  if (view.trouble) return rest(view.trouble, memory);
  switch (sighting.state) {
    case "unknown":
      return rest({ kind: "Unknown" }, memory);
    case "absent":
      return absence(view, sighting.certain);
    case "present":
      return view.deleting ? deletion(view, sighting.machine) : life(view, sighting.machine);
  }
}

/** A create that would be in vain is not sent: a machine without hardware is made all the same, and billed for its disk. */
function creation(view: MachineView): Choice {
  const { spec, memory } = view;
  const type = spec.powerState === "Running" ? spec.machineType : undefined;
  const { asks, outcome } = preflight(view, { type, creates: true });
  if (asks.length > 0) return lacking(view, memory, asks);
  if (outcome) return rest(outcome, memory);
  if (type !== undefined && view.around.capacity[type]?.hint === "short")
    return capacityShort(view, type, memory);
  return { step: { do: "create" }, memory: without(memory) };
}

/** Adopting changes nothing in the cloud: it is seen, compared and recorded. */
function adoption({ sighting, spec, recheckMs, trouble }: MachineView, id: string): OwnershipStep {
  if (trouble) return { do: "rest", outcome: trouble };
  if (sighting.state === "unknown") return { do: "rest", outcome: { kind: "Unknown" } };
  if (sighting.state === "absent") {
    const message = `there is no machine ${id} in this team: correct the id, or the credentials`;
    return { do: "rest", outcome: { kind: "Terminal", reason: REASON.AdoptNotFound, message, recheckMs } };
  }
  const changes = immutableDrift(spec, sighting.machine);
  if (changes.length === 0) return { do: "take", id };
  const message = `machine ${id} differs in what cannot be changed (${describe(changes)}): correct the spec`;
  return { do: "rest", outcome: { kind: "Terminal", reason: REASON.AdoptMismatch, message, recheckMs } };
}

function absence(view: MachineView, certain: boolean): Choice {
  const { memory, limits, recheckMs, spec, halted } = view;
  if (!certain)
    return wait(
      memory,
      REASON.AbsenceUnconfirmed,
      "the API does not show the machine just now",
      limits.lookMs,
    );
  const left = halted ? { memory: without(memory) } : leavings(view, without(memory));
  if (left.choice) return left.choice;
  if (view.deleting) return { step: { do: "release", reason: REASON.Deleted }, memory };
  if (spec.onExternalDeletion === "Recreate")
    return halted
      ? rest({ kind: "Halted", ...halted, recheckMs }, left.memory)
      : { step: { do: "disown" }, memory: left.memory };
  return stalled(
    left.memory,
    REASON.ExternallyDeleted,
    "the machine was deleted outside Kubernetes. Set onExternalDeletion to Recreate, or delete this object and apply it again, to get a new machine; or delete this object",
    recheckMs,
  );
}
