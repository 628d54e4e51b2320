/**
 * What has a say in the power of a machine, read from its object, its memory and its machine: the observation with the power
 * state that is desired now. Pure.
 */
import { withoutUndefined } from "../../../base/without-undefined.ts";
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import {
  ANNOTATION,
  isRequested,
  REQUEST_NAMES,
  type Requests,
  requestsWhere,
} from "../../../reconcile/record.ts";
import { exactTime } from "../../time.ts";
import type { MachineEvent } from "../api.ts";
import { lifetimeOf } from "../lifetime/observed.ts";
import type { MachineMemory, MachineObservation } from "../observation.ts";
import { changesPower, eventFact, powerOf } from "../operation.ts";
import { REASON } from "../reasons.ts";
import { type AnnotatedTime, annotatedTime, annotatedTimeFault } from "./annotated-time.ts";
import { desiredPower, newestChange, type PowerChange, type PowerFacts, type PowerFault } from "./desired.ts";
import { edgesOf, scheduleFaults } from "./schedule.ts";

/** What has a say beside the observation. */
export interface PowerSources {
  annotations?: Readonly<Record<string, string>> | undefined;
  /** Since when the object owns its machine, RFC 3339. */
  ownedSince?: string | undefined;
}

/** With the desired power state in place of the declared one. What is halted remembers nothing new. */
export function withPower(
  observation: MachineObservation,
  { annotations = {}, ownedSince }: PowerSources = {},
): MachineObservation {
  const { spec, now, memory, halted } = observation;
  const requests = openNow(observation);
  const declared = spec.powerState;
  const { maxAwakeMs, maxExtensionMs } = observation.limits;
  const awake = annotatedTime(annotations[ANNOTATION.awakeUntil], memory.awake, { now, mostMs: maxAwakeMs });
  const extended = annotatedTime(annotations[ANNOTATION.extendedUntil], memory.extended, {
    now,
    mostMs: maxExtensionMs,
  });
  const { schedule: found, faults } = scheduled(observation);
  // What is declared to be off has no times to wait for.
  const schedule = declared === "Running" ? found : undefined;
  const requested = REQUEST_NAMES.map((name) => {
    const request = requests[name];
    return request === undefined ? undefined : datedRequest(CAUSE[name], request, observation);
  });
  const shutdown = shutdownOf(observation);
  // It has the date of its event once that is read, which is earlier than when it was seen.
  const known = shutdown && isShutdown(memory.powerChange) ? undefined : memory.powerChange;
  const change = declared === "Stopped" ? undefined : newestChange([known, shutdown, ...requested]);
  const edges = edgesIn(schedule);
  const startedAt = startOf(change, edges.edge);
  const lifetime = lifetimeOf(observation, {
    extended,
    startedAt,
    ownedSince: millis(ownedSince),
    begunAt: beginOfRun(observation.history),
  });
  const desired = desiredPower({
    declared,
    ...(lifetime?.stoppedAt !== undefined && { stoppedAt: lifetime.stoppedAt }),
    ...(awake?.until !== undefined && { awakeUntil: millis(awake.until) ?? 0 }),
    ...edges,
    change,
    now,
  });
  const isUnnoted = change !== memory.powerChange && requested.includes(change) && change !== undefined;
  return {
    ...observation,
    spec: { ...spec, powerState: desired.state },
    requests: observation.observes ? observation.requests : requests,
    memory: halted
      ? memory
      : withPowerMemory(memory, {
          powerChange: change,
          awake,
          extended,
          schedule,
          lifetime: lifetime?.memory,
        }),
    power: {
      ...desired,
      ...(isUnnoted && { unnoted: true }),
      faults: [...faults, ...annotationFaults({ awake, extended }, observation)],
    },
    ...(lifetime && { lifetime }),
    ...nextOf(now, [desired.until, lifetime?.until]),
  };
}

function nextOf(now: number, times: readonly (number | undefined)[]): Pick<MachineObservation, "changesAt"> {
  const known = times.filter((time): time is number => time !== undefined && time > now);
  return known.length > 0 ? { changesAt: Math.min(...known) } : {};
}

/** The newest of what starts the machine. */
function startOf(change: PowerChange | undefined, edge: PowerFacts["edge"]): number | undefined {
  const requested = change?.cause === "StartRequested" ? millis(change.at) : undefined;
  const scheduled = edge?.state === "Running" ? edge.at : undefined;
  const times = [requested, scheduled].filter((time) => time !== undefined);
  return times.length > 0 ? Math.max(...times) : undefined;
}

