/**
 * N workers that take keys from a queue and run one pass for each. They handle the result of a pass and know nothing of what
 * it does.
 */
import PQueue from "p-queue";
import type { Logger } from "pino";
import { type Clock, nextTurn } from "../base/clock.ts";
import type { QueueItem, WorkQueue } from "./work-queue.ts";

/**
 * The result of a pass. `done`: nothing to do until the key is added; `wait`: the same, but nothing was learnt; `after`:
 * requeue after `ms`, no failure; `retry`: requeue after the key's back-off. Only `done` and a real wait end a back-off: a
 * pass that learnt nothing, or that goes on at once, may still fail as the one before. `atMostMs`: a pass comes after that
 * time at the latest, and ends no back-off.
 */
export type Result =
  | { readonly kind: "done" }
  | { readonly kind: "wait"; readonly atMostMs?: number }
  | { readonly kind: "after"; readonly ms: number }
  | { readonly kind: "retry"; readonly atLeastMs?: number; readonly atMostMs?: number };

/** The signal aborts when the pass has lost its right to write (leadership) or the grace of a shutdown is over. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Result>;

/** Labels of controller_runtime_reconcile_total. */
export type ResultLabel = "success" | "requeue_after" | "requeue" | "error";

export interface WorkerMetrics {
  started(concurrency: number): void;
  active(workers: number): void;
  finished(label: ResultLabel, ms: number): void;
}

const SILENT: WorkerMetrics = { started() {}, active() {}, finished() {} };

export interface WorkersOptions {
  queue: WorkQueue;
  concurrency: number;
  reconcile: Reconcile;
  clock: Clock;
  logger: Logger;
  metrics?: WorkerMetrics;
  /** After a stop, how long passes may go on before their signal aborts. Default 10 s. */
  graceMs?: number;
}

/**
 * So many passes may requeue their key at once; an object with many secrets needs one for each. More suggest a hot
 * loop, which is a bug of ours: from then on the key gets a pass a second, so that it cannot use up the budget of the cloud
 * or the workers.
 */
const MAX_IMMEDIATE_REQUEUES = 200;
const SLOWED_REQUEUE_MS = 1_000;

/** The time between two pauses. */
interface Term {
  /** Aborts when no further key may be taken. */
  readonly dequeuing: AbortController;
  /** Aborts when the passes of this term must not write any more. */
  readonly reconciling: AbortController;
}

const newTerm = (): Term => ({ dequeuing: new AbortController(), reconciling: new AbortController() });

