/**
 * What exists: one mirror of what a team has of one resource, shared by all objects of that team (docs/design.md,
 * Informers). It only reads, and only puts keys into the queue. Looks are gathered and done by whichever is cheaper, single
 * reads or one list. What a thing is like, and what to do about it, is not known here.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../base/clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { ListMemory } from "./list-memory.ts";

/** All that is relied on of what is listed. */
export interface Item {
  id: string;
  name: string;
}

export interface InventoryParts {
  /** What is looked at, for log lines: "machines". */
  name: string;
  clock: Clock;
  logger: Logger;
  /** In milliseconds. `gatherMs`: how long looks are gathered before they are done together. */
  settings: { resyncMs: number; gatherMs: number };
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

/** Where the knowledge comes from. */
export interface Source<T extends Item> {
  /** A list counts as complete only when the iteration ends without an error. */
  list(): AsyncIterable<{ items: T[]; beganAt: number }>;
  /** Throws PS_NOT_FOUND where there is no such thing. */
  get(id: string): Promise<{ body: T; beganAt: number }>;
  /** Still shown, and yet no more. */
  isGone?(item: T): boolean;
}

/** What may be added to it: another witness of the same things, such as their events. */
export interface InventoryHooks {
  /** What is known of it is no more what it was. */
  changed?(id: string): void;
  /** `key` follows nothing any more; `id` is what nobody at all follows any more now. */
  unsubscribed?(key: string, id?: string): void;
  /** The regular list begins. */
  resync?(): void;
}

export interface CachedItem<T> {
  /** Absent: the API said 404 by id, or that it is gone. */
  item?: T;
  /** Monotonic time at which the request that saw it began; for the answer of a write, at which it came. */
  beganAt: number;
  /** Since when it has been seen absent without a break. */
  absentSince?: number;
  /** Since when it has been seen exactly so without a break. */
  sameSince: number;
}

/** Most items a page holds (machines.md section 2). */
const PAGE = 120;
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 60_000;

export class Inventory<T extends Item> {
  readonly lists = new ListMemory();
  readonly #parts: InventoryParts;
  readonly #hooks: InventoryHooks;
  #source: Source<T>;
  readonly #seen = new Map<string, CachedItem<T>>();
  readonly #followers = new Map<string, Set<string>>();
  readonly #following = new Map<string, string>();
  readonly #desired = new Set<string>();
  /** Keys that wait for a complete list. */
  readonly #listWanted = new Set<string>();
  /** Keys that wait for the list that is under way. */
  #listing: Set<string> | undefined;
  readonly #readErrors = new Map<string, unknown>();
  #listError: unknown;
  #failures = 0;
  #flush: { cancel: Cancel } | undefined;
  #flushing = false;
  #resync: Cancel | undefined;
  #stopped = false;

  constructor(parts: InventoryParts, source: Source<T>, hooks: InventoryHooks = {}) {
    this.#parts = parts;
    this.#source = source;
    this.#hooks = hooks;
  }

  /** The newest valid credential of the team serves all reads. */
  use(source: Source<T>): void {
    this.#source = source;
  }

  /** `key` wants to hear of this thing, and of no other from now on. True where that is news. */
  subscribe(key: string, id: string): boolean {
    if (this.#following.get(key) === id) return false;
    this.unsubscribe(key);
    this.#following.set(key, id);
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(key));
    this.#resync ??= this.#parts.clock.after(this.#parts.settings.resyncMs, () => this.#regularList());
    return true;
  }

  isSubscribed(id: string): boolean {
    return this.#followers.has(id);
  }

  /** Returns what nobody follows any more now. */
  unsubscribe(key: string): string | undefined {
    const id = this.#following.get(key);
    this.#following.delete(key);
    this.#listWanted.delete(key);
    const left = id !== undefined && this.#leave(key, id) ? id : undefined;
    this.#hooks.unsubscribed?.(key, left);
    return left;
  }

  get(id: string): CachedItem<T> | undefined {
    return this.#seen.get(id);
  }

  /** Why the last look at this thing failed; undefined once one succeeds. */
  readError(id: string): unknown {
    return this.#readErrors.get(id);
  }

  /** Why the last list failed; undefined once one succeeds. */
  get listError(): unknown {
    return this.#listError;
  }

  /** Has the thing looked at soon; its followers are queued when that is done. */
  refresh(id: string): void {
    this.#desired.add(id);
    this.#schedule();
  }

  /** Has a complete list made soon; `key` is queued when it is done. */
  refreshList(key: string): void {
    this.#listWanted.add(key);
    this.#schedule();
  }

  /** As wantList, yet a list that is under way will do. */
  refreshAnyList(key: string): void {
    if (this.#listing) this.#listing.add(key);
    else this.refreshList(key);
  }

  /** The answer of a write: nothing that was asked before it came is believed from now on. */
  set(id: string, item: T, answeredAt: number): void {
    this.#seen.set(id, { item, beganAt: answeredAt, sameSince: answeredAt });
  }

  /** Stops all timers, for good. */
  stop(): void {
    this.#stopped = true;
    this.#flush?.cancel();
    this.#resync?.();
  }

  /** True where `key` was the last to follow it: then all that is known of it goes. */
  #leave(key: string, id: string): boolean {
    const followers = this.#followers.get(id);
    followers?.delete(key);
    if (followers?.size) return false;
    this.#followers.delete(id);
    this.#seen.delete(id);
    this.#readErrors.delete(id);
    return true;
  }

