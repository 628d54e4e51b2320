/**
 * Whether the resource exists: what it means that the cloud does not show what an object owns, when a resource may be
 * adopted, and how it is deleted (docs/design.md, Deletion). Pure, and the same for every kind.
 */
import { type Change, describe } from "./change.ts";
import {
  type AbsentResource,
  act,
  ageOfTime,
  type Decision,
  isLate,
  noStep,
  operationAge,
  requeueAfter,
  stalled,
  startOperation,
  untilLook,
} from "./decision.ts";
import type { Disowned, ManagedObject, Operation, Step } from "./managed.ts";
import { type Outcome, type ReadError, requeueNow } from "./outcome.ts";
import { type OwnershipFacts, type OwnershipStep, orphanCommand } from "./ownership.ts";
import { REASON } from "./reasons.ts";

/** What `absence` needs of an observation. */
export interface AbsenceInput<M>
  extends Pick<
    OwnershipFacts,
    "noun" | "reference" | "deleting" | "deletedAt" | "halted" | "observes" | "recheckMs" | "disowned"
  > {
  memory: M;
  now: number;
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
  limits: { lookMs: number; slowMs: number; deleteMs: number; absenceGraceMs: number };
}

/** `forgotten` is the memory once the resource is certainly gone. */
export function absence<S extends Step = never, M = unknown>(
  observation: AbsenceInput<M>,
  resource: AbsentResource,
  forgotten: M,
): Decision<S, M> {
  const { noun, recheckMs } = observation;
  if (!resource.certain) return unconfirmed(observation, resource);
  if (observation.deleting) return act({ do: "release", reason: REASON.Deleted }, forgotten);
  if (observation.spec.onExternalDeletion === "Recreate" && !observation.observes)
    return recreation(observation, resource, forgotten);
  return stalled(forgotten, REASON.ExternallyDeleted, externallyDeleted(noun, resource), recheckMs);
}

function externallyDeleted(noun: string, { within }: AbsentResource): string {
  const deleted = `the ${noun} was deleted outside Kubernetes`;
  return within === undefined
    ? `${deleted}. Set onExternalDeletion to Recreate, or delete this object and apply it again, to get a new ${noun}; or delete this object`
    : `${deleted}, and so was its ${within}, without which there can be no other: delete this object, and apply it again with another one to get a new ${noun}`;
}

function unconfirmed<M>(
  observation: AbsenceInput<M>,
  { doubt, lookAfterMs }: AbsentResource,
): Decision<never, M> {
  const { noun, reference = "'<object>'", memory, limits, deleting, deletedAt, now } = observation;
  const message = doubt?.message ?? `the API does not show the ${noun} just now`;
  const lookMs = lookAfterMs ?? limits.lookMs;
  const isLate = deletedAt !== undefined && ageOfTime(deletedAt, now) >= limits.deleteMs;
  if (!deleting || !(doubt?.isBlocked || isLate))
    return requeueAfter(memory, REASON.AbsenceUnconfirmed, message, lookMs);
  const blocked = `${message}. The object stays until it is certain that its ${noun} is gone. If you know that it is: kubectl paperspace release ${reference} --force`;
  return stalled(memory, REASON.DeletionBlocked, blocked, lookMs);
}

/** So many new resources within the window, and the next one waits for the user. */
const MOST_RECREATED = 5;
const RECREATED_WINDOW_MS = 24 * 60 * 60_000;

/** Each new one within a day waits twice as long as the one before: reads that miss what is there must not make many. */
function recreation<S extends Step, M>(
  { noun, memory, halted, recheckMs, limits, disowned = [], now }: AbsenceInput<M>,
  { absentMs = Number.POSITIVE_INFINITY, lookAfterMs = limits.slowMs }: AbsentResource,
  forgotten: M,
): Decision<S, M> {
  if (halted) return noStep({ kind: "Halted", ...halted, recheckMs }, forgotten);
  const times = disowned.filter(
    ({ at, replaced }) => !replaced && ageOfTime(at, now) < RECREATED_WINDOW_MS,
  ).length;
  if (times >= MOST_RECREATED) {
    const message = `the ${noun} does not show, like ${times} others of this object within a day (${idsOf(disowned)}): see who deletes them, or whether the API key still sees them. Another one is made once fewer than ${MOST_RECREATED} were within a day; or delete this object and apply it again`;
    return stalled(memory, REASON.Contended, message, limits.slowMs);
  }
  const waitMs = limits.absenceGraceMs * 2 ** times;
  if (absentMs >= waitMs) return act({ do: "disown" }, forgotten);
  const message = `the ${noun} was deleted outside Kubernetes; another one is made once it has been gone for ${Math.round(waitMs / 1000)} s, since ${times} of this object were within a day`;
  return requeueAfter(memory, REASON.ExternallyDeleted, message, Math.min(waitMs - absentMs, lookAfterMs));
}

