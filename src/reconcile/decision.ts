/**
 * The input and the result of a decision: the observation, the step with the new memory, and how long an operation has
 * been under way. Pure; which step is decided on when is the kind's.
 */
import { toTime } from "../kube/objects.ts";
import { millis } from "./conditions.ts";
import type { ManagedObject, Operation, Step } from "./managed.ts";
import type { Outcome, ReadError } from "./outcome.ts";
import type { OwnershipFacts, OwnershipStep } from "./ownership.ts";

/** What is known about the resource in the cloud; `P` are its properties. */
export type ResourceState<P> = { state: "unknown" } | ({ state: "present" } & P) | AbsentResource;

/** A read by id does not find it. */
export interface AbsentResource {
  state: "absent";
  /** Gone for good; otherwise the API may only fail to show it for a moment. */
  certain: boolean;
  /** For how long it was surely absent, in milliseconds. */
  absentMs?: number;
  /** What this rests on is old: to be confirmed before anything is done because of it. */
  isStale?: true;
  /** What it was in, which is certainly gone as well: "project p1". */
  within?: string;
  /** Why it is not certain. `isBlocked`: what would confirm it cannot be had. */
  doubt?: { message: string; isBlocked?: true };
  /** When to read again while something depends on it, in milliseconds: ever more rarely. */
  lookAfterMs?: number;
}

/** What every kind observes. `M` is its memory across passes, `P` the properties of its resource. */
export interface Observation<M = { operation?: Operation }, P = unknown> extends OwnershipFacts {
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
  resource: ResourceState<P>;
  /** Id of another cluster whose create gave the name to what is to be adopted. */
  otherCluster?: string;
  /** The last read failed: reported instead of deciding on stale facts. */
  readError?: ReadError;
  memory: M;
  /** Wall clock, milliseconds since the epoch. */
  now: number;
  /** When something of it may change by time alone: it is decided anew then, whatever is waited for. */
  changesAt?: number;
  /** In milliseconds. */
  limits: {
    /** How often to read while waiting. */
    lookMs: number;
    /** How often to retry past a deadline. */
    slowMs: number;
    /** Time after which a deletion counts as late. */
    deleteMs: number;
    /** Time for which a resource must be absent until it counts as gone. */
    absenceGraceMs: number;
  };
}

/** `M` is what the kind must remember across passes; the generic code keeps it in status. */
export interface Decision<S, M> {
  step: OwnershipStep | S;
  memory: M;
  /** Names of facts that the decision is missing; they are fetched, and the key is queued again. */
  needs?: readonly string[];
  /** It has its facts, and the pass waits for its turn to send: what was read for it counts as fresh until then. */
  waits?: true;
  /** The absence of the resource is to be confirmed by reads that begin now. */
  confirms?: true;
}

/** Intent of an operation for a change that another actor started; nothing is sent for it. */
export const EXTERNAL_CHANGE = "Observe";

/** The return type is spelt out: a step of the ownership rules must not be inferred as one of the kind's own. */
export function act<S extends Step, M>(
  step: S | OwnershipStep,
  memory: M,
): { step: S | OwnershipStep; memory: M } {
  return { step, memory };
}

export function noStep<S extends Step = never, M = unknown>(outcome: Outcome, memory: M): Decision<S, M> {
  return { step: { do: "none", outcome }, memory };
}

export function done<S extends Step = never, M = unknown>(
  memory: M,
  reason: string,
  message: string,
): Decision<S, M> {
  return noStep({ kind: "Done", reason, message }, memory);
}

export function requeueAfter<S extends Step = never, M = unknown>(
  memory: M,
  reason: string,
  message: string,
  afterMs: number,
): Decision<S, M> {
  return noStep({ kind: "RequeueAfter", reason, message, afterMs }, memory);
}

export function stalled<S extends Step = never, M = unknown>(
  memory: M,
  reason: string,
  message: string,
  recheckMs: number,
): Decision<S, M> {
  return noStep({ kind: "Terminal", reason, message, recheckMs }, memory);
}

/** Facts are missing: fetching them queues the key. The error of one that cannot be read is reported instead. */
export function needFacts<S extends Step = never, M = unknown>(
  { readErrors }: { readErrors: Readonly<Record<string, ReadError>> },
  memory: M,
  needs: readonly string[],
): Decision<S, M> {
  const readError = needs.map((fact) => readErrors[fact]).find((found) => found !== undefined);
  return { ...noStep(readError ?? { kind: "Unknown" }, memory), needs };
}

/** The memory without an operation in flight: before the next one starts, or once one is over. */
export function withoutOperation<M extends { operation?: Operation }>(memory: M): M {
  if (!("operation" in memory)) return memory;
  const { operation: _over, ...others } = memory;
  return others as M;
}

/** The memory once a change by others that was waited for is over; an operation of this object is kept. */
export function withoutExternalChange<M extends { operation?: Operation }>(memory: M): M {
  return memory.operation?.intent === EXTERNAL_CHANGE ? withoutOperation(memory) : memory;
}

/** Milliseconds since an operation was requested. */
export function operationAge({ requestedAt }: Pick<Operation, "requestedAt">, now: number): number {
  return ageOfTime(requestedAt, now);
}

/** Milliseconds since a time from status; one that cannot be parsed counts as the epoch. */
export function ageOfTime(time: string, now: number): number {
  return now - (millis(time) ?? 0);
}

export function isLate({ deadline }: Pick<Operation, "deadline">, now: number): boolean {
  return now >= (millis(deadline) ?? 0);
}

/** A delete that was sent, and was neither refused nor has failed since. */
export function isDeleteUnderWay(operation: Operation | undefined): operation is Operation {
  return operation?.intent === "Delete" && operation.target === undefined && operation.failedAt === undefined;
}

/** An operation that is requested at `now` and late after `ms`. */
export function startOperation(now: number, intent: string, ms: number): Operation {
  return { intent, requestedAt: toTime(now), deadline: toTime(now + ms) };
}

/** An operation for which nothing is sent, started now unless it is already under way. */
export function ongoingOrStart(
  { memory, now }: { memory: { operation?: Operation }; now: number },
  intent: string,
  ms: number,
): Operation {
  const { operation } = memory;
  return operation?.intent === intent ? operation : startOperation(now, intent, ms);
}

/**
 * Share of an interval after which a fact counts as stale: it must be stale when the pass that waited for the interval
 * runs, though the last read took time, too.
 */
export const STALE_FRACTION = 0.9;

/** From when until when the end of an operation is awaited, for `untilLook`: what has failed is awaited no more. */
export function awaitedTimes(operation: Operation): Pick<Operation, "requestedAt" | "deadline"> {
  const { failedAt } = operation;
  return failedAt === undefined ? operation : { requestedAt: failedAt, deadline: failedAt };
}

/**
 * Milliseconds until the resource itself is read again, at the latest at the deadline. Shared reads usually report a
 * change first, so the interval grows with the age of the operation. Past the deadline it is as long as the operation is
 * late: what is stuck may stay so for ever, and must cost no more than what is at rest.
 */
export function untilLook(
  { now, limits }: { now: number; limits: { lookMs: number; slowMs: number } },
  operation: Pick<Operation, "requestedAt" | "deadline">,
): number {
  const age = operationAge(operation, now);
  const rarely = 10 * limits.lookMs;
  const left = (millis(operation.deadline) ?? 0) - now;
  if (left > 0) return Math.min(Math.max(limits.lookMs, age / 10), rarely, left);
  // One that was sent again past its deadline is as late as it is old.
  return Math.max(Math.min(age, -left, limits.slowMs), rarely);
}
