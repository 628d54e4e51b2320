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
import { isRequested, type Requests } from "../../../reconcile/record.ts";
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
import type { PowerReason } from "../power/desired.ts";
import { whyDesired } from "../power/reported.ts";
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

/** What the user requests once, by annotation. What it leads to is in the desired power state already. */
function answer(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  const { requests, spec } = observation;
  if (!isRequested(requests)) return undefined;
  if (spec.powerState === "Stopped") {
    if (power === "off" || requests.stop === undefined) return putAside(convergence);
    return act({ do: "stop", requests }, withoutOperation(memory));
  }
  // A shutdown that came after the request.
  if (observation.power?.reason === "AutoShutdown" && power === "off") return putAside(convergence);
  // Off: starting it is all that either can mean.
  if (power === "off") return startUp(convergence);
  if (requests.restart !== undefined) return act({ do: "restart", requests }, withoutOperation(memory));
  return putAside(convergence);
}

/** Nothing more is to be done for the requests; one that decides is answered only once status has it. */
function putAside({ observation, memory }: Convergence): MachineDecision | undefined {
  const { requests, power, spec } = observation;
  if (power?.unnoted) return undefined;
  const unmet = spec.powerState === "Stopped" ? (requests.start ?? requests.restart) : requests.stop;
  const note = unmet !== undefined && `a request is not carried out: ${whyDesired(observation)}`;
  return act({ do: "handle", requests, ...(note && { note }) }, memory);
}

function reach(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  convergence.userErrors.push(...(observation.power?.faults ?? []));
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
    act({ do: "start", ...(isRequested(requests) && { requests }) }, withoutShutdown(ready)),
  );
}

/** What is started has not shut itself down any more: the next time it does is another. */
function withoutShutdown({ powerChange, ...memory }: MachineMemory): MachineMemory {
  return powerChange && powerChange.cause !== "AutoShutdown" ? { ...memory, powerChange } : memory;
}

/**
 * Off after it was on as desired, and allowed to do so, with nothing later that says to be on. A stop in the console looks the
 * same (machines.md section 7).
 */
export function shutItselfDown({
  observation,
  machine,
  power,
  memory,
}: Pick<Convergence, "observation" | "machine" | "power" | "memory">): boolean {
  const { spec, power: desired } = observation;
  const mayRest = desired === undefined || !STARTS.has(desired.reason);
  const on = spec.powerState === "Running" && mayRest;
  return on && power === "off" && memory.power === "Running" && machine.autoShutdownEnabled === true;
}

/** What starts a machine that shut itself down before. */
const STARTS: ReadonlySet<PowerReason> = new Set(["Awake", "Schedule", "StartRequested"]);

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
        ...answersOf(step),
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
