/**
 * The contract between the generic reconciler and a kind: an observer that reads, a policy that decides, an actuator
 * that writes. A kind is one folder under src/kinds/. Nothing here depends on Paperspace. The sentences with MUST are
 * tested for every kind (test/app/kind-contract.test.ts).
 */
import type { Phases } from "./decide.ts";
import type { Decision, Observation } from "./decision.ts";
import type { EventNote } from "./event-notes.ts";
import type { Gate } from "./gate.ts";
import type { CloudAccount, KindDefinition, ManagedObject, Sends, Step } from "./managed.ts";
import type { CacheSizes } from "./metrics.ts";
import type { Failed, Outcome, ReportedOutcome } from "./outcome.ts";
import type { OwnershipFacts, Resolution } from "./ownership.ts";
import type { AttemptName, CreateAttempt, OwnerRecord, Requests } from "./record.ts";

/** The types of one kind. What it remembers across passes is the observation's `memory`; it is kept in status. */
export interface KindTypes {
  object: ManagedObject;
  account: CloudAccount;
  observation: Observation;
  step: Step;
}

export type MemoryOf<T extends KindTypes> = T["observation"]["memory"];
export type StatusOf<T extends KindTypes> = NonNullable<T["object"]["status"]>;
export type ContextOf<T extends KindTypes> = ReconcileContext<T["object"], T["account"]>;
export type AuthorizedContextOf<T extends KindTypes> = AuthorizedContext<T["object"], T["account"]>;
export type DecisionOf<T extends KindTypes> = Decision<T["step"], MemoryOf<T>>;

/** The object of a pass as it is in the cluster, with its credential and what it owns. */
export interface ReconcileContext<O, A> {
  key: string;
  object: O;
  /** Present where the credential is valid. */
  account?: A;
  /** What the object owns. */
  record?: OwnerRecord;
}

/** A context with a valid credential: nothing is read or written without one. */
export type AuthorizedContext<O, A> = ReconcileContext<O, A> & { account: A };

export interface Kind<T extends KindTypes> {
  readonly definition: KindDefinition;
  readonly observer: Observer<T>;
  readonly policy: Policy<T>;
  readonly actuator: Actuator<T>;
}

/**
 * Reads in the background, into caches that outlive the pass. MUST NOT write to the cloud or to the cluster, and MUST NOT
 * wait: a pass decides on what is cached, and a read that ends queues the key again.
 */
export interface Observer<T extends KindTypes> {
  /**
   * What is cached about the object's resource, and the time. MUST NOT start a read, and MUST return the same for the
   * same caches at the same time.
   */
  observe(facts: OwnershipFacts, context: ContextOf<T>): T["observation"];
  /**
   * Whether an open create attempt took effect. MUST NOT start a read, and MUST return `surelyNone` only once the attempt
   * can have no effect any more, and then only after two complete lists that started later and do not have its name;
   * where names may be shared (`attemptName` has a mark), also after one with a resource that another actor created.
   */
  resolve(context: AuthorizedContextOf<T>, attempt: CreateAttempt): Resolution;
  /**
   * Called right after the decision, and the only place where a pass starts background reads, but for those of its write
   * (Actuator): subscribes the key to what the decision waits for, and fetches the facts that the decision or an open
   * resolution needs, and those that are stale.
   */
  track(context: ContextOf<T>, observation: T["observation"], decision: DecisionOf<T>): void;
  /**
   * The step of the decision that was tracked last had no effect: it is held back, was not sent, or was refused. MUST
   * release what was reserved for it, since other objects wait for that. Default: nothing is reserved.
   */
  cancel?(context: ContextOf<T>): void;
  /**
   * The object is gone from the cluster, and another one may have its key: removes its subscriptions, what is reserved for
   * it, and everything cached for it.
   */
  forget(key: string): void;
  /** Entries of its caches, for metrics. Default: none are reported. */
  cacheSizes?(): CacheSizes;
  /**
   * Milliseconds since the oldest read began that a Ready rests on, where each resource is read by itself; for metrics.
   * Undefined where none does. Default: not reported.
   */
  oldestReadMs?(): number | undefined;
  /**
   * Reads whether the resource of an object that is gone from the cluster is still there; undefined where there is no key
   * to read it with. Default: not known.
   */
  isLeft?(last: T["object"], record: Pick<OwnerRecord, "team" | "id">): Promise<boolean | undefined>;
  /** Clears all caches and stops all timers: at shutdown, and at the start of a term of leadership. */
  reset(): void;
}

/**
 * Decides and describes. MUST be pure: changes nothing that it is given, starts nothing, reads no clock (the time is in the
 * observation), and returns equal results for equal inputs.
 */
