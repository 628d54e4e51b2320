/**
 * Reads an object's metadata and status into the facts that the ownership decision needs. Pure: facts about other
 * objects and the account are passed in.
 */
import { shellCommand } from "../base/shell-command.ts";
import { keyOf, shownKey } from "../kube/objects.ts";
import { annotationFault } from "./annotation-limits.ts";
import { millis } from "./conditions.ts";
import { isDeleteUnderWay } from "./decision.ts";
import { type Identity, idOf, resolveIdentity } from "./identity.ts";
import type { KindDefinition, ManagedObject } from "./managed.ts";
import type { Restrictions } from "./management.ts";
import type { AccountFact, OwnershipFacts } from "./ownership.ts";
import {
  type Attempt,
  adoptOrder,
  FINALIZER,
  isReleased,
  openRequests,
  parseAdopt,
  parseAttempt,
  parseRecord,
} from "./record.ts";

export const INTENT_CREATE = "Create";

export interface OwnershipInputs {
  definition: KindDefinition;
  account: AccountFact;
  /** Key of another object that owns this cloud id, as against the object. */
  rivalOf(id: string): string | undefined;
  restrictions: Restrictions;
  /** Whether an object with this key may adopt. */
  mayAdopt: boolean;
  /** Whether an object with this key may name what others have put into the account (default: true). */
  mayShareReferences?: boolean;
  backingOff: OwnershipFacts["backingOff"];
  recheckMs: number;
  /** Absent while it is not known. */
  clusterId?: string | undefined;
}

/** All facts but `resolution`, which comes from the kind's observer. */
export function ownershipFacts(object: ManagedObject, inputs: OwnershipInputs): OwnershipFacts {
  const { metadata } = object;
  const identity = identityOf(object, inputs.definition);
  const attempt = attemptOf(object);
  const announced = parseAttempt(metadata);
  const unsent = announced.state === "read" && announced.value.uid === metadata.uid && !attempt;
  const id = idOf(identity);
  const ownedBy = id === undefined ? undefined : inputs.rivalOf(id);
  const fault = annotationFault(metadata);
  const sentAt = deleteSentAt(object);
  const orphanTooLate = object.spec.deletionPolicy === "Orphan" ? sentAt : undefined;
  return {
    noun: inputs.definition.noun,
    reference: referenceOf(object, inputs.definition),
    ...(object.status?.disowned && { disowned: object.status.disowned }),
    deleting: metadata.deletionTimestamp !== undefined,
    ...(metadata.deletionTimestamp && { deletedAt: metadata.deletionTimestamp }),
    finalizer: metadata.finalizers?.includes(FINALIZER) ?? false,
    ...inputs.restrictions,
    deletionPolicy: orphanTooLate === undefined ? (object.spec.deletionPolicy ?? "Delete") : "Delete",
    ...(sentAt !== undefined && { deleteSentAt: sentAt }),
    ...(orphanTooLate !== undefined && { orphanTooLate }),
    identity,
    ...(attempt ? { attempt } : {}),
    ...(unsent && { unsent }),
    account: inputs.account,
    backingOff: inputs.backingOff,
    requests: openRequests(metadata, identity.state === "ours" ? identity.record : {}),
    ...(ownedBy ? { ownedBy: shownKey(ownedBy, metadata.namespace) } : {}),
    ...confirmationOf(object, identity, inputs.definition),
    ...(inputs.clusterId !== undefined && { clusterId: inputs.clusterId }),
    ...(!inputs.mayAdopt && { adoptionBarred: true as const }),
    ...(inputs.mayShareReferences === false && { sharedReferencesBarred: true as const }),
    ...(fault !== undefined && { annotationFault: fault }),
    recheckMs: inputs.recheckMs,
  };
}

/** The adopt annotation names this very object; spec.adoptId is copied with a manifest. */
function confirmationOf(
  object: ManagedObject,
  identity: Identity,
  definition: KindDefinition,
): Pick<OwnershipFacts, "confirmation"> {
  const { metadata } = object;
  if (identity.state !== "adopt" || parseAdopt(metadata) === identity.id) return {};
  return {
    confirmation: adoptOrder(referenceOf(object, definition), identity.id, metadata.uid ?? ""),
  };
}

/** When the delete in flight was sent, unless it was refused, or has failed since. */
function deleteSentAt({ metadata, status = {} }: ManagedObject): string | undefined {
  const { operation } = status;
  if (metadata.deletionTimestamp === undefined || status.uid !== metadata.uid) return undefined;
  return isDeleteUnderWay(operation) ? operation.requestedAt : undefined;
}

/**
 * What a deleted object leaked in the cloud, since another actor removed its finalizer. `last` is its last known state;
 * undefined where it leaked nothing, or where its deletion was not observed.
 */
