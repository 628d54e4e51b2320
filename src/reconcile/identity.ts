/**
 * Which cloud resource an object owns. Pure: derived from status, which users cannot write, from the record annotation as
 * far as status confirms it, and from the user's two requests (spec.adoptId, the adopt annotation). Where they disagree
 * the object must not touch the cloud.
 */
import {
  ANNOTATION,
  type Attempt,
  adoptOrder,
  type OwnerRecord,
  type Parsed,
  type Requests,
} from "./record.ts";

export interface IdentityFacts {
  uid: string;
  /** The word for the resource in the cloud. */
  noun: string;
  /** The object's name in a kubectl command: "psm/name -n namespace". */
  reference: string;
  record: Parsed<OwnerRecord>;
  attempt: Parsed<Attempt>;
  /** `uid` is the object that it was written for. `creating`: the name of this very object's create. */
  status: {
    id?: string;
    teamId?: string;
    uid?: string;
    name?: string;
    handled?: Requests;
    creating?: string;
  };
  /** spec.adoptId. */
  specAdoptId?: string;
  /** The id in the adopt annotation, where that names this object's UID. */
  annotationAdoptId?: string;
}

export type Identity =
  /** Owns nothing yet. */
  | { state: "none" }
  /**
   * Owns this. `restore`: the record annotation was lost and is to be written again from status. `contradicted`: the
   * user requests another one; nothing is changed until that is resolved, but a deletion still deletes what is owned.
   */
  | { state: "ours"; record: OwnerRecord; restore: boolean; contradicted?: string }
  /** Adopts this once it was observed. */
  | { state: "adopt"; id: string }
  /** `id`: what it owns once it is adopted by annotation; absent where that is no way out. */
  | { state: "conflict"; message: string; id?: string };

/** The id of what it owns, or is to adopt. */
export function idOf(identity: Identity): string | undefined {
  if (identity.state === "ours") return identity.record.id;
  return identity.state === "adopt" ? identity.id : undefined;
}

export function resolveIdentity(facts: IdentityFacts): Identity {
  const own = ownMemory(facts);
  const requested = facts.annotationAdoptId ?? facts.specAdoptId;
  switch (own.state) {
    case "none":
      return requested === undefined ? own : { state: "adopt", id: requested };
    case "conflict":
      // Only the annotation resolves a conflict: it names the object by UID; spec.adoptId is copied with a manifest.
      if (facts.annotationAdoptId === undefined) return own;
      return recordedAdoption(facts) ?? { state: "adopt", id: facts.annotationAdoptId };
    case "ours": {
      if (requested === undefined || requested === own.record.id) return own;
      const source =
        facts.annotationAdoptId === undefined ? "spec.adoptId" : `the annotation ${ANNOTATION.adopt}`;
      const contradicted = `${source} names ${requested}, but this object already owns ${own.record.id}: name that one, or delete this object first`;
      return { ...own, contradicted };
    }
  }
}

type Memory = Exclude<Identity, { state: "adopt" }>;

/** The requested adoption is in status: only the annotation is older, and is about to be written. */
function recordedAdoption(facts: IdentityFacts): Identity | undefined {
  const { uid, status, annotationAdoptId } = facts;
  if (status.id === undefined || status.uid !== uid || status.id !== annotationAdoptId) return undefined;
  const team = status.teamId;
  return team === undefined
    ? undefined
    : { state: "ours", record: fromStatus(facts, status.id, team), restore: true };
}

function ownMemory(facts: IdentityFacts): Memory {
  const { uid, record, status } = facts;
  if (record.state === "unreadable")
    return conflict(facts, status.id, `the annotation ${ANNOTATION.record} cannot be read`);
  if (status.id !== undefined && status.uid !== uid)
    return conflict(
      facts,
      status.id,
      `the status belongs to another object (uid ${status.uid ?? "unknown"}): it came from a backup or a copy`,
    );
  if (record.state === "read" && record.value.uid !== uid)
    return conflict(
      facts,
      record.value.id,
      `the annotation ${ANNOTATION.record} was written for another object (uid ${record.value.uid}): this one is a copy or a restored backup`,
    );
  return status.id === undefined ? unconfirmed(facts) : confirmed(facts, status.id);
}

/** The status names what the object owns; the annotation adds what was handled last, and the name of the create. */
function confirmed(facts: IdentityFacts, id: string): Memory {
  const { record, status } = facts;
  if (record.state === "read" && record.value.id !== id)
    return conflict(
      facts,
      record.value.id,
      `the annotation ${ANNOTATION.record} says ${record.value.id}, the status says ${id}`,
    );
  const annotated = record.state === "read" ? record.value : undefined;
  const team = status.teamId ?? annotated?.team;
  if (team === undefined) return conflict(facts, id, `the status names ${id}, and no team`);
  if (annotated?.team === team) return { state: "ours", record: annotated, restore: false };
  const restored = annotated ? { ...annotated, team } : fromStatus(facts, id, team);
  return { state: "ours", record: restored, restore: true };
}

function fromStatus({ uid, status }: IdentityFacts, id: string, team: string): OwnerRecord {
  // Before the resource was observed its name is that of its create.
  return { id, team, name: status.name ?? status.creating ?? "", uid, ...status.handled };
}

/**
 * The status names nothing that the object owns. Anyone who may edit the object can write an annotation: one alone proves
 * nothing, and is no reason either to create what may be there already.
 */
function unconfirmed(facts: IdentityFacts): Memory {
  const { uid, record, attempt, status, specAdoptId } = facts;
  // What its own create made is searched for by name, whatever the annotations say.
  if (status.creating !== undefined) return { state: "none" };
  if (record.state === "read" && record.value.id !== specAdoptId)
    return conflict(
      facts,
      record.value.id,
      `only the annotation ${ANNOTATION.record} says that this object owns ${record.value.id}, the status does not`,
    );
  if (attempt.state === "unreadable")
    return conflict(facts, undefined, `the annotation ${ANNOTATION.createPending} cannot be read`);
  if (attempt.state === "read" && attempt.value.uid !== uid) return foreignAttempt(facts, attempt.value);
  return { state: "none" };
}

function conflict(facts: IdentityFacts, id: string | undefined, why: string): Memory {
  const command = adoptOrder(facts.reference, id, facts.uid);
  return {
    state: "conflict",
    ...(id !== undefined && { id }),
    message: `${why}. Nothing is created, changed or deleted. If this object shall own ${id ?? `a ${facts.noun}`}: ${command}`,
  };
}

function foreignAttempt(facts: IdentityFacts, attempt: Attempt): Memory {
  return {
    state: "conflict",
    message:
      `the annotation ${ANNOTATION.createPending} belongs to a create of another object (uid ${attempt.uid}), which may have made "${attempt.name}". ` +
      `To let this object make one of its own: kubectl annotate ${facts.reference} ${ANNOTATION.createPending}-`,
  };
}
