/**
 * One pass: observe, decide, start the reads that are missing, protect the Secret, do one thing, report. Generic over the
 * kind; what is particular to a kind comes through the contract in kind.ts, and does not belong in this file.
 */
import { hash } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { KnownClusterId } from "../kube/cluster-id.ts";
import { isConflict, isNotFound } from "../kube/errors.ts";
import type { EventRecorder } from "../kube/events.ts";
import { keyOf, shownKey } from "../kube/objects.ts";
import type { Store } from "../runtime/store.ts";
import type { Result } from "../runtime/workers.ts";
import { type CloudStep, CloudSteps } from "./cloud-steps.ts";
import type { CredentialGuard } from "./credential-guard.ts";
import type { Credentials } from "./credentials.ts";
import { decide } from "./decide.ts";
import type { ContextOf, DecisionOf, Kind, KindTypes } from "./kind.ts";
import { LeakReports } from "./leak-report.ts";
import type { ManagedObject } from "./managed.ts";
import {
  type ManagementDefaults,
  type NamespaceFact,
  type Restrictions,
  restrictionsOf,
} from "./management.ts";
import type { CacheSizes } from "./metrics.ts";
import type { Namespaces } from "./namespaces.ts";
import { atTheLatest, isReported, isUnsent, type Outcome, resultOf } from "./outcome.ts";
import { Owners } from "./owners.ts";
import { isOwnershipStep } from "./ownership.ts";
import { HOLDING, ownershipFacts, vouchedId } from "./ownership-facts.ts";
import { type OwnershipStepOptions, performOwnershipStep } from "./ownership-steps.ts";
import type { Pass } from "./pass.ts";
import { holderOf, ifPermitted, type Permits } from "./permit.ts";
import { Reporter } from "./reporter.ts";
import { signatureOf } from "./step-backoff.ts";
import type { ObjectWriter } from "./writer.ts";

export interface ReconcilerOptions<T extends KindTypes> {
  kind: Kind<T>;
  /** Indexed by `holdingOf`. */
  store: Pick<Store<T["object"]>, "get" | "indexed">;
  writer: ObjectWriter<T["object"]>;
  credentials: Credentials<T["account"]>;
  namespaces: Pick<Namespaces, "read" | "known">;
  permits: Permits<T["account"]>;
  /** Puts a key into the work queue. */
  enqueue: (key: string) => void;
  secrets: CredentialGuard<T["account"]>;
  recorder: Pick<EventRecorder, "record">;
  /** True only while this process certainly holds the lease. */
  mayWrite: () => boolean;
  clusterId: () => KnownClusterId;
  /** Counts an object that was deleted while its resource was left in the cloud. */
  leaked: () => void;
  clock: Clock;
  logger: Logger;
  settings: ReconcilerSettings;
}

/** Times in milliseconds. */
export interface ReconcilerSettings {
  resyncMs: number;
  /** Slow recheck of what only the user can correct. */
  recheckMs: number;
  /** Slow recheck of what costs a write. */
  slowMs: number;
  /** Longest time between announcing a create and sending it. */
  sendWindowMs: number;
  /** How long what is gone may still be shown. */
  graceMs: number;
  /** Whether an object may adopt with the operator's own key. */
  adoptWithOperatorKey: boolean;
  /** Whether an object may name what others have put into the account of the operator's own key. */
  allowSharedReferences: boolean;
  management: ManagementDefaults;
}

export class Reconciler<T extends KindTypes> {
  readonly #options: ReconcilerOptions<T>;
  readonly #reporter: Reporter<T>;
  readonly #ownership: OwnershipStepOptions<T>;
  readonly #owners: Owners<T["object"]>;
  readonly #cloudSteps: CloudSteps<T>;
  readonly #leaks: LeakReports<T>;
  /** By key: the UID of the object that everything kept by this key belongs to. */
  readonly #uids = new Map<string, string | undefined>();
  /** By key: the team that its last pass worked with. */
  readonly #teams = new Map<string, string>();

