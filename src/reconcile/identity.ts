/**
 * Which cloud resource an object owns. Pure: derived from the three records (record annotation, status, metadata.uid)
 * and the user's two requests (spec.adoptId, the adopt annotation). Where the records disagree the object must not
 * touch the cloud.
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
  /** The mirror in status; `uid` is the object that it was written for. */
  status: { id?: string; teamId?: string; uid?: string; name?: string; handled?: Requests };
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
  | { state: "conflict"; message: string };

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

/** The requested adoption is recorded: only the status is older, and is about to be written. */
function recordedAdoption({ uid, record, annotationAdoptId }: IdentityFacts): Identity | undefined {
  const done = record.state === "read" && record.value.uid === uid && record.value.id === annotationAdoptId;
  return done ? { state: "ours", record: record.value, restore: false } : undefined;
}

function ownMemory(facts: IdentityFacts): Memory {
  const { uid, record, attempt, status } = facts;
  if (record.state === "unreadable")
    return conflict(facts, status.id, `the annotation ${ANNOTATION.record} cannot be read`);
  if (attempt.state === "unreadable")
    return conflict(facts, status.id, `the annotation ${ANNOTATION.createPending} cannot be read`);
  if (status.id !== undefined && status.uid !== uid)
    return conflict(
      facts,
      status.id,
      `the status belongs to another object (uid ${status.uid ?? "unknown"}): it came from a backup or a copy`,
    );
  if (record.state === "read") return fromRecord(facts, record.value);
  if (status.id !== undefined && status.teamId !== undefined) {
    const { id, teamId: team, name = "", handled } = status;
    const restored = { id, team, name, uid, ...handled };
    return { state: "ours", record: restored, restore: true };
  }
  if (attempt.state === "read" && attempt.value.uid !== uid) return foreignAttempt(facts, attempt.value);
  return { state: "none" };
}

function fromRecord(facts: IdentityFacts, record: OwnerRecord): Memory {
  const { uid, status } = facts;
  if (record.uid !== uid)
    return conflict(
      facts,
      record.id,
      `the annotation ${ANNOTATION.record} was written for another object (uid ${record.uid}): this one is a copy or a restored backup`,
    );
  if (status.id !== undefined && status.id !== record.id)
    return conflict(
      facts,
      record.id,
      `the annotation ${ANNOTATION.record} says ${record.id}, the status says ${status.id}`,
    );
  return { state: "ours", record, restore: false };
}

function conflict(facts: IdentityFacts, id: string | undefined, why: string): Memory {
  const command = adoptOrder(facts.reference, id ?? "<id>", facts.uid);
  return {
    state: "conflict",
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
