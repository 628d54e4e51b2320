/**
 * What exists: one mirror of what a team has of one resource, shared by all objects of that team (docs/design.md,
 * Informers). It only reads, and only puts keys into the queue. Refreshes are gathered and done by whichever is cheaper,
 * single reads or one list. Nothing here depends on what the resource is.
 */
import type { Logger } from "pino";
import { type Cancel, type Clock, momentOf } from "../base/clock.ts";
import { splitKey } from "../kube/objects.ts";
import type { Unreadable } from "../paperspace/answers.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { ListHistory } from "./list-history.ts";

/** All that is relied on of what is listed. */
export interface Item extends Unreadable {
  id: string;
  /** "" where it is unreadable. */
  name: string;
}

export interface InventoryParts {
  /** What is read, for log lines: "machines". */
  name: string;
  clock: Clock;
  logger: Logger;
  /** In milliseconds. `gatherMs`: how long refreshes are gathered before they are done together. */
  settings: { resyncMs: number; gatherMs: number };
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
  /** Takes the items of each complete list. */
  listed?(items: readonly Item[]): void;
  /** Returns equal texts for names that count as one in lists. Default: only a name itself does. */
  sameName?(name: string): string;
}

/** Where the items are read. */
export interface Source<T extends Item> {
  /**
   * A list counts as complete only when the iteration ends without an error. `skipped`: how many further items the page
   * has that have no readable id. Groups take turns in the throttle.
   */
  list(group: string): AsyncIterable<{ items: T[]; beganAt: number; skipped?: number }>;
  /** Throws PS_NOT_FOUND where there is no such item. */
  get(id: string, group: string): Promise<{ body: T; beganAt: number }>;
  /** Still shown, and yet no more. */
  isGone?(item: T): boolean;
}

/** For another source about the same items, such as their events. */
export interface InventoryHooks {
  /** The item was read and differs from what was cached. */
  changed?(id: string): void;
  /** `key` has no subscription any more; `id` is what has no subscriber at all any more. */
  unsubscribed?(key: string, id?: string): void;
  /** The regular list begins. */
  resync?(): void;
}

export interface CachedItem<T> {
  /** Absent: the API answered 404 by id, or showed it as gone. */
  item?: T;
  /** Monotonic time at which the request that read it began; for the answer of a write, at which it came. */
  beganAt: number;
  /** Since when every read has shown it absent. */
  absentSince?: number;
  /** Since when every read has shown it exactly so. */
  sameSince: number;
}

/** Monotonic times: of the first of the lists that failed in a row, and of the last. */
export interface ListFailure {
  error: unknown;
  since: number;
  at: number;
}

/** Most items a page holds (machines.md section 2). */
const PAGE = 120;
/** Most items that one flush reads by id because the list failed. */
const MOST_READS = 30;
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 5 * 60_000;

/** Monotonic time before which what has failed is not read again, and how often in a row it has. */
interface ReadBackoff {
  failures: number;
  notBefore: number;
}

export class Inventory<T extends Item> {
  readonly lists: ListHistory;
  readonly #parts: InventoryParts;
  readonly #hooks: InventoryHooks;
  #source: Source<T>;
  readonly #items = new Map<string, CachedItem<T>>();
  /** Keys by id. */
  readonly #subscribers = new Map<string, Set<string>>();
  /** Ids by key. */
  readonly #subscriptions = new Map<string, string>();
  /** Ids to be read with the next flush. */
  readonly #pending = new Set<string>();
  /** Keys that wait for a complete list, which the next flush makes. */
  readonly #pendingList = new Set<string>();
  /** Keys that wait for the list that is under way. */
  #currentList: Set<string> | undefined;
  /** By id. One that cannot be read delays no other. */
  readonly #readFailures = new Map<string, ReadBackoff & { error: unknown }>();
  #listFailure: (ListFailure & ReadBackoff) | undefined;
  #flush: { at: number; cancel: Cancel } | undefined;
  #flushing = false;
  #resync: Cancel | undefined;
  #stopped = false;

