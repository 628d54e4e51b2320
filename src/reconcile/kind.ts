/**
 * The seam between the generic reconciler and a kind. A kind is one room under src/kinds/ that fulfils `Kind`; the
 * sentences with MUST are its contract. Nothing here knows Paperspace.
 */
import type { Condition, KubeObject } from "../kube/objects.ts";
import type { EventNote } from "./event-notes.ts";
import type { Outcome, ReportedOutcome } from "./outcome.ts";
import type { OwnershipFacts, OwnershipStep, Resolution } from "./ownership.ts";
import type { AttemptName, CreateAttempt, OwnerRecord, Requests } from "./record.ts";

/** The part of every custom resource of ours that the generic code reads. */
export interface ManagedObject extends KubeObject {
  spec: {
    deletionPolicy?: "Delete" | "Orphan";
    onExternalDeletion?: "Stall" | "Recreate";
    adoptId?: string;
    credentialsSecretRef?: { name: string; key?: string };
  };
  status?: ManagedStatus;
}

export interface ManagedStatus {
  observedGeneration?: number;
  id?: string;
  teamId?: string;
  /** UID of the object that this status was written for: a restored or copied status betrays itself by it. */
  uid?: string;
  name?: string;
  operation?: Operation;
  /** Cloud names of creates that were given up: a late answer is found by them. */
  abandoned?: string[];
  /** Mirror of the requests in the record. */
  handled?: Requests;
  conditions?: Condition[];
}

/** A cloud write under way, as written to status before it is sent. Times are RFC 3339 of this operator's clock. */
export interface Operation {
  intent: string;
  requestedAt: string;
  deadline: string;
  /** The API's event of the write, once its answer is here. */
  eventId?: string;
  /** Cloud name that a create asked for. */
  name?: string;
  /** What tells our create from another's of the same name. */
  mark?: string;
  /** When its event was first seen to have failed. */
  failedAt?: string;
  /** What the operation leads to, where the intent alone does not say it. */
  target?: string;
  /** The requests by annotation that it answers. */
  requests?: Requests;
}

/** What a valid credential opens. */
export interface CloudAccount {
  readonly team: string;
  /** Tells one credential from another without giving it away. */
  readonly fingerprint: string;
}

export interface ReconcileContext<O, A> {
  key: string;
  object: O;
  /** Present where the credential is valid. */
  account?: A;
  /** What the object owns. */
  record?: OwnerRecord;
}

/** One whose credential is valid: nothing is read or written without. */
export type AuthorizedContext<O, A> = ReconcileContext<O, A> & { account: A };

export function requireAccount<O, A>(context: ReconcileContext<O, A>): AuthorizedContext<O, A> {
  const { account } = context;
  if (account === undefined) throw new Error("a write needs an account");
  return { ...context, account };
}

/** `M` is what the kind must remember across passes; the generic code keeps it in status. */
export interface Decision<S, M> {
  step: OwnershipStep | S;
  memory: M;
  /** Names of facts that the decision lacks, in the kind's own words: they are to be looked up. */
  needs?: readonly string[];
}

export interface Performed<M> {
  outcome: Outcome;
  memory: M;
  /** What is worth a Kubernetes Event beyond the change of conditions. */
  events?: readonly EventNote[];
  /** The cloud refused the write: nothing was put back. Retry and Terminal say so by themselves. */
  refused?: true;
}

/** Asked after the throttle, immediately before a write goes out: a string is the reason not to send it. */
export type Gate = () => string | undefined;

/** What `perform` may use besides the cloud. */
export interface PerformContext<M> {
  gate: Gate;
  /** Writes the memory to status now, before a write is sent; throws where the object changed meanwhile. */
  persistIntent(memory: M, outcome: ReportedOutcome): Promise<void>;
  /** Notes in the record that these requests were carried out, or need not be. */
  ackRequests(requests: Requests): Promise<void>;
}

/** How a failed cloud call ends the pass. */
export interface Failure {
  /** `Again` where it was not sent because of something that the next pass will see for itself. */
  outcome: Extract<Outcome, { kind: "Retry" | "Terminal" | "Requeue" }>;
  /** "none" only where a write surely had no effect. */
  effect: "none" | "unknown";
}

export interface KindDefinition {
  group: string;
  version: string;
  kind: string;
  plural: string;
  shortName: string;
  /** How people call the thing in the cloud: "machine". */
  noun: string;
}

/** A step of a kind: what is done, and what to, where one object has several such things. */
export interface Step {
  do: string;
  of?: string;
}

/** What a failed step is held back by: "assign/script1". */
export function stepName({ do: what, of }: Step): string {
  return of === undefined ? what : `${what}/${of}`;
}

export interface Kind<
  O extends ManagedObject,
  A extends CloudAccount,
  V extends OwnershipFacts,
  S extends Step,
  M,
> {
  readonly definition: KindDefinition;

  /** MUST be pure in what it returns for the same knowledge; MUST NOT write or wait. Asks for a look where it knows too little. */
  observe(facts: OwnershipFacts, context: ReconcileContext<O, A>): V;

  /** What is known of an attempt's name. MUST say surelyNone only after two complete lists begun late enough. */
  resolve(context: AuthorizedContext<O, A>, attempt: CreateAttempt): Resolution;

  /**
   * MUST be pure. MUST return the generic step wherever `decideOwnership` gives one, refining only "adopt", resting
   * instead of "create" only where a create would be in vain, and putting steps of its own only before "create" (what
   * must be made ready) and before "release" (what is left behind), where it rests while halted; those may find no
   * record.
   */
  decide(observation: V): Decision<S, M>;

  /** Listens for what the decision waits for, and looks up what it lacks. MUST NOT write or wait. */
  track(context: ReconcileContext<O, A>, decision: Decision<S, M>): void;

  /**
   * MUST be pure. By what the create that was decided on is found again: `unique` as its name, or, where the name is
   * given, the name and a mark that no other create bears.
   */
  attemptName(observation: V, context: ReconcileContext<O, A>, unique: string): AttemptName;

  /** What is mirrored to status before the create is sent. MUST hold, in its operation, the attempt's name and mark. */
  expectation(observation: V, context: ReconcileContext<O, A>, attempt: CreateAttempt): M;

  /** Sends exactly one create, never again by itself, through the gate; returns the id of what was made. */
  create(
    observation: V,
    context: AuthorizedContext<O, A>,
    attempt: CreateAttempt,
    memory: M,
    gate: Gate,
  ): Promise<{ id: string; memory: M; outcome: Outcome }>;

  /** MUST be pure. What a step puts back, in the words in which a war over it is told; empty where nobody can undo it. */
  fields(step: S): readonly string[];

  /** Does what decide chose: one cloud write at most. MUST remember the intent of a power change before sending it. */
  perform(
    step: S,
    observation: V,
    memory: M,
    context: AuthorizedContext<O, A>,
    tools: PerformContext<M>,
  ): Promise<Performed<M>>;

  /** MUST be pure. The whole new status; equal knowledge gives an equal status, so that nothing is written. */
  status(
    observation: V,
    memory: M,
    outcome: ReportedOutcome,
    context: ReconcileContext<O, A>,
  ): NonNullable<O["status"]>;

  /** MUST be pure. What a change of status is worth telling beyond its conditions. */
  events(before: NonNullable<O["status"]>, after: NonNullable<O["status"]>): readonly EventNote[];

  failure(error: unknown): Failure | undefined;

  /** The object is gone from the cluster: forget what was kept for it. */
  forget(key: string): void;
}
