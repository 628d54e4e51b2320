/**
 * The caches of one kind, account by account: what an observation takes from them, and when they are too old to decide
 * on. An observation begins no read; `track` begins them all, right after the decision. It never writes.
 */
import type { Logger } from "pino";
import { type Clock, momentOf } from "../base/clock.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import {
  type Decision,
  type Observation,
  type ResourceState,
  STALE_FRACTION,
  untilLook,
} from "../reconcile/decision.ts";
import { idOf } from "../reconcile/identity.ts";
import type { AuthorizedContext, ReconcileContext } from "../reconcile/kind.ts";
import type { ManagedObject, Step } from "../reconcile/managed.ts";
import { atLeast } from "../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../reconcile/ownership.ts";
import { ANNOTATION, type CreateAttempt, clusterIdIn, type OwnerRecord } from "../reconcile/record.ts";
import type { PaperspaceAccount } from "./account.ts";
import { AttemptAges } from "./attempt-ages.ts";
import { type Rechecks, readErrorOf } from "./failure.ts";
import type { CachedItem, Inventory, Item, Source } from "./inventory.ts";
import { announcedAt, LIST, resolveByName } from "./resolution.ts";

/** All in milliseconds. */
export interface ObserverSettings {
  resyncMs: number;
  /** How long refreshes are gathered before they are done together. */
  gatherMs: number;
  /** From an attempt's time on, when it can surely have no effect any more. */
  settleMs: number;
  rechecks: Rechecks;
  limits: ObserverLimits;
}

/** All in milliseconds. */
export interface ObserverLimits {
  /** How often what is past its deadline is tried again. */
  slowMs: number;
  /** How often to read while waiting, at least. */
  lookMs: number;
  /** How long a resource must have been absent until it counts as gone. */
  absenceGraceMs: number;
  /** After how long a deletion counts as late. */
  deleteMs: number;
}

export interface CloudObserverOptions {
  clock: Clock;
  logger: Logger;
  settings: ObserverSettings;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

/** The caches of one account, or of a part of one. */
export class AccountCache<T extends Item, I extends Inventory<T> = Inventory<T>> {
  readonly inventory: I;
  readonly #sourceOf: (api: PaperspaceApi) => Source<T>;

  constructor(inventory: I, sourceOf: (api: PaperspaceApi) => Source<T>) {
    this.inventory = inventory;
    this.#sourceOf = sourceOf;
  }

  /** The newest valid credential serves all reads. */
  use(api: PaperspaceApi): void {
    this.inventory.use(this.#sourceOf(api));
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    this.inventory.unsubscribe(key);
  }

  stop(): void {
    this.inventory.stop();
  }
}

export class CloudObserver<O extends ManagedObject, V extends Observation, K extends AccountCache<Item>> {
  readonly attempts: AttemptAges;
  readonly #parts: CloudObserverOptions;
  readonly #make: (account: PaperspaceAccount, part: string) => K;
  readonly #caches = new Map<string, K>();
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #reloaded = new Map<string, string>();

  /** `make` is called once for each account, and each part of one that is needed. */
  constructor(parts: CloudObserverOptions, make: (account: PaperspaceAccount, part: string) => K) {
    this.attempts = new AttemptAges(parts.clock);
    this.#parts = parts;
    this.#make = make;
  }

  at(account: PaperspaceAccount, part = ""): K {
    const place = `${account.team}/${part}`;
    const existing = this.#caches.get(place);
    if (existing) {
      existing.use(account.api);
      return existing;
    }
    const made = this.#make(account, part);
    this.#caches.set(place, made);
    return made;
  }

