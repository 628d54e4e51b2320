/**
 * The words in which every kind's `decide` writes down its choice, and how long an operation has been under way. Pure;
 * what is chosen when is the kind's business.
 */
import { toTime } from "../kube/objects.ts";
import { millis } from "./conditions.ts";
import type { Decision, Operation, Step } from "./kind.ts";
import type { Outcome, ReadError } from "./outcome.ts";
import type { OwnershipStep } from "./ownership.ts";

/** Intent of the operation that stands for a change begun elsewhere; nothing is sent for it. */
export const OBSERVE = "Observe";

/** A decision of whatever kind has such a step; spelt out, since a generic step must not be taken for one of its own. */
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

export function wait<S extends Step = never, M = unknown>(
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

/** Facts are missing: whoever looks them up queues the key. One that cannot be had (by its name) is said instead. */
export function needFacts<S extends Step = never, M = unknown>(
  { readErrors }: { readErrors: Readonly<Record<string, ReadError>> },
  memory: M,
  needs: readonly string[],
): Decision<S, M> {
  const readError = needs.map((ask) => readErrors[ask]).find((found) => found !== undefined);
  return { ...noStep(readError ?? { kind: "Unknown" }, memory), needs };
}

/** The memory when something begins or is over. */
export function withoutOperation<M extends { operation?: Operation }>({ operation: _over, ...others }: M): M {
  return others as M;
}

/** Milliseconds since an operation was asked for. */
export function operationAge({ requestedAt }: Pick<Operation, "requestedAt">, now: number): number {
  return ageOfTime(requestedAt, now);
}

/** Milliseconds since a time as status holds it. */
export function ageOfTime(time: string, now: number): number {
  return now - (millis(time) ?? 0);
}

export function isLate({ deadline }: Pick<Operation, "deadline">, now: number): boolean {
  return now >= (millis(deadline) ?? 0);
}

/** An operation that is asked for at `now` and late after `ms`. */
export function startOperation(now: number, intent: string, ms: number): Operation {
  return { intent, requestedAt: toTime(now), deadline: toTime(now + ms) };
}

/** An operation for which nothing is sent, begun now unless it is under way already. */
export function ongoingOrStart(
  { memory, now }: { memory: { operation?: Operation }; now: number },
  intent: string,
  ms: number,
): Operation {
  const { operation } = memory;
  return operation?.intent === intent ? operation : startOperation(now, intent, ms);
}

/** What a pass waits for must be due when the pass comes, though the look before it took a moment, too. */
export const DUE = 0.9;

/** Waiting for news costs shared reads; without any the thing itself is looked at, ever more rarely. */
export function untilLook(
  { now, limits }: { now: number; limits: { lookMs: number } },
  operation: Pick<Operation, "requestedAt" | "deadline">,
): number {
  const look = Math.min(Math.max(limits.lookMs, operationAge(operation, now) / 10), 10 * limits.lookMs);
  const deadline = (millis(operation.deadline) ?? 0) - now;
  return deadline > 0 ? Math.min(look, deadline) : look;
}
