/**
 * What is known of the things of one kind, account by account, and when that is too old to decide on: then a look is
 * asked for. Every kind's observer is one of these; what else there is to know, the kind adds. It never writes.
 */
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import {
  type Decision,
  DUE,
  type Observation,
  type ResourceState,
  untilLook,
} from "../reconcile/decision.ts";
import { idOf } from "../reconcile/identity.ts";
import type { AuthorizedContext, ReconcileContext } from "../reconcile/kind.ts";
import type { ManagedObject, Step } from "../reconcile/managed.ts";
import type { OwnershipFacts, Resolution } from "../reconcile/ownership.ts";
import { ANNOTATION, type CreateAttempt } from "../reconcile/record.ts";
import type { PaperspaceAccount } from "./account.ts";
import { type Rechecks, readErrorOf } from "./failure.ts";
import type { CachedItem, Inventory, Item, Source } from "./inventory.ts";
import { resolveByName } from "./resolution.ts";

/** All in milliseconds. */
export interface ObserverSettings {
  resyncMs: number;
  /** How long looks are gathered before they are done together. */
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
  /** How often to look while waiting, at least. */
  lookMs: number;
  /** How long a thing must have been away until it counts as gone. */
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

/** What is known of one account, or of a part of one. */
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
  readonly #parts: CloudObserverOptions;
  readonly #make: (account: PaperspaceAccount, part: string) => K;
  readonly #known = new Map<string, K>();
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #asked = new Map<string, string>();

  /** `make` is called once for each account, and each part of one that is asked for. */
  constructor(parts: CloudObserverOptions, make: (account: PaperspaceAccount, part: string) => K) {
    this.#parts = parts;
    this.#make = make;
  }

  at(account: PaperspaceAccount, part = ""): K {
    const place = `${account.team}/${part}`;
    const known = this.#known.get(place);
    if (known) {
      known.use(account.api);
      return known;
    }
    const made = this.#make(account, part);
    this.#known.set(place, made);
    return made;
  }

  /** What a view says of time. */
  terms(): { now: number; limits: ObserverLimits } {
    return { now: this.#parts.clock.now(), limits: this.#parts.settings.limits };
  }

  /** Where the thing of this object is. */
  of(account: PaperspaceAccount, object: O): K {
    return this.at(account, this.partOf(object));
  }

  /** What may be believed for this object: nothing by another team's credential. Looks anew where the user asks for it. */
  cacheFor(facts: OwnershipFacts, context: ReconcileContext<O, PaperspaceAccount>): K | undefined {
    const { account, object } = context;
    const { identity } = facts;
    const team = identity.state === "ours" ? identity.record.team : account?.team;
    if (!account || account.team !== team) return undefined;
    const known = this.of(account, object);
    if (this.#askedAnew(context)) this.invalidate(known, idOf(identity), context);
    return known;
  }

  /** Whether the thing of this view is there; asks for a look where too little is known, and notes why one failed. */
  locate<T extends Item>(
    observation: V,
    key: string,
    { inventory }: { inventory: Inventory<T> },
  ): ResourceState<{ item: T }> {
    const { clock, settings } = this.#parts;
    const id = idOf(observation.identity);
    if (id === undefined) return { state: "unknown" };
    inventory.subscribe(key, id);
    const seen = inventory.get(id);
    const readError = inventory.readError(id);
    if (readError !== undefined) observation.readError = readErrorOf(readError, settings.rechecks);
    const resource = this.#resource(observation, seen);
    const maxAgeMs =
      resource.state === "absent" ? this.#absentFor(resource.certain) : this.maxAgeMs(observation);
    // Nothing is decided before a look succeeds, so after a failed one it is needed now, not at the next regular list.
    if (!seen || readError !== undefined || clock.monotonic() - seen.beganAt >= maxAgeMs)
      inventory.refresh(id);
    return resource;
  }

  /** What became of an attempt, by its name in the lists. */
  resolve(
    { key, object, account }: AuthorizedContext<O, PaperspaceAccount>,
    attempt: CreateAttempt,
  ): Resolution {
    const { clock, settings } = this.#parts;
    const { settleMs, limits } = settings;
    const search = { settleMs, lookMs: limits.lookMs, now: clock.now() };
    return resolveByName(this.of(account, object).inventory, key, attempt, search);
  }

  /** Begins what the decision waits for. Most kinds wait for nothing beyond the reads of their resource. */
  track(
    _context: ReconcileContext<O, PaperspaceAccount>,
    _observation: V,
    _decision: Decision<Step, V["memory"]>,
  ): void {}

  /** The object is gone from the cluster. */
  forget(key: string): void {
    for (const known of this.all()) known.forget(key);
    this.#asked.delete(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    for (const known of this.all()) known.stop();
    this.#known.clear();
  }

  protected all(): Iterable<K> {
    return this.#known.values();
  }

  /** The part of the account that its thing is in, where what is known is kept by parts. */
  protected partOf(_object: O): string {
    return "";
  }

  /** The user asks for a look right now (annotation reconcile-requested-at); told once for each value. */
  protected invalidate(
    { inventory }: K,
    id: string | undefined,
    _subject: ReconcileContext<O, PaperspaceAccount>,
  ): void {
    if (id !== undefined) inventory.refresh(id);
  }

  /** How old the knowledge of a thing that is there may be before it is looked at again. */
  protected maxAgeMs(observation: V): number {
    const { operation } = observation.memory;
    return operation ? this.untilDue(observation, operation) : 2 * this.#parts.settings.resyncMs;
  }

  protected untilDue(observation: V, times: { requestedAt: string; deadline: string }): number {
    return untilLook(observation, times) * DUE;
  }

  /** Whether a 404 by id is the end that was asked for. */
  protected isEnd({ memory }: V): boolean {
    return memory.operation?.intent === "Delete";
  }

  /** A 404 by id is believed where it was asked for, or after it has lasted for the grace time. */
  #resource<T extends Item>(observation: V, seen: CachedItem<T> | undefined): ResourceState<{ item: T }> {
    if (!seen) return { state: "unknown" };
    if (seen.item) return { state: "present", item: seen.item };
    const lasted = seen.beganAt - (seen.absentSince ?? seen.beganAt);
    const certain = this.isEnd(observation) || lasted >= this.#parts.settings.limits.absenceGraceMs;
    return { state: "absent", certain };
  }

  #absentFor(certain: boolean): number {
    const { resyncMs, limits } = this.#parts.settings;
    return certain ? resyncMs : limits.lookMs;
  }

  #askedAnew({ key, object }: ReconcileContext<O, PaperspaceAccount>): boolean {
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    if (asked === undefined || asked === this.#asked.get(key)) return false;
    this.#asked.set(key, asked);
    return true;
  }
}
