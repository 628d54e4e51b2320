/**
 * The steps that write to the cloud: a create, or a step of the kind's own. One that failed backs off, one that puts back the
 * same fields again and again is contended, and none is sent but through the gate.
 */
import type { Clock } from "../base/clock.ts";
import type { KnownClusterId } from "../kube/cluster-id.ts";
import { isConflict, isKube, isNotFound } from "../kube/errors.ts";
import type { Store } from "../runtime/store.ts";
import { Contention, contended, fieldsPutBack } from "./contention.ts";
import { type Created, create, recorded } from "./create.ts";
import { type Gate, type GatedWrite, newGate } from "./gate.ts";
import { type Kind, type KindTypes, type MemoryOf, requireAccount } from "./kind.ts";
import { type Sends, stepName } from "./managed.ts";
import type { Restrictions } from "./management.ts";
import type { Namespaces } from "./namespaces.ts";
import { isFailed, isReported, type Outcome, type ReportedOutcome, requeueNow } from "./outcome.ts";
import type { Owners } from "./owners.ts";
import type { Pass } from "./pass.ts";
import { permittedAccount } from "./permit.ts";
import { REASON } from "./reasons.ts";
import type { Reporter } from "./reporter.ts";
import { StepBackoff } from "./step-backoff.ts";
import type { ObjectWriter } from "./writer.ts";

export type CloudStep<T extends KindTypes> = T["step"] | CreateStep;
interface CreateStep {
  do: "create";
  of?: string;
}

export interface CloudStepsOptions<T extends KindTypes> {
  kind: Kind<T>;
  store: Pick<Store<T["object"]>, "get">;
  writer: ObjectWriter<T["object"]>;
  owners: Owners<T["object"]>;
  namespaces: Pick<Namespaces, "read">;
  reporter: Reporter<T>;
  /** True only while this process certainly holds the lease. */
  mayWrite: () => boolean;
  /** By what is known of the object's namespace at this moment. */
  restrictions: (object: T["object"]) => Restrictions;
  clusterId: () => KnownClusterId;
  clock: Clock;
  settings: CloudStepsSettings;
}

/** In milliseconds; see `ReconcilerSettings`. */
interface CloudStepsSettings {
  recheckMs: number;
  slowMs: number;
  sendWindowMs: number;
}

/** Names of the steps that delete the resource itself. */
const DESTROYING: ReadonlySet<string> = new Set(["delete", "replace", "expire"]);

/** `heldBack`: see `Performed`. */
type Sent = Pick<Created, "outcome" | "heldBack">;

export class CloudSteps<T extends KindTypes> {
  readonly #options: CloudStepsOptions<T>;
  readonly #backoff: StepBackoff;
  readonly #contention: Contention;

  constructor(options: CloudStepsOptions<T>) {
    const { clock, settings } = options;
    this.#options = options;
    this.#backoff = new StepBackoff(clock, settings.slowMs);
    this.#contention = new Contention(clock, settings.slowMs);
  }

  /** By the name of a step: what failed, and is not tried again yet. */
  backingOff(key: string, signature: string): ReturnType<StepBackoff["active"]> {
    return this.#backoff.active(key, signature);
  }

  /** What the step is about to send, and needs a permit for; undefined where it is not begun now. */
  sends(pass: Pass<T>, step: CloudStep<T>): Sends | undefined {
    if (pass.observation.backingOff[stepName(step)] || this.#hindrance(pass, step)) return undefined;
    return isCreate(step) ? "create" : this.#options.kind.actuator.sends(step);
  }

  /** Why the step is not begun now, whatever the account allows. */
  #hindrance(
    { key, object, observation }: Pick<Pass<T>, "key" | "object" | "observation">,
    step: CloudStep<T>,
  ): Outcome | undefined {
    const { kind, settings, clusterId } = this.#options;
    if (isCreate(step)) {
      const cluster = clusterId();
      if (cluster.state === "known") return undefined;
      const { message, retryInMs: afterMs } = cluster;
      return { kind: "RequeueAfter", reason: REASON.ClusterIdUnknown, message, afterMs };
    }
    const fields = fieldsPutBack(kind, step, observation);
    const contested = this.#contention.contested(key, fields, object.metadata.generation ?? 0);
    return contested.size > 0 ? contended(contested, settings.slowMs) : undefined;
  }

