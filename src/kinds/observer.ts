/**
 * What an observation takes from the caches of the accounts of a kind, and when they are too old to decide on. An
 * observation begins no read; `track` begins them all, right after the decision. It never writes.
 */
import type { Logger } from "pino";
import { type Clock, momentOf } from "../base/clock.ts";
import { millis } from "../reconcile/conditions.ts";
import {
  type AbsentResource,
  awaitedTimes,
  type Decision,
  type Observation,
  type ResourceState,
  STALE_FRACTION,
  untilLook,
} from "../reconcile/decision.ts";
import { idOf } from "../reconcile/identity.ts";
import type { AuthorizedContext, ReconcileContext } from "../reconcile/kind.ts";
import type { ManagedObject, Step } from "../reconcile/managed.ts";
import type { CacheSizes } from "../reconcile/metrics.ts";
import { atLeast } from "../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../reconcile/ownership.ts";
import { type CreateAttempt, clusterIdIn, type OwnerRecord, reconcileRequest } from "../reconcile/record.ts";
import type { Enqueue } from "../runtime/work-queue.ts";
import { type AbsenceEvidence, type AbsenceTerms, type Contradiction, judgeAbsence } from "./absence.ts";
import { isListDue, shownWith } from "./absence-reads.ts";
import type { PaperspaceAccount } from "./account.ts";
import { type AccountCache, AccountCaches } from "./account-caches.ts";
import { AttemptAges } from "./attempt-ages.ts";
import { type Rechecks, readErrorOf } from "./failure.ts";
import type { Inventory } from "./inventory.ts";
import { UNUSED_TURNS } from "./lookup.ts";
import { announcedAt, LIST, resolveByName, unsettledMs } from "./resolution.ts";
import type { Item } from "./source.ts";

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
  enqueue: Enqueue;
}

export class CloudObserver<O extends ManagedObject, V extends Observation, K extends AccountCache<Item>> {
  readonly attempts: AttemptAges;
  readonly #parts: CloudObserverOptions;
  readonly #caches: AccountCaches<K>;
  /** By key, of objects that have a resource: where it is. */
  readonly #places = new Map<string, K>();
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #reloaded = new Map<string, string>();

  /** `make`: see `AccountCachesOptions`. */
  constructor(parts: CloudObserverOptions, make: (account: PaperspaceAccount, part: string) => K) {
    const { clock, settings } = parts;
    const { resyncMs, limits } = settings;
    const unusedMs = UNUSED_TURNS * Math.max(resyncMs, limits.slowMs);
    this.attempts = new AttemptAges(clock);
    this.#parts = parts;
    this.#caches = new AccountCaches({ clock, unusedMs, sweepMs: resyncMs, make });
  }