function idsOf(disowned: readonly Disowned[]): string {
  return disowned.map(({ id }) => id).join(", ");
}

/** The resource that an object is to adopt. */
export interface Candidate {
  state: "unknown" | "absent" | "present";
  /** Why the last read of it failed. */
  readError?: ReadError;
  /** What differs from the spec and cannot be changed. */
  changes: readonly Change[];
  /** Id of the cluster that made it, where that is not this one. */
  otherCluster?: string;
}

/** Adopting changes nothing in the cloud: the resource is observed, compared and recorded. */
export function adoption(
  id: string,
  { state, readError, changes, otherCluster }: Candidate,
  facts: Pick<OwnershipFacts, "noun" | "recheckMs" | "clusterId" | "confirmation">,
): OwnershipStep {
  const { noun, recheckMs, clusterId, confirmation } = facts;
  if (readError) return { do: "none", outcome: readError };
  if (state === "unknown") return { do: "none", outcome: { kind: "Unknown" } };
  if (state === "absent") {
    const message = `there is no ${noun} ${id} in this team: correct the id, or the credentials`;
    return { do: "none", outcome: { kind: "Terminal", reason: REASON.AdoptNotFound, message, recheckMs } };
  }
  if (otherCluster !== undefined && confirmation !== undefined) {
    const message = `by its name, ${noun} ${id} was made by the operator of another cluster (${otherCluster}; this one is ${clusterId}), which may own it still. Nothing is changed. If this object shall own it: ${confirmation}`;
    return { do: "none", outcome: { kind: "Terminal", reason: REASON.IdentityConflict, message, recheckMs } };
  }
  if (changes.length === 0) return { do: "recordOwnership", id };
  const message = `${noun} ${id} differs in what cannot be changed (${describe(changes)}): correct the spec`;
  return { do: "none", outcome: { kind: "Terminal", reason: REASON.AdoptMismatch, message, recheckMs } };
}

export type DeleteStep = Step & { do: "delete"; deadline?: string };

/** What `decideDeletion` needs of an observation. */
export interface DeletionInput<M> extends Pick<OwnershipFacts, "noun"> {
  memory: M;
  now: number;
  limits: { lookMs: number; slowMs: number };
}

/** A delete is sent once, waited for, and retried slowly past its deadline. `underWay` is the message meanwhile. */
export function decideDeletion<M extends { operation?: Operation }>(
  observation: DeletionInput<M>,
  underWay: (operation: Operation) => string = underWayOf,
): Decision<DeleteStep, M> {
  const { noun, memory, now, limits } = observation;
  const { operation } = memory;
  if (operation?.intent !== "Delete") return act({ do: "delete" }, memory);
  if (!isLate(operation, now))
    return requeueAfter(memory, REASON.Deleting, underWay(operation), untilLook(observation, operation));
  const age = operationAge(operation, now);
  if (age >= limits.slowMs) return act({ do: "delete", deadline: operation.deadline }, memory);
  const message = `the ${noun} is still there after ${operation.deadline}; deleting it is tried again`;
  return stalled(memory, REASON.TransitionTimedOut, message, limits.slowMs - age);
}

function underWayOf({ requestedAt }: Operation): string {
  return `deleting it was asked for at ${requestedAt}; Paperspace still shows it`;
}

/**
 * What a deletion waits with that is refused. A deletionTimestamp cannot be taken back, so there are these two ways on.
 */
export function deletionProtected<S extends Step = never, M = unknown>(
  { noun, reference = "'<object>'", protection }: Pick<OwnershipFacts, "noun" | "reference" | "protection">,
  memory: M,
  recheckMs: number,
): Decision<S, M> {
  const destroy = `kubectl patch ${reference} --type merge -p '{"spec":{"deletionProtection":false}}'`;
  const message = `the object is being deleted, which cannot be taken back, and its ${noun} is protected from deletion (${protection}). To destroy the ${noun}: ${destroy}. To leave it as it is, for a new object with its id in spec.adoptId: ${orphanCommand(reference)}`;
  return stalled(memory, REASON.DeletionProtected, message, recheckMs);
}

/** What a pass reports after a delete was accepted; reads show when it is over. */
export function deleteAccepted<M extends { operation?: Operation }>(
  { deadline }: DeleteStep,
  memory: M,
  now: number,
  ms: number,
): { outcome: Outcome; memory: M } {
  const operation = { ...startOperation(now, "Delete", ms), ...(deadline !== undefined && { deadline }) };
  return {
    outcome: requeueNow(REASON.Deleting, "deleting it was asked for"),
    memory: { ...memory, operation },
  };
}