  constructor(options: ReconcilerOptions<T>) {
    this.#options = options;
    this.#reporter = new Reporter(options);
    const { writer, secrets: guard, clock, store, kind } = options;
    const createdAs = (name: string, object: T["object"]) => kind.policy.createdAs?.(name, object);
    this.#owners = new Owners({ store, clock, createdAs });
    this.#ownership = {
      writer,
      guard,
      reporter: this.#reporter,
      owners: this.#owners,
      policy: kind.policy,
      clock,
    };
    this.#cloudSteps = new CloudSteps({
      ...options,
      owners: this.#owners,
      reporter: this.#reporter,
      restrictions: (object) => this.#restrictions(object, options.namespaces.known(namespaceOf(object))),
    });
    this.#leaks = new LeakReports({
      ...options,
      reporter: this.#reporter,
      graceMs: options.settings.graceMs,
      ownerOf: (id) => store.indexed(HOLDING.id(id)).map(keyOf)[0],
    });
  }

  /** Throws only what a later pass can recover from: a failed Kubernetes call. */
  async reconcile(key: string): Promise<Result> {
    const beganAt = this.#options.clock.monotonic();
    const held = this.#options.store.get(key);
    if (!held) {
      this.#forget(key);
      return { kind: "done" };
    }
    this.#begin(key, held);
    // A pass that throws is repeated, and has not lost its turn.
    let isWaiting = true;
    try {
      const object = await this.#options.writer.whole(held);
      const pass = await this.#observe(key, object, beganAt);
      const decision = this.#permitted(pass, this.#decide(pass));
      this.#options.kind.observer.track(pass.context, pass.observation, decision);
      await this.#protectSecret(pass, decision);
      const outcome = await this.#act(pass, decision);
      // What waits for facts keeps its permit, or its turn: a fact may be valid for seconds.
      isWaiting = pass.isWaiting === true || outcome.kind === "Unknown" || isUnsent(outcome);
      if (isReported(outcome)) await this.#reporter.patchStatus(pass, pass.memory, outcome);
      const { changesAt, now } = pass.observation;
      const result = resultOf(outcome, this.#untilResync(held.metadata.uid ?? key));
      return changesAt === undefined ? result : atTheLatest(result, changesAt - now);
    } catch (error) {
      // Another write was faster, or the object is gone: not logged, since the watch is about to deliver the change.
      if (isConflict(error) || isNotFound(error)) return { kind: "retry" };
      throw error;
    } finally {
      this.#options.secrets.passEnded(held);
      this.#passEnded(key, held, isWaiting);
    }
  }

  /** After the end of a term, nothing would ever release what is kept. */
  #passEnded(key: string, object: T["object"], isWaiting: boolean): void {
    const { permits } = this.#options;
    const holder = holderOf(object);
    if (isWaiting && this.#uids.get(key) === object.metadata.uid) permits.keep(holder);
    else permits.release(holder);
  }

  /** The team that a pass of this key works with, as far as it is known; else the Secret that names it. */
  accountOf(key: string): string {
    const team = this.#teams.get(key);
    if (team !== undefined) return team;
    const object = this.#options.store.get(key);
    return object ? this.#options.credentials.referenceOf(object) : "";
  }

  #restrictions(object: T["object"], namespace: NamespaceFact): Restrictions {
    return restrictionsOf(object, namespace, this.#options.settings.management);
  }

  async #observe(key: string, object: T["object"], beganAt: number): Promise<Pass<T>> {
    const { kind, credentials, namespaces, settings, enqueue } = this.#options;
    const restrictions = this.#restrictions(object, await namespaces.read(namespaceOf(object)));
    const { fact, account, secret } = await credentials.resolve(object, () => enqueue(key));
    if (account) this.#teams.set(key, account.team);
    const signature = signatureOf(object, account);
    const cluster = this.#options.clusterId();
    const facts = ownershipFacts(object, {
      definition: kind.definition,
      account: fact,
      backingOff: this.#cloudSteps.backingOff(key, signature),
      rivalOf: (id) => this.#owners.rivalOf(id, object),
      restrictions,
      mayAdopt: secret !== undefined || settings.adoptWithOperatorKey,
      mayShareReferences: !account || secret !== undefined || settings.allowSharedReferences,
      recheckMs: settings.recheckMs,
      clusterId: cluster.state === "known" ? cluster.id : undefined,
    });
    const record = facts.identity.state === "ours" ? facts.identity.record : undefined;
    const context = { key, object, ...(account && { account }), ...(record && { record }) };
    if (facts.attempt && account?.team === facts.attempt.team)
      facts.resolution = kind.observer.resolve({ ...context, account }, facts.attempt);
    const observation = this.#withMaker(kind.observer.observe(facts, context), context);
    const { credentialsSecret } = object.status ?? {};
    return {
      key,
      beganAt,
      object,
      context,
      observation,
      memory: observation.memory,
      signature,
      ...(secret && { secret }),
      ...(credentialsSecret !== undefined && { credentialsSecret }),
    };
  }

  /** What an open create of another object is making is not adopted, though nothing records its id yet. */
  #withMaker(observation: T["observation"], { object, account }: ContextOf<T>): T["observation"] {
    const { identity, candidateName } = observation;
    if (identity.state !== "adopt" || !account) return observation;
    const madeBy = this.#owners.makerOf(candidateName, account.team, object);
    if (madeBy === undefined) return observation;
    return { ...observation, madeBy: shownKey(madeBy, object.metadata.namespace) };
  }

  #decide(pass: Pass<T>): DecisionOf<T> {
    const { kind, logger } = this.#options;
    const decision = decide(pass.observation, kind.policy.phases) as DecisionOf<T>;
    logger.debug({ key: pass.key, step: decision.step.do }, "decided");
    pass.memory = decision.memory;
    return decision;
  }

  /** Without the permit that the step needs, the pass ends before anything of it is announced. */
  #permitted(pass: Pass<T>, decision: DecisionOf<T>): DecisionOf<T> {
    const { step } = decision;
    const isCloudStep = !isOwnershipStep(step) || step.do === "create";
    const sends = isCloudStep ? this.#cloudSteps.sends(pass, step as CloudStep<T>) : undefined;
    return sends === undefined ? decision : ifPermitted(pass, decision, sends, this.#options);
  }

  /**
   * Runs before anything exists that only the key can delete; a kind's own step may create something before any record.
   * Once the key of another Secret serves the object, the former Secret is released.
   */
  async #protectSecret(pass: Pass<T>, { step }: DecisionOf<T>): Promise<void> {
    const { kind, secrets, logger } = this.#options;
    const { object, secret, observation, context } = pass;
    const team = context.record?.team ?? observation.attempt?.team ?? context.account?.team;
    if (!context.account || context.account.team !== team || observation.observes) return;
    const creates = !isOwnershipStep(step) || step.do === "create" || step.do === "recordOwnership";
    const needs = creates || observation.identity.state === "ours" || observation.attempt !== undefined;
    if (secret && needs) await secrets.protect(secret, object, kind.definition.plural);
    const isFree = await secrets.releaseFormer(object).catch((error: unknown) => {
      logger.warn({ key: pass.key, err: error }, "the former Secret is not released yet");
      return false;
    });
    if (!isFree) return;
    if (secret && needs) pass.credentialsSecret = secret.metadata.name;
    else if (pass.credentialsSecret !== secret?.metadata.name) delete pass.credentialsSecret;
  }

  async #act(pass: Pass<T>, { step }: DecisionOf<T>): Promise<Outcome> {
    if (isOwnershipStep(step) && step.do !== "create")
      return performOwnershipStep(step, pass, this.#ownership);
    try {
      return await this.#cloudSteps.perform(pass, step as CloudStep<T>);
    } finally {
      if (!pass.mayHaveEffect) this.#options.kind.observer.cancel?.(pass.context);
    }
  }

  /** The object is gone from the cluster; `last` is its last known state. */
  gone(last: T["object"]): void {
    const id = vouchedId(last);
    const isAnothers = id !== undefined && this.#owners.rivalOf(id, last) !== undefined;
    if (!isAnothers) this.#leaks.gone(last);
  }

  cacheSizes(): CacheSizes {
    return this.#options.kind.observer.cacheSizes?.() ?? {};
  }

  oldestReadMs(): number | undefined {
    return this.#options.kind.observer.oldestReadMs?.();
  }

  /** Called at the start of a term of leadership: what failed under another leader may be retried. */
  reset(): void {
    this.#options.kind.observer.reset();
    this.#cloudSteps.reset();
    for (const uid of this.#uids.values()) this.#options.permits.release(uid ?? "");
    this.#uids.clear();
    this.#teams.clear();
    this.#leaks.reset();
  }

  /**
   * A name may belong to another object than in the last pass: an end and a creation in quick succession are one entry of
   * the queue. Nothing of the former object is held against the new one.
   */
  #begin(key: string, { metadata: { uid } }: T["object"]): void {
    if (this.#uids.has(key) && this.#uids.get(key) !== uid) this.#forget(key);
    this.#uids.set(key, uid);
  }

  #forget(key: string): void {
    this.#options.kind.observer.forget(key);
    this.#cloudSteps.forget(key);
    this.#options.permits.release(this.#uids.get(key) ?? "");
    this.#uids.delete(key);
    this.#teams.delete(key);
  }

  /** The key's next regular pass: at phase hash(UID) of the interval, so that a fleet is spread over it. */
  #untilResync(uid: string): number {
    const { clock, settings } = this.#options;
    const phase = hash("sha256", uid, "buffer").readUInt32BE() % settings.resyncMs;
    const past = (clock.now() - phase) % settings.resyncMs;
    return settings.resyncMs - past;
  }
}

function namespaceOf({ metadata: { namespace = "" } }: ManagedObject): string {
  return namespace;
}