  /** Throws only what a later pass can recover from: a failed Kubernetes call. */
  async perform(pass: Pass<T>, step: CloudStep<T>): Promise<Outcome> {
    const name = stepName(step);
    const backingOff = pass.observation.backingOff[name];
    if (backingOff) return backingOff;
    try {
      const hindrance = this.#hindrance(pass, step);
      const { outcome, heldBack }: Sent = hindrance ? { outcome: hindrance } : await this.#send(pass, step);
      if (isFailed(outcome)) return this.#backoff.record(pass.key, name, pass.signature, outcome);
      if (heldBack) this.#backoff.record(pass.key, name, pass.signature, heldBack);
      else this.#backoff.clear(pass.key, name);
      return outcome;
    } catch (error) {
      // A read that ends queues the key at once, whatever the queue's back-off: the step has one of its own.
      if (!isConflict(error) && !isNotFound(error))
        this.#backoff.record(pass.key, name, pass.signature, {
          kind: "Retry",
          reason: REASON.ApiUnavailable,
          message: isKube(error) ? error.message : "the pass failed, as the operator's log shows",
        });
      throw error;
    }
  }

  /** The labels of the namespace may have been set right before what this pass reacts to: they are read anew. */
  async #send(pass: Pass<T>, step: CloudStep<T>): Promise<Sent> {
    await this.#options.namespaces.read(pass.object.metadata.namespace ?? "", pass.beganAt);
    return isCreate(step) ? this.#create(pass, step) : this.#performOwn(pass, step);
  }

  /**
   * What is reported of a step that is about to be sent: where it failed before, that, until it succeeds. Else conditions
   * and Events would change with every retry.
   */
  #shown(pass: Pass<T>, step: CloudStep<T>, intent: ReportedOutcome): ReportedOutcome {
    return this.#backoff.last(pass.key, stepName(step), pass.signature) ?? intent;
  }

  async #create(pass: Pass<T>, step: CreateStep): Promise<Sent> {
    const { kind, writer, owners, reporter, clock, settings } = this.#options;
    const cluster = this.#options.clusterId();
    if (cluster.state === "unknown") throw new Error("a create needs the id of the cluster");
    const { record, outcome, heldBack } = await create<T>(pass, {
      kind,
      writer,
      clock,
      clusterId: cluster.id,
      sendWindowMs: settings.sendWindowMs,
      recheckMs: settings.recheckMs,
      account: permittedAccount(pass),
      claim: (id, attempt) => owners.claim(id, pass.object, { attempt }),
      gate: (latest) => this.#gate(pass, latest, { allowDeleting: false, sends: "create" }),
      mirror: (expected) => {
        const intent = requeueNow(REASON.Creating, "the create is being sent");
        return reporter.patchStatus(pass, expected, this.#shown(pass, step, intent));
      },
      saveId: (outcome) => {
        const shown = isReported(outcome) ? outcome : requeueNow(REASON.Creating, "it is created");
        return reporter.saveStatus(pass, pass.memory, shown);
      },
    });
    if (record) {
      const note = `created ${record.id} as "${record.name}"`;
      reporter.event(pass.object, "Normal", REASON.Created, "Create", note);
    }
    return { outcome, ...(heldBack && { heldBack }) };
  }

  async #performOwn(pass: Pass<T>, step: T["step"]): Promise<Sent> {
    const { kind, writer, reporter } = this.#options;
    const { generation = 0 } = pass.object.metadata;
    const fields = fieldsPutBack(kind, step, pass.observation);
    const gated: GatedWrite = {
      allowDeleting: pass.observation.deleting,
      sends: kind.actuator.sends(step),
      destroys: DESTROYING.has(step.do),
    };
    let intended: MemoryOf<T> = pass.memory;
    try {
      const performed = await kind.actuator.perform(step, pass.observation, requireAccount(pass.context), {
        memory: pass.memory,
        gate: this.#gate(pass, pass.object, gated),
        account: permittedAccount(pass),
        persistIntent: async (memory, outcome) => {
          await reporter.patchStatus(pass, memory, this.#shown(pass, step, outcome));
          intended = memory;
        },
        ackRequests: async (requests) => {
          const { record } = pass.context;
          if (!record) throw new Error("requests are acknowledged in a record");
          const acknowledged = { ...record, ...requests };
          pass.object = await writer.annotate(pass.object, recorded(acknowledged, pass.object.metadata));
          pass.context = { ...pass.context, record: acknowledged };
        },
      });
      const { outcome, memory, learned, events = [], refused, heldBack } = performed;
      if (refused || heldBack || isFailed(outcome)) pass.mayHaveEffect = false;
      else this.#contention.note(pass.key, fields, generation);
      pass.memory = memory;
      pass.observation = { ...pass.observation, ...learned };
      for (const note of events) reporter.note(pass.object, note);
      return { outcome, ...(heldBack && { heldBack }) };
    } catch (error) {
      const failure = kind.actuator.failure(error);
      if (!failure) throw error;
      // The intent of a write that may have taken effect stays in status; one that certainly had none is dropped.
      if (failure.effect === "unknown") pass.memory = intended;
      else pass.mayHaveEffect = false;
      return { outcome: failure.outcome };
    }
  }

  /** Notes in the pass whether a write was let out. */
  #gate(pass: Pass<T>, object: T["object"], options: GatedWrite): Gate {
    const gate = newGate(this.#options, object, options);
    return () => {
      const refusal = gate();
      if (refusal === undefined) pass.mayHaveEffect = true;
      return refusal;
    };
  }

  /** The object is gone, or another one has its name. */
  forget(key: string): void {
    this.#backoff.forget(key);
    this.#contention.forget(key);
  }

  /** What failed under another leader may be retried. */
  reset(): void {
    this.#backoff.reset();
    this.#contention.reset();
  }
}

function isCreate(step: { do: string }): step is CreateStep {
  return step.do === "create";
}