  /** What an observation contains of time. */
  terms(): { now: number; limits: ObserverLimits } {
    return { now: this.#parts.clock.now(), limits: this.#parts.settings.limits };
  }

  /** Where the resource of this object is. */
  of(account: PaperspaceAccount, object: O): K {
    return this.at(account, this.partOf(object));
  }

  /** The caches that may be used for this object: none that another team's credential has filled. */
  cacheFor(
    { identity }: Pick<OwnershipFacts, "identity">,
    { account, object }: ReconcileContext<O, PaperspaceAccount>,
  ): K | undefined {
    const team = identity.state === "ours" ? identity.record.team : account?.team;
    return account && account.team === team ? this.of(account, object) : undefined;
  }

  /** Whether the resource of this observation is there, as last read; notes why the last read failed. */
  locate<T extends Item>(
    observation: V,
    { inventory }: { inventory: Pick<Inventory<T>, "get" | "readError" | "retryInMs"> },
  ): ResourceState<{ item: T }> {
    const id = idOf(observation.identity);
    if (id === undefined) return { state: "unknown" };
    const readError = inventory.readError(id);
    if (readError !== undefined) {
      const failed = readErrorOf(readError, this.#parts.settings.rechecks);
      observation.readError = atLeast(failed, inventory.retryInMs(id));
    }
    const cached = inventory.get(id);
    const madeBy = cached?.item && clusterIdIn(cached.item.name);
    const { identity, clusterId } = observation;
    if (identity.state === "adopt" && madeBy !== undefined && clusterId !== undefined && madeBy !== clusterId)
      observation.otherCluster = madeBy;
    return this.#resource(observation, cached);
  }

  /** What became of an attempt, by its name in the lists. Begins no read. */
  resolve(
    { key, object, account }: AuthorizedContext<O, PaperspaceAccount>,
    attempt: CreateAttempt,
  ): Resolution {
    const { clock, settings } = this.#parts;
    const { settleMs, limits } = settings;
    const announced = announcedAt(attempt, this.attempts.knownSince(key, attempt));
    const search = { settleMs, lookMs: limits.lookMs, now: momentOf(clock), announced };
    return resolveByName(this.of(account, object).inventory, attempt, search);
  }

  /**
   * Begins the reads that this observation is too old for, and those that the user has asked for by the annotation
   * reconcile-requested-at, once for each value of it. A kind adds what its decision needs.
   */
  track(
    context: ReconcileContext<O, PaperspaceAccount>,
    observation: V,
    _decision: Decision<Step, V["memory"]>,
  ): void {
    const { key, account } = context;
    const { identity, attempt, resolution } = observation;
    const cache = this.cacheFor(observation, context);
    const id = idOf(identity);
    if (cache && id !== undefined) {
      cache.inventory.subscribe(key, id);
      if (this.#isDue(observation, cache.inventory, id)) cache.inventory.refresh(id);
    }
    if (account && attempt && resolution?.state === "open" && resolution.needs)
      this.search({ ...context, account }, attempt, resolution.needs);
    if (cache && this.#isReloadRequested(context)) this.reload(cache, context, observation);
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    for (const cache of this.all()) cache.forget(key);
    this.attempts.forget(key);
    this.#reloaded.delete(key);
  }

  /** Whether the resource of an object that is gone is there; undefined where no key of its team was used in this process. */
  async isLeft(last: O, { team, id }: Pick<OwnerRecord, "team" | "id">): Promise<boolean | undefined> {
    return this.#caches
      .get(`${team}/${this.partOf(last)}`)
      ?.inventory.isThere(id, last.metadata.namespace ?? "");
  }

  /** Drops all caches, and stops all timers: others may have written meanwhile. */
  reset(): void {
    for (const cache of this.all()) cache.stop();
    this.#caches.clear();
  }

  protected all(): Iterable<K> {
    return this.#caches.values();
  }

  /** The part of the account that its resource is in, where caches are kept by parts. */
  protected partOf(_object: O): string {
    return "";
  }

  /** Begins the reads that an open resolution needs. */
  protected search(
    { key, object, account }: AuthorizedContext<O, PaperspaceAccount>,
    _attempt: CreateAttempt,
    needs: readonly string[],
  ): void {
    if (needs.includes(LIST)) this.of(account, object).inventory.refreshList(key);
  }

  /** The user asks for everything to be read again right now. */
  protected reload(
    { inventory }: K,
    _context: ReconcileContext<O, PaperspaceAccount>,
    { identity }: V,
  ): void {
    const id = idOf(identity);
    if (id !== undefined) inventory.reload(id);
  }

  /** How old what is cached of a resource that is there may be before it is refreshed. */
  protected maxAgeMs(observation: V): number {
    const { operation } = observation.memory;
    return operation ? this.untilDue(observation, operation) : 2 * this.#parts.settings.resyncMs;
  }

  protected untilDue(observation: V, times: { requestedAt: string; deadline: string }): number {
    return untilLook(observation, times) * STALE_FRACTION;
  }

  /** Whether a 404 by id is the end of a deletion that was sent. */
  protected isEnd({ memory }: V): boolean {
    return memory.operation?.intent === "Delete";
  }

  /** A 404 by id is certain after a deletion that was sent, or after it has lasted for the grace time. */
  #resource<T extends Item>(observation: V, cached: CachedItem<T> | undefined): ResourceState<{ item: T }> {
    if (!cached) return { state: "unknown" };
    if (cached.item) return { state: "present", item: cached.item };
    const lasted = cached.beganAt - (cached.absentSince ?? cached.beganAt);
    const certain = this.isEnd(observation) || lasted >= this.#parts.settings.limits.absenceGraceMs;
    return { state: "absent", certain };
  }

  /**
   * Nothing is decided before a read succeeds, so after a failed one it is due once the back-off of this id is over, not at
   * the next regular list.
   */
  #isDue(observation: V, inventory: K["inventory"], id: string): boolean {
    const { clock, settings } = this.#parts;
    const cached = inventory.get(id);
    if (inventory.readError(id) !== undefined) return inventory.retryInMs(id) === 0;
    if (!cached) return true;
    const { resource } = observation;
    const { resyncMs, limits } = settings;
    const absentMs = resource.state === "absent" && resource.certain ? resyncMs : limits.lookMs;
    const maxAgeMs = resource.state === "absent" ? absentMs : this.maxAgeMs(observation);
    return clock.monotonic() - cached.beganAt >= maxAgeMs;
  }

  #isReloadRequested({ key, object }: ReconcileContext<O, PaperspaceAccount>): boolean {
    const requested = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    if (requested === undefined || requested === this.#reloaded.get(key)) return false;
    this.#reloaded.set(key, requested);
    return true;
  }
}
