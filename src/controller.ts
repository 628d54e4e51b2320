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
import { holdingOf } from "./reconcile/ownership-facts.ts";
import { partialIfLarge } from "./reconcile/partial.ts";
import type { Permits } from "./reconcile/permit.ts";
import type { SecretReviews } from "./reconcile/secret-reviews.ts";
import { UnownedReview } from "./reconcile/unowned.ts";
import { ObjectWriter } from "./reconcile/writer.ts";
import type { RuntimeMetrics } from "./runtime/metrics.ts";
import { Reflector } from "./runtime/reflector.ts";
import { Store } from "./runtime/store.ts";
import { PRIORITY, WorkQueue } from "./runtime/work-queue.ts";
import { Workers } from "./runtime/workers.ts";

/** What the controllers of all kinds share. */
export interface ControllerServices {
  config: Config;
  clock: Clock;
  logger: Logger;
  connection: KubeConnection;
  slowHash: SlowHash;
  recorder: EventRecorder;
  metrics: RuntimeMetrics;
  objects: ObjectMetrics;
  mayWrite: () => boolean;
  clusterId: () => KnownClusterId;
  /** What the operator's own Events are about. */
  own: KubeObject;
  credentials: Credentials<PaperspaceAccount>;
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
  readonly #store = new Store<ManagedObject>(holdingOf, partialIfLarge);
  readonly #queue: WorkQueue;
  readonly #reflectors: Reflector<ManagedObject>[];
  readonly #controller: Controller;
  readonly #unowned: UnownedReview;

  constructor(registration: KindRegistration, shared: ControllerServices) {
    const { config, clock, connection, metrics } = shared;
    const { group, version: apiVersion, kind, plural } = registration.definition;
    this.name = plural;
    this.#registration = registration;
    const logger = shared.logger.child({ kind });
    const resource = new Resource<ManagedObject>(connection, {
      group,
      version: apiVersion,
      plural,
      kind,
      namespaced: true,
    });
    const store = this.#store;
    const queue = new WorkQueue({
      clock,
      metrics: metrics.queue(plural),
      groupOf: (key) => splitKey(key).namespace,
      accountOf: (key) => this.#controller.accountOf(key),
      workers: config.concurrency,
    });
    // A term begins with a pass of every object, so nothing has to wait for it.
    const enqueue = (key: string) => {
      if (!this.workers.paused) queue.add(key);
    };
    this.#queue = queue;
    this.#unowned = new UnownedReview({
      ...shared,
      definition: registration.definition,
      logger,
      objects: () => store.list(),
      complete: () => this.listed,
      graceMs: config.absenceGrace,
    });
    const namespaces = config.watchNamespaces.length > 0 ? config.watchNamespaces : [undefined];
    this.#reflectors = namespaces.map(
      (namespace) =>
        new Reflector<ManagedObject>({
          source: resource,
          store,
          clock,
          logger,
          metrics: metrics.reflector(plural),
          ...(namespace === undefined ? {} : { namespace }),
          handlers: [
            (change) => {
              if (change.type === "deleted") {
                this.#controller.gone(change.object);
                shared.secretReviews().gone(change.object);
                // An object that follows under the same name is another: its passes have not failed.
                queue.forget(keyOf(change.object));
              }
              if (this.workers.paused) return;
              const initial = change.type === "added" && change.initial;
              queue.add(keyOf(change.object), { priority: initial ? PRIORITY.low : PRIORITY.normal });
            },
          ],
        }),
    );
    const served = registration.newKind({
      config,
      clock,
      logger,
      store,
      secretResource: secrets(connection),
      configMapResource: configMaps(connection),
      slowHash: shared.slowHash,
      isOperatorKey: (value) => shared.credentials.isOperatorKey(value),
      isKeySecret: shared.isKeySecret,
      enqueue,
      reviewList: (team, items) => this.#unowned.review(team, items),
    });
    const options = {
      ...shared,
      logger,
      store,
      enqueue,
      writer: new ObjectWriter(resource, store),
      leaked: () => shared.objects.leaked(plural),
    };
    this.#controller = newController(options, served);
    this.workers = new Workers({
      queue,
      concurrency: config.concurrency,
      reconcile: (key, signal) => this.#controller.reconcile(key, signal),
      clock,
      logger,
      metrics: metrics.workers(plural),
    });
  }

  /** Objects that still need their API key: they own something in the cloud, or may own it. */
  keyUsers(): ManagedObject[] {
    return this.#store
      .list()
      .filter((object) => needsKey(object) || this.#registration.hasLeftovers?.(object));
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
