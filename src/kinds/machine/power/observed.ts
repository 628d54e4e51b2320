/**
 * What has a say in the power of a machine, read from its object, its memory and its machine: the observation with the power
 * state that is desired now. Pure.
 */
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import {
  ANNOTATION,
  isRequested,
  keptValue,
  REQUEST_NAMES,
  type Requests,
  requestsWhere,
} from "../../../reconcile/record.ts";
import { exactTime } from "../../time.ts";
import type { MachineEvent } from "../api.ts";
import type { MachineMemory, MachineObservation } from "../observation.ts";
import { eventFact, powerOf } from "../operation.ts";
import { desiredPower, newestChange, type PowerChange } from "./desired.ts";

type Annotations = Readonly<Record<string, string>>;

/** With the desired power state in place of the declared one. What is halted remembers nothing new. */
export function withPower(
  observation: MachineObservation,
  annotations: Annotations = {},
): MachineObservation {
  const { spec, now, memory, halted } = observation;
  const requests = openNow(observation);
  const declared = spec.powerState;
  const awake = awakeOf(observation, annotations[ANNOTATION.awakeUntil]);
  const requested = REQUEST_NAMES.map((name) => {
    const request = requests[name];
    return request === undefined ? undefined : datedRequest(CAUSE[name], request, observation);
  });
  const change =
    declared === "Stopped"
      ? undefined
      : newestChange([redated(memory.powerChange, observation), shutdownOf(observation), ...requested]);
  const desired = desiredPower({
    declared,
    ...(awake?.until !== undefined && { awakeUntil: millis(awake.until) ?? 0 }),
    change,
    now,
  });
  const isUnnoted = change !== memory.powerChange && requested.includes(change) && change !== undefined;
  return {
    ...observation,
    spec: { ...spec, powerState: desired.state },
    requests: observation.observes ? observation.requests : requests,
    memory: halted ? memory : withChange(memory, change, awake),
    power: { ...desired, ...(isUnnoted && { unnoted: true }), faults: faultsOf(observation, awake) },
    ...(desired.until !== undefined && { changesAt: desired.until }),
  };
}

function withChange(
  { powerChange: _change, awake: _awake, ...memory }: MachineMemory,
  powerChange: PowerChange | undefined,
  awake: MachineMemory["awake"],
): MachineMemory {
  return { ...memory, ...(powerChange && { powerChange }), ...(awake && { awake }) };
}

/**
 * The requests that are answered now. One that status has already goes first and alone: one that came meanwhile is dated once
 * the other is answered, or two without a date would be newer than each other in turns.
 */
function openNow({ requests, identity, observes, memory: { powerChange } }: MachineObservation): Requests {
  if (identity.state !== "ours" || observes) return {};
  const noted = requestsWhere(
    requests,
    (request, name) => powerChange?.request === request && powerChange.cause === CAUSE[name],
  );
  return isRequested(noted) ? noted : requests;
}

const CAUSE = {
  start: "StartRequested",
  // Of a machine that is off, starting it is all that it can mean.
  restart: "StartRequested",
  stop: "StopRequested",
} as const satisfies Record<keyof Requests, PowerChange["cause"]>;

/** Where its value is no time, or lies ahead, it is of the moment at which it was seen first. */
function datedRequest(
  cause: PowerChange["cause"],
  request: string,
  { memory: { powerChange }, now }: Pick<MachineObservation, "memory" | "now">,
): PowerChange {
  if (powerChange?.request === request && powerChange.cause === cause) return powerChange;
  return { cause, at: toTime(Math.min(exactTime(request) ?? now, now)), request };
}

/** Operations that end in a power state of their own. */
const CHANGES_POWER: ReadonlySet<string> = new Set([
  "Create",
  "Start",
  "Stop",
  "Restart",
  "Resize",
  "Snapshot",
  "Delete",
]);

/** Off after it was on as desired, and allowed to do so. Without an event, it is of the moment at which it was seen first. */
function shutdownOf(observation: MachineObservation): PowerChange | undefined {
  const { resource, memory, history, now } = observation;
  const { power, operation, powerChange } = memory;
  if (resource.state !== "present" || powerOf(resource.machine.state) !== "off") return undefined;
  if (power !== "Running" || resource.machine.autoShutdownEnabled !== true) return undefined;
  if (operation && CHANGES_POWER.has(operation.intent)) return undefined;
  if (powerChange?.cause === "AutoShutdown") return undefined;
  return { cause: "AutoShutdown", at: toTime(Math.min(endOfRun(history) ?? now, now)) };
}

/** A shutdown that was seen has the date of its event, once that is read. */
function redated(
  change: PowerChange | undefined,
  { history, now }: MachineObservation,
): PowerChange | undefined {
  if (change?.cause !== "AutoShutdown") return change;
  const at = endOfRun(history);
  return at === undefined ? change : { ...change, at: toTime(Math.min(at, now)) };
}

const ENDS: ReadonlySet<string> = new Set(["stop", "vm-shutdown-force"]);
const BEGINS: ReadonlySet<string> = new Set(["create", "start", "restart"]);

/** When the machine went off last, by Paperspace's clock; undefined where the events known do not show it. */
function endOfRun(history: readonly MachineEvent[]): number | undefined {
  const last = history.find(
    (event) => (ENDS.has(event.name) || BEGINS.has(event.name)) && eventFact(event).state === "done",
  );
  return last && ENDS.has(last.name) ? millis(last.dtFinished ?? last.dtCreated) : undefined;
}

/** What comes of awake-until is settled when a value is seen first, so that one too far ahead does not count later. */
function awakeOf(
  { memory: { awake }, now, limits }: MachineObservation,
  text: string | undefined,
): MachineMemory["awake"] {
  if (!text) return undefined;
  const value = keptValue(text);
  if (awake?.value === value) return awake;
  const until = exactTime(value);
  const isTaken = until !== undefined && until - now <= limits.maxAwakeMs;
  return { value, ...(isTaken && { until: toTime(until) }) };
}

function faultsOf({ limits }: MachineObservation, awake: MachineMemory["awake"]): string[] {
  if (!awake || awake.until !== undefined) return [];
  const hours = limits.maxAwakeMs / 3_600_000;
  const why =
    exactTime(awake.value) === undefined
      ? "is no time such as 2026-01-31T20:00:00Z"
      : `was more than ${hours} h ahead when it was set (--max-awake)`;
  return [
    `the annotation ${ANNOTATION.awakeUntil} ${why}, and is not acted upon: give a time within ${hours} h, or remove it`,
  ];
}
