/**
 * One kind while it runs: its informers feed its queue, its workers reconcile the keys. What a pass does is the reconciler's;
 * what is shared between kinds is put together in app.ts.
 */
import type { Clock } from "./base/clock.ts";
import type { Config } from "./base/config.ts";
import type { Logger } from "./base/logger.ts";
import type { PaperspaceAccount } from "./kinds/account.ts";
import { type Controller, type KindRegistration, newController } from "./kinds/registration.ts";
import type { SlowHash } from "./kinds/slow-hash.ts";
import type { KnownClusterId } from "./kube/cluster-id.ts";
import type { KubeConnection } from "./kube/connection.ts";
import type { EventRecorder } from "./kube/events.ts";
import { type KubeObject, keyOf, splitKey } from "./kube/objects.ts";
import { configMaps, Resource, secrets } from "./kube/resource.ts";
import { type CredentialGuard, needsKey } from "./reconcile/credential-guard.ts";
import type { Credentials } from "./reconcile/credentials.ts";
import type { ManagedObject } from "./reconcile/managed.ts";
import type { CacheSizes, ObjectMetrics } from "./reconcile/metrics.ts";
import type { Namespaces } from "./reconcile/namespaces.ts";
import { holdingOf } from "./reconcile/ownership-facts.ts";
import { partialIfLarge } from "./reconcile/partial.ts";
import type { Permits } from "./reconcile/permit.ts";
import type { SecretReviews } from "./reconcile/secret-reviews.ts";
import { UnownedReview } from "./reconcile/unowned.ts";
import { ObjectWriter } from "./reconcile/writer.ts";
import type { RuntimeMetrics } from "./runtime/metrics.ts";
import { Reflector } from "./runtime/reflector.ts";
import { Store, type StoreChange } from "./runtime/store.ts";
import { type Enqueue, PRIORITY, WorkQueue } from "./runtime/work-queue.ts";
import { Workers } from "./runtime/workers.ts";

/** What the controllers of all kinds share. */
export interface ControllerServices {
  config: Config;
  clock: Clock;
  logger: Logger;
  connection: KubeConnection;
  slowHash: SlowHash;
  formerTermEnd: () => number | undefined;
  recorder: EventRecorder;
  metrics: RuntimeMetrics;
  objects: ObjectMetrics;
  mayWrite: () => boolean;
  clusterId: () => KnownClusterId;
  /** What the operator's own Events are about. */
  own: KubeObject;
  credentials: Credentials<PaperspaceAccount>;
  namespaces: Namespaces;
  permits: Permits<PaperspaceAccount>;
  secrets: CredentialGuard<PaperspaceAccount>;
  /** Whether any object names this Secret as the one with its API key. */
  isKeySecret: (reference: string) => boolean;
  secretReviews: () => SecretReviews;
}

export class ControllerRunner {
  readonly name: string;
  readonly workers: Workers;
  readonly #registration: KindRegistration;
  readonly #services: ControllerServices;
  readonly #store = new Store<ManagedObject>(holdingOf, partialIfLarge);
  readonly #queue: WorkQueue;
  readonly #reflectors: Reflector<ManagedObject>[];
  readonly #controller: Controller;
  readonly #unowned: UnownedReview;

