/**
 * The queue of keys to reconcile: each at most once in the queue and with at most one worker, by priority and fairly, now
 * or later, with back-off per key. It handles keys and times, neither objects nor workers.
 */
import { backoffMs } from "../base/backoff.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { Heap } from "../base/heap.ts";
import { type ReadyItem, ReadyKeys } from "./ready-keys.ts";

/** A higher number leaves first. Objects of the first list are low, so that a user's change overtakes a restart. */
export const PRIORITY = { low: -100, normal: 0, high: 100 } as const;

/**
 * Puts a key into the queue of its kind. `isInitial`: for what an object of a first list waits for; like that list itself, it
 * goes behind changes. Default false.
 */
export type Enqueue = (key: string, options?: { isInitial?: boolean }) => void;

export interface AddOptions {
  /** Default PRIORITY.normal. */
  priority?: number;
  /** Milliseconds from now until the key may leave; default 0. */
  afterMs?: number;
}

export interface RetryOptions {
  priority?: number;
  /** The least wait, e.g. from a Retry-After header; the back-off may make it longer. */
  atLeastMs?: number;
}

export interface QueueItem {
  readonly key: string;
  readonly priority: number;
}

/** Metrics of a queue; all times in milliseconds. */
export interface QueueMetrics {
  depth(ready: number): void;
  added(): void;
  started(waitedMs: number): void;
  finished(workedMs: number): void;
  retried(): void;
  /** Called once: `read` returns, for each key with a worker, for how long it has been processed. */
  processing(read: () => number[]): void;
}

const SILENT: QueueMetrics = {
  depth() {},
  added() {},
  started() {},
  finished() {},
  retried() {},
  processing() {},
};

export interface WorkQueueOptions {
  clock: Clock;
  metrics?: QueueMetrics;
  /** Wait after the first failure; doubles with each further one. Default 5 ms. */
  baseDelayMs?: number;
  /** Default 5 min. */
  maxDelayMs?: number;
  /** The keys of different groups take turns within a priority. Default: all are of one group. */
  groupOf?(key: string): string;
  /**
   * The account that a pass of this key works with just now: while keys of others are ready, none holds more than its
   * share of the workers. Default: all are of one account.
   */
  accountOf?(key: string): string;
  /** Workers that call `get`, of which accounts have their shares. Default: no limit. */
  workers?: number;
}

