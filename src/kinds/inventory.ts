/**
 * What exists: one mirror of what a team has of one resource, shared by all objects of that team (docs/design.md,
 * Informers). It only reads, and only puts keys into the queue. Nothing here depends on what the resource is.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../base/clock.ts";
import { splitKey } from "../kube/objects.ts";
import type { Enqueue } from "../runtime/work-queue.ts";
import { type CredentialSource, CredentialSources } from "./credential-sources.ts";
import { ItemCache, type ItemRead } from "./item-cache.ts";
import { ListHistory } from "./list-history.ts";
import { ListReader, type PageRead } from "./list-reader.ts";
import { ReadFailures } from "./read-failures.ts";
import { RefreshBatcher } from "./refresh-batcher.ts";
import type { CachedItem, Item, ListFailure, ListFrom, Source } from "./source.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface InventoryParts<T extends Item = Item> {
  /** What is read, for log lines: "machines". */
  name: string;
  clock: Clock;
  logger: Logger;
  /** In milliseconds. `gatherMs`: how long refreshes are gathered before they are done together. */
  settings: { resyncMs: number; gatherMs: number };
  enqueue: Enqueue;
  /** Takes the items of each complete list. */
  listed?(items: readonly Item[]): void;
  /** Takes the items of each page of a list; they are not kept. */
  paged?(items: readonly T[]): void;
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

/** A credential that is not used for so many resyncs is dropped: each object has a pass in every one. */
const UNUSED_RESYNCS = 3;

export class Inventory<T extends Item> {
  /** The complete lists with any credential. */
  readonly lists: ListHistory;
  readonly #parts: InventoryParts<T>;
  readonly #hooks: InventoryHooks;
  readonly #sources: CredentialSources<T>;
  readonly #subscriptions = new Subscriptions();
  readonly #items: ItemCache<T>;
  readonly #failures: ReadFailures;
  readonly #reader: ListReader<T>;
  readonly #refreshes: RefreshBatcher<T>;
  #resync: Cancel | undefined;

  constructor(parts: InventoryParts<T>, source: Source<T>, hooks: InventoryHooks = {}, credential = "") {
    const { clock, settings } = parts;
    const newLists = () => new ListHistory(parts.sameName);
    const gcTimeMs = UNUSED_RESYNCS * settings.resyncMs;
    this.#parts = parts;
    this.#hooks = hooks;
    this.lists = newLists();
    this.#sources = new CredentialSources({ clock, gcTimeMs, newLists }, source, credential);
    this.#items = new ItemCache(clock);
    this.#failures = new ReadFailures(clock);
    this.#reader = this.#newReader();
    this.#refreshes = this.#newBatcher();
  }

