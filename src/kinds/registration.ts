/**
 * What a kind hands to the registry, and what it gets from the composition root. No kind is known here.
 */
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { Config } from "../base/config.ts";
import type { TSchema } from "../base/json-schema.ts";
import type { KnownClusterId } from "../kube/cluster-id.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { ConfigMap, Resource, Secret } from "../kube/resource.ts";
import type { CredentialGuard } from "../reconcile/credential-guard.ts";
import type { Credentials } from "../reconcile/credentials.ts";
import type { Kind } from "../reconcile/kind.ts";
import type { KindDefinition, ManagedObject } from "../reconcile/managed.ts";
import type { CacheSizes } from "../reconcile/metrics.ts";
import type { Namespaces } from "../reconcile/namespaces.ts";
import type { Permits } from "../reconcile/permit.ts";
import { Reconciler } from "../reconcile/reconciler.ts";
import type { ObjectWriter } from "../reconcile/writer.ts";
import type { Store } from "../runtime/store.ts";
import type { Enqueue } from "../runtime/work-queue.ts";
import type { Result } from "../runtime/workers.ts";
import type { PaperspaceAccount } from "./account.ts";
import type { PaperspaceTypes } from "./actuator.ts";
import type { RateReading } from "./cost-meter.ts";
import type { ObserverSettings } from "./observer.ts";
import type { SlowHash } from "./slow-hash.ts";

/** What the CRD of a kind is generated from (`npm run generate`). */
export interface CrdSource {
  description: string;
  spec: TSchema;
  status: TSchema;
  /** CEL rules on the whole object, which see its old status. */
  rules: readonly object[];
  columns: readonly object[];
  /** Where `kubectl scale` and autoscalers find the replicas; absent for kinds that have none. */
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
}

/** What the composition root runs. */
export interface KindRegistration<O extends ManagedObject = ManagedObject> {
  readonly definition: KindDefinition;
  /** Called once in a process. Nothing is read or written before its first pass. */
  newKind(options: KindOptions<O>): Kind<PaperspaceTypes>;
  /** Whether an object without a record may still have left something in the cloud; absent where none does. */
  hasLeftovers?(object: O): boolean;
}

export interface PublishedKind<O extends ManagedObject = ManagedObject> extends KindRegistration<O> {
  readonly crd: CrdSource;
  /** What the chart grants for it beyond what every kind has: its own resource, and get and patch of Secrets. */
  readonly rights?: { configMaps?: "read"; secrets?: "write" };
}

/** What a kind is made from. The custom resources themselves are written by the reconciler alone. */
export interface KindOptions<O extends ManagedObject> {
  config: Config;
  clock: Clock;
  logger: Logger;
  store: Pick<Store<O>, "list">;
  /** Secrets of the cluster, for kinds that write some themselves. */
  secretResource: Resource<Secret>;
  /** ConfigMaps of the cluster, for kinds whose spec refers to some. */
  configMapResource: Resource<ConfigMap>;
  slowHash: SlowHash;
  /** Wall time of the last renewal of the lease by its former holder; undefined where there was none. */
  formerTermEnd(): number | undefined;
  /** Whether a value is the operator's own API key; false while that key cannot be read. */
  isOperatorKey(value: string): Promise<boolean>;
  /** Whether any object, of any kind, names this Secret ("namespace/name") as the one with its API key. */
  isKeySecret(reference: string): boolean;
  /** Puts a key of this kind into its work queue. */
  enqueue: Enqueue;
  /** Takes each complete list of what a team has, for kinds whose resources have the names of their creates. */
  reviewList(team: string, items: readonly { id: string; name: string }[]): void;
}

/** What the reconciler above a kind needs besides. */
export interface ControllerOptions<O extends ManagedObject> {
  config: Config;
  clock: Clock;
  logger: Logger;
  store: Store<O>;
  writer: ObjectWriter<O>;
  credentials: Credentials<PaperspaceAccount>;
  namespaces: Pick<Namespaces, "read" | "known">;
  permits: Permits<PaperspaceAccount>;
  secrets: CredentialGuard<PaperspaceAccount>;
  /** Puts a key of this kind into its work queue. */
  enqueue(key: string): void;
  recorder: Pick<EventRecorder, "record">;
  /** True only while this process certainly holds the lease. */
  mayWrite(): boolean;
  clusterId(): KnownClusterId;
  /** Counts an object that was deleted without cleanup of what it owned. */
  leaked(): void;
}

export interface Controller {
  /** The signal aborts when the pass has lost its right to write, or the grace of a shutdown is over. */
  reconcile(key: string, signal: AbortSignal): Promise<Result>;
  /** The account that a pass of this key works with: passes of one must not keep others waiting. */
  accountOf(key: string): string;
  /** The object is gone from the cluster; `last` is its last known state. */
  gone(last: ManagedObject): void;
  /** Entries of the caches of the kind, for metrics. */
  cacheSizes(): CacheSizes;
  /** Milliseconds since the oldest read began that a Ready rests on, for metrics; undefined where none does. */
  oldestReadMs(): number | undefined;
  /**
   * Clears all caches and stops all timers, while no pass runs: at shutdown, and at the start of a term of leadership,
   * since another process may have written in between.
   */
  reset(): void;
}

/** Reads that are requested within this time are batched. */
const GATHER_MS = 50;

export function observerSettings(config: Config): ObserverSettings {
  const { slowRetry: slowMs, credentialRecheck: recheckMs } = config;
  return {
    resyncMs: config.resyncInterval,
    gatherMs: GATHER_MS,
    settleMs: settleMs(config),
    rechecks: { recheckMs, slowMs },
    limits: {
      slowMs,
      lookMs: config.eventPollInterval,
      absenceGraceMs: config.absenceGrace,
      deleteMs: config.deleteDeadline,
    },
  };
}

/** How the numbers of the API count as costs. */
export function rateReading(config: Config): RateReading {
  const { currency, usageRatePeriod, storageRatePeriod, billingIncrement } = config;
  return {
    currency,
    usagePeriod: usageRatePeriod ?? "hour",
    storagePeriod: storageRatePeriod ?? "month",
    isConfirmed: ![currency, usageRatePeriod, storageRatePeriod].includes(undefined),
    incrementMs: billingIncrement,
  };
}

/** A kind under the generic reconciler. */
export function newController<T extends PaperspaceTypes>(
  options: ControllerOptions<T["object"]>,
  kind: Kind<T>,
): Controller {
  const { config } = options;
  const settings = {
    resyncMs: config.resyncInterval,
    recheckMs: config.credentialRecheck,
    slowMs: config.slowRetry,
    sendWindowMs: config.sendWindow,
    graceMs: config.absenceGrace,
    adoptWithOperatorKey: config.adoptWithOperatorKey,
    allowSharedReferences: config.allowSharedReferences,
    management: {
      managementPolicy: config.managementPolicy,
      deletionProtection: config.deletionProtection,
    },
  };
  return new Reconciler<T>({ ...options, kind, settings });
}

/**
 * Time after the announcement of a create when it can certainly have no effect any more: last possible send, the
 * request's timeout, the sender's lease, and a margin (docs/design.md, Create).
 */
function settleMs(config: Config): number {
  return config.sendWindow + config.requestTimeout + config.leaseDuration + config.attemptSettle;
}
