/**
 * Facts that are read in the background and kept for a while, shared by all objects that need them. A pass never waits
 * for one: it asks, rests, and is queued when the fact is there. What the facts mean is the kind's business
 * (docs/design.md, Background facts).
 */
import type { Clock } from "../base/clock.ts";
import { backoffMs } from "../runtime/backoff.ts";

export interface LookupOptions<T> {
  clock: Clock;
  /** Reads the fact of this id; what it throws is kept as the trouble of the id. */
  read(id: string): Promise<T>;
  /** How long a value is believed, in milliseconds; `repeats`: how often in a row it was read equal before. */
  maxAgeMs(value: T, repeats: number): number;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

interface Entry<T> {
  known?: { value: T; at: number; until: number; repeats: number };
  readError?: unknown;
  failures: number;
  /** Monotonic time before which it is not tried again after a failure. */
  notBefore: number;
  reading: boolean;
  /** Keys to queue once something is known. */
  readonly waiting: Set<string>;
}

const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 60_000;

export class Lookup<T> {
  readonly #options: LookupOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: LookupOptions<T>) {
    this.#options = options;
  }

  /** What is known, even where it is old: then it is read again, and `key` queued. Undefined: ask for it. */
  get(id: string, key: string): T | undefined {
    const known = this.#entries.get(id)?.known;
    if (known && this.#options.clock.monotonic() >= known.until) this.fetch(id, key);
    return known?.value;
  }

  /** What is known, however old. Nothing is read by this. */
  last(id: string): T | undefined {
    return this.#entries.get(id)?.known?.value;
  }

  /** Milliseconds since the read began that brought what is known; undefined where nothing is. */
  ageMs(id: string): number | undefined {
    const known = this.#entries.get(id)?.known;
    return known && this.#options.clock.monotonic() - known.at;
  }

  /** What is known and not old. Nothing is read by this alone. */
  getFresh(id: string): T | undefined {
    const known = this.#entries.get(id)?.known;
    return known && this.#options.clock.monotonic() < known.until ? known.value : undefined;
  }

  /** Why the last read failed; undefined once one succeeds. */
  readError(id: string): unknown {
    return this.#entries.get(id)?.readError;
  }

  /** Milliseconds until it is due to be read again; 0 when it is. */
  dueInMs(id: string): number {
    const { known, notBefore = 0 } = this.#entries.get(id) ?? {};
    return Math.max(0, Math.max(known?.until ?? 0, notBefore) - this.#options.clock.monotonic());
  }

  /** Has it read soon; `key` is queued when it is there, or cannot be had. */
  fetch(id: string, key: string): void {
    const entry = this.#entryOf(id);
    entry.waiting.add(key);
    if (entry.reading || this.#options.clock.monotonic() < entry.notBefore) return;
    entry.reading = true;
    void this.#read(id, entry);
  }

  /** The answer of a write is the newest that is known; `at` is when it came. */
  set(id: string, value: T, at: number): void {
    this.#learn(this.#entryOf(id), value, at);
  }

  /** From now on nothing is known of it. */
  invalidate(id: string): void {
    this.#entries.delete(id);
  }

  clear(): void {
    this.#entries.clear();
  }

  #entryOf(id: string): Entry<T> {
    const known = this.#entries.get(id);
    if (known) return known;
    const entry: Entry<T> = { failures: 0, notBefore: 0, reading: false, waiting: new Set() };
    this.#entries.set(id, entry);
    return entry;
  }

  async #read(id: string, entry: Entry<T>): Promise<void> {
    const { clock, read, enqueue } = this.#options;
    const beganAt = clock.monotonic();
    try {
      const value = await read(id);
      // A write was answered meanwhile: what it said is newer than what this read began to see.
      if (!entry.known || beganAt >= entry.known.at) this.#learn(entry, value, beganAt);
    } catch (error) {
      entry.readError = error;
      entry.notBefore =
        clock.monotonic() + backoffMs(clock, FAILURE_BASE_MS, FAILURE_MAX_MS, entry.failures++);
    }
    entry.reading = false;
    const keys = [...entry.waiting];
    entry.waiting.clear();
    // One that was dropped meanwhile is asked for anew by whoever needs it.
    for (const key of keys) enqueue(key);
  }

  #learn(entry: Entry<T>, value: T, at: number): void {
    const same = JSON.stringify(entry.known?.value) === JSON.stringify(value);
    const repeats = entry.known && same ? entry.known.repeats + 1 : 0;
    const until = this.#options.clock.monotonic() + this.#options.maxAgeMs(value, repeats);
    entry.known = { value, at, until, repeats };
    entry.readError = undefined;
    entry.failures = 0;
    entry.notBefore = 0;
  }
}