  #newReader(): ListReader<T> {
    const { name, clock, isDoubtful } = this.#parts;
    return new ListReader({
      name,
      clock,
      group: () => this.#listGroup(),
      isGone: (item) => this.#sources.newest.source.isGone?.(item) ?? false,
      isSubscribed: (id) => this.isSubscribed(id),
      isDoubtful: (item) => isDoubtful?.(item, this.get(item.id)?.item) ?? false,
      paged: (items) => this.#parts.paged?.(items),
      shown: (item, beganAt) => this.#update(item.id, { item, beganAt }),
    });
  }

  #newBatcher(): RefreshBatcher<T> {
    const { name, clock, logger, settings, enqueue } = this.#parts;
    return new RefreshBatcher({
      name,
      clock,
      logger,
      gatherMs: settings.gatherMs,
      sources: this.#sources,
      subscriptions: this.#subscriptions,
      failures: this.#failures,
      common: () => this.#common,
      readAt: (id) => this.get(id)?.beganAt,
      read: (id) => this.#read(id),
      readList: (entry, requested) => this.#readList(entry, requested),
      readPagesOf: (entry, ids) => this.#reader.readPagesOf(entry, ids),
      notify: (id) => this.notify(id),
      enqueue,
    });
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
    this.#refreshes.forget(key);
    if (left !== undefined) {
      this.#items.delete(left);
      this.#failures.delete(left);
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
    return this.#failures.errorOf(id);
  }

  /** Milliseconds until the back-off after a failed read of this item is over; 0 where there is none. */
  retryInMs(id: string): number {
    return this.#failures.retryInMs(id);
  }

  /** Why the last list failed; undefined once one succeeds. */
  get listError(): unknown {
    return this.listFailure?.error;
  }

  /** The last list failed; undefined once one succeeds. */
  get listFailure(): Readonly<ListFailure> | undefined {
    return this.#sources.listFailure;
  }

  /** Reads the item soon, or once its back-off is over; its subscribers are queued when that is done. */
  refresh(id: string): void {
    this.#refreshes.add(id);
    this.#refreshes.schedule();
  }

  /** As `refresh`, at the user's request: the back-off does not count. */
  reload(id: string): void {
    this.#failures.endBackoff(id);
    this.refresh(id);
  }

  /** What was listed with this credential: absence is decided on no other's. */
  listed(credential: string): Pick<CredentialSource<T>, "lists" | "listFailure"> {
    return this.#sources.get(credential) ?? { lists: new ListHistory() };
  }

  /** Makes a complete list with this credential soon, the newest by default; `key` is queued when it is done. */
  refreshList(key: string, credential = this.#sources.newest.credential): void {
    this.#refreshes.addList(key, credential);
  }

  /** As `refreshList`, at the user's request: the back-off does not count. */
  reloadList(key: string): void {
    const { credential, listFailure } = this.#sources.newest;
    if (listFailure) listFailure.notBefore = 0;
    this.refreshList(key, credential);
  }

  /** As `refreshList`, yet with any credential, and a list that is under way will do. */
  refreshAnyList(key: string): void {
    this.#refreshes.addToAnyList(key);
  }

  /** The answer of a write: no read that began before it came replaces it. Of what has a subscriber. */
  set(id: string, item: T, answeredAt: number): void {
    if (this.isSubscribed(id)) this.#items.set(id, this.#held(item), answeredAt);
  }

  /** Whether the item is there, read now for an object of this namespace; throws what the read throws. */
  async isThere(id: string, namespace: string): Promise<boolean> {
    const { item } = await this.#sources.find(id, this.#sources.credentials, namespace);
    return item !== undefined;
  }

  /** The page of the list that this item is on, or may be on. */
  pageOf(id: string): string {
    return this.#common.pages.pageOf(id);
  }

  /** Reads one page of the list again. */
  readPage(page: string, options: Pick<ListFrom, "class"> = {}): Promise<PageRead> {
    return this.#reader.readPage(this.#common, page, options);
  }

  /** Queues the keys that follow this item; what is read for the first time, as all is after a start, behind changes. */
  notify(id: string): void {
    const isInitial = this.get(id)?.isFirst ?? false;
    for (const key of this.#subscriptions.keysOf(id)) this.#parts.enqueue(key, { isInitial });
  }

  /** Stops all timers, for good. */
  stop(): void {
    this.#refreshes.stop();
    this.#resync?.();
  }

  /** The credential of most objects: what it does not list has to be read by id. */
  get #common(): CredentialSource<T> {
    return this.#sources.getOrNewest(this.#subscriptions.commonCredential);
  }

  /** The namespace that the read of this item is for: few have more than one subscriber. */
  #groupOf(id: string): string {
    const [key = ""] = this.#subscriptions.keysOf(id);
    return splitKey(key).namespace;
  }

  /** The namespace of all objects that the list is for; empty where they are of several. */
  #listGroup(): string {
    const groups = new Set<string>();
    for (const keys of [this.#subscriptions.keys(), this.#refreshes.listKeys])
      for (const key of keys) if (groups.add(splitKey(key).namespace).size > 1) return "";
    return [...groups][0] ?? "";
  }

  #regularList(): void {
    this.#resync = undefined;
    if (this.#subscriptions.size === 0) return;
    const { clock, settings, name, logger } = this.#parts;
    this.#resync = clock.after(settings.resyncMs, () => this.#regularList());
    this.#hooks.resync?.();
    this.#readList(this.#common)
      .then(() => this.#refreshes.schedule())
      .catch((error: unknown) => logger.warn({ err: error }, `the regular list of ${name} failed`));
  }

  /**
   * A complete list; returns the ids that it has read. What it lacks is read by id, since absence from a list proves nothing,
   * and so is what it shows in doubt; `requested` are read by the caller. Throws where it does not complete.
   */
  async #readList(
    entry: CredentialSource<T>,
    requested: readonly string[] = [],
  ): Promise<ReadonlySet<string>> {
    const { began, items, doubted, ...read } = await this.#reader.readAll(entry);
    const list = this.lists.add(began, items, read);
    this.#sources.recordList(entry, list);
    this.#parts.listed?.(items);
    const covered = new Set([...list.ids, ...requested]);
    for (const id of this.#subscriptions.ids())
      if (!covered.has(id) && this.get(id)?.item) this.#refreshes.add(id);
    for (const id of doubted) if (!requested.includes(id)) this.#refreshes.add(id);
    return new Set([...list.ids].filter((id) => !doubted.has(id)));
  }

  async #read(id: string): Promise<void> {
    const credentials = this.#subscriptions.credentialsOf(id);
    this.#update(id, await this.#sources.find(id, credentials, this.#groupOf(id)));
  }

  /** Caches what a read brought, unless something newer is cached: then the item is read again. */
  #update(id: string, { item, ...read }: ItemRead<T>): void {
    // Its last subscriber went while it was read.
    if (!this.isSubscribed(id)) return;
    if (this.#items.isNewer(id, read.beganAt)) return this.#refreshes.add(id);
    this.#failures.delete(id);
    if (!item) this.lists.recordGone(id, read.beganAt);
    if (!this.#items.update(id, { ...read, item: item && this.#held(item) })) return;
    this.#hooks.changed?.(id);
    this.notify(id);
  }

  #held(item: T): T {
    return this.#parts.held?.(item, this.#groupOf(item.id)) ?? item;
  }
}