  constructor(parts: InventoryParts, source: Source<T>, hooks: InventoryHooks = {}) {
    this.lists = new ListHistory(parts.sameName);
    this.#parts = parts;
    this.#source = source;
    this.#hooks = hooks;
  }

  /** The newest valid credential of the team serves all reads. */
  use(source: Source<T>): void {
    this.#source = source;
  }

  /** `key` is queued when this item changes, and for no other from now on. False where it was so already. */
  subscribe(key: string, id: string): boolean {
    if (this.#subscriptions.get(key) === id) return false;
    this.unsubscribe(key);
    this.#subscriptions.set(key, id);
    const subscribers = this.#subscribers.get(id) ?? new Set();
    this.#subscribers.set(id, subscribers.add(key));
    this.#resync ??= this.#parts.clock.after(this.#parts.settings.resyncMs, () => this.#regularList());
    return true;
  }

  isSubscribed(id: string): boolean {
    return this.#subscribers.has(id);
  }

  /** Returns the id that has no subscriber any more. */
  unsubscribe(key: string): string | undefined {
    const id = this.#subscriptions.get(key);
    this.#subscriptions.delete(key);
    this.#pendingList.delete(key);
    const left = id !== undefined && this.#unsubscribeFrom(key, id) ? id : undefined;
    this.#hooks.unsubscribed?.(key, left);
    return left;
  }

  get(id: string): CachedItem<T> | undefined {
    return this.#items.get(id);
  }

  /** Why the last read of this item failed; undefined once one succeeds. */
  readError(id: string): unknown {
    return this.#readFailures.get(id)?.error;
  }

  /** Milliseconds until the back-off after a failed read of this item is over; 0 where there is none. */
  retryInMs(id: string): number {
    return Math.max(0, (this.#readFailures.get(id)?.notBefore ?? 0) - this.#parts.clock.monotonic());
  }

  /** Why the last list failed; undefined once one succeeds. */
  get listError(): unknown {
    return this.#listFailure?.error;
  }

  /** The last list failed; undefined once one succeeds. */
  get listFailure(): Readonly<ListFailure> | undefined {
    return this.#listFailure;
  }

  /** Reads the item soon, or once its back-off is over; its subscribers are queued when that is done. */
  refresh(id: string): void {
    this.#pending.add(id);
    this.#schedule();
  }

  /** As `refresh`, at the user's request: the back-off does not count. */
  reload(id: string): void {
    const failure = this.#readFailures.get(id);
    if (failure) failure.notBefore = 0;
    this.refresh(id);
  }

  /** Makes a complete list soon; `key` is queued when it is done. */
  refreshList(key: string): void {
    this.#pendingList.add(key);
    this.#schedule();
  }

  /** As `refreshList`, at the user's request: the back-off does not count. */
  reloadList(key: string): void {
    if (this.#listFailure) this.#listFailure.notBefore = 0;
    this.refreshList(key);
  }

  /** As `refreshList`, yet a list that is under way will do. */
  refreshAnyList(key: string): void {
    if (this.#currentList) this.#currentList.add(key);
    else this.refreshList(key);
  }

  /** The answer of a write: no read that began before it came replaces it. */
  set(id: string, item: T, answeredAt: number): void {
    this.#items.set(id, { item, beganAt: answeredAt, sameSince: answeredAt });
  }

  /** Whether the item is there, read now for an object of this namespace; throws what the read throws. */
  async isThere(id: string, namespace: string): Promise<boolean> {
    try {
      return !this.#isGone((await this.#source.get(id, namespace)).body);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      return false;
    }
  }

  /** Stops all timers, for good. */
  stop(): void {
    this.#stopped = true;
    this.#flush?.cancel();
    this.#resync?.();
  }

  /** True where `key` was its last subscriber: then all that is cached of it is dropped. */
  #unsubscribeFrom(key: string, id: string): boolean {
    const subscribers = this.#subscribers.get(id);
    subscribers?.delete(key);
    if (subscribers?.size) return false;
    this.#subscribers.delete(id);
    this.#items.delete(id);
    this.#readFailures.delete(id);
    return true;
  }

  /** Keeps the timer at the earliest of what is pending and backs off no more. */
  #schedule(): void {
    if (this.#stopped || this.#flushing) return;
    const { clock, settings } = this.#parts;
    const due = [...this.#pending].map((id) => this.#readFailures.get(id)?.notBefore ?? 0);
    if (this.#pendingList.size > 0) due.push(this.#listFailure?.notBefore ?? 0);
    if (due.length === 0) return;
    const now = clock.monotonic();
    const soonest = due.reduce((a, b) => Math.min(a, b));
    const at = Math.max(now + settings.gatherMs, soonest);
    if (this.#flush && this.#flush.at <= at) return;
    this.#flush?.cancel();
    const cancel = clock.after(at - now, () => {
      this.#flush = undefined;
      void this.#flushPending();
    });
    this.#flush = { at, cancel };
  }

  async #flushPending(): Promise<void> {
    this.#flushing = true;
    const now = this.#parts.clock.monotonic();
    const mayList = now >= (this.#listFailure?.notBefore ?? 0);
    const pages = Math.max(1, Math.ceil(this.#subscribers.size / PAGE));
    const due = [...this.#pending].filter((id) => this.retryInMs(id) === 0);
    // While lists back off, the rest is read with the next flushes.
    const ids = mayList ? due : due.slice(0, MOST_READS);
    const waiting = new Set(mayList ? this.#pendingList : []);
    for (const id of ids) this.#pending.delete(id);
    for (const key of waiting) this.#pendingList.delete(key);
    if (waiting.size > 0 || (mayList && ids.length > pages)) await this.#flushByList(ids, waiting);
    else await (mayList ? this.#readAll(ids) : this.#readSingly(ids));
    this.#flushing = false;
    this.#currentList = undefined;
    for (const id of ids) this.#enqueueSubscribers(id);
    for (const key of waiting) this.#parts.enqueue(key);
    this.#schedule();
  }

  async #flushByList(ids: readonly string[], waiting: Set<string>): Promise<void> {
    const { clock, name } = this.#parts;
    const beganAt = clock.monotonic();
    try {
      if (waiting.size > 0) this.#currentList = waiting;
      const listed = await this.#list(ids);
      await this.#readAll(ids.filter((id) => !listed.has(id)));
    } catch (error) {
      const at = clock.monotonic();
      const { since = at } = this.#listFailure ?? {};
      this.#listFailure = { error, since, at, ...this.#nextBackoff(this.#listFailure) };
      this.#warn(error, `${name} cannot be listed`);
      // What an earlier page has shown is read.
      const unread = ids.filter((id) => (this.#items.get(id)?.beganAt ?? -1) < beganAt);
      this.#failed(error, unread.slice(MOST_READS));
      await this.#readSingly(unread.slice(0, MOST_READS));
    }
  }

  /** Without the list; where the first read fails as well, the others are not tried. */
  async #readSingly([first, ...others]: readonly string[]): Promise<void> {
    if (first === undefined) return;
    try {
      await this.#read(first);
    } catch (error) {
      return this.#failed(error, [first, ...others]);
    }
    await this.#readAll(others);
  }

  async #readAll(ids: readonly string[]): Promise<void> {
    const reads = ids.map((id) => this.#read(id).catch((error: unknown) => this.#failed(error, [id])));
    await Promise.all(reads);
  }

  #failed(error: unknown, unread: readonly string[]): void {
    for (const id of unread)
      this.#readFailures.set(id, { error, ...this.#nextBackoff(this.#readFailures.get(id)) });
    if (unread.length > 0) this.#warn(error, `${this.#parts.name} cannot be read`);
  }

  #nextBackoff({ failures }: Pick<ReadBackoff, "failures"> = { failures: 0 }): ReadBackoff {
    const { clock } = this.#parts;
    const wait = Math.min(FAILURE_MAX_MS, FAILURE_BASE_MS * 2 ** Math.min(failures, 10));
    return { failures: failures + 1, notBefore: clock.monotonic() + wait };
  }

  async #read(id: string): Promise<void> {
    const began = this.#parts.clock.monotonic();
    try {
      const { body, beganAt } = await this.#source.get(id, this.#groupOf(id));
      this.#update(id, this.#isGone(body) ? undefined : body, beganAt);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      this.#update(id, undefined, began);
    }
  }

  /**
   * A complete list. What it lacks is read by id, since absence from a list proves nothing; `requested` are read by the
   * caller.
   */
  async #list(requested: readonly string[] = []): Promise<Set<string>> {
    const { clock } = this.#parts;
    const began = momentOf(clock);
    const items: T[] = [];
    let skipped = 0;
    for await (const page of this.#source.list(this.#listGroup())) {
      skipped += page.skipped ?? 0;
      for (const item of page.items) {
        if (this.#isGone(item)) continue;
        items.push(item);
        if (this.#subscribers.has(item.id)) this.#update(item.id, item, page.beganAt);
      }
    }
    this.lists.add(began, items, { skipped });
    this.#parts.listed?.(items);
    this.#listFailure = undefined;
    const listed = new Set(items.map(({ id }) => id));
    const covered = new Set([...listed, ...requested]);
    for (const id of this.#subscribers.keys()) {
      if (!covered.has(id) && this.#items.get(id)?.item) this.#pending.add(id);
    }
    return listed;
  }

  /** The namespace that the read of this item is for: few have more than one subscriber. */
  #groupOf(id: string): string {
    const [key = ""] = this.#subscribers.get(id) ?? [];
    return splitKey(key).namespace;
  }

  /** The namespace of all objects that the list is for; empty where they are of several. */
  #listGroup(): string {
    const groups = new Set<string>();
    for (const keys of [this.#subscriptions.keys(), this.#currentList ?? []])
      for (const key of keys) if (groups.add(splitKey(key).namespace).size > 1) return "";
    return [...groups][0] ?? "";
  }

  #isGone(item: T): boolean {
    return this.#source.isGone?.(item) ?? false;
  }

  #regularList(): void {
    this.#resync = undefined;
    if (this.#subscribers.size === 0) return;
    const { clock, settings, name } = this.#parts;
    this.#resync = clock.after(settings.resyncMs, () => this.#regularList());
    this.#hooks.resync?.();
    this.#list()
      .then(() => {
        if (this.#pending.size > 0) this.#schedule();
      })
      .catch((error: unknown) => this.#warn(error, `the regular list of ${name} failed`));
  }

  /** Caches what a read brought, unless something newer is cached: causality (docs/design.md, Informers). */
  #update(id: string, item: T | undefined, beganAt: number): void {
    const before = this.#items.get(id);
    if (before && beganAt < before.beganAt) {
      this.#pending.add(id);
      return;
    }
    this.#readFailures.delete(id);
    if (!item) this.lists.recordGone(id, beganAt);
    const isSame = before !== undefined && JSON.stringify(before.item) === JSON.stringify(item);
    const seen = { beganAt, sameSince: isSame ? before.sameSince : beganAt };
    this.#items.set(id, item ? { item, ...seen } : { ...seen, absentSince: before?.absentSince ?? beganAt });
    if (JSON.stringify(before?.item) === JSON.stringify(item)) return;
    this.#hooks.changed?.(id);
    this.#enqueueSubscribers(id);
  }

  #enqueueSubscribers(id: string): void {
    for (const key of this.#subscribers.get(id) ?? []) this.#parts.enqueue(key);
  }

  #warn(error: unknown, message: string): void {
    this.#parts.logger.warn({ err: error }, message);
  }
}
