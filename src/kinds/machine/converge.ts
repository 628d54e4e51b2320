/**
 * A machine with nothing in flight: the first aspect that has a step takes it, and where none has, what stands in the
 * way is reported. Pure.
 */
import { done, needFacts, noStep, stalled, withoutOperation } from "../../reconcile/decision.ts";
import type { Machine } from "./api.ts";
import type { Convergence } from "./aspects/aspect.ts";
import { memoryToKeep, nextDecision } from "./aspects/list.ts";
import { awaitTransition, shutItselfDown } from "./aspects/power.ts";
import {
  AWAIT_CAPACITY,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";

/** `observation.memory` MUST be settled (in-flight.ts). */
export function converge(observation: MachineObservation, machine: Machine): MachineDecision {
  const power = powerOf(machine.state);
  if (power === "changing") return awaitTransition(observation, machine);
  const convergence = convergenceOf(observation, machine, power);
  const decision = nextDecision(convergence) ?? conclusion(convergence);
  if (decision.step.do !== "none") return decision;
  // Waiting for hardware or an agent may take without end: what else is missing is fetched meanwhile.
  return { ...decision, needs: [...new Set([...convergence.needs, ...(decision.needs ?? [])])] };
}

export function convergenceOf(
  observation: MachineObservation,
  machine: Machine,
  power: Convergence["power"],
): Convergence {
  const memory = memoryToKeep(atRest(observation.memory), machine);
  return { observation, machine, power, memory, needs: [], userErrors: [], retries: [] };
}

/** No operation, or only the waiting for hardware. */
function atRest({ operation, ...memory }: MachineMemory): MachineMemory {
  return operation?.intent === AWAIT_CAPACITY ? { ...memory, operation } : memory;
}

function conclusion(convergence: Convergence): MachineDecision {
  const { observation, power, needs, userErrors, retries, waiting } = convergence;
  const { operation } = waiting?.memory ?? {};
  const memory = { ...withoutOperation(convergence.memory), ...(operation && { operation }) };
  const [first] = userErrors;
  if (first) {
    const message = userErrors.map((userError) => userError.message).join("; ");
    return { ...stalled(memory, first.reason, message, observation.recheckMs), needs };
  }
  const [delay] = retries;
  if (delay) return { ...noStep(delay, memory), needs };
  if (waiting) return { ...waiting, memory };
  if (needs.length > 0) return needFacts(observation.related, memory, needs);
  if (shutItselfDown(convergence))
    return done(
      memory,
      REASON.AutoShutdown,
      "the machine shut itself down, as autoShutdown allows. To start it again give the annotation paperspace.com/start-requested-at a new value, or set powerState to Stopped and back to Running",
    );
  return power === "off"
    ? done(memory, REASON.Stopped, "the machine is off, as asked")
    : done(memory, REASON.Available, "the machine is on and ready");
}