  at(account: PaperspaceAccount, part = ""): K {
    return this.#caches.at(account, part);
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

  /**
   * Whether the resource of this observation is there, as last read; notes why the last read failed. `container`: what shows
   * that what it is in is absent as well.
   */
  locate<T extends Item>(
    observation: V,
    context: ReconcileContext<O, PaperspaceAccount>,
    { inventory }: { inventory: Pick<Inventory<T>, "get" | "readError" | "retryInMs" | "listed"> },
    container?: AbsenceEvidence,
  ): ResourceState<{ item: T }> {
    const id = idOf(observation.identity);
    if (id === undefined) return { state: "unknown" };
    const readError = inventory.readError(id);
    if (readError !== undefined) {
      const failed = readErrorOf(readError, this.#parts.settings.rechecks);
      observation.readError = atLeast(failed, inventory.retryInMs(id));
    }
    const cached = inventory.get(id);
    if (!cached) return { state: "unknown" };
    const { item } = cached;
    if (item) {
      if (observation.identity.state === "adopt" && item.name !== null) observation.candidateName = item.name;
      const otherCluster = this.#otherCluster(observation, item.name);
      if (otherCluster !== undefined) observation.otherCluster = otherCluster;
      return { state: "present", item };
    }
    const { fingerprint = "" } = context.account ?? {};
    const shown = shownWith(fingerprint, inventory, id);
    const { misses } = shown;
    const contradiction = misses && this.contradiction(observation, id, context, misses.since);
    const evidence = { ...shown, noun: observation.noun, contradiction, container };
    return judgeAbsence(evidence, this.#absenceTerms(observation, context));
  }

  /** What became of an attempt, by its name in the lists. Begins no read. */
  resolve(
    { key, object, account }: AuthorizedContext<O, PaperspaceAccount>,
    attempt: CreateAttempt,
  ): Resolution {
    const { clock, settings } = this.#parts;
    const { settleMs, limits } = settings;
    const announced = announcedAt(attempt, this.attempts.knownSince(key, attempt));
    const { lookMs, slowMs } = limits;
    const search = { settleMs, lookMs, slowMs, now: momentOf(clock), announced };
    const { inventory } = this.of(account, object);
    return resolveByName(inventory, account.fingerprint, attempt, search);
  }

  /**
   * Begins the reads that this observation is too old for, and those that the user has asked for by the annotation
   * reconcile-requested-at, once for each value of it. A kind adds what its decision needs.
   */
  track(
    context: ReconcileContext<O, PaperspaceAccount>,
    observation: V,
    { confirms }: Decision<Step, V["memory"]>,
  ): void {
    const { key, account } = context;
    const { identity, attempt, resolution } = observation;
    const cache = this.cacheFor(observation, context);
    const id = idOf(identity);
    if (cache && account && id !== undefined) {
      this.#moveTo(key, cache);
      const { inventory } = cache;
      inventory.subscribe(key, id, account.fingerprint);
      if (confirms || this.#isDue(observation, inventory, id)) inventory.refresh(id);
      if (confirms || this.#isListDue(observation, inventory, account))
        inventory.refreshList(key, account.fingerprint);
    }
    if (account && attempt && resolution?.state === "open" && resolution.needs)
      this.search({ ...context, account }, attempt, resolution.needs);
    if (cache && this.#isReloadRequested(context)) this.reload(cache, context, observation);
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    for (const cache of this.all()) cache.forget(key);
    this.attempts.forget(key);
    this.#places.delete(key);
    this.#reloaded.delete(key);
    this.#caches.sweep();
  }

  cacheSizes(): CacheSizes {
    const caches = this.all();
    return { accounts: caches.length, resources: sum(caches, ({ inventory }) => inventory.size) };
  }

  /** Whether the resource of an object that is gone is there; undefined where no key of its team was used in this process. */
  async isLeft(last: O, { team, id }: Pick<OwnerRecord, "team" | "id">): Promise<boolean | undefined> {
    const cache = this.#caches.get(team, this.partOf(last));
    return cache?.inventory.isThere(id, last.metadata.namespace ?? "");
  }

  /** Drops all caches, and stops all timers: others may have written meanwhile. */
  reset(): void {
    this.#caches.reset();
    this.#places.clear();
    this.#reloaded.clear();
  }

  protected all(): readonly K[] {
    return this.#caches.all();
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
    if (needs.includes(LIST)) this.of(account, object).inventory.refreshList(key, account.fingerprint);
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

  /** How old what is cached of a resource that is there may be before it is refreshed; `ageMs`: how old it is. */
  protected maxAgeMs(observation: V, ageMs: number): number {
    const { operation } = observation.memory;
    if (!operation) return 2 * this.#parts.settings.resyncMs;
    return this.untilDue(observation, awaitedTimes(operation), ageMs);
  }

  /** The interval that began with the last read: the one that begins now may be longer. */
  protected untilDue(
    { now, limits }: V,
    times: { requestedAt: string; deadline: string },
    ageMs: number,
  ): number {
    return untilLook({ now: now - ageMs, limits }, times) * STALE_FRACTION;
  }

  /** Whether a deletion of ours was accepted and has ended, as far as is known. */
  protected isDeleted({ memory }: V): boolean {
    return memory.operation?.intent === "Delete";
  }

  /** What else than reads of the resource speaks against its absence; `since`: monotonic time of the first miss. */
  protected contradiction(
    _observation: V,
    _id: string,
    _context: ReconcileContext<O, PaperspaceAccount>,
    _since: number,
  ): Contradiction | undefined {
    return undefined;
  }

  /** The cluster whose operator made what is to be adopted, where its name has the id of another one. */
  #otherCluster({ identity, clusterId }: V, name: string | null): string | undefined {
    const madeBy = name === null ? undefined : clusterIdIn(name);
    if (identity.state !== "adopt" || madeBy === undefined || clusterId === undefined) return undefined;
    return madeBy === clusterId ? undefined : madeBy;
  }

  /** In which absence is judged, of what no deletion and no create of ours concerns. */
  protected absenceTerms(): AbsenceTerms {
    const { clock, settings } = this.#parts;
    const { lookMs, slowMs, absenceGraceMs: graceMs } = settings.limits;
    return { now: clock.monotonic(), lookMs, slowMs, graceMs, unsettledMs: 0, isDeleted: false };
  }

  #absenceTerms(observation: V, context: ReconcileContext<O, PaperspaceAccount>): AbsenceTerms {
    return {
      ...this.absenceTerms(),
      unsettledMs: this.#unsettledMs(context),
      isDeleted: this.isDeleted(observation),
    };
  }

  /** Until what this object's create made must show; after a restart only status says since when it is owned. */
  #unsettledMs({ key, object, record }: ReconcileContext<O, PaperspaceAccount>): number {
    // An adopted one has none.
    if (!record?.name) return 0;
    const { clock, settings } = this.#parts;
    const monotonic = this.attempts.sinceNamed(key, record.name) ?? Number.NEGATIVE_INFINITY;
    const wall = millis(object.status?.ownedSince) ?? Number.NEGATIVE_INFINITY;
    return unsettledMs({ settleMs: settings.settleMs, now: momentOf(clock), announced: { wall, monotonic } });
  }

  /** A list with the object's own credential that began after the first miss is missing, and the last one is not of just now. */
  #isListDue(
    { resource, identity }: V,
    inventory: K["inventory"],
    { fingerprint }: PaperspaceAccount,
  ): boolean {
    // What is to be adopted need not be gone: it is not found.
    if (resource.state !== "absent" || resource.certain || identity.state !== "ours") return false;
    const shown = shownWith(fingerprint, inventory, identity.record.id);
    return isListDue(shown, resource.lookAfterMs, this.#parts.clock.monotonic());
  }

  /**
   * Nothing is decided before a read succeeds, so after a failed one it is due once the back-off of this id is over, not at
   * the next regular list.
   */
  #isDue(observation: V, inventory: K["inventory"], id: string): boolean {
    const { clock } = this.#parts;
    const cached = inventory.get(id);
    if (inventory.readError(id) !== undefined) return inventory.retryInMs(id) === 0;
    if (!cached) return true;
    const { resource } = observation;
    const ageMs = clock.monotonic() - cached.beganAt;
    const maxAgeMs =
      resource.state === "absent"
        ? this.#maxAbsentAgeMs(observation, resource)
        : this.maxAgeMs(observation, ageMs);
    return ageMs >= maxAgeMs;
  }

  /** A corrected project, or the key of another team: where its resource was, nothing is cached for the object. */
  #moveTo(key: string, cache: K): void {
    const former = this.#places.get(key);
    if (former !== cache) former?.forget(key);
    this.#places.set(key, cache);
  }

  #maxAbsentAgeMs({ spec }: V, { certain, lookAfterMs }: AbsentResource): number {
    const { resyncMs, limits } = this.#parts.settings;
    // Until another one is made, it has to stay absent.
    const isWaitedFor = !certain || spec.onExternalDeletion === "Recreate";
    return isWaitedFor ? (lookAfterMs ?? limits.lookMs) * STALE_FRACTION : resyncMs;
  }

  #isReloadRequested({ key, object }: ReconcileContext<O, PaperspaceAccount>): boolean {
    const requested = reconcileRequest(object.metadata);
    if (requested === undefined || requested === this.#reloaded.get(key)) return false;
    this.#reloaded.set(key, requested);
    return true;
  }
}

export function sum<T>(all: readonly T[], sizeOf: (one: T) => number): number {
  return all.reduce((total, one) => total + sizeOf(one), 0);
}
