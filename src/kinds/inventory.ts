/**
 * What exists: one mirror of what a team has of one resource, shared by all objects of that team (docs/design.md,
 * Informers). It only reads, and only puts keys into the queue. Refreshes are gathered and done by whichever is cheaper,
 * single reads or one list. Nothing here depends on what the resource is.
 */
import type { Logger } from "pino";
import { type Cancel, type Clock, momentOf } from "../base/clock.ts";
import { EarliestTimer } from "../base/earliest-timer.ts";
import { splitKey } from "../kube/objects.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { type CredentialSource, CredentialSources } from "./credential-sources.ts";
import { ListHistory } from "./list-history.ts";
import type {
  CachedItem,
  Item,
  ItemPage,
  ListFailure,
  ListFrom,
  Misses,
  ReadBackoff,
  Source,
} from "./source.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface InventoryParts<T extends Item = Item> {
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
  /**
   * Whether what a list shows of an item is to be confirmed by a read of its own before it is believed: lists may lag behind
   * reads by id, and show less. `cached`: as last read. Default: lists are believed.
   */
  isDoubtful?(listed: T, cached: T | undefined): boolean;
  /** What is held of an item that is read for a namespace. Of equal items it MUST return equal ones. Default: all of it. */
  held?(item: T, group: string): T;
  /** Returns equal texts for names that count as one in lists. Default: only a name itself does. */
  sameName?(name: string): string;
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

/** Most items a page holds (machines.md section 2). */
const PAGE = 120;
/** Most items that one flush reads by id because the list failed. */
const MOST_READS = 30;
/** A credential that is not used for so many resyncs is dropped: each object has a pass in every one. */
const UNUSED_RESYNCS = 3;
/** Of the ids and names that are kept of a list; those of 100,000 items have a third of them at most. */
const LIST_CHARACTERS = 16 * 1024 * 1024;
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 5 * 60_000;

export class Inventory<T extends Item> {
  /** The complete lists with any credential. */
  readonly lists: ListHistory;
  readonly #parts: InventoryParts<T>;
  readonly #hooks: InventoryHooks;
  readonly #sources: CredentialSources<T>;
  readonly #items = new Map<string, CachedItem<T>>();
  readonly #subscriptions = new Subscriptions();
  /** Ids to be read with the next flush. */
  readonly #pending = new Set<string>();
  /** By credential: keys that wait for a complete list with it, which the next flush makes. */
  readonly #pendingLists = new Map<string, Set<string>>();
  /** Keys that wait for the list that is under way. */
  #currentList: Set<string> | undefined;
  /** By id. One that cannot be read delays no other. */
  readonly #readFailures = new Map<string, ReadBackoff & { error: unknown }>();
  #listFailure: ListFailure | undefined;
  /** Ids that are being read by id. */
  readonly #reading = new Set<string>();
  readonly #flush: EarliestTimer;
  #flushing = false;
  #resync: Cancel | undefined;
  #stopped = false;

  constructor(parts: InventoryParts<T>, source: Source<T>, hooks: InventoryHooks = {}, credential = "") {
    const { clock, settings } = parts;
    const newLists = () => new ListHistory(parts.sameName);
    const gcTimeMs = UNUSED_RESYNCS * settings.resyncMs;
    this.#parts = parts;
    this.#flush = new EarliestTimer(clock, () => void this.#flushPending());
    this.#hooks = hooks;
    this.lists = newLists();
    this.#sources = new CredentialSources({ clock, gcTimeMs, newLists }, source, credential);
  }

  /** A valid credential of the team. */
  use(source: Source<T>, credential = ""): void {
    this.#sources.use(source, credential);
  }

