/**
 * A machine with nothing in flight: the first aspect that has a step takes it, and where none has, what stands in the
 * way is reported. Pure.
 */
import { done, needFacts, noStep, stalled, withoutOperation } from "../../reconcile/decision.ts";
import type { Machine } from "./api.ts";
import type { Convergence } from "./aspects/aspect.ts";
import { withHeld } from "./aspects/held.ts";
import { memoryToKeep, nextDecision } from "./aspects/list.ts";
import { awaitTransition, shutItselfDown } from "./aspects/power.ts";
import {
  AWAIT_CAPACITY,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { offReport, onReport } from "./power/reported.ts";
import { REASON } from "./reasons.ts";

/** `observation.memory` MUST be settled (in-flight.ts). */
export function converge(observation: MachineObservation, machine: Machine): MachineDecision {
  const power = powerOf(machine.state);
  if (power === "changing") return awaitTransition(observation, machine);
  const convergence = convergenceOf(observation, machine, power);
  const next = nextDecision(convergence);
  if (next && next.step.do !== "none") return next;
  const decision = next ? withUserErrors(next, convergence) : conclusion(convergence);
  // Waiting for hardware or an agent may take without end: what else is missing is fetched meanwhile.
  return { ...decision, needs: [...new Set([...convergence.needs, ...(decision.needs ?? [])])] };
}

/**
 * What ends the pass without a step does not hide what the user must correct. That is the reason where the pass only waits,
 * or retries; what is terminal itself keeps its own.
 */
function withUserErrors(
  decision: MachineDecision,
  { userErrors, observation: { limits } }: Convergence,
): MachineDecision {
  const { step, memory } = decision;
  const [first] = userErrors;
  if (!first || step.do !== "none") return decision;
  const { outcome } = step;
  const errors = messagesOf(userErrors);
  switch (outcome.kind) {
    case "RequeueAfter":
    case "Retry": {
      const soon = outcome.kind === "RequeueAfter" ? outcome.afterMs : (outcome.atLeastMs ?? limits.slowMs);
      return { ...decision, ...stalled(memory, first.reason, `${errors}; ${outcome.message}`, soon) };
    }
    case "Terminal":
      return { ...decision, ...noStep({ ...outcome, message: `${outcome.message}; ${errors}` }, memory) };
    default:
      return decision;
  }
}

function messagesOf(userErrors: Convergence["userErrors"]): string {
  return userErrors.map(({ message }) => message).join("; ");
}

export function convergenceOf(
  observation: MachineObservation,
  machine: Machine,
  power: Convergence["power"],
): Convergence {
  const memory = memoryToKeep(withHeld(atRest(observation.memory), observation, power), machine);
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
    return { ...stalled(memory, first.reason, messagesOf(userErrors), observation.limits.slowMs), needs };
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
  const { reason, message } = power === "off" ? offReport(observation) : onReport(observation);
  return done(memory, reason, message);
}
