/**
 * A cache of values that are read in the background, shared by all objects that need them. A pass never waits for a
 * read: it begins one, ends, and its key is queued when the value is there. What the values mean is the kind's business
 * (docs/design.md, Background facts).
 */

import { backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { splitKey } from "../kube/objects.ts";
import { heapBytes, type MemoryBudget } from "./memory-budget.ts";

export interface LookupOptions<T> {
  clock: Clock;
  /**
   * Reads the value of this id; what it throws is kept as the error of the id. `group` is the namespace that it is read for,
   * empty where a read needs it.
   */
  read(id: string, group: string): Promise<T>;
  /** After how long a value is stale, in milliseconds; `repeats`: how often in a row it was read equal before. */
  staleTimeMs(value: T, repeats: number): number;
  /** After how long an id that is not used any more is dropped, in milliseconds. */
  gcTimeMs: number;
  /** Where values may be large: past it values are dropped, and read again when they are needed. In characters, as JSON. */
  budget?: MemoryBudget | undefined;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

interface Entry<T> {
  cached?: { value: T; at: number; staleAt: number; repeats: number };
  error?: unknown;
  failures: number;
  /** Monotonic time before which it is not tried again after a failure. */
  notBefore: number;
  fetching: boolean;
  /** Monotonic time. */
  usedAt: number;
  /** The namespace that it was fetched for first. */
  group: string;
  /** Keys to queue once the read has ended. */
  readonly waiting: Set<string>;
}

/** Every object has a pass in each resync: what none has used for so many of them is of none. */
export const UNUSED_TURNS = 3;

/** Bytes that an entry takes without its value. */
const ENTRY_BYTES = 512;
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 5 * 60_000;

export class Lookup<T> {
  readonly #options: LookupOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();
  /** Monotonic time of the last removal of what is not used any more. */
  #sweptAt = 0;

  constructor(options: LookupOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The cached value, however stale. Begins no read. */
  get(id: string): T | undefined {
    const entry = this.#entries.get(id);
    if (entry) {
      entry.usedAt = this.#options.clock.monotonic();
      this.#options.budget?.touch(entry);
    }
    return entry?.cached?.value;
  }

  /**
   * The cached value unless it is stale; one whose read began after the monotonic time `since` is not, for a key that has
   * waited for it since then. Begins no read.
   */
  getFresh(id: string, since: number = Number.POSITIVE_INFINITY): T | undefined {
    const cached = this.#entries.get(id)?.cached;
    const isFresh = !this.isStale(id) || (cached !== undefined && cached.at >= since);
    return isFresh ? this.get(id) : undefined;
  }

  /** True as well where nothing is cached. */
  isStale(id: string): boolean {
    const cached = this.#entries.get(id)?.cached;
    return cached === undefined || this.#options.clock.monotonic() >= cached.staleAt;
  }

  /** Milliseconds since the read began that brought the cached value; undefined where there is none. */
  ageMs(id: string): number | undefined {
    const cached = this.#entries.get(id)?.cached;
    return cached && this.#options.clock.monotonic() - cached.at;
  }

  /** Why the last read failed; undefined once one succeeds. */
  error(id: string): unknown {
    return this.#entries.get(id)?.error;
  }

  /** Milliseconds until the value is stale and may be read again; 0 when it is. */
  dueInMs(id: string): number {
    const staleAt = this.#entries.get(id)?.cached?.staleAt ?? 0;
    return Math.max(this.retryInMs(id), staleAt - this.#options.clock.monotonic());
  }

  /** Milliseconds until the back-off after a failed read is over; 0 where there is none. */
  retryInMs(id: string): number {
    const { notBefore = 0 } = this.#entries.get(id) ?? {};
    return Math.max(0, notBefore - this.#options.clock.monotonic());
  }

  /** Begins a read unless one is under way or backs off; `key` is queued when it has ended, well or not. */
  fetch(id: string, key: string): void {
    const { namespace } = splitKey(key);
    const entry = this.#entryOf(id, namespace);
    entry.waiting.add(key);
    if (entry.fetching || this.retryInMs(id) > 0) return;
    entry.fetching = true;
    void this.#read(id, entry, namespace);
  }

  /** As `fetch`, unless the cached value is fresh. */
  fetchIfStale(id: string, key: string): void {
    if (this.isStale(id)) this.fetch(id, key);
  }

  /** The fresh value, or else read now, for a read that needs another one. Throws what the read throws. */
  async ensure(id: string): Promise<T> {
    const fresh = this.getFresh(id);
    if (fresh !== undefined) return fresh;
    const beganAt = this.#options.clock.monotonic();
    const value = await this.#options.read(id, "");
    this.set(id, value, beganAt);
    return value;
  }

  /** The answer of a write is the newest value; `at` is when it came, by the monotonic clock. */
  set(id: string, value: T, at: number): void {
    this.#update(id, this.#entryOf(id), value, at);
  }

  /** Drops the value; a read that is under way counts for nothing, since it may be of before. */
  invalidate(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) this.#options.budget?.release(entry);
    this.#entries.delete(id);
  }

  /** Forgets all of it; a read that is under way brings nothing. */
  reset(): void {
    for (const id of this.#entries.keys()) this.invalidate(id);
  }

  #entryOf(id: string, group = ""): Entry<T> {
    const usedAt = this.#options.clock.monotonic();
    const entry = this.#entries.get(id) ?? {
      failures: 0,
      notBefore: 0,
      fetching: false,
      usedAt,
      group,
      waiting: new Set(),
    };
    entry.usedAt = usedAt;
    this.#entries.set(id, entry);
    this.#sweep();
    return entry;
  }

  /** Without a timer: memory grows only where ids are used. */
  #sweep(): void {
    const { clock, gcTimeMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sweptAt < gcTimeMs) return;
    this.#sweptAt = now;
    for (const [id, { usedAt }] of this.#entries) if (now - usedAt >= gcTimeMs) this.invalidate(id);
  }

  async #read(id: string, entry: Entry<T>, group: string): Promise<void> {
    const { clock, read, enqueue } = this.#options;
    const beganAt = clock.monotonic();
    try {
      const value = await read(id, group);
      // A write was answered meanwhile: its answer is newer than what this read began to see.
      if (!entry.cached || beganAt >= entry.cached.at) this.#update(id, entry, value, beganAt);
    } catch (error) {
      entry.error = error;
      entry.notBefore =
        clock.monotonic() + backoffMs(clock, FAILURE_BASE_MS, FAILURE_MAX_MS, entry.failures++);
    }
    entry.fetching = false;
    const keys = [...entry.waiting];
    entry.waiting.clear();
    // Also where the entry was invalidated meanwhile: the next pass fetches it again if it needs it.
    for (const key of keys) enqueue(key);
  }

  #update(id: string, entry: Entry<T>, value: T, at: number): void {
    const json = JSON.stringify(value) ?? "";
    const same = entry.cached !== undefined && JSON.stringify(entry.cached.value) === json;
    const repeats = same ? (entry.cached?.repeats ?? 0) + 1 : 0;
    const staleAt = this.#options.clock.monotonic() + this.#options.staleTimeMs(value, repeats);
    entry.cached = { value, at, staleAt, repeats };
    entry.error = undefined;
    entry.failures = 0;
    entry.notBefore = 0;
    // Not of one that was invalidated meanwhile: nothing would release it.
    if (this.#entries.get(id) !== entry) return;
    const { group } = entry;
    const size = ENTRY_BYTES + id.length + heapBytes(value);
    this.#options.budget?.hold(entry, { group, size, drop: () => this.#entries.delete(id) });
  }
}
