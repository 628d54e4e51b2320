/**
 * Reads an object's metadata and status into the facts that the ownership decision needs. Pure: facts about other
 * objects and the account are passed in.
 */
import { keyOf } from "../kube/objects.ts";
import { type Identity, resolveIdentity } from "./identity.ts";
import type { KindDefinition, ManagedObject } from "./managed.ts";
import type { AccountFact, OwnershipFacts } from "./ownership.ts";
import { REASON } from "./reasons.ts";
import {
  ANNOTATION,
  type Attempt,
  FINALIZER,
  isOn,
  openRequests,
  parseAdopt,
  parseAttempt,
  parseRecord,
} from "./record.ts";

export const INTENT_CREATE = "Create";

export interface OwnershipInputs {
  definition: KindDefinition;
  account: AccountFact;
  /** Key of another object that owns this cloud id. */
  ownerOf(id: string, except: string): string | undefined;
  backingOff: OwnershipFacts["backingOff"];
  recheckMs: number;
}

/** All facts but `resolution`, which comes from the kind's observer. */
export function ownershipFacts(object: ManagedObject, inputs: OwnershipInputs): OwnershipFacts {
  const { metadata } = object;
  const identity = identityOf(object, inputs.definition);
  const attempt = attemptOf(object, identity);
  const ownedBy = identity.state === "adopt" ? inputs.ownerOf(identity.id, keyOf(object)) : undefined;
  const halted = haltOf(object);
  return {
    noun: inputs.definition.noun,
    deleting: metadata.deletionTimestamp !== undefined,
    ...(metadata.deletionTimestamp && { deletedAt: metadata.deletionTimestamp }),
    finalizer: metadata.finalizers?.includes(FINALIZER) ?? false,
    ...(halted ? { halted } : {}),
    deletionPolicy: object.spec.deletionPolicy ?? "Delete",
    identity,
    ...(attempt ? { attempt } : {}),
    account: inputs.account,
    backingOff: inputs.backingOff,
    requests: openRequests(metadata, identity.state === "ours" ? identity.record : {}),
    ...(ownedBy ? { ownedBy } : {}),
    recheckMs: inputs.recheckMs,
  };
}

/**
 * What a deleted object leaked in the cloud, since another actor removed its finalizer. `last` is its last known state;
 * undefined where it leaked nothing, or where its deletion was not observed.
 */
export function leakedResource(last: ManagedObject, definition: KindDefinition): string | undefined {
  const { metadata, spec } = last;
  if (metadata.finalizers?.includes(FINALIZER) || isOn(metadata, ANNOTATION.released)) return undefined;
  if (spec.deletionPolicy === "Orphan") return undefined;
  const identity = identityOf(last, definition);
  if (identity.state === "ours") return `${definition.noun} ${identity.record.id}`;
  const attempt = attemptOf(last, identity);
  return attempt && `whatever came of the create of "${attempt.name}"`;
}

/** The object's name in a kubectl command. */
export function referenceOf({ metadata }: ManagedObject, { shortName }: KindDefinition): string {
  return `${shortName}/${metadata.name} -n ${metadata.namespace ?? "default"}`;
}

function identityOf(object: ManagedObject, definition: KindDefinition): Identity {
  const { metadata, status = {}, spec } = object;
  const annotationAdoptId = parseAdopt(metadata);
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
    },
    ...(spec.adoptId === undefined ? {} : { specAdoptId: spec.adoptId }),
    ...(annotationAdoptId === undefined ? {} : { annotationAdoptId }),
  });
}

/**
 * The open attempt: from its annotation, or, where a `kubectl replace` removed that, from the operation in status. The
 * mirror counts only while nothing is owned, since a create's operation outlives its attempt.
 */
export function attemptOf(object: ManagedObject, identity: Identity): Attempt | undefined {
  const { metadata, status } = object;
  const annotated = parseAttempt(metadata);
  if (annotated.state === "read" && annotated.value.uid === metadata.uid) return annotated.value;
  if (identity.state === "ours" || !status?.operation || status.uid !== metadata.uid) return undefined;
  const { intent, name, mark, requestedAt } = status.operation;
  if (intent !== INTENT_CREATE || !name || !status.teamId || status.id) return undefined;
  const marked = mark === undefined ? {} : { mark };
  return { name, ...marked, team: status.teamId, uid: metadata.uid ?? "", time: requestedAt };
}

function haltOf({ metadata }: ManagedObject): { reason: string; message: string } | undefined {
  if (isOn(metadata, ANNOTATION.paused))
    return {
      reason: REASON.Paused,
      message: `the annotation ${ANNOTATION.paused} stops every change in the cloud, deletion included`,
    };
  if (isOn(metadata, ANNOTATION.dryRun))
    return {
      reason: REASON.DryRun,
      message: `the annotation ${ANNOTATION.dryRun} stops every change in the cloud, deletion included`,
    };
  return undefined;
}

/**
 * Key of the object that owns this cloud id. Only objects whose record matches their UID own anything: a copy does not.
 */
export function ownerOf(objects: readonly ManagedObject[], id: string, except: string): string | undefined {
  const owner = objects.find((object) => {
    const { metadata, status } = object;
    if (keyOf(object) === except) return false;
    const record = parseRecord(metadata);
    if (record.state === "read") return record.value.id === id && record.value.uid === metadata.uid;
    return status?.id === id && status.uid === metadata.uid;
  });
  return owner && keyOf(owner);
}