export function leakedResource(last: ManagedObject, definition: KindDefinition): string | undefined {
  const { metadata, spec } = last;
  if (metadata.finalizers?.includes(FINALIZER) || isReleased(metadata)) return undefined;
  if (spec.deletionPolicy === "Orphan") return undefined;
  const identity = identityOf(last, definition);
  if (identity.state === "ours") return `${definition.noun} ${identity.record.id}`;
  const attempt = attemptOf(last);
  return attempt && `whatever came of the create of "${attempt.name}"`;
}

/**
 * What an object owned that is gone, though its last known state still had the finalizer: its end was not observed. Whether
 * that is still in the cloud is not known; undefined where it was to stay.
 */
export function ownedAtLast({
  metadata,
  spec,
  status,
}: ManagedObject): { id: string; team: string } | undefined {
  if (!metadata.finalizers?.includes(FINALIZER) || spec.deletionPolicy === "Orphan") return undefined;
  const id = vouchedId({ metadata, spec, ...(status && { status }) });
  return id !== undefined && status?.teamId !== undefined ? { id, team: status.teamId } : undefined;
}

/** The object's name in a kubectl command: "psm/name -n namespace". */
export function referenceOf({ metadata }: ManagedObject, { shortName }: KindDefinition): string {
  const { name, namespace = "default" } = metadata;
  return `${shortName}/${shellCommand`${{ name }} -n ${{ namespace }}`}`;
}

/** What an object owns, by what is on it alone. */
export function identityOf(object: ManagedObject, definition: KindDefinition): Identity {
  const { metadata, status = {}, spec } = object;
  const annotationAdoptId = parseAdopt(metadata);
  const creating = createInStatus(object)?.name;
  return resolveIdentity({
    uid: metadata.uid ?? "",
    noun: definition.noun,
    reference: referenceOf(object, definition),
    record: parseRecord(metadata),
    attempt: parseAttempt(metadata),
    status: {
      ...(status.id === undefined ? {} : { id: status.id }),
      ...(status.teamId === undefined ? {} : { teamId: status.teamId }),
      ...(status.uid === undefined ? {} : { uid: status.uid }),
      ...(status.name === undefined ? {} : { name: status.name }),
      ...(status.handled === undefined ? {} : { handled: status.handled }),
      ...(creating === undefined ? {} : { creating }),
    },
    ...(spec.adoptId === undefined ? {} : { specAdoptId: spec.adoptId }),
    ...(annotationAdoptId === undefined ? {} : { annotationAdoptId }),
  });
}

/**
 * The open attempt, which the operation in status is: it is there before anything is sent. It counts only while nothing is
 * owned, since a create's operation outlives its attempt.
 */
export function attemptOf(object: ManagedObject): Attempt | undefined {
  return object.status?.id === undefined ? createInStatus(object) : undefined;
}

/** The create in status, where it is this very object's. */
function createInStatus({ metadata: { uid = "" }, status = {} }: ManagedObject): Attempt | undefined {
  const { operation, teamId: team } = status;
  if (operation?.intent !== INTENT_CREATE || status.uid !== uid) return undefined;
  const { name, mark, requestedAt: time } = operation;
  if (!name || team === undefined) return undefined;
  return { name, ...(mark !== undefined && { mark }), team, uid, time };
}

/** Id of what the object certainly owns: its status says so, and was written for this very object. */
export function vouchedId({ metadata, status }: ManagedObject): string | undefined {
  return status?.id !== undefined && status.uid === metadata.uid ? status.id : undefined;
}

/** Values of the index of objects by what they hold in the cloud (`holdingOf`). */
export const HOLDING = {
  id: (id: string) => `id/${id}`,
  /** Names that the API may take for one another are one. */
  name: (name: string) => `name/${name.trim().toLowerCase()}`,
} as const;

/** What the status says that an object holds in the cloud: what it owns, or else what its open create is making. */
export function holdingOf(object: ManagedObject): string | undefined {
  const id = vouchedId(object);
  if (id !== undefined) return HOLDING.id(id);
  const attempt = attemptOf(object);
  return attempt && HOLDING.name(attempt.name);
}

/**
 * Since when an open create counts as owning what it makes, in milliseconds: the end of the second in which it was
 * announced, since all that was owned before the announcement is another's.
 */
export function makingSince({ time }: Pick<Attempt, "time">): number {
  return (millis(time) ?? 0) + 999;
}

/** Key of the object that owns this cloud id, and has owned it for longer than since `before`, in milliseconds. */
export function ownerOf(
  objects: readonly ManagedObject[],
  id: string,
  { except, before = Number.POSITIVE_INFINITY }: { except: string; before?: number },
): string | undefined {
  const owner = objects.find(
    (object) => keyOf(object) !== except && vouchedId(object) === id && ownedSince(object) < before,
  );
  return owner && keyOf(owner);
}

/** In milliseconds; an id without a time was there before the time was kept. */
export function ownedSince({ status }: ManagedObject): number {
  return millis(status?.ownedSince) ?? Number.NEGATIVE_INFINITY;
}