export class Workers {
  readonly #options: WorkersOptions;
  readonly #metrics: WorkerMetrics;
  /** Holds one task per worker: take a key, run its pass. */
  readonly #pool: PQueue;
  /** By key, how many passes requeued it at once since one that settled. */
  readonly #immediateRequeues = new Map<string, number>();
  #term = newTerm();
  /** The turn of the event loop in which the last pass began. */
  #lastTurn: Promise<void> = Promise.resolve();
  #active = 0;
  #stopped = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#metrics = options.metrics ?? SILENT;
    this.#pool = new PQueue({ concurrency: options.concurrency });
  }

  /** Passes that run now. */
  get active(): number {
    return this.#active;
  }

  get paused(): boolean {
    return this.#pool.isPaused;
  }

  /** Runs until the signal aborts; resolves once no pass is running. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    this.#metrics.started(this.#options.concurrency);
    for (let i = 0; i < this.#options.concurrency; i++) this.#runWorker();
    await aborted(signal);
    this.#stopped = true;
    this.#pool.clear();
    this.#term.dequeuing.abort();
    const { clock, graceMs = 10_000 } = this.#options;
    const cancel = clock.after(graceMs, () =>
      this.#term.reconciling.abort(new Error("the grace period of the stop is over")),
    );
    await this.#pool.onPendingZero();
    cancel();
  }

  /** Takes no more keys, and aborts the signals of the passes that run; the keys of those that throw are requeued. */
  pause(reason: Error = new Error("the workers were paused")): void {
    this.#pool.pause();
    this.#term.dequeuing.abort();
    this.#term.reconciling.abort(reason);
  }

  /** Takes keys again after a pause; without one it does nothing. */
  resume(): void {
    if (!this.paused || this.#stopped) return;
    this.#term = newTerm();
    this.#pool.start();
  }

  #runWorker(): void {
    if (this.#stopped) return;
    // A cleared task rejects; this ends the loop at a stop during a pause.
    this.#pool
      .add(() => this.#processNext())
      .then(
        () => this.#runWorker(),
        () => {},
      );
  }

  async #processNext(): Promise<void> {
    const term = this.#term;
    const item = await this.#options.queue.get(term.dequeuing.signal);
    if (item) await this.#ownTurn();
    if (!item) {
      // Not aborted by a pause, so the queue was shut down: there are no further keys.
      if (!term.dequeuing.signal.aborted) this.#stopped = true;
    } else if (term.dequeuing.signal.aborted) {
      // The pause came after the key had left the queue.
      this.#options.queue.add(item.key, { priority: item.priority });
      this.#options.queue.done(item.key);
    } else await this.#pass(item, term.reconciling.signal);
  }

  /**
   * A pass of what is cached needs no I/O: without a turn of its own, a thousand of them would keep the event loop, and with
   * it the renewal of the lease, for as long as all of them take.
   */
  #ownTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => nextTurn(this.#options.clock));
    return this.#lastTurn;
  }

  async #pass(item: QueueItem, signal: AbortSignal): Promise<void> {
    const { clock, queue, reconcile } = this.#options;
    const began = clock.monotonic();
    this.#metrics.active(++this.#active);
    let label: ResultLabel;
    try {
      label = this.#requeue(item, await reconcile(item.key, signal));
    } catch (error) {
      label = this.#failed(item, error, signal);
    }
    queue.done(item.key);
    this.#metrics.active(--this.#active);
    this.#metrics.finished(label, clock.monotonic() - began);
  }

  #requeue({ key, priority }: QueueItem, result: Result): ResultLabel {
    const { queue } = this.#options;
    switch (result.kind) {
      case "retry":
        queue.retry(key, { priority, atLeastMs: result.atLeastMs ?? 0 });
        this.#atMost(key, priority, result.atMostMs);
        return "requeue";
      case "wait":
        this.#atMost(key, priority, result.atMostMs);
        return "success";
      case "done":
        this.#settled(key);
        return "success";
      case "after":
        if (result.ms > 0) this.#settled(key);
        queue.add(key, { priority, afterMs: result.ms || this.#immediateMs(key) });
        return "requeue_after";
    }
  }

  #atMost(key: string, priority: number, afterMs: number | undefined): void {
    if (afterMs !== undefined) this.#options.queue.add(key, { priority, afterMs });
  }

  #settled(key: string): void {
    this.#options.queue.forget(key);
    this.#immediateRequeues.delete(key);
  }

  /** 0, or the pause of a key that requeues itself at once again and again. */
  #immediateMs(key: string): number {
    const immediate = (this.#immediateRequeues.get(key) ?? 0) + 1;
    this.#immediateRequeues.set(key, immediate);
    if (immediate === MAX_IMMEDIATE_REQUEUES)
      this.#options.logger.warn(
        { key, requeues: immediate },
        "the key is requeued at once again and again: slowed down",
      );
    return immediate < MAX_IMMEDIATE_REQUEUES ? 0 : SLOWED_REQUEUE_MS;
  }

  #failed({ key, priority }: QueueItem, error: unknown, signal: AbortSignal): ResultLabel {
    const { queue, logger } = this.#options;
    if (signal.aborted) {
      // Interrupted by us, so no failure of the key: it is requeued at once, for whichever process leads then.
      queue.add(key, { priority });
      return "requeue";
    }
    logger.error({ key, err: error, failures: queue.failures(key) + 1 }, "pass failed, the key is retried");
    queue.retry(key, { priority });
    return "error";
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
