/**
 * The queue in front of one team's API: who goes next, and not before the budget allows it. Every try of every call
 * passes here, once. How large the budget is at a moment is budget.ts (docs/design.md, Throttle).
 */

import PQueue from "p-queue";
import type { Cancel, Clock } from "../base/clock.ts";
import { Budget, type BudgetOptions, type Lane } from "./budget.ts";
import { PaperspaceError } from "./errors.ts";

export interface ThrottleOptions extends BudgetOptions {
  /** Requests in flight at once, without deletes and polls, which have two places each of their own. */
  readonly concurrency: number;
}

/** Called as things happen, for metrics. */
export interface ThrottleHooks {
  waited?(seconds: number, lane: Lane): void;
  rateChanged?(requestsPerSecond: number): void;
  rateLimited?(): void;
}

export interface Admission {
  readonly priority?: number | undefined;
  readonly reserve?: boolean | undefined;
  readonly class?: "poll" | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Deletes before polls (a fifth at most) before the rest. */
const LANES: readonly Lane[] = ["reserve", "poll", "normal"];
const OWN_PLACES = 2;

export class Throttle {
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #hooks: ThrottleHooks;
  /** A lane is paused exactly while the budget has nothing for it, so p-queue starts whatever may go. */
  readonly #queues: Readonly<Record<Lane, PQueue>>;
  #cancelTimer: Cancel = () => {};
  #closed = false;

  constructor(clock: Clock, options: ThrottleOptions, hooks: ThrottleHooks = {}) {
    this.#clock = clock;
    this.#budget = new Budget(options, clock.monotonic());
    this.#hooks = hooks;
    this.#queues = {
      reserve: new PQueue({ concurrency: OWN_PLACES }),
      poll: new PQueue({ concurrency: OWN_PLACES }),
      normal: new PQueue({ concurrency: Math.max(1, options.concurrency) }),
    };
    hooks.rateChanged?.(this.#budget.rate);
  }

  /** Requests per second at present. */
  get rate(): number {
    return this.#budget.rate;
  }

  /**
   * Runs `task` when its turn comes and the budget allows it. Rejects with what the task rejects with, or with
   * PS_NOT_SENT when the signal aborts or the throttle closes before that; a task that has begun is never cut off.
   */
  async run<T>(task: () => Promise<T>, admission: Admission = {}): Promise<T> {
    const { priority = 0, signal } = admission;
    const lane: Lane = admission.reserve ? "reserve" : (admission.class ?? "normal");
    if (this.#closed || signal?.aborted) throw this.#notSent();
    const askedAt = this.#clock.monotonic();
    // p-queue would let go of a running task as well, so it sees the abort only while the task waits.
    const waiting = new AbortController();
    const onAbort = () => waiting.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    let begun = false;
    const begin = () => {
      begun = true;
      signal?.removeEventListener("abort", onAbort);
      this.#admit(lane, askedAt);
      return task();
    };
    try {
      const result = this.#queues[lane].add(begin, { priority, signal: waiting.signal });
      this.#pace();
      return await result;
    } catch (error) {
      throw begun ? error : this.#notSent();
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Tell of a 429. `beganAt`: when its request began. */
  rateLimited(beganAt: number, retryAfterMs?: number): void {
    this.#hooks.rateLimited?.();
    if (!this.#budget.slowDown(beganAt, this.#clock.monotonic(), retryAfterMs)) return;
    this.#hooks.rateChanged?.(this.#budget.rate);
    this.#pace();
  }

  /** Tell of an answer that was neither a 429 nor a failure of the server. */
  succeeded(beganAt: number): void {
    const before = this.#budget.rate;
    this.#budget.speedUp(beganAt, this.#clock.monotonic());
    if (this.#budget.rate !== before) this.#hooks.rateChanged?.(this.#budget.rate);
  }

  /** Lets nothing more through; what waits is rejected with PS_NOT_SENT. What runs goes on. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const lane of LANES) this.#queues[lane].clear();
  }

  #admit(lane: Lane, askedAt: number): void {
    const now = this.#clock.monotonic();
    this.#budget.take(lane, now);
    // At once and not in the next turn: p-queue goes on to start tasks until the lane is paused.
    for (const other of LANES) if (this.#wait(other) > 0) this.#queues[other].pause();
    this.#hooks.waited?.((now - askedAt) / 1000, lane);
    this.#setTimer();
  }

  /** Opens the lanes that the budget has something for, and comes back when the next one is due. */
  #pace(): void {
    if (this.#closed) return;
    for (const lane of LANES) {
      if (this.#wait(lane) > 0) this.#queues[lane].pause();
      else this.#queues[lane].start();
    }
    this.#setTimer();
  }

  #setTimer(): void {
    this.#cancelTimer();
    if (this.#closed) return;
    const held = LANES.filter((lane) => this.#queues[lane].size > 0 && this.#queues[lane].isPaused);
    if (held.length === 0) return;
    const soonest = Math.min(...held.map((lane) => this.#wait(lane)));
    this.#cancelTimer = this.#clock.after(Math.ceil(soonest), () => this.#pace());
  }

  #wait(lane: Lane): number {
    // Deletes take from the common part only what nobody else waits for: else a mass deletion starves the reads
    // that it needs itself.
    const spare = this.#queues.normal.size === 0 && this.#queues.poll.size === 0;
    return this.#budget.waitMs(lane, this.#clock.monotonic(), spare);
  }

  #notSent(): PaperspaceError {
    const why = this.#closed ? "the operator is shutting down" : "cancelled while waiting for the throttle";
    return new PaperspaceError("PS_NOT_SENT", why, { effect: "none" });
  }
}
