/**
 * A machine to which not everything is done that is declared: one that is only observed, and one whose deletion is refused.
 * Pure.
 */
import {
  done,
  EXTERNAL_CHANGE,
  noStep,
  requeueAfter,
  untilLook,
  withoutExternalChange,
} from "../../reconcile/decision.ts";
import type { Machine } from "./api.ts";
import { nextDecision } from "./aspects/list.ts";
import { awaitTransition, power, shutItselfDown, waitForAgent } from "./aspects/power.ts";
import { convergenceOf } from "./converge.ts";
import { settle } from "./in-flight.ts";
import type { MachineDecision, MachineObservation } from "./observation.ts";
import { powerOf } from "./operation.ts";
import { offReport } from "./power/reported.ts";
import { REASON } from "./reasons.ts";

/** How the machine is by itself. Of an operation that this object began before, the memory stays as it is. */
export function observedMachine(observation: MachineObservation, machine: Machine): MachineDecision {
  const { memory, spec } = observation;
  const state = powerOf(machine.state);
  if (state === "changing")
    return unlessOurs(observation, machine, () => awaitTransition(observation, machine));
  if (state === "serviceready")
    return unlessOurs(observation, machine, () => waitForAgent(observation, memory));
  const rested = withoutExternalChange(memory);
  if (state === "ready") return done(rested, REASON.Available, "the machine is on and ready");
  if (spec.powerState === "Stopped") {
    const { reason, message } = offReport(observation);
    return done(rested, reason, message);
  }
  if (shutItselfDown({ observation, machine, power: state, memory }))
    return done(rested, REASON.AutoShutdown, "the machine shut itself down, as autoShutdown allows");
  const message = "the machine is off, and powerState is Running";
  return noStep({ kind: "Done", reason: REASON.Stopped, message, ready: false }, rested);
}

function unlessOurs(
  observation: MachineObservation,
  { state }: Machine,
  awaited: () => MachineDecision,
): MachineDecision {
  const { memory } = observation;
  const { operation } = memory;
  if (!operation || operation.intent === EXTERNAL_CHANGE) return awaited();
  const message = `the machine is ${state}`;
  return requeueAfter(memory, REASON.ChangingElsewhere, message, untilLook(observation, operation));
}

/** Its power goes on as declared, since a machine that is on costs more. */
export function protectedMachine(observation: MachineObservation, machine: Machine): MachineDecision {
  const settled = settle(observation, machine);
  if ("decision" in settled) return settled.decision;
  const state = powerOf(machine.state);
  const now = { ...observation, memory: settled.memory };
  if (state === "changing") return awaitTransition(now, machine);
  const convergence = convergenceOf(now, machine, state);
  const decision = nextDecision(convergence, [power]);
  return decision ?? { ...noStep({ kind: "Unknown" }, convergence.memory), needs: convergence.needs };
}
