/**
 * One pass: observe, decide, do one thing, say how things stand. Generic over the kind; what is particular to one comes
 * through the seam in kind.ts, and this file must not learn it.
 */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import { isConflict, isNotFound } from "../kube/errors.ts";
import type { EventRecorder } from "../kube/events.ts";
import { keyOf } from "../kube/objects.ts";
import type { Secret } from "../kube/resource.ts";
import type { Store } from "../runtime/store.ts";
import type { Result } from "../runtime/workers.ts";
import { Contention, contended } from "./contention.ts";
import { create, recorded } from "./create.ts";
import type { CredentialGuard } from "./credential-guard.ts";
import type { Credentials } from "./credentials.ts";
import { type EventNote, transitionEvents } from "./event-notes.ts";
import {
  type CloudAccount,
  type Gate,
  type Kind,
  type ManagedObject,
  type ReconcileContext,
  requireAccount,
  type Step,
  stepName,
} from "./kind.ts";
import { isReported, type Outcome, type ReportedOutcome, resultOf, waiting } from "./outcome.ts";
import { isOwnershipStep, type OwnershipFacts, type OwnershipStep } from "./ownership.ts";
import { leakedResource, ownerOf, ownershipFacts } from "./ownership-facts.ts";
import { REASON } from "./reasons.ts";
import { ANNOTATION, isOn, requestsIn } from "./record.ts";
import { isFailed, StepBackoff, signatureOf } from "./step-backoff.ts";
import type { ObjectWriter } from "./writer.ts";

export interface ReconcilerOptions<
  O extends ManagedObject,
  A extends CloudAccount,
  V extends OwnershipFacts,
  S extends Step,
  M,
> {
  kind: Kind<O, A, V, S, M>;
  store: Pick<Store<O>, "get" | "list">;
  writer: ObjectWriter<O>;
  credentials: Credentials<A>;
  secrets: CredentialGuard<A>;
  recorder: Pick<EventRecorder, "record">;
  /** True only while our lease surely has not ended. */
  mayWrite: () => boolean;
  /** Counts an object that went without anybody seeing to what it owned. */
  leaked: () => void;
  clock: Clock;
  logger: Logger;
  settings: ReconcilerSettings;
}

/** All in milliseconds. */
export interface ReconcilerSettings {
  resyncMs: number;
  /** Slow recheck of what only the user can mend. */
  recheckMs: number;
  /** Slow recheck of what costs a write. */
  slowMs: number;
  /** Longest time between announcing a create and sending it. */
  sendWindowMs: number;
}

/** What one pass works on; `object` moves on with our own writes. */
interface Pass<O, A, V, M> {
  key: string;
  object: O;
  context: ReconcileContext<O, A>;
  observation: V;
  memory: M;
  /** What a failed step is held by until it changes. */
  signature: string;
  /** The Secret with the key, where it does not come from the operator itself. */
  secret?: Secret;
}

/** Names of given-up creates that are kept on an object. */
const ABANDONED = 5;

export class Reconciler<
  O extends ManagedObject,
  A extends CloudAccount,
  V extends OwnershipFacts,
  S extends Step,
  M,
