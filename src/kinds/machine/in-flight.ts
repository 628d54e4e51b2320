/**
 * An operation in flight: whether it is over, has failed or is late, and what then. What to do about a machine at rest is
 * in converge.ts. Pure.
 */
import type { Settled } from "../../reconcile/decide.ts";
import {
  awaitedTimes,
  EXTERNAL_CHANGE,
  needFacts,
  noStep,
  operationAge,
  requeueAfter,
  stalled,
  untilLook,
  withoutOperation,
} from "../../reconcile/decision.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { Outcome } from "../../reconcile/outcome.ts";
import { isRequested, keptValue, type Requests, requestsWhere } from "../../reconcile/record.ts";
import type { Machine } from "./api.ts";
import { typeOf, whenFree } from "./capacity.ts";
import { failure, untilRetry } from "./event-retry.ts";
import { awaitExpiry, expire } from "./lifetime/expiry.ts";
import {
  AWAIT_CAPACITY,
  act,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  SNAPSHOT,
  TO_REPLACE,
  TO_RESIZE,
} from "./observation.ts";
import { isBelieved, judge, leadsToOff, powerOf, underWay } from "./operation.ts";
import { awaitReplacement, moveOn, outlived, seenOn } from "./placement/shell.ts";
import { REASON } from "./reasons.ts";
import { refusalOf } from "./resize-refusal.ts";
import { asNow, restoreAdvice, settleSnapshot } from "./resize-snapshot.ts";

type MachineSettled = Settled<MachineDecision, MachineMemory>;

/** What a placement makes of the machine comes first: one that waits for hardware may be in any operation, or in none. */
export function settle(observed: MachineObservation, machine: Machine): MachineSettled {
  const memory = asNow(seenOn(observed.memory, machine), machine, observed.history);
  const observation = memory === observed.memory ? observed : { ...observed, memory };
  const { operation } = observation.memory;
  const expiry = expire(observation, machine) ?? awaitExpiry(observation, machine);
  if (expiry) return { decision: expiry };
  if (operation?.target === TO_REPLACE) {
    const decision = awaitReplacement(observation, machine, operation);
    if (decision) return { decision };
  }
  const move = moveOn(observation, machine);
  if (!move) return settleOperation(observation, machine);
  if ("decision" in move) return move;
  const settled = settleOperation(observation, machine);
  if ("decision" in settled) return { decision: { ...settled.decision, ...move } };
  // A start would be in vain, and what was started is not deleted any more.
  return { decision: needFacts(observation.related, settled.memory, move.needs) };
}

function settleOperation(observation: MachineObservation, machine: Machine): MachineSettled {
  const { memory, event, now, limits } = observation;
  const { operation } = memory;
  if (!operation || operation.intent === EXTERNAL_CHANGE || operation.intent === AWAIT_CAPACITY)
    return { memory };
  // The object is not being deleted any more.
  if (operation.intent === "Delete") return { memory: outlived(observation, machine) };
  if (operation.intent === SNAPSHOT) return settleSnapshot(observation, operation);
  const answered = answeredBy(operation, observation.requests);
  if (answered) return { decision: act({ do: "handle", requests: answered }, memory) };
  if (isOverForUs(observation, machine, operation))
    return { memory: reached(observation, machine, operation) };
  switch (judge(operation, machine.state, event, now, limits.resendMs)) {
    case "reached":
      return { memory: reached(observation, machine, operation) };
    case "overtaken":
    // Decided anew: it may not be desired any more, or hardware be short.
    case "unsent":
      return { memory: unsettled(memory, operation) };
    case "running": {
      const look = untilLook(observation, operation);
      return {
        decision: requeueAfter(memory, reasonOf(operation), underWay(operation, machine.state, event), look),
      };
    }
    case "failed":
      return failed(observation, machine, operation);
    case "late":
      return overdue(observation, machine, operation);
  }
}

/** A request is noted as handled once the operation that answers it is written down: before that, it is not sent. */
function answeredBy({ requests = {} }: Operation, open: Requests): Requests | undefined {
  const answered = requestsWhere(open, (value, name) => value === keptValue(requests[name] ?? ""));
  return isRequested(answered) ? answered : undefined;
}

/** A machine at rest as the spec has it now: what is in flight for its power does not matter any more. */
function isOverForUs(observation: MachineObservation, { state }: Machine, operation: Operation): boolean {
  const { event, spec, now, limits } = observation;
  if (!["Create", "Start", "Stop"].includes(operation.intent) || operation.target === TO_RESIZE) return false;
  const asDesired = powerOf(state) === (spec.powerState === "Stopped" ? "off" : "ready");
  return asDesired && isBelieved(event, operationAge(operation, now) >= limits.resendMs);
}

/** What is remembered of an operation that is over. */
function reached(
  { memory, spec }: MachineObservation,
  { state }: Machine,
  operation: Operation,
): MachineMemory {
  const kept = withoutOperation(memory);
  switch (operation.intent) {
    case "Create":
    case "Start":
    case "Stop":
      if (operation.target === TO_RESIZE) return { ...kept, power: "Stopped" };
      return { ...kept, power: powerOf(state) === "off" ? "Stopped" : "Running" };
    case "Restart":
      // One that did not come up again has not shut itself down: it is to be started.
      return powerOf(state) === "off" ? { ...kept, power: "Stopped" } : kept;
    default:
      return spec.powerState === "Stopped" && powerOf(state) === "off" ? { ...kept, power: "Stopped" } : kept;
  }
}

