/**
 * The part of `decide` that every kind shares: finalizer, credentials, identity, the open attempt, adoption, and when
 * an object may be released. Pure. It returns a step, or undefined once an object owns a resource of the right team and
 * the kind may decide about it.
 */

import type { Identity } from "./identity.ts";
import type { Disowned } from "./managed.ts";
import type { Halt, Restrictions } from "./management.ts";
import type { Failed, Outcome } from "./outcome.ts";
import { REASON } from "./reasons.ts";
import type { Attempt, Requests } from "./record.ts";

/** What the lists show about an attempt's name (docs/design.md, Create). */
export type Resolution =
  /** `needs`: names of what is to be read before it can be resolved, as the observer of the kind knows them. */
  | { state: "open"; message: string; lookAfterMs: number; needs?: readonly string[] }
  | { state: "found"; ids: readonly string[] }
  | { state: "surelyNone" };

export type AccountFact =
  | { state: "valid"; team: string }
  /** The key is being probed: the answer queues the object's key. */
  | { state: "pending" }
  | { state: "invalid"; message: string }
  /** The Secret or the API could not be reached just now. */
  | { state: "unreachable"; message: string; atLeastMs?: number };

export interface OwnershipFacts extends Restrictions {
  /** The word for the resource in the cloud: "machine". */
  noun: string;
  /** How users name the object on the command line: "psm/name -n namespace". */
  reference?: string;
  /** Resources that the object gave up as gone, oldest first. */
  disowned?: readonly Disowned[];
  deleting: boolean;
  /** The deletionTimestamp. */
  deletedAt?: string;
  finalizer: boolean;
  /** Delete where Orphan came too late. */
  deletionPolicy: "Delete" | "Orphan";
  /** When the delete in flight was sent. */
  deleteSentAt?: string;
  /** Orphan was declared after the delete had been sent, which was at this time. */
  orphanTooLate?: string;
  identity: Identity;
  attempt?: Attempt;
  /** An attempt was announced, and is not in status: it was never sent. */
  unsent?: true;
  /** Present whenever `attempt` is and the account is valid and of the attempt's team. */
  resolution?: Resolution;
  account: AccountFact;
  /** Not handled yet. */
  requests: Requests;
  /** Steps that failed and are not to be retried yet, by their name. */
  backingOff: Readonly<Record<string, Failed>>;
  /** As messages name it (`shownKey`). Another object of this cluster that owns what this one names: it owned it earlier, or is to be adopted from it. */
  ownedBy?: string;
  /** As messages name it: another object whose open create may have made what this one is to adopt. */
  madeBy?: string;
  /** Name of what this one is to adopt, where it is there. */
  candidateName?: string;
  /** Id of this cluster; absent while it is not known. */
  clusterId?: string;
  /** The command that confirms the adoption, where spec.adoptId alone requests it. */
  confirmation?: string;
  /** The key is the operator's own, with which nothing may be adopted. */
  adoptionBarred?: true;
  /** The key is the operator's own, with which nothing may be named that others have put into its account. */
  sharedReferencesBarred?: true;
  /** Why nothing is done for an object with these annotations. */
  annotationFault?: string;
  /** Slow recheck of terminal states, in milliseconds. */
  recheckMs: number;
}

export type OwnershipStep =
  | { do: "addFinalizer" }
  /** Remove the finalizer: the object may be deleted. */
  | { do: "release"; reason: string }
  /** Write the record annotation from status. */
  | { do: "restoreRecord" }
  /** Open an attempt and send the create. `of`: of what, where one object may create different ones. */
  | { do: "create"; of?: string }
  /** What the attempt created was found: record it. */
  | { do: "recordOwnership"; id: string }
  /** What it owned is certainly gone: forget it, so that a new one is created. `replaced`: it was deleted for that. */
  | { do: "disown"; replaced?: true }
  /** The attempt was not sent, created nothing, or its result is recorded: forget it. */
  | { do: "closeAttempt" }
  /** Check that the resource exists and fits the spec, then record it. */
  | { do: "adopt"; id: string }
  | { do: "none"; outcome: Outcome };

/** Total, so that a step that is left out here does not compile. */
const STEPS: Readonly<Record<OwnershipStep["do"], true>> = {
  addFinalizer: true,
  release: true,
  restoreRecord: true,
  create: true,
  recordOwnership: true,
  disown: true,
  closeAttempt: true,
  adopt: true,
  none: true,
};

/** Whether the generic code performs it; all other steps are the kind's own. */
export function isOwnershipStep(step: { do: string }): step is OwnershipStep {
  return Object.hasOwn(STEPS, step.do);
}

export function decideOwnership(facts: OwnershipFacts): OwnershipStep | undefined {
  return facts.deleting ? whileDeleting(facts) : whileLiving(facts);
}

