/**
 * Gathers refreshes of items, and does each batch by whichever is cheaper: reads by id, some pages of the list, or all of
 * it. What has failed backs off, each item and the lists of each credential by themselves.
 */
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import { EarliestTimer } from "../base/earliest-timer.ts";
import type { CredentialSource, CredentialSources } from "./credential-sources.ts";
import type { ReadFailures } from "./read-failures.ts";
import type { Item } from "./source.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface RefreshBatcherOptions<T extends Item> {
  /** What is read, for log lines: "machines". */
  name: string;
  clock: Clock;
  logger: Logger;
  /** How long refreshes are gathered, in milliseconds. */
  gatherMs: number;
  sources: CredentialSources<T>;
  subscriptions: Pick<Subscriptions, "has" | "size">;
  failures: ReadFailures;
  /** The credential of most objects. */
  common(): CredentialSource<T>;
  /** Monotonic time at which the read began that is cached of this item; undefined where none is. */
  readAt(id: string): number | undefined;
  /** Reads the item by its id, and caches it. */
  read(id: string): Promise<void>;
  /** Makes a complete list, and returns the ids that it has read; `requested` are read here where it lacks them. */
  readList(entry: CredentialSource<T>, requested: readonly string[]): Promise<ReadonlySet<string>>;
  /** Reads the pages with several of these items, and returns the ids that they have shown. */
  readPagesOf(entry: CredentialSource<T>, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Queues the keys that follow this item. */
  notify(id: string): void;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

interface Batch {
  ids: readonly string[];
  /** By credential: the keys that wait for its list. */
  lists: Map<string, Set<string>>;
}

/** Most items a page holds (machines.md section 2). */
const PAGE = 120;
/** Most items that one flush reads by id because the list failed. */
const MOST_READS = 30;

export class RefreshBatcher<T extends Item> {
  readonly #options: RefreshBatcherOptions<T>;
  /** Ids to be read with the next flush. */
  readonly #pending = new Set<string>();
  /** By credential: keys that wait for a complete list with it, which the next flush makes. */
  readonly #pendingLists = new Map<string, Set<string>>();
  /** Keys that wait for the list that is under way. */
  #currentList: Set<string> | undefined;
  /** Ids that are being read by id. */
  readonly #reading = new Set<string>();
  readonly #timer: EarliestTimer;
  #isFlushing = false;
  #isStopped = false;

  constructor(options: RefreshBatcherOptions<T>) {
    this.#options = options;
    this.#timer = new EarliestTimer(options.clock, () => void this.#flush());
  }

  /** Reads the item with the next flush, whenever that is. */
  add(id: string): void {
    this.#pending.add(id);
  }

  /** Makes a complete list with this credential soon; `key` is queued when it is done. */
  addList(key: string, credential: string): void {
    const keys = this.#pendingLists.get(credential) ?? new Set();
    this.#pendingLists.set(credential, keys.add(key));
    this.schedule();
  }

  /** The same with any credential; a list that is under way will do. */
  addToAnyList(key: string): void {
    const [next] = this.#pendingLists.values();
    if (this.#currentList) this.#currentList.add(key);
    else if (next) next.add(key);
    else this.addList(key, this.#options.sources.newest.credential);
  }

  /** The key waits for no list any more. */
  forget(key: string): void {
    for (const keys of this.#pendingLists.values()) keys.delete(key);
  }

  /** Keys that wait for the list that is under way. */
  get listKeys(): Iterable<string> {
    return this.#currentList ?? [];
  }

  /** Keeps the timer at the earliest of what is pending and backs off no more. */
  schedule(): void {
    if (this.#isStopped || this.#isFlushing) return;
    const { clock, gatherMs, failures } = this.#options;
    // What is read once more after the read that is under way is scheduled then.
    const waiting = [...this.#pending].filter((id) => !this.#reading.has(id));
    const due = waiting.map((id) => failures.notBefore(id));
    for (const credential of this.#pendingLists.keys()) due.push(this.#mayListAt(credential));
    if (due.length === 0) return;
    const now = clock.monotonic();
    const soonest = due.reduce((a, b) => Math.min(a, b));
    const at = Math.max(now + gatherMs, soonest);
    this.#timer.within(at - now);
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    const { clock, common, notify, enqueue } = this.#options;
    const entry = common();
    const mayList = clock.monotonic() >= this.#mayListAt(entry.credential);
    const batch = this.#takeDue(mayList);
    await this.#perform(batch, entry, mayList);
    this.#isFlushing = false;
    this.#currentList = undefined;
    for (const id of batch.ids) if (!this.#reading.has(id)) notify(id);
    for (const key of new Set([...batch.lists.values()].flatMap((keys) => [...keys]))) enqueue(key);
    this.schedule();
  }

  /** Monotonic time before which no list is made with this credential. */
  #mayListAt(credential: string): number {
    return this.#options.sources.get(credential)?.listFailure?.notBefore ?? 0;
  }

  #takeDue(mayList: boolean): Batch {
    const { clock, failures } = this.#options;
    const now = clock.monotonic();
    const due = [...this.#pending].filter((id) => failures.retryInMs(id) === 0 && !this.#reading.has(id));
    // While lists back off, the rest is read with the next flushes.
    const ids = mayList ? due : due.slice(0, MOST_READS);
    const lists = new Map(
      [...this.#pendingLists].filter(([credential]) => now >= this.#mayListAt(credential)),
    );
    for (const id of ids) this.#pending.delete(id);
    for (const credential of lists.keys()) this.#pendingLists.delete(credential);
    return { ids, lists };
  }

  async #perform({ ids, lists }: Batch, common: CredentialSource<T>, mayList: boolean): Promise<void> {
    const byPages = mayList && ids.length > 1 && common.pages.isRead;
    if (lists.size === 0 && mayList && !byPages && this.#isMoreThanAList(ids))
      lists.set(common.credential, new Set());
    if (lists.size > 0 || byPages) await this.#readByLists(ids, lists, common);
    else if (mayList) void this.#readAll(ids);
    else await this.#readSingly(ids);
  }

  /** Whether so many reads by id are more than the pages of a list. */
  #isMoreThanAList(ids: readonly string[]): boolean {
    return ids.length > Math.max(1, Math.ceil(this.#options.subscriptions.size / PAGE));
  }

  /** By complete lists, or by the pages that the items are on where nothing waits for a list. */
  async #readByLists(
    ids: readonly string[],
    lists: Batch["lists"],
    common: CredentialSource<T>,
  ): Promise<void> {
    const { clock, sources, readAt, readList, readPagesOf } = this.#options;
    const beganAt = clock.monotonic();
    const listed = new Set<string>();
    let failure: { error: unknown } | undefined;
    const attempt = async (entry: CredentialSource<T>, read: () => Promise<ReadonlySet<string>>) => {
      try {
        for (const id of await read()) listed.add(id);
      } catch (error) {
        failure = { error };
        sources.recordListFailure(entry, error);
        this.#warn(error, "listed");
      }
    };
    const unlisted = () => ids.filter((id) => !listed.has(id));
    if (lists.size === 0) {
      await attempt(common, () => readPagesOf(common, ids));
      // Followed only since the last list, as most are after a start: what is on no known page may be on any.
      if (!failure && this.#isMoreThanAList(unlisted())) lists.set(common.credential, new Set());
    }
    for (const [credential, keys] of lists) {
      this.#currentList = keys;
      const entry = sources.getOrNewest(credential);
      await attempt(entry, () => readList(entry, ids));
    }
    if (!failure) return void this.#readAll(unlisted());
    // What an earlier page has shown is read.
    const unread = unlisted().filter((id) => (readAt(id) ?? -1) < beganAt);
    this.#failed(failure.error, unread.slice(MOST_READS));
    await this.#readSingly(unread.slice(0, MOST_READS));
  }

  /** Without the list; where the first read fails as well, the others are not tried. */
  async #readSingly([first, ...others]: readonly string[]): Promise<void> {
    if (first === undefined) return;
    try {
      await this.#options.read(first);
    } catch (error) {
      return this.#failed(error, [first, ...others]);
    }
    await this.#readAll(others);
  }

  /** A thousand reads take minutes: what is refreshed meanwhile has its turn in the throttle, and is not waiting for them. */
  async #readAll(ids: readonly string[]): Promise<void> {
    const { read, notify } = this.#options;
    const readOne = async (id: string) => {
      this.#reading.add(id);
      await read(id).catch((error: unknown) => this.#failed(error, [id]));
      this.#reading.delete(id);
      notify(id);
      if (this.#pending.has(id)) this.schedule();
    };
    await Promise.all(ids.map(readOne));
  }

  #failed(error: unknown, unread: readonly string[]): void {
    const { failures, subscriptions } = this.#options;
    for (const id of unread) if (subscriptions.has(id)) failures.add(id, error);
    if (unread.length > 0) this.#warn(error, "read");
  }

  #warn(error: unknown, what: "listed" | "read"): void {
    this.#options.logger.warn({ err: error }, `${this.#options.name} cannot be ${what}`);
  }
}