function annotationFaults(
  { awake, extended }: { awake: AnnotatedTime | undefined; extended: AnnotatedTime | undefined },
  { limits: { maxAwakeMs, maxExtensionMs } }: MachineObservation,
): PowerFault[] {
  const faults = [
    annotatedTimeFault(ANNOTATION.awakeUntil, awake, { flag: "--max-awake", mostMs: maxAwakeMs }),
    annotatedTimeFault(ANNOTATION.extendedUntil, extended, {
      flag: "--max-extension",
      mostMs: maxExtensionMs,
    }),
  ];
  return faults.flatMap((message) => (message ? [{ reason: REASON.AnnotationRefused, message }] : []));
}

type PowerMemory = Pick<MachineMemory, "powerChange" | "awake" | "extended" | "schedule" | "lifetime">;

function withPowerMemory(
  memory: MachineMemory,
  found: { [K in keyof PowerMemory]: PowerMemory[K] | undefined },
) {
  const {
    powerChange: _change,
    awake: _awake,
    extended: _extended,
    schedule: _schedule,
    lifetime: _lifetime,
    ...others
  } = memory;
  return { ...others, ...withoutUndefined(found) };
}

/** For so long a clock may run behind that of the operator before: an edge that was acted upon does not come again. */
const CLOCK_SKEW_MS = 10 * 60_000;

/** Where the object is in its schedule. What cannot be read leaves it where it was. */
function scheduled({ spec, memory, now }: MachineObservation): {
  schedule?: MachineMemory["schedule"];
  faults: readonly PowerFault[];
} {
  const { schedule: known } = memory;
  if (!spec.schedule) return { faults: [] };
  const faults = scheduleFaults(spec.schedule);
  if (faults.length > 0) {
    const message = `${faults.join("; ")}. Until then the schedule is not acted upon, and neither starts nor stops the machine`;
    return {
      ...(known && { schedule: { state: known.state, since: known.since } }),
      faults: [{ reason: REASON.ScheduleInvalid, message }],
    };
  }
  const since = millis(known?.since) ?? 0;
  const { last, next } = edgesOf(spec.schedule, since > now && since - now <= CLOCK_SKEW_MS ? since : now);
  if (!last) return { faults: [] };
  const schedule = { state: last.state, since: toTime(last.at), ...(next && { next: toTime(next.at) }) };
  return { schedule, faults: [] };
}

function edgesIn(schedule: MachineMemory["schedule"]): Pick<PowerFacts, "edge" | "nextEdge"> {
  if (!schedule) return {};
  const { state, since, next } = schedule;
  return { edge: { state, at: millis(since) ?? 0 }, nextEdge: millis(next) };
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

function isShutdown(change: PowerChange | undefined): change is PowerChange {
  return change?.cause === "AutoShutdown";
}

/**
 * Off after it was on as desired, and allowed to do so. Without an event, it is of the moment at which it was seen first. A
 * start by the operator takes it out of the memory (aspects/power.ts), so that the next one is another.
 */
function shutdownOf(observation: MachineObservation): PowerChange | undefined {
  const { resource, memory, history, now } = observation;
  const { power, operation, powerChange } = memory;
  if (resource.state !== "present" || powerOf(resource.machine.state) !== "off") return undefined;
  if (power !== "Running" || resource.machine.autoShutdownEnabled !== true) return undefined;
  if (changesPower(operation)) return undefined;
  const at = endOfRun(history);
  if (at === undefined && isShutdown(powerChange)) return powerChange;
  return { cause: "AutoShutdown", at: toTime(Math.min(at ?? now, now)) };
}

/** Whether it shut itself down while it was not observed: only its events have the time, which the schedule is compared with. */
export function isUndated({ memory, spec, history }: MachineObservation): boolean {
  return isShutdown(memory.powerChange) && spec.schedule !== undefined && endOfRun(history) === undefined;
}

/** Whether its last start counts, of which only its events have the time where it was not observed. */
export function isTimed({ spec }: MachineObservation): boolean {
  return spec.lifetime?.stopAfter !== undefined;
}

const ENDS: ReadonlySet<string> = new Set(["stop", "vm-shutdown-force"]);
const BEGINS: ReadonlySet<string> = new Set(["create", "start", "restart"]);

/** When the machine went off last, by Paperspace's clock; undefined where the events known do not show it. */
function endOfRun(history: readonly MachineEvent[]): number | undefined {
  return lastChange(history, ENDS);
}

/** When it went on last, in the same way. */
function beginOfRun(history: readonly MachineEvent[]): number | undefined {
  return lastChange(history, BEGINS);
}

function lastChange(history: readonly MachineEvent[], names: ReadonlySet<string>): number | undefined {
  const last = history.find(
    (event) => (ENDS.has(event.name) || BEGINS.has(event.name)) && eventFact(event).state === "done",
  );
  return last && names.has(last.name) ? millis(last.dtFinished ?? last.dtCreated) : undefined;
}