> {
  readonly #parts: ReconcilerOptions<O, A, V, S, M>;
  readonly #holds: StepBackoff;
  readonly #contention: Contention;

  constructor(parts: ReconcilerOptions<O, A, V, S, M>) {
    this.#parts = parts;
    this.#holds = new StepBackoff(parts.clock);
    this.#contention = new Contention(parts.clock);
  }

  /** Throws only what a later pass can mend: a failed Kubernetes call. */
  async reconcile(key: string): Promise<Result> {
    const object = this.#parts.store.get(key);
    if (!object) {
      this.#parts.kind.forget(key);
      this.#holds.forget(key);
      this.#contention.forget(key);
      return { kind: "done" };
    }
    try {
      const { pass, step } = await this.#observe(key, object);
      const outcome = await this.#act(pass, step);
      if (isReported(outcome)) await this.#patchStatus(pass, pass.memory, outcome);
      return resultOf(outcome, this.#untilResync(object.metadata.uid ?? key));
    } catch (error) {
      // Somebody was faster, or the object is gone: not worth a line, and the watch is about to bring the news.
      if (isConflict(error) || isNotFound(error)) return { kind: "retry" };
      throw error;
    }
  }

  /** The object has gone from the cluster; `last` is how it was then. */
  gone(last: O): void {
    const { kind, logger, mayWrite, recorder, leaked } = this.#parts;
    const left = mayWrite() ? leakedResource(last, kind.definition) : undefined;
    if (left === undefined) return;
    const note = `its finalizer was taken off, so that nobody saw to ${left}: it goes on costing. Delete it in the Paperspace console, or adopt it (spec.adoptId)`;
    logger.error({ key: keyOf(last), left }, "an object went without its finalizer");
    leaked();
    const id = `${REASON.LeftBehind}/${last.metadata.uid}`;
    const events = { type: "Warning", reason: REASON.LeftBehind, action: "Reconcile", note, id } as const;
    recorder.record({ regarding: this.#regarding(last), ...events });
  }

  /** A new term: what failed under another leader may be tried again. */
  reset(): void {
    this.#holds.reset();
  }

  async #observe(key: string, object: O): Promise<{ pass: Pass<O, A, V, M>; step: OwnershipStep | S }> {
    const { kind, credentials, store, settings } = this.#parts;
    const { fact, account, secret } = await credentials.resolve(object);
    const signature = signatureOf(object, account);
    const facts = ownershipFacts(object, {
      definition: kind.definition,
      account: fact,
      backingOff: this.#holds.active(key, signature),
      ownerOf: (id, except) => ownerOf(store.list(), id, except),
      recheckMs: settings.recheckMs,
    });
    const context: ReconcileContext<O, A> = {
      key,
      object,
      ...(account ? { account } : {}),
      ...(facts.identity.state === "ours" ? { record: facts.identity.record } : {}),
    };
    if (facts.attempt && account?.team === facts.attempt.team)
      facts.resolution = kind.resolve({ ...context, account }, facts.attempt);
    const observation = kind.observe(facts, context);
    const decision = kind.decide(observation);
    const { step, memory } = decision;
    this.#parts.logger.debug({ key, step: step.do }, "decided");
    kind.track(context, decision);
    return {
      pass: { key, object, context, observation, memory, signature, ...(secret && { secret }) },
      step,
    };
  }

  async #act(pass: Pass<O, A, V, M>, step: OwnershipStep | S): Promise<Outcome> {
    await this.#holdSecret(pass, step);
    if (isOwnershipStep(step) && step.do !== "create") return this.#bookkeeping(pass, step);
    const name = stepName(step);
    const standing = pass.observation.backingOff[name];
    if (standing) return standing;
    const outcome = step.do === "create" ? await this.#create(pass) : await this.#perform(pass, step as S);
    if (isFailed(outcome)) return this.#holds.record(pass.key, name, pass.signature, outcome);
    this.#holds.clear(pass.key, name);
    return outcome;
  }

  /** Before there is anything that only its key can delete. */
  async #holdSecret({ secret, observation }: Pass<O, A, V, M>, step: OwnershipStep | S): Promise<void> {
    // A kind's own step may leave something behind as well, before there is any record.
    const making = !isOwnershipStep(step) || step.do === "create" || step.do === "recordOwnership";
    if (secret && (making || observation.identity.state === "ours" || observation.attempt))
      await this.#parts.secrets.protect(secret);
  }

  /** The steps that touch only the object, not the cloud. */
  async #bookkeeping(pass: Pass<O, A, V, M>, step: OwnershipStep): Promise<Outcome> {
    const { writer } = this.#parts;
    switch (step.do) {
      case "addFinalizer":
        await writer.addFinalizer(pass.object);
        return { kind: "Requeue" };
      case "restoreRecord":
        if (pass.context.record) await writer.annotate(pass.object, recorded(pass.context.record));
        return { kind: "Requeue" };
      case "recordOwnership":
        await this.#recordOwnership(pass, step.id);
        return { kind: "Requeue" };
      case "closeAttempt":
        return this.#closeAttempt(pass);
      case "disown":
        await this.#disown(pass);
        this.#event(pass, "Warning", REASON.Disowned, "Disown", "what it owned is gone; another is made");
        return { kind: "Requeue" };
      case "release":
        if (!(await this.#release(pass))) return UNLISTED;
        this.#event(pass, "Normal", step.reason, "Release", RELEASED[step.reason] ?? "the object may go");
        return { kind: "Released" };
      case "none":
        return step.outcome;
      default:
        // "create" is no bookkeeping, and a kind must have refined "adopt".
        throw new Error(`step ${step.do} is not one of bookkeeping`);
    }
  }

  async #release(pass: Pass<O, A, V, M>): Promise<boolean> {
    const { secrets, writer } = this.#parts;
    const settle = async () => {
      // Noted on the object, so that it can go without a key from now on.
      if (pass.context.record && pass.observation.deletionPolicy !== "Orphan") await this.#disown(pass);
    };
    return secrets.release(pass.object, settle, async () => {
      await writer.removeFinalizer(pass.object);
    });
  }

  /** What it owned is gone for certain. The status goes first: the record would be restored from it. */
  async #disown(pass: Pass<O, A, V, M>): Promise<void> {
    const { writer } = this.#parts;
    const { id: _gone, operation: _over, ...status } = pass.object.status ?? {};
    pass.object = await writer.status(pass.object, status as NonNullable<O["status"]>);
    pass.object = await writer.annotate(pass.object, { [ANNOTATION.record]: null });
  }

  async #recordOwnership(pass: Pass<O, A, V, M>, id: string): Promise<void> {
    const { account, object } = pass.context;
    const { attempt } = pass.observation;
    const team = attempt?.team ?? account?.team;
    if (team === undefined) throw new Error("nothing can be taken without a team");
    const { uid = "" } = object.metadata;
    const record = { id, team, name: attempt?.name ?? "", uid, ...requestsIn(object.metadata) };
    await this.#parts.writer.saveAnnotations(pass.object, recorded(record));
    const how = attempt ? REASON.Created : REASON.Adopted;
    this.#event(pass, "Normal", how, "Take", `${id} is this object's now`);
  }

  /** Both copies go: the annotation here, the mirror with a status that no longer holds the operation. */
  async #closeAttempt(pass: Pass<O, A, V, M>): Promise<Outcome> {
    const { writer, kind } = this.#parts;
    pass.object = await writer.annotate(pass.object, { [ANNOTATION.createPending]: null });
    if (pass.context.record) return { kind: "Requeue" };
    const outcome = waiting(REASON.Creating, "nothing came of the last create");
    const status = kind.status(pass.observation, pass.memory, outcome, pass.context);
    delete status.operation;
    const given = pass.observation.attempt?.name;
    if (given) status.abandoned = [...(status.abandoned ?? []), given].slice(-ABANDONED);
    pass.object = await writer.status(pass.object, status);
    return { kind: "Requeue" };
  }

  async #create(pass: Pass<O, A, V, M>): Promise<Outcome> {
    const { kind, writer, clock, settings } = this.#parts;
    const { object, record, memory, outcome } = await create<O, A, V, M>(
      pass.observation,
      requireAccount(pass.context),
      {
        kind,
        writer,
        clock,
        sendWindowMs: settings.sendWindowMs,
        gate: (latest) => this.#gate(latest, { deletion: false }),
        remember: (latest, expected) =>
          this.#patchStatus(
            { ...pass, object: latest },
            expected,
            waiting(REASON.Creating, "the create is being sent"),
          ),
      },
    );
    pass.object = object;
    if (memory !== undefined) pass.memory = memory;
    if (record) {
      pass.context = { ...pass.context, record };
      const { attempt: _resolved, ...facts } = pass.observation;
      this.#lookAgain(pass, { ...facts, identity: { state: "ours", record, restore: false } });
      this.#event(pass, "Normal", REASON.Created, "Create", `created ${record.id} as "${record.name}"`);
    }
    return outcome;
  }

  async #perform(pass: Pass<O, A, V, M>, step: S): Promise<Outcome> {
    const { kind, settings } = this.#parts;
    const { generation = 0 } = pass.object.metadata;
    const fields = kind.fields(step);
    const contested = this.#contention.contested(pass.key, fields, generation);
    if (contested.length > 0) return contended(contested, settings.slowMs);
    let intended = pass.memory;
    try {
      const performed = await kind.perform(
        step,
        pass.observation,
        pass.memory,
        requireAccount(pass.context),
        {
          gate: this.#gate(pass.object, { deletion: pass.observation.deleting }),
          persistIntent: async (expected, telling) => {
            pass.object = await this.#patchStatus(pass, expected, telling);
            intended = expected;
          },
          ackRequests: async (requests) => {
            const { record } = pass.context;
            if (!record) throw new Error("requests are noted in a record");
            const noted = { ...record, ...requests };
            pass.object = await this.#parts.writer.annotate(pass.object, recorded(noted));
            pass.context = { ...pass.context, record: noted };
          },
        },
      );
      const { outcome, memory, events, refused } = performed;
      if (!refused && !isFailed(outcome)) this.#contention.note(pass.key, fields, generation);
      pass.memory = memory;
      for (const piece of events ?? []) this.#announce(pass, piece);
      this.#lookAgain(pass, pass.observation);
      return outcome;
    } catch (error) {
      const failure = kind.failure(error);
      if (!failure) throw error;
      // What may have taken effect stays written down; what surely had none is forgotten.
      if (failure.effect === "unknown") pass.memory = intended;
      return failure.outcome;
    }
  }

  /** The answer of a write is knowledge: what is told should hold it already, not only the next pass's status. */
  #lookAgain(pass: Pass<O, A, V, M>, facts: OwnershipFacts): void {
    pass.context = { ...pass.context, object: pass.object };
    pass.observation = this.#parts.kind.observe(facts, pass.context);
  }

  /** The status as it is now known, and an Event where that is news. */
  async #patchStatus(pass: Pass<O, A, V, M>, memory: M, outcome: ReportedOutcome): Promise<O> {
    const { kind, writer } = this.#parts;
    const before = (pass.object.status ?? {}) as NonNullable<O["status"]>;
    const after = kind.status(pass.observation, memory, outcome, pass.context);
    const written = await writer.status(pass.object, after);
    for (const piece of [
      ...kind.events(before, after),
      ...transitionEvents(before.conditions, after.conditions),
    ])
      this.#announce(pass, piece);
    return written;
  }

  #announce(pass: Pass<O, A, V, M>, { type, reason, note, id }: EventNote): void {
    this.#event(pass, type, reason, "Reconcile", note, id);
  }

  /** Without an `id` it is news of this moment. */
  #event(
    pass: Pass<O, A, V, M>,
    type: "Normal" | "Warning",
    reason: string,
    action: string,
    note: string,
    id = `${reason}/${pass.object.metadata.generation ?? 0}/${this.#parts.clock.now()}`,
  ) {
    this.#parts.recorder.record({ regarding: this.#regarding(pass.object), type, reason, action, note, id });
  }

  #regarding(object: O): O {
    const { group, version, kind } = this.#parts.kind.definition;
    return { ...object, apiVersion: `${group}/${version}`, kind };
  }

  /** Judged on the store at the moment of sending, not on what the pass began with. */
  #gate(object: O, { deletion }: { deletion: boolean }): Gate {
    const { store, mayWrite } = this.#parts;
    const key = keyOf(object);
    return () => {
      if (!mayWrite()) return "this process is not the leader";
      const latest = store.get(key);
      if (!latest || latest.metadata.uid !== object.metadata.uid) return "the object is gone";
      if (!deletion && latest.metadata.deletionTimestamp) return "the object is being deleted";
      if (isOn(latest.metadata, ANNOTATION.paused)) return "the object was paused";
      if (isOn(latest.metadata, ANNOTATION.dryRun)) return "the object was put under dry-run";
      return undefined;
    };
  }

  /** The key's next regular turn: at phase hash(UID) of the interval, so that a fleet is spread over it. */
  #untilResync(uid: string): number {
    const { clock, settings } = this.#parts;
    const phase = createHash("sha256").update(uid).digest().readUInt32BE() % settings.resyncMs;
    const past = (clock.now() - phase) % settings.resyncMs;
    return settings.resyncMs - past;
  }
}

/** Soon over, at the start of the process. */
const UNLISTED: Outcome = {
  kind: "RequeueAfter",
  reason: REASON.Deleting,
  message:
    "its Secret is let go with the last object that needs it, and not all kinds of objects are listed yet",
  afterMs: 1_000,
};

const RELEASED: Record<string, string> = {
  [REASON.IdentityConflict]: "the object goes; what its record names is another object's and stays untouched",
  [REASON.NothingToDelete]: "the object goes; it owned nothing in the cloud",
  [REASON.Orphaned]: "the object goes; what it owned stays in the cloud, as deletionPolicy Orphan says",
};