export interface Policy<T extends KindTypes> {
  readonly phases: Phases<T["observation"], T["step"]>;
  /** The name by which a create is found again, with a mark where names may be shared. Default: the unique name. */
  attemptName?(observation: T["observation"], context: ContextOf<T>, unique: string): AttemptName;
  /** The name, as `attemptName` gives it, of a create by this object of what the API calls `name`. Default: the same. */
  createdAs?(name: string, object: T["object"]): string;
  /** The memory that status holds from before the create is sent. */
  expectCreate(
    observation: T["observation"],
    context: ContextOf<T>,
    attempt: CreateAttempt,
  ): ExpectedCreate<MemoryOf<T>>;
  /**
   * What is remembered and reported of a create that failed and certainly had no effect, where another one is to be tried at
   * once. Default: the failure, and the create is tried again after a back-off.
   */
  createRefused?(
    observation: T["observation"],
    memory: MemoryOf<T>,
    failure: Failed,
  ): { memory: MemoryOf<T>; outcome: Outcome } | undefined;
  /** The fields that a step puts back, as Contended names them. Default: those of its `changes`. */
  fields?(step: T["step"], observation: T["observation"]): readonly string[];
  /**
   * What status and the Event `Adopted` say of an adoption, by the memory that it leads to. Default: the id alone. The status
   * MUST be what `status` makes of that memory.
   */
  adopted?(
    observation: T["observation"],
    memory: MemoryOf<T>,
  ): { status: Partial<StatusOf<T>>; note: string } | undefined;
  /**
   * The whole new status: a field that it leaves out is removed. MUST be equal for equal observations, also once it is
   * in the object, so that nothing is written while nothing changes.
   */
  status(observation: T["observation"], outcome: ReportedOutcome, context: ContextOf<T>): StatusOf<T>;
  /** Kubernetes Events for a change of status, beyond those for its conditions. Default: none. */
  events?(before: StatusOf<T>, after: StatusOf<T>): readonly EventNote[];
}

/**
 * Writes. Every cloud write MUST pass the gate right before it is sent. Every request MUST go by the account in `send`, which
 * does not wait for its turn; the one in the context is for caches.
 */
export interface Actuator<T extends KindTypes> {
  /** What the step sends to the cloud. Where undefined, it MUST NOT send anything. A create is a write. */
  sends(step: T["step"]): Sends | undefined;
  /**
   * MUST send exactly one create, and MUST NOT retry it: after an error, unless `failure` shows that it had no effect,
   * the attempt stays open and `resolve` searches for its result.
   */
  create(
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    attempt: CreateAttempt,
    send: SendContext<T>,
  ): Promise<CreateAnswer<T>>;
  /**
   * Performs the step. MUST send at most one cloud write, and MUST persist the intent of a power change before it. One
   * more read right before the write is allowed, and so is a transport that repeats a request which is safe to repeat.
   * It MAY have the resource read again in the background, where the answer does not show it.
   * `observation.memory` is the memory before the decision, `send.memory` the one after it.
   */
  perform(
    step: T["step"],
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    send: PerformContext<T>,
  ): Promise<Performed<T>>;
  /** How a failed call ends the pass; undefined where the error is not the cloud's: the pass throws it then. */
  failure(error: unknown): CallFailure | undefined;
}

/** The operation is added by the create protocol; the rest is the kind's. */
export interface ExpectedCreate<M> {
  /** Time after which the create counts as late, in milliseconds. */
  deadlineMs: number;
  /** State that the create leads to, where the intent does not imply it. */
  target?: string;
  /** Default: nothing else is remembered. */
  memory?: M;
}

export interface CreateAnswer<T extends KindTypes>
  extends Omit<Performed<T>, "refused" | "heldBack" | "events"> {
  id: string;
}

export interface Performed<T extends KindTypes> {
  outcome: Outcome;
  memory: MemoryOf<T>;
  /** Facts from the answer of the write, so that the status of this pass already has them. */
  learned?: Partial<T["observation"]>;
  /** Kubernetes Events beyond those for changed conditions. */
  events?: readonly EventNote[];
  /** The cloud refused the write: nothing was put back. Retry and Terminal imply it. */
  refused?: true;
  /** The write failed, and what is reported is `outcome` all the same: the step alone backs off. */
  heldBack?: Failed;
}

/** What every write gets. */
export interface SendContext<T extends KindTypes> {
  memory: MemoryOf<T>;
  gate: Gate;
  /** The account of the context, with the permit of the step. */
  account: T["account"];
}

/** What `perform` may use besides. */
export interface PerformContext<T extends KindTypes> extends SendContext<T> {
  /** Writes the memory to status now, before a write is sent; throws where the object changed meanwhile. */
  persistIntent(memory: MemoryOf<T>, outcome: ReportedOutcome): Promise<void>;
  /** Records that these requests were carried out, or need not be. */
  ackRequests(requests: Requests): Promise<void>;
}

/** How a failed cloud call ends the pass. */
export interface CallFailure {
  /** `Requeue` where it was not sent because of something that the next pass will observe by itself. */
  outcome: Extract<Outcome, { kind: "Retry" | "Terminal" | "Requeue" }>;
  /** "none" only where a write certainly had no effect. */
  effect: "none" | "unknown";
  /** Of a create: what it was answered with, where that alone does not prove what it made. Kept as the operation's target. */
  answeredId?: string;
}

export function requireAccount<O, A>(context: ReconcileContext<O, A>): AuthorizedContext<O, A> {
  const { account } = context;
  if (account === undefined) throw new Error("a write needs an account");
  return { ...context, account };
}