interface Item extends ReadyItem {
  readonly key: string;
  state: "waiting" | "ready" | "processing";
  /** Monotonic time at which the key may leave; once ready, when it became so; once processing, when that began. */
  since: number;
  /** Added while processing: how it enters the queue again once the worker is done. */
  requeue: { priority: number; at: number } | undefined;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #metrics: QueueMetrics;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #items = new Map<string, Item>();
  readonly #groupOf: (key: string) => string;
  readonly #accountOf: (key: string) => string;
  readonly #ready: ReadyKeys<Item>;
  readonly #waiting = new Heap<Item>((a, b) => a.since < b.since);
  readonly #failures = new Map<string, number>();
  readonly #waiters = new Set<(item: QueueItem | undefined) => void>();
  #timer: { at: number; cancel: Cancel } | undefined;
  #shut = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#metrics = options.metrics ?? SILENT;
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 5 * 60_000;
    this.#groupOf = options.groupOf ?? (() => "");
    this.#accountOf = options.accountOf ?? (() => "");
    this.#ready = new ReadyKeys(options.workers ?? Number.POSITIVE_INFINITY);
    this.#metrics.processing(() => this.processingMs());
  }

  /** Keys that could leave now. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Keys that wait for their time. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** For each key with a worker, for how many milliseconds it has been processed. */
  processingMs(): number[] {
    const now = this.#clock.monotonic();
    return Array.from(this.#items.values())
      .filter((item) => item.state === "processing")
      .map((item) => now - item.since);
  }

  /** A key that is in the queue already keeps the higher priority and the earlier time of the two. */
  add(key: string, options: AddOptions = {}): void {
    if (this.#shut) return;
    const priority = options.priority ?? PRIORITY.normal;
    const at = this.#clock.monotonic() + Math.max(0, options.afterMs ?? 0);
    const item = this.#items.get(key);
    if (!item) this.#enter(this.#create(key), priority, at);
    else if (item.state === "processing") this.#mergeWhileProcessing(item, priority, at);
    else this.#merge(item, priority, at);
  }

  /** Adds the key after its back-off, which grows with every retry until `forget`. */
  retry(key: string, options: RetryOptions = {}): void {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    this.#metrics.retried();
    const backoff = backoffMs(this.#clock, this.#baseDelayMs, this.#maxDelayMs, failures);
    const afterMs = Math.max(backoff, options.atLeastMs ?? 0);
    this.add(key, { priority: options.priority ?? PRIORITY.normal, afterMs });
  }

  /** The key succeeded, or its object is gone: resets its back-off. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Retries since the last `forget`. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /**
   * Waits for the next key, which belongs to the caller until `done`. Undefined when the queue is shut down or the
   * signal aborts first.
   */
  get(signal?: AbortSignal): Promise<QueueItem | undefined> {
    if (this.#shut || signal?.aborted) return Promise.resolve(undefined);
    const item = this.#ready.next();
    if (item) return Promise.resolve(this.#startProcessing(item));
    return new Promise((resolve) => {
      const waiter = (next: QueueItem | undefined) => {
        signal?.removeEventListener("abort", leave);
        resolve(next);
      };
      const leave = () => {
        this.#waiters.delete(waiter);
        resolve(undefined);
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  /** Ends the processing of the key. If it was added meanwhile, it enters the queue again. */
  done(key: string): void {
    const item = this.#items.get(key);
    if (item?.state !== "processing") return;
    this.#metrics.finished(this.#clock.monotonic() - item.since);
    const again = item.requeue;
    item.requeue = undefined;
    this.#ready.done(item);
    if (again && !this.#shut) this.#enter(item, again.priority, again.at);
    else this.#items.delete(key);
    this.#dispatch();
  }

  /** No key leaves any more. Waiting keys are dropped: they can be derived from the state of the cluster. */
  shutDown(): void {
    this.#shut = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const waiter of this.#waiters) waiter(undefined);
    this.#waiters.clear();
  }

  #create(key: string): Item {
    const item: Item = {
      key,
      state: "waiting",
      group: this.#groupOf(key),
      account: "",
      priority: 0,
      turn: 0,
      arrival: 0,
      since: 0,
      requeue: undefined,
      slot: -1,
    };
    this.#items.set(key, item);
    return item;
  }

  #enter(item: Item, priority: number, at: number): void {
    item.priority = priority;
    if (at <= this.#clock.monotonic()) return this.#makeReady(item);
    item.state = "waiting";
    item.since = at;
    this.#waiting.push(item);
    this.#setTimer();
  }

  #mergeWhileProcessing(item: Item, priority: number, at: number): void {
    const { requeue } = item;
    item.requeue = requeue
      ? { priority: Math.max(requeue.priority, priority), at: Math.min(requeue.at, at) }
      : { priority, at };
  }

  #merge(item: Item, priority: number, at: number): void {
    const highest = Math.max(item.priority, priority);
    if (item.state === "ready") {
      if (highest > item.priority) this.#ready.reprioritize(item, highest);
    } else {
      this.#waiting.remove(item);
      this.#enter(item, highest, Math.min(item.since, at));
    }
  }

  #makeReady(item: Item): void {
    item.state = "ready";
    item.since = this.#clock.monotonic();
    item.account = this.#accountOf(item.key);
    this.#ready.push(item);
    this.#metrics.added();
    this.#metrics.depth(this.#ready.size);
    this.#dispatch();
  }

  /** Gives keys that may leave to workers that wait for one. */
  #dispatch(): void {
    for (const waiter of this.#waiters) {
      const item = this.#ready.next();
      if (!item) return;
      this.#waiters.delete(waiter);
      waiter(this.#startProcessing(item));
    }
  }

  #startProcessing(item: Item): QueueItem {
    const now = this.#clock.monotonic();
    this.#metrics.started(now - item.since);
    this.#metrics.depth(this.#ready.size);
    item.state = "processing";
    item.since = now;
    return { key: item.key, priority: item.priority };
  }

  /** Keeps the one timer at the earliest waiting key. */
  #setTimer(): void {
    const next = this.#waiting.peek();
    if (this.#timer && next && this.#timer.at <= next.since) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!next) return;
    const cancel = this.#clock.after(next.since - this.#clock.monotonic(), () => this.#onTimer());
    this.#timer = { at: next.since, cancel };
  }

  #onTimer(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (let next = this.#waiting.peek(); next && next.since <= now; next = this.#waiting.peek()) {
      this.#waiting.remove(next);
      this.#makeReady(next);
    }
    this.#setTimer();
  }
}
