/**
 * N workers that take keys from a queue and run one pass for each. They know how a pass may end, and nothing of what it
 * does.
 */
import PQueue from "p-queue";
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { QueueItem, WorkQueue } from "./work-queue.ts";

/**
 * How a pass ended. `done`: nothing to do until somebody adds the key; `after`: look again in `ms`, it is no failure;
 * `retry`: look again after the key's back-off.
 */
export type Disposition =
  | { readonly kind: "done" }
  | { readonly kind: "after"; readonly ms: number }
  | { readonly kind: "retry"; readonly atLeastMs?: number };

/** The signal aborts when the pass has lost its right to write (leadership) or the grace of a shutdown is over. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Disposition>;

/** Labels of controller_runtime_reconcile_total. */
export type PassResult = "success" | "requeue_after" | "requeue" | "error";

export interface WorkerMetrics {
  started(concurrency: number): void;
  active(workers: number): void;
  finished(result: PassResult, ms: number): void;
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
 * So many turns in a row may ask for the next one at once; each small step of a pass takes one, such as each secret of an
 * object with many. A key that goes on may be caught in a circle, which is a bug of ours: from then on it gets a turn a
 * second, so that it takes the others' budget neither of the cloud nor of the workers.
 */
const MOST_AT_ONCE = 200;
const SLOWED_MS = 1_000;

/** A stretch of time between two pauses. */
interface Term {
  /** Aborts when no further key may be taken. */
  readonly taking: AbortController;
  /** Aborts when the passes of this term must not write any more. */
  readonly passing: AbortController;
}

const newTerm = (): Term => ({ taking: new AbortController(), passing: new AbortController() });

export class Workers {
  readonly #options: WorkersOptions;
  readonly #metrics: WorkerMetrics;
  /** Holds one turn per worker: take a key, run its pass. */
  readonly #pool: PQueue;
  /** By key, how many turns in a row asked for the next one at once. */
  readonly #eager = new Map<string, number>();
  #term = newTerm();
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

  /** Works until the signal aborts; resolves once no pass runs any more. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    this.#metrics.started(this.#options.concurrency);
    for (let i = 0; i < this.#options.concurrency; i++) this.#takeTurns();
    await aborted(signal);
    this.#stopped = true;
    this.#pool.clear();
    this.#term.taking.abort();
    const { clock, graceMs = 10_000 } = this.#options;
    const cancel = clock.after(graceMs, () =>
      this.#term.passing.abort(new Error("the grace of the stop is over")),
    );
    await this.#pool.onPendingZero();
    cancel();
  }

  /** Takes no more keys, and aborts the signals of the passes that run; the keys of those that throw come again. */
  pause(reason: Error = new Error("the workers were paused")): void {
    this.#pool.pause();
    this.#term.taking.abort();
    this.#term.passing.abort(reason);
  }

  /** Takes keys again after a pause; without one it does nothing. */
  resume(): void {
    if (!this.paused || this.#stopped) return;
    this.#term = newTerm();
    this.#pool.start();
  }

  #takeTurns(): void {
    if (this.#stopped) return;
    // A cleared turn rejects; that is how turns end at a stop during a pause.
    this.#pool
      .add(() => this.#turn())
      .then(
        () => this.#takeTurns(),
        () => {},
      );
  }

  async #turn(): Promise<void> {
    const term = this.#term;
    const item = await this.#options.queue.get(term.taking.signal);
    if (!item) {
      // Without a reason of ours the queue was shut down: no key will ever come.
      if (!term.taking.signal.aborted) this.#stopped = true;
    } else if (term.taking.signal.aborted) {
      // The pause came between the key and us.
      this.#options.queue.add(item.key, { priority: item.priority });
      this.#options.queue.done(item.key);
    } else await this.#pass(item, term.passing.signal);
  }

  async #pass(item: QueueItem, signal: AbortSignal): Promise<void> {
    const { clock, queue, reconcile } = this.#options;
    const began = clock.monotonic();
    this.#metrics.active(++this.#active);
    let result: PassResult;
    try {
      result = this.#requeue(item, await reconcile(item.key, signal));
    } catch (error) {
      result = this.#failed(item, error, signal);
    }
    queue.done(item.key);
    this.#metrics.active(--this.#active);
    this.#metrics.finished(result, clock.monotonic() - began);
  }

  #requeue({ key, priority }: QueueItem, disposition: Disposition): PassResult {
    const { queue } = this.#options;
    const afterMs = this.#afterMs(key, disposition);
    if (disposition.kind === "retry") {
      queue.retry(key, { priority, atLeastMs: disposition.atLeastMs ?? 0 });
      return "requeue";
    }
    queue.forget(key);
    if (afterMs === undefined) return "success";
    queue.add(key, { priority, afterMs });
    return "requeue_after";
  }

  /** When the key comes again by itself, unless after a back-off. */
  #afterMs(key: string, disposition: Disposition): number | undefined {
    const ms = disposition.kind === "after" ? disposition.ms : undefined;
    if (ms !== 0) {
      this.#eager.delete(key);
      return ms;
    }
    const turns = (this.#eager.get(key) ?? 0) + 1;
    this.#eager.set(key, turns);
    if (turns === MOST_AT_ONCE)
      this.#options.logger.warn(
        { key, turns },
        "the key asks for its next turn at once again and again: slowed down",
      );
    return turns < MOST_AT_ONCE ? 0 : SLOWED_MS;
  }

  #failed({ key, priority }: QueueItem, error: unknown, signal: AbortSignal): PassResult {
    const { queue, logger } = this.#options;
    if (signal.aborted) {
      // Interrupted by us, so no fault of the key's: it comes again at once, to whoever leads then.
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