/**
 * What is remembered of an operation whose end was not seen. Power that was reached before it does not count any more:
 * a machine that is off now has not shut itself down, and would else not be started again.
 */
function unsettled(memory: MachineMemory, { intent }: Operation): MachineMemory {
  const { power: _before, ...others } = withoutOperation(memory);
  return ["Create", "Start", "Stop", "Restart"].includes(intent) ? others : withoutOperation(memory);
}

/** The event of the write failed: tried again after a while, unless the machine is still in transition. */
function failed(observation: MachineObservation, machine: Machine, operation: Operation): MachineSettled {
  const { event, limits } = observation;
  const message = event.state === "failed" ? event.message : "the event of the change failed";
  const resting = powerOf(machine.state) !== "changing";
  if (operation.intent === "Resize" && resting)
    return { memory: { ...withoutOperation(observation.memory), ...refusalOf(observation, message) } };
  const memory = { ...observation.memory, operation: failure(observation, operation) };
  const left = untilRetry(observation, memory.operation);
  if (left <= 0 && resting) return { memory: unsettled(memory, operation) };
  const outcome: Outcome = {
    kind: "Retry",
    reason: FAILED[operation.intent] ?? REASON.StartFailed,
    message: advised(message, resting),
    atLeastMs: resting
      ? Math.max(limits.lookMs, left)
      : untilLook(observation, awaitedTimes(memory.operation)),
  };
  return { decision: noStep(outcome, memory) };
}

/** For a user who does not read the logs: what happens now, and what to do. */
function advised(message: string, resting: boolean): string {
  const next = resting
    ? "It is tried again by itself, more rarely each time"
    : "The machine is still on its way, and may come up all the same";
  return `${message}. ${next}. If it keeps failing, look at the machine in the Paperspace console, ask for another machineType or region, or delete this object and apply it again`;
}

/** Past the deadline. It may still come about, and then the operation settles by itself. */
function overdue(observation: MachineObservation, machine: Machine, operation: Operation): MachineSettled {
  const { limits, memory, now, spec } = observation;
  const age = operationAge(operation, now);
  const power = powerOf(machine.state);
  const isPower = ["Create", "Start", "Stop"].includes(operation.intent);
  const target = leadsToOff(operation) ? "off" : "ready";
  const superseded = operation.target === TO_RESIZE || operation.target !== spec.powerState;
  // The agent may never come up (machines.md section 7): only what needs it waits on.
  const awaitsAgent = power === "serviceready" && target === "ready" && !superseded;
  const resting = power !== "changing" && !awaitsAgent;
  // After so long the state alone counts, whatever its event; and what is not desired any more is not repeated.
  if (resting && (!isPower || power === target || superseded))
    return { memory: unsettled(memory, operation) };
  if (resting && age >= limits.slowMs) return { decision: again(observation, machine, operation) };
  if (power === "off" && !leadsToOff(operation)) {
    const message = `the machine is still off after ${operation.deadline}, without an error: most likely no ${machine.machineType ?? "hardware of this type"} is free in ${machine.region ?? "the region"}. Starting it is tried again; or delete this object and ask for another machineType or region`;
    const recheckMs = Math.min(
      untilLook(observation, operation),
      Math.max(limits.lookMs, limits.slowMs - age),
    );
    return { decision: stalled(memory, REASON.CapacityUnavailable, message, recheckMs) };
  }
  const why = observation.event.state === "failed" ? ` (${observation.event.message})` : "";
  const advice = operation.intent === "Resize" ? restoreAdvice(memory, machine) : "";
  const message = `${underWay(operation, machine.state, observation.event)}${why}, and its deadline ${operation.deadline} has passed. It goes on by itself once the machine does; otherwise look at it in the Paperspace console, or delete this object and apply it again${advice}`;
  return { decision: stalled(memory, REASON.TransitionTimedOut, message, untilLook(observation, operation)) };
}

/** Sent once more, and late as it is: a start only when hardware is free, like the first one. */
function again(observation: MachineObservation, machine: Machine, operation: Operation): MachineDecision {
  const { deadline, requestedAt, requests } = operation;
  if (leadsToOff(operation)) return act({ do: "stop", deadline }, observation.memory);
  const waiting = { intent: AWAIT_CAPACITY, requestedAt, deadline };
  const memory = { ...unsettled(observation.memory, operation), operation: waiting };
  const start = { do: "start", deadline, ...(requests && { requests }) } as const;
  return whenFree({ ...observation, memory }, typeOf(observation.spec, machine), memory, () =>
    act(start, observation.memory),
  );
}

const FAILED: Record<string, string> = {
  Create: REASON.CreateFailed,
  Start: REASON.StartFailed,
  Stop: REASON.StopFailed,
  Restart: REASON.RestartFailed,
  Resize: REASON.ResizeRefused,
  Update: REASON.UpdateFailed,
};

const UNDER_WAY: Record<string, string> = {
  Create: REASON.Creating,
  Stop: REASON.Stopping,
  Restart: REASON.Restarting,
  Resize: REASON.Resizing,
  Update: REASON.Updating,
};

function reasonOf({ intent }: Operation): string {
  return UNDER_WAY[intent] ?? REASON.Starting;
}