function whileLiving(facts: OwnershipFacts): OwnershipStep | undefined {
  const { identity, account } = facts;
  if (identity.state === "conflict") return stall(facts, REASON.IdentityConflict, identity.message);
  if (identity.state === "ours" && facts.ownedBy !== undefined)
    return none(alreadyOwned(identity.record.id, facts.ownedBy, facts.recheckMs));
  const { annotationFault } = facts;
  const refused = annotationFault !== undefined && stall(facts, REASON.AnnotationRefused, annotationFault);
  // What owns nothing yet needs no finalizer, which a write among very many others would not add in time.
  if (refused && identity.state !== "ours" && !facts.attempt) return refused;
  if (facts.observes) return refused || whileObserving(facts);
  if (!facts.finalizer) return { do: "addFinalizer" };
  if (refused) return refused;
  if (identity.state === "ours" && identity.contradicted !== undefined)
    return stall(facts, REASON.IdentityConflict, identity.contradicted);
  if (identity.state === "ours" && identity.restore) return { do: "restoreRecord" };
  if (facts.unsent || (identity.state === "ours" && facts.attempt)) return { do: "closeAttempt" };
  const blocked = withoutAccount(facts);
  if (blocked) return blocked;
  if (facts.attempt) return resolve(facts, facts.attempt);
  if (identity.state === "adopt") return adopt(facts, identity.id);
  if (identity.state === "none") return creation(facts);
  return foreignTeam(facts, identity.record.team, account);
}

function creation(facts: OwnershipFacts): OwnershipStep {
  const { halted, namespaceEnds, recheckMs } = facts;
  if (halted) return none({ kind: "Halted", ...halted, recheckMs });
  if (!namespaceEnds) return { do: "create" };
  return stall(
    facts,
    REASON.NamespaceTerminating,
    `the namespace is being deleted, and no ${facts.noun} is made in it`,
  );
}

/** Undefined where there is something to observe, and a key for it. Nothing of the object is written but its status. */
function whileObserving(facts: OwnershipFacts): OwnershipStep | undefined {
  const { identity, account, halted, attempt, noun } = facts;
  if (identity.state === "ours" && identity.contradicted !== undefined)
    return stall(facts, REASON.IdentityConflict, identity.contradicted);
  if (identity.state !== "ours" && attempt) {
    const message = `a create named "${attempt.name}" was sent before: what it made is recorded once the object is managed again`;
    return stall(facts, REASON.ResolvingCreate, message);
  }
  if (identity.state === "none") {
    if (halted?.reason === REASON.NamespaceUnreadable) return stall(facts, halted.reason, halted.message);
    const message = `${halted?.message}. Name the ${noun} to observe in spec.adoptId, or have the object managed, and one is created`;
    return stall(facts, REASON.NothingToObserve, message);
  }
  const blocked = withoutAccount(facts);
  if (blocked) return blocked;
  if (identity.state === "adopt") return adoptionBarred(facts, identity.id);
  return identity.state === "ours" ? foreignTeam(facts, identity.record.team, account) : undefined;
}

function whileDeleting(facts: OwnershipFacts): OwnershipStep | undefined {
  const { identity } = facts;
  if (!facts.finalizer) return none({ kind: "Released" });
  if (identity.state === "conflict") return { do: "release", reason: REASON.IdentityConflict };
  if (identity.state === "ours" && facts.ownedBy !== undefined)
    return { do: "release", reason: REASON.AlreadyOwned };
  const attempt = identity.state === "ours" ? undefined : facts.attempt;
  if (attempt) return withoutAccount(facts) ?? resolve(facts, attempt);
  if (identity.state !== "ours") return { do: "release", reason: REASON.NothingToDelete };
  if (facts.deletionPolicy === "Orphan") return { do: "release", reason: REASON.Orphaned };
  // What is reported has the plan, which rests on the key.
  if (facts.halted && facts.account.state !== "pending")
    return stall(facts, facts.halted.reason, deletionHalted(facts, facts.halted));
  return withoutAccount(facts) ?? foreignTeam(facts, identity.record.team, facts.account);
}

/** What is observed stays until it is managed again, or left: to let it go at once would lose it without a word. */
function deletionHalted(
  { observes, noun, reference, deleteSentAt }: OwnershipFacts,
  { message }: Halt,
): string {
  if (!observes) return message;
  if (deleteSentAt !== undefined)
    return `${message}. The object is being deleted, and waits: the delete of its ${noun} was sent at ${deleteSentAt}, and cannot be called back. Have it managed again, and the object goes once the ${noun} is gone`;
  return `${message}. The object is being deleted, and waits: have it managed again, and its ${noun} is deleted; or leave the ${noun} as it is: ${orphanCommand(reference)}`;
}