  constructor(registration: KindRegistration, shared: ControllerServices) {
    const { config, clock, connection, metrics } = shared;
    const { group, version: apiVersion, kind, plural } = registration.definition;
    const logger = shared.logger.child({ kind });
    this.name = plural;
    this.#registration = registration;
    this.#services = { ...shared, logger };
    this.#queue = new WorkQueue({
      clock,
      metrics: metrics.queue(plural),
      groupOf: (key) => splitKey(key).namespace,
      accountOf: (key) => this.#controller.accountOf(key),
      workers: config.concurrency,
    });
    this.#unowned = new UnownedReview({
      ...this.#services,
      definition: registration.definition,
      objects: () => this.#store.list(),
      complete: () => this.listed,
      graceMs: config.absenceGrace,
    });
    const names = { group, version: apiVersion, plural, kind, namespaced: true };
    const resource = new Resource<ManagedObject>(connection, names);
    this.#reflectors = this.#newReflectors(resource);
    this.#controller = this.#newController(resource);
    this.workers = new Workers({
      queue: this.#queue,
      concurrency: config.concurrency,
      reconcile: (key, signal) => this.#controller.reconcile(key, signal),
      clock,
      logger,
      metrics: metrics.workers(plural),
    });
  }

  /** One for each namespace that is served, or one for all. */
  #newReflectors(source: Resource<ManagedObject>): Reflector<ManagedObject>[] {
    const { config, clock, logger, metrics } = this.#services;
    const namespaces = config.watchNamespaces.length > 0 ? config.watchNamespaces : [undefined];
    return namespaces.map(
      (namespace) =>
        new Reflector<ManagedObject>({
          source,
          store: this.#store,
          clock,
          logger,
          metrics: metrics.reflector(this.name),
          ...(namespace === undefined ? {} : { namespace }),
          handlers: [(change) => this.#handle(change)],
        }),
    );
  }

  #handle(change: StoreChange<ManagedObject>): void {
    const key = keyOf(change.object);
    if (change.type === "deleted") {
      this.#controller.gone(change.object);
      this.#services.secretReviews().gone(change.object);
      // An object that follows under the same name is another: its passes have not failed.
      this.#queue.forget(key);
    }
    const initial = change.type === "added" && change.initial;
    this.#enqueue(key, initial ? PRIORITY.low : PRIORITY.normal);
  }

  /** A term begins with a pass of every object, so nothing has to wait for it. */
  #enqueue(key: string, priority: number = PRIORITY.normal): void {
    if (!this.workers.paused) this.#queue.add(key, { priority });
  }

  #newController(resource: Resource<ManagedObject>): Controller {
    const { config, clock, logger, connection, slowHash, credentials, isKeySecret, objects, formerTermEnd } =
      this.#services;
    const store = this.#store;
    const enqueue: Enqueue = (key, { isInitial = false } = {}) =>
      this.#enqueue(key, isInitial ? PRIORITY.low : PRIORITY.normal);
    const kind = this.#registration.newKind({
      config,
      clock,
      logger,
      store,
      secretResource: secrets(connection),
      configMapResource: configMaps(connection),
      slowHash,
      formerTermEnd,
      isOperatorKey: (value) => credentials.isOperatorKey(value),
      isKeySecret,
      enqueue,
      reviewList: (team, items) => this.#unowned.review(team, items),
    });
    const options = {
      ...this.#services,
      store,
      enqueue,
      writer: new ObjectWriter(resource, store),
      leaked: () => objects.leaked(this.name),
    };
    return newController(options, kind);
  }

  /** Objects that still need their API key: they own something in the cloud, or may own it. */
  keyUsers(): ManagedObject[] {
    return this.#store
      .list()
      .filter((object) => needsKey(object) || this.#registration.hasLeftovers?.(object));
  }

  /** Queues all objects of a namespace. */
  enqueueAll(namespace: string): void {
    for (const object of this.#store.list())
      if (object.metadata.namespace === namespace) this.#enqueue(keyOf(object), PRIORITY.low);
  }

  /** How many resources of this cluster no object owns, as of the newest lists. */
  get unowned(): number {
    return this.#unowned.count;
  }

  /** Whether all objects are listed. A server without the kind has none. */
  get listed(): boolean {
    return this.#reflectors.every(({ synced, unserved }) => synced || unserved);
  }

  objects(): readonly ManagedObject[] {
    return this.#store.list();
  }

  /** Entries of its caches, for metrics. */
  cacheSizes(): CacheSizes {
    return this.#controller.cacheSizes();
  }

  /** Milliseconds since the oldest read began that a Ready rests on, for metrics; undefined where none does. */
  oldestReadMs(): number | undefined {
    return this.#controller.oldestReadMs();
  }

  /** Why this kind is not ready; undefined where it is. */
  notReadyReason(): string | undefined {
    if (!this.#reflectors.every((reflector) => reflector.synced)) return "the first list is not complete";
    return this.#reflectors.every((reflector) => reflector.healthy) ? undefined : "the watch is broken";
  }

  /** Called at the start of a term of leadership: drops the caches of the last one and queues every key. */
  resume(): void {
    this.#controller.reset();
    this.#unowned.reset();
    for (const object of this.#store.list()) this.#queue.add(keyOf(object), { priority: PRIORITY.low });
    this.workers.resume();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = this.workers.run(signal);
    const watching = this.#reflectors.map((reflector) => reflector.run(signal));
    await stopped;
    this.#queue.shutDown();
    this.#controller.reset();
    await Promise.all(watching);
  }
}