  #schedule(): void {
    if (this.#stopped || this.#flush || this.#flushing) return;
    const { clock, settings } = this.#parts;
    const backoff = this.#failures === 0 ? 0 : FAILURE_BASE_MS * 2 ** Math.min(this.#failures - 1, 10);
    const delay = Math.max(settings.gatherMs, Math.min(FAILURE_MAX_MS, backoff));
    const cancel = clock.after(delay, () => {
      this.#flush = undefined;
      void this.#look();
    });
    this.#flush = { cancel };
  }

  async #look(): Promise<void> {
    this.#flushing = true;
    const ids = [...this.#desired];
    const waiting = new Set(this.#listWanted);
    this.#desired.clear();
    this.#listWanted.clear();
    const pages = Math.max(1, Math.ceil(this.#followers.size / PAGE));
    const beganAt = this.#parts.clock.monotonic();
    let failure: unknown;
    const failed = (error: unknown, unseen: readonly string[]) => {
      failure = error;
      for (const id of unseen) this.#readErrors.set(id, error);
    };
    try {
      if (waiting.size > 0) this.#listing = waiting;
      const listed = waiting.size > 0 || ids.length > pages ? await this.#list(ids) : new Set<string>();
      const rest = ids.filter((id) => !listed.has(id));
      await Promise.all(rest.map((id) => this.#read(id).catch((error: unknown) => failed(error, [id]))));
    } catch (error) {
      this.#listError = error;
      // What an earlier page has shown is seen.
      failed(
        error,
        ids.filter((id) => (this.#seen.get(id)?.beganAt ?? -1) < beganAt),
      );
    }
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    if (failure !== undefined) this.#warn(failure, `${this.#parts.name} cannot be read`);
    this.#flushing = false;
    this.#listing = undefined;
    for (const id of ids) this.#tell(id);
    for (const key of waiting) this.#parts.enqueue(key);
    if (this.#desired.size > 0 || this.#listWanted.size > 0) this.#schedule();
  }

  async #read(id: string): Promise<void> {
    const began = this.#parts.clock.monotonic();
    try {
      const { body, beganAt } = await this.#source.get(id);
      this.#learn(id, this.#isGone(body) ? undefined : body, beganAt);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      this.#learn(id, undefined, began);
    }
  }

  /**
   * A complete list. What it lacks is looked for by id, since absence from a list proves nothing; `asked` are looked for
   * by the caller.
   */
  async #list(asked: readonly string[] = []): Promise<Set<string>> {
    const { clock } = this.#parts;
    const beganAt = clock.now();
    const items: T[] = [];
    for await (const page of this.#source.list()) {
      for (const item of page.items) {
        if (this.#isGone(item)) continue;
        items.push(item);
        if (this.#followers.has(item.id)) this.#learn(item.id, item, page.beganAt);
      }
    }
    this.lists.add(beganAt, items);
    this.#listError = undefined;
    const listed = new Set(items.map(({ id }) => id));
    const known = new Set([...listed, ...asked]);
    for (const id of this.#followers.keys()) {
      if (!known.has(id) && this.#seen.get(id)?.item) this.#desired.add(id);
    }
    return listed;
  }

  #isGone(item: T): boolean {
    return this.#source.isGone?.(item) ?? false;
  }

  #regularList(): void {
    this.#resync = undefined;
    if (this.#followers.size === 0) return;
    const { clock, settings, name } = this.#parts;
    this.#resync = clock.after(settings.resyncMs, () => this.#regularList());
    this.#hooks.resync?.();
    this.#list()
      .then(() => {
        if (this.#desired.size > 0) this.#schedule();
      })
      .catch((error: unknown) => this.#warn(error, `the regular list of ${name} failed`));
  }

  /** Takes in an observation, unless something newer is known: causality (docs/design.md, Informers). */
  #learn(id: string, item: T | undefined, beganAt: number): void {
    const before = this.#seen.get(id);
    if (before && beganAt < before.beganAt) {
      this.#desired.add(id);
      return;
    }
    this.#readErrors.delete(id);
    const isSame = before !== undefined && JSON.stringify(before.item) === JSON.stringify(item);
    const seen = { beganAt, sameSince: isSame ? before.sameSince : beganAt };
    this.#seen.set(id, item ? { item, ...seen } : { ...seen, absentSince: before?.absentSince ?? beganAt });
    if (JSON.stringify(before?.item) === JSON.stringify(item)) return;
    this.#hooks.changed?.(id);
    this.#tell(id);
  }

  #tell(id: string): void {
    for (const key of this.#followers.get(id) ?? []) this.#parts.enqueue(key);
  }

  #warn(error: unknown, message: string): void {
    this.#parts.logger.warn({ err: error }, message);
  }
}