  /**
   * `key` is queued when this item changes, and for no other from now on; the item is read with its credential, the newest
   * one by default. False where it follows this item already.
   */
  subscribe(key: string, id: string, credential = this.#sources.newest.credential): boolean {
    if (this.#subscriptions.idOf(key) === id) {
      this.#subscriptions.setCredential(key, credential);
      return false;
    }
    this.unsubscribe(key);
    this.#subscriptions.add(key, { id, credential });
    this.#resync ??= this.#parts.clock.after(this.#parts.settings.resyncMs, () => this.#regularList());
    return true;
  }

  isSubscribed(id: string): boolean {
    return this.#subscriptions.has(id);
  }

  /** Items that are cached. */
  get size(): number {
    return this.#items.size;
  }

  /** Whether any object has a subscription. */
  get isUsed(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** Returns the id that has no subscriber any more: all that is cached of it is dropped. */
  unsubscribe(key: string): string | undefined {
    const left = this.#subscriptions.remove(key);
    for (const keys of this.#pendingLists.values()) keys.delete(key);
    if (left !== undefined) {
      this.#items.delete(left);
      this.#readFailures.delete(left);
      this.#sources.forget(left);
    }
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

  /** What was listed with this credential: absence is decided on no other's. */
  listed(credential: string): Pick<CredentialSource<T>, "lists" | "listFailure"> {
    return this.#sources.get(credential) ?? { lists: new ListHistory() };
  }

  /** Makes a complete list with this credential soon, the newest by default; `key` is queued when it is done. */
  refreshList(key: string, credential = this.#sources.newest.credential): void {
    const keys = this.#pendingLists.get(credential) ?? new Set();
    this.#pendingLists.set(credential, keys.add(key));
    this.#schedule();
  }

  /** As `refreshList`, at the user's request: the back-off does not count. */
  reloadList(key: string): void {
    const { credential, listFailure } = this.#sources.newest;
    if (listFailure) listFailure.notBefore = 0;
    this.refreshList(key, credential);
  }

  /** As `refreshList`, yet with any credential, and a list that is under way will do. */
  refreshAnyList(key: string): void {
    const [next] = this.#pendingLists.values();
    if (this.#currentList) this.#currentList.add(key);
    else if (next) next.add(key);
    else this.refreshList(key);
  }

  /** The answer of a write: no read that began before it came replaces it. Of what has a subscriber. */
  set(id: string, item: T, answeredAt: number): void {
    if (!this.isSubscribed(id)) return;
    this.#items.set(id, { item: this.#held(item), beganAt: answeredAt, sameSince: answeredAt });
  }

  /** Whether the item is there, read now for an object of this namespace; throws what the read throws. */
  async isThere(id: string, namespace: string): Promise<boolean> {
    const { item } = await this.#sources.find(id, this.#sources.credentials, namespace);
    return item !== undefined;
  }

  /** Stops all timers, for good. */
  stop(): void {
    this.#stopped = true;
    this.#flush.cancel();
    this.#resync?.();
  }

  /** Keeps the timer at the earliest of what is pending and backs off no more. */
  #schedule(): void {
    if (this.#stopped || this.#flushing) return;
    const { clock, settings } = this.#parts;
    // What is read once more after the read that is under way is scheduled then.
    const waiting = [...this.#pending].filter((id) => !this.#reading.has(id));
    const due = waiting.map((id) => this.#readFailures.get(id)?.notBefore ?? 0);
    for (const credential of this.#pendingLists.keys()) due.push(this.#mayListAt(credential));
    if (due.length === 0) return;
    const now = clock.monotonic();
    const soonest = due.reduce((a, b) => Math.min(a, b));
    const at = Math.max(now + settings.gatherMs, soonest);
    this.#flush.within(at - now);
  }

  async #flushPending(): Promise<void> {
    this.#flushing = true;
    const { clock, enqueue } = this.#parts;
    const { credential: common } = this.#common;
    const now = clock.monotonic();
    const mayList = now >= this.#mayListAt(common);
    const pages = Math.max(1, Math.ceil(this.#subscriptions.size / PAGE));
    const due = [...this.#pending].filter((id) => this.retryInMs(id) === 0 && !this.#reading.has(id));
    // While lists back off, the rest is read with the next flushes.
    const ids = mayList ? due : due.slice(0, MOST_READS);
    const lists = new Map(
      [...this.#pendingLists].filter(([credential]) => now >= this.#mayListAt(credential)),
    );
    for (const id of ids) this.#pending.delete(id);
    for (const credential of lists.keys()) this.#pendingLists.delete(credential);
    const byPages = mayList && ids.length > 1 && this.#common.pages.isRead;
    if (lists.size === 0 && mayList && !byPages && ids.length > pages) lists.set(common, new Set());
    if (lists.size > 0 || byPages) await this.#flushByLists(ids, lists);
    else if (mayList) void this.#readAll(ids);
    else await this.#readSingly(ids);
    this.#flushing = false;
    this.#currentList = undefined;
    for (const id of ids) if (!this.#reading.has(id)) this.#enqueueSubscribers(id);
    for (const key of new Set([...lists.values()].flatMap((keys) => [...keys]))) enqueue(key);
    this.#schedule();
  }

  /** Monotonic time before which no list is made with this credential. */
  #mayListAt(credential: string): number {
    return this.#sources.get(credential)?.listFailure?.notBefore ?? 0;
  }

  async #flushByLists(ids: readonly string[], lists: ReadonlyMap<string, Set<string>>): Promise<void> {
    const { clock, name } = this.#parts;
    const beganAt = clock.monotonic();
    const listed = new Set<string>();
    let failure: { error: unknown } | undefined;
    for (const [credential, keys] of lists) {
      this.#currentList = keys;
      try {
        for (const id of await this.#list(credential, ids)) listed.add(id);
      } catch (error) {
        failure = { error };
        this.#listFailed(error, this.#sources.getOrNewest(credential));
        this.#warn(error, `${name} cannot be listed`);
      }
    }
    if (lists.size === 0)
      try {
        for (const id of await this.#readByPages(ids)) listed.add(id);
      } catch (error) {
        failure = { error };
        this.#listFailed(error, this.#common);
        this.#warn(error, `${name} cannot be listed`);
      }
    const unlisted = ids.filter((id) => !listed.has(id));
    if (!failure) return void this.#readAll(unlisted);
    // What an earlier page has shown is read.
    const unread = unlisted.filter((id) => (this.#items.get(id)?.beganAt ?? -1) < beganAt);
    this.#failed(failure.error, unread.slice(MOST_READS));
    await this.#readSingly(unread.slice(0, MOST_READS));
  }

  #listFailed(error: unknown, entry: CredentialSource<T>): void {
    const at = this.#parts.clock.monotonic();
    const { since = at } = entry.listFailure ?? {};
    this.#listFailure = { error, since: this.#listFailure?.since ?? at, at };
    entry.listFailure = { error, since, at, ...this.#nextBackoff(entry.listFailure) };
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

  /** A thousand reads take minutes: what is refreshed meanwhile has its turn in the throttle, and is not waiting for them. */
  async #readAll(ids: readonly string[]): Promise<void> {
    const readOne = async (id: string) => {
      this.#reading.add(id);
      await this.#read(id).catch((error: unknown) => this.#failed(error, [id]));
      this.#reading.delete(id);
      this.#enqueueSubscribers(id);
      if (this.#pending.has(id)) this.#schedule();
    };
    await Promise.all(ids.map(readOne));
  }

  #failed(error: unknown, unread: readonly string[]): void {
    for (const id of unread.filter((each) => this.isSubscribed(each)))
      this.#readFailures.set(id, { error, ...this.#nextBackoff(this.#readFailures.get(id)) });
    if (unread.length > 0) this.#warn(error, `${this.#parts.name} cannot be read`);
  }

  #nextBackoff({ failures }: Pick<ReadBackoff, "failures"> = { failures: 0 }): ReadBackoff {
    const { clock } = this.#parts;
    const wait = Math.min(FAILURE_MAX_MS, FAILURE_BASE_MS * 2 ** Math.min(failures, 10));
    return { failures: failures + 1, notBefore: clock.monotonic() + wait };
  }

  async #read(id: string): Promise<void> {
    const credentials = this.#subscriptions.credentialsOf(id);
    const found = await this.#sources.find(id, credentials, this.#groupOf(id));
    this.#update(id, found.item, found.beganAt, found.missed);
  }

  /** The credential of most objects: what it does not list has to be read by id. */
  get #common(): CredentialSource<T> {
    return this.#sources.getOrNewest(this.#subscriptions.commonCredential);
  }

  /**
   * A complete list; returns the ids that it has read. What it lacks is read by id, since absence from a list proves nothing,
   * and so is what it shows in doubt; `requested` are read by the caller. Throws where it does not complete.
   */
  async #list(credential: string, requested: readonly string[] = []): Promise<ReadonlySet<string>> {
    const { clock } = this.#parts;
    const began = momentOf(clock);
    const entry = this.#sources.getOrNewest(credential);
    // No more of each than this: the list may be of any length.
    const items: Item[] = [];
    const doubted = new Set<string>();
    let skipped = 0;
    let characters = 0;
    let after: string | undefined;
    for await (const page of entry.source.list(this.#listGroup())) {
      skipped += page.skipped ?? 0;
      for (const item of page.items) {
        if (this.#isGone(item)) continue;
        characters += item.id.length + item.name.length;
        if (characters > LIST_CHARACTERS) throw tooLong(this.#parts.name);
        items.push(identityOf(item));
      }
      for (const id of this.#takePage(entry, after, page).doubted) doubted.add(id);
      after = page.next;
    }
    const list = this.lists.add(began, items, { skipped, endedAt: clock.monotonic() });
    entry.lists.append(list);
    this.#parts.listed?.(items);
    this.#listFailure = undefined;
    entry.listFailure = undefined;
    const covered = new Set([...list.ids, ...requested]);
    for (const id of this.#subscriptions.ids())
      if (!covered.has(id) && this.#items.get(id)?.item) this.#pending.add(id);
    for (const id of doubted) if (!requested.includes(id)) this.#pending.add(id);
    return new Set([...list.ids].filter((id) => !doubted.has(id)));
  }

  /** Caches what the page at `after` shows of subscribed items; returns those that it shows, and those it leaves in doubt. */
  #takePage(entry: CredentialSource<T>, after: string | undefined, { items, beganAt, next }: ItemPage<T>) {
    const shown = new Set<string>();
    const doubted = new Set<string>();
    for (const item of items) {
      if (this.#isGone(item) || !this.#subscriptions.has(item.id)) continue;
      shown.add(item.id);
      if (this.#parts.isDoubtful?.(item, this.#items.get(item.id)?.item)) doubted.add(item.id);
      else this.#update(item.id, item, beganAt);
    }
    entry.pages.add(after, shown, next);
    return { shown, doubted };
  }

  /** Those of the items that pages have shown, read page by page while one has two of them or more. */
  async #readByPages(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { pages } = this.#common;
    const unread = new Set(ids);
    const shown = new Set<string>();
    const read = new Set<string>();
    for (let page = pages.fullest(unread, read); page !== undefined; page = pages.fullest(unread, read)) {
      read.add(page);
      const { ids: found } = await this.readPage(page);
      for (const id of found) if (unread.delete(id)) shown.add(id);
    }
    return shown;
  }

  /** The page of the list that this item is on, or may be on. */
  pageOf(id: string): string {
    return this.#common.pages.pageOf(id);
  }

  /** Reads one page of the list again; the ids of subscribed items that it shows without a doubt. */
  async readPage(
    page: string,
    options: Pick<ListFrom, "class"> = {},
  ): Promise<{ isLast: boolean; ids: ReadonlySet<string> }> {
    const entry = this.#common;
    const after = page || undefined;
    try {
      for await (const one of entry.source.list(this.#listGroup(), { ...options, after })) {
        const { shown, doubted } = this.#takePage(entry, after, one);
        return { isLast: one.next === undefined, ids: new Set([...shown].filter((id) => !doubted.has(id))) };
      }
    } catch (error) {
      if (isRefusal(error)) entry.pages.reset();
      throw error;
    }
    return { isLast: true, ids: new Set() };
  }

  /** Queues the keys that follow this item. */
  notify(id: string): void {
    this.#enqueueSubscribers(id);
  }

  /** The namespace that the read of this item is for: few have more than one subscriber. */
  #groupOf(id: string): string {
    const [key = ""] = this.#subscriptions.keysOf(id);
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
    return this.#sources.newest.source.isGone?.(item) ?? false;
  }

  #regularList(): void {
    this.#resync = undefined;
    if (this.#subscriptions.size === 0) return;
    const { clock, settings, name } = this.#parts;
    this.#resync = clock.after(settings.resyncMs, () => this.#regularList());
    this.#hooks.resync?.();
    this.#list(this.#common.credential)
      .then(() => {
        if (this.#pending.size > 0) this.#schedule();
      })
      .catch((error: unknown) => this.#warn(error, `the regular list of ${name} failed`));
  }

  /**
   * Caches what a read brought, unless something newer is cached: causality (docs/design.md, Informers). `missed`: the
   * credentials that do not find it.
   */
  #update(id: string, read: T | undefined, beganAt: number, missed: readonly string[] = []): void {
    // Its last subscriber went while it was read.
    if (!this.isSubscribed(id)) return;
    const before = this.#items.get(id);
    if (before && beganAt < before.beganAt) {
      this.#pending.add(id);
      return;
    }
    this.#readFailures.delete(id);
    const item = read && this.#held(read);
    if (!item) this.lists.recordGone(id, beganAt);
    const isEqual = JSON.stringify(before?.item) === JSON.stringify(item);
    const isSame = before !== undefined && isEqual;
    const seen = { beganAt, sameSince: isSame ? before.sameSince : beganAt };
    const absentSince = before?.absentSince ?? beganAt;
    const misses = this.#missesAfter(before?.misses, missed, beganAt);
    this.#items.set(id, item ? { item, ...seen } : { ...seen, absentSince, misses });
    if (isEqual) return;
    this.#hooks.changed?.(id);
    this.#enqueueSubscribers(id);
  }

  #held(item: T): T {
    return this.#parts.held?.(item, this.#groupOf(item.id)) ?? item;
  }

  #missesAfter(
    before: CachedItem<T>["misses"],
    missed: readonly string[],
    at: number,
  ): ReadonlyMap<string, Misses> {
    const answeredAt = this.#parts.clock.monotonic();
    const since = (credential: string) => before?.get(credential)?.since ?? answeredAt;
    return new Map(missed.map((credential) => [credential, { since: since(credential), at }]));
  }

  #enqueueSubscribers(id: string): void {
    for (const key of this.#subscriptions.keysOf(id)) this.#parts.enqueue(key);
  }

  #warn(error: unknown, message: string): void {
    this.#parts.logger.warn({ err: error }, message);
  }
}

/** The API does not know the cursor any more. */
function isRefusal(error: unknown): boolean {
  return error instanceof PaperspaceError && (error.code === "PS_REFUSED" || error.code === "PS_NOT_FOUND");
}

function tooLong(what: string): PaperspaceError {
  const message = `the list of ${what} has ids and names of more than ${LIST_CHARACTERS} characters, so that it is not read on`;
  return new PaperspaceError("PS_UNEXPECTED", message, { effect: "none" });
}

function identityOf({ id, name, unreadable }: Item): Item {
  return unreadable === undefined ? { id, name } : { id, name, unreadable };
}
