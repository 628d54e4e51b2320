/**
 * All that the spec of a machine can declare, in the order in which it is corrected, and what is computed over that
 * list. A new aspect is one more entry. Pure.
 */
import type { Change } from "../../../reconcile/change.ts";
import type { UnreadableFields } from "../../../reconcile/status.ts";
import type { Machine } from "../api.ts";
import type { MachineDecision, MachineMemory, MachineObservation, MachineStep } from "../observation.ts";
import { accessors } from "./accessors.ts";
import { staticAddress } from "./address.ts";
import type { Aspect, Convergence, Leftovers, StepEffect } from "./aspect.ts";
import { desktop, formerDesktop } from "./desktop.ts";
import { hardware } from "./hardware.ts";
import { power } from "./power.ts";
import { settings } from "./settings.ts";
import { startupScript } from "./startup-script.ts";

/** Leftovers go before a new Secret is written, and what an update can do goes before what stops the machine. */
export const ASPECTS: readonly Aspect[] = [
  settings,
  startupScript,
  accessors,
  hardware,
  power,
  formerDesktop,
  staticAddress,
  desktop,
];

/** The aspects whose steps do not depend on where a change of power ends. */
export const AT_ANY_POWER = ASPECTS.filter(({ anyPower }) => anyPower);

/** Names of the facts without which it is not known whether the machine is as declared. */
export function missingFacts(observation: MachineObservation): string[] {
  return ASPECTS.flatMap((aspect) => aspect.missingFacts?.(observation) ?? []);
}

/** Everything that is seen to differ from the spec. Power is no setting. */
export function specDrift(observation: MachineObservation, machine: Machine): Change[] {
  return ASPECTS.flatMap((aspect) => aspect.drift?.(observation, machine) ?? []);
}

/** Fields of the spec of which it cannot be known whether they are as declared, and all that could not be read. */
export function unreadableFields(observation: MachineObservation, machine: Machine): UnreadableFields {
  const declared = ASPECTS.flatMap((aspect) => aspect.unreadable?.(observation, machine) ?? []);
  return { declared, all: machine.unreadable };
}

/** The memory with what must be kept of the machine as it is now. */
export function memoryToKeep(memory: MachineMemory, machine: Machine): MachineMemory {
  return ASPECTS.reduce((kept, aspect) => aspect.remember?.(kept, machine) ?? kept, memory);
}

export function nextDecision(
  convergence: Convergence,
  aspects: readonly Aspect[] = ASPECTS,
): MachineDecision | undefined {
  for (const aspect of aspects) {
    const decision = aspect.next(convergence);
    if (decision) return decision;
  }
  return undefined;
}

/** What is to be cleaned up of a machine that is gone, or of one that has no use for it. */
export function leftovers(
  observation: MachineObservation,
  memory: MachineMemory,
  machine?: Machine,
): Leftovers {
  let kept = memory;
  for (const aspect of ASPECTS) {
    const left = aspect.leftovers?.(observation, kept, machine);
    if (left?.decision) return left;
    kept = left?.memory ?? kept;
  }
  return { memory: kept };
}

/** What a step leads to; undefined where it is of no aspect, such as a delete. `before`: the steps before it. */
export function effectOf(
  step: MachineStep,
  observation: MachineObservation,
  machine: Machine,
  before: readonly MachineStep[],
): StepEffect | undefined {
  for (const aspect of ASPECTS) {
    const effect = aspect.effect(step, observation, machine, before);
    if (effect) return effect;
  }
  return undefined;
}