/** The command that leaves the resource where its object is deleted. */
export function orphanCommand(reference = "'<object>'"): string {
  return `kubectl patch ${reference} --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'`;
}

/** Nothing can be read or written in the cloud without a valid key. */
export function withoutAccount({ account, recheckMs }: OwnershipFacts): OwnershipStep | undefined {
  if (account.state === "pending") return none({ kind: "Unknown" });
  if (account.state === "invalid")
    return none({ kind: "Terminal", reason: REASON.CredentialsInvalid, message: account.message, recheckMs });
  if (account.state === "unreachable") {
    const { message, atLeastMs } = account;
    const wait = atLeastMs === undefined ? {} : { atLeastMs };
    return none({ kind: "Retry", reason: REASON.CredentialsUnchecked, message, ...wait });
  }
  return undefined;
}

/** The key is of another team than what the object owns. */
export function wrongTeam(facts: OwnershipFacts): OwnershipStep | undefined {
  const { identity, account } = facts;
  return identity.state === "ours" ? foreignTeam(facts, identity.record.team, account) : undefined;
}

/** With another team's key the account looks empty; that must never count as "gone" (docs/design.md, Record). */
function foreignTeam(facts: OwnershipFacts, team: string, account: AccountFact): OwnershipStep | undefined {
  if (account.state !== "valid" || account.team === team) return undefined;
  return stall(
    facts,
    REASON.CredentialsInvalid,
    `the API key belongs to team ${account.team}, but this object's ${facts.noun} was made in team ${team}: give a key of team ${team}`,
  );
}

function resolve(facts: OwnershipFacts, attempt: Attempt): OwnershipStep {
  const foreign = foreignTeam(facts, attempt.team, facts.account);
  if (foreign) return foreign;
  const resolution = facts.resolution;
  if (resolution?.state === "surelyNone") return { do: "closeAttempt" };
  if (resolution?.state === "found") {
    const [id, ...more] = resolution.ids;
    if (id !== undefined && more.length === 0) return { do: "recordOwnership", id };
    return stall(
      facts,
      REASON.CreateAmbiguous,
      `more than one ${facts.noun} is named "${attempt.name}": ${resolution.ids.join(", ")}. Delete all but one in the Paperspace console`,
    );
  }
  const message = resolution?.message ?? "the outcome of the last create is not known yet";
  return none({
    kind: "RequeueAfter",
    reason: REASON.ResolvingCreate,
    message,
    afterMs: resolution?.lookAfterMs ?? facts.recheckMs,
  });
}

function adoptionBarred(facts: OwnershipFacts, id: string): OwnershipStep | undefined {
  if (!facts.adoptionBarred) return undefined;
  const verb = facts.observes ? "observed" : "adopted";
  return stall(
    facts,
    REASON.AdoptionNotAllowed,
    `${id} is not ${verb} with the operator's own API key, whose account this namespace shares with others: give this namespace a key of its own (Secret paperspace-credentials), or start the operator with --adopt-with-operator-key`,
  );
}

function adopt(facts: OwnershipFacts, id: string): OwnershipStep {
  const barred = adoptionBarred(facts, id);
  if (barred) return barred;
  const { ownedBy, madeBy, recheckMs } = facts;
  if (ownedBy !== undefined) return none(alreadyOwned(id, ownedBy, recheckMs));
  return madeBy === undefined ? { do: "adopt", id } : none(beingMade(id, madeBy, recheckMs));
}

/** What an object reports that is to adopt what has the name of another one's open create. */
function beingMade(id: string, maker: string, recheckMs: number): Outcome {
  const message = `${id} has the name under which ${maker} is creating one, and is taken for what that create made until its outcome is known: nothing is adopted before. It is looked at again`;
  return { kind: "Terminal", reason: REASON.AlreadyOwned, message, recheckMs };
}

/** What is reported where what would have kept the resource was declared after the delete had been sent. */
export function tooLate(sentAt: string, declared = "deletionPolicy Orphan"): string {
  return `${declared} came too late: the delete was sent at ${sentAt}, and cannot be called back`;
}

/** What an object reports that names what another one owns (`owner`: `shownKey`). It touches nothing, and may be deleted. */
export function alreadyOwned(id: string, owner: string, recheckMs: number): Outcome {
  const message = `${id} is already owned by ${owner}: delete that object with deletionPolicy Orphan first, or delete this one, which leaves ${id} as it is`;
  return { kind: "Terminal", reason: REASON.AlreadyOwned, message, recheckMs };
}

function stall(facts: OwnershipFacts, reason: string, message: string): OwnershipStep {
  return none({ kind: "Terminal", reason, message, recheckMs: facts.recheckMs });
}

function none(outcome: Outcome): OwnershipStep {
  return { do: "none", outcome };
}
