/**
 * Whether the machine runs: the requests by annotation, the desired power state, and changes of power by other actors.
 * Pure.
 */
import {
  EXTERNAL_CHANGE,
  isLate,
  ongoingOrStart,
  requeueAfter,
  stalled,
  untilLook,
  withoutOperation,
} from "../../../reconcile/decision.ts";
import type { Requests } from "../../../reconcile/record.ts";
import type { Machine } from "../api.ts";
import { typeOf, whenFree } from "../capacity.ts";
import {
  act,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  TO_RESIZE,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import {
  type Aspect,
  type Convergence,
  isStoppedToResize,
  plannedChange,
  type StepEffect,
} from "./aspect.ts";
import { RELEASES } from "./held.ts";

export const power: Aspect = {
  next: (convergence) => answer(convergence) ?? reach(convergence),
  effect: effectOf,
};

/** What the user requests once, by annotation. */
function answer(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  const { requests, spec } = observation;
  if (!isRequested(requests)) return undefined;
  if (spec.powerState === "Stopped")
    return act(
      {
        do: "handle",
        requests,
        note: "powerState is Stopped, so the machine is neither started nor restarted",
      },
      memory,
    );
  // Off: starting it is all that either can mean.
  if (power === "off") return startUp(convergence);
  if (requests.restart !== undefined) return act({ do: "restart", requests }, withoutOperation(memory));
  return act({ do: "handle", requests }, memory);
}

function reach(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  if (observation.spec.powerState === "Stopped") {
    if (power !== "off") return act({ do: "stop" }, withoutOperation(memory));
    convergence.memory = { ...withoutOperation(memory), power: "Stopped" };
    return undefined;
  }
  if (power === "serviceready") return waitForAgent(observation, memory);
  if (power === "ready") {
    convergence.memory = { ...withoutOperation(memory), power: "Running" };
    return undefined;
  }
  if (shutItselfDown(convergence)) return undefined;
  if (!memory.adoptedOff) return startUp(convergence);
  const message = `the machine was off when it was adopted, and is not started before this object says so: ${RELEASES}`;
  convergence.userErrors.push({ reason: REASON.HeldAsAdopted, message });
  return undefined;
}

function startUp({ observation, machine, memory }: Convergence): MachineDecision {
  const { requests, spec } = observation;
  return whenFree(observation, typeOf(spec, machine), memory, (ready) =>
    act({ do: "start", ...(isRequested(requests) && { requests }) }, ready),
  );
}

function isRequested({ restart, start }: Requests): boolean {
  return restart !== undefined || start !== undefined;
}

/** Off after it was on as desired, and allowed to do so. A stop in the console looks the same (machines.md section 7). */
export function shutItselfDown({
  observation,
  machine,
  power,
  memory,
}: Pick<Convergence, "observation" | "machine" | "power" | "memory">): boolean {
  const on = observation.spec.powerState === "Running";
  return on && power === "off" && memory.power === "Running" && machine.autoShutdownEnabled === true;
}

/** The machine is in a transition that another actor began. */
export function awaitTransition(observation: MachineObservation, { state }: Machine): MachineDecision {
  const message = `the machine is ${state}, which this object did not ask for`;
  return watch(observation, observation.memory, REASON.ChangingElsewhere, message);
}

/** `memory` becomes that of the decision; since when it is waited for is in the observation's. */
export function waitForAgent(observation: MachineObservation, memory: MachineMemory): MachineDecision {
  const message = "its services run, the Paperspace agent does not answer yet";
  return watch(observation, memory, REASON.WaitingForAgent, message);
}

/** Waits for what this object did not begin, and remembers since when, so that it can be reported as late. */
function watch(
  observation: MachineObservation,
  memory: MachineMemory,
  reason: string,
  message: string,
): MachineDecision {
  const { limits, now } = observation;
  const operation = ongoingOrStart(observation, EXTERNAL_CHANGE, limits.observeMs);
  const watching = { ...memory, operation };
  if (!isLate(operation, now))
    return requeueAfter(watching, reason, message, untilLook(observation, operation));
  const late = `${message}, since ${operation.requestedAt}: longer than it should. It goes on by itself once the machine does; otherwise look at it in the Paperspace console`;
  return stalled(watching, REASON.TransitionTimedOut, late, untilLook(observation, operation));
}

function effectOf(
  step: MachineStep,
  { spec }: MachineObservation,
  { state }: Machine,
  before: readonly MachineStep[],
): StepEffect | undefined {
  // A stop for a resize, and the start after it, are the `needsStop` of that resize.
  const last = before.length - 1;
  const endsResize = before[last]?.do === "resize" && isStoppedToResize(before, last);
  const change = { field: "powerState", from: state, to: spec.powerState };
  switch (step.do) {
    case "start":
      return {
        ...(!endsResize && { entries: [plannedChange("Start", change)] }),
        machine: { state: "ready" },
        memory: { operation: undefined, power: "Running" },
        ...answersOf(step),
      };
    case "stop":
      return {
        ...(step.target !== TO_RESIZE && { entries: [plannedChange("Stop", change)] }),
        machine: { state: "off" },
        memory: { operation: undefined, power: "Stopped" },
      };
    case "restart":
      return {
        entries: [{ action: "Restart", needsStop: false, losesData: false }],
        memory: { operation: undefined },
        ...answersOf(step),
      };
    case "handle":
      return answersOf(step);
    default:
      return undefined;
  }
}

function answersOf({ requests }: { requests?: Requests }): Pick<StepEffect, "answers"> {
  return requests ? { answers: requests } : {};
}
