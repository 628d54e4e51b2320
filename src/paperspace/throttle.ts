/**
 * The queue in front of one team's API: orders calls and holds them until the budget allows them. Every attempt of every
 * call passes here once, or has a permit that did (permits.ts). The budget itself is budget.ts (docs/design.md, Throttle).
 */

import PQueue from "p-queue";
import type { Cancel, Clock } from "../base/clock.ts";
import { Budget, type BudgetOptions, type Lane, type LimitedLane } from "./budget.ts";
import { PaperspaceError } from "./errors.ts";
import { type LaneOptions, LaneQueue } from "./lane-queue.ts";

export interface ThrottleOptions extends BudgetOptions {
  /** Requests in flight at once, except deletes, polls and what watches, which have a concurrency of two each. */
  readonly concurrency: number;
}

/** Callbacks for metrics. */
export interface ThrottleHooks {
  waited?(seconds: number, lane: Lane): void;
  rateChanged?(requestsPerSecond: number): void;
  rateLimited?(): void;
}

export interface Admission {
  readonly priority?: number | undefined;
  /** Groups take turns within a priority. Default: one group of all that have none. */
  readonly group?: string | undefined;
  readonly reserve?: boolean | undefined;
  readonly class?: LimitedLane | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Deletes before what watches (little of what others wait for) and polls (a fifth at most), before the rest. */
const LANES: readonly Lane[] = ["reserve", "watch", "poll", "normal"];
const RESERVED_CONCURRENCY = 2;

function laneOf(concurrency: number): PQueue<LaneQueue, LaneOptions> {
  return new PQueue({ concurrency, queueClass: LaneQueue });
}

export class Throttle {
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #hooks: ThrottleHooks;
  /** A lane is paused exactly while the budget has nothing for it; otherwise p-queue starts its tasks. */
  readonly #queues: Readonly<Record<Lane, PQueue<LaneQueue, LaneOptions>>>;
  #cancelTimer: Cancel = () => {};
  #pauses = 0;
  #closed = false;

  constructor(clock: Clock, options: ThrottleOptions, hooks: ThrottleHooks = {}) {
    this.#clock = clock;
    this.#budget = new Budget(options, clock.monotonic());
    this.#hooks = hooks;
    this.#queues = {
      reserve: laneOf(RESERVED_CONCURRENCY),
      watch: laneOf(RESERVED_CONCURRENCY),
      poll: laneOf(RESERVED_CONCURRENCY),
      normal: laneOf(Math.max(1, options.concurrency)),
    };
    hooks.rateChanged?.(this.#budget.rate);
  }

  /** Requests that may be sent at once after an idle time. */
  get burst(): number {
    return this.#budget.burst;
  }

  /** Requests per second at present. */
  get rate(): number {
    return this.#budget.rate;
  }

  /** See `Budget`. */
  get found(): number | undefined {
    return this.#budget.found;
  }

  /**
   * Runs `task` when its turn comes and the budget allows it. Rejects with what the task rejects with, or with
   * PS_NOT_SENT when the signal aborts or the throttle closes before that; a task that has started is never aborted here.
   */
  async run<T>(task: () => Promise<T>, admission: Admission = {}): Promise<T> {
    const { priority = 0, signal } = admission;
    const group = turnOf("call", admission.group);
    const lane: Lane = admission.reserve ? "reserve" : (admission.class ?? "normal");
    if (this.#closed || signal?.aborted) throw this.#notSent();
    const queuedAt = this.#clock.monotonic();
    // p-queue would abandon a running task as well, so it sees the abort only while the task waits.
    const waiting = new AbortController();
    const onAbort = () => waiting.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    let started = false;
    const start = () => {
      started = true;
      signal?.removeEventListener("abort", onAbort);
      this.#admit(lane, queuedAt);
      return task();
    };
    try {
      const result = this.#queues[lane].add(start, { priority, group, signal: waiting.signal });
      this.#pace();
      return await result;
    } catch (error) {
      throw started ? error : this.#notSent();
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Calls `wants` once, when its turn in the lane has come and the budget allows one request; where that is true, the
   * request is counted as sent, and `admitted` is called. The result gives the turn up while it waits. Nothing is called any
   * more once the throttle closes.
   */
  admit(
    { lane, group }: { lane: Lane; group: string },
    { wants, admitted }: { wants(): boolean; admitted(): void },
  ): Cancel {
    if (this.#closed) return () => {};
    const queuedAt = this.#clock.monotonic();
    const waiting = new AbortController();
    const start = async () => {
      if (!wants()) return;
      this.#admit(lane, queuedAt);
      admitted();
    };
    // Rejects when it is given up.
    this.#queues[lane].add(start, { group: turnOf("permit", group), signal: waiting.signal }).catch(() => {});
    this.#pace();
    return () => waiting.abort();
  }

  /** Counts a request that is sent without a turn of its own; the lanes wait until it is made up for. */
  charge(lane: Lane): void {
    this.#budget.consume(lane, this.#clock.monotonic());
    this.#pace();
  }

  /** A request that was admitted is not sent. */
  refund(lane: Lane): void {
    this.#budget.refund(lane, this.#clock.monotonic());
    this.#pace();
  }

  /** So many requests of the normal lane were admitted and are not sent yet: they are part of the burst. */
  hold(outstanding: number): void {
    this.#budget.hold(outstanding, this.#clock.monotonic());
  }

  /** Whether a request of this lane may be sent without waiting. */
  allows(lane: Lane): boolean {
    return !this.#closed && this.#wait(lane) === 0;
  }

  /** Whether others wait for the budget than what watches. */
  get isBusy(): boolean {
    return this.#queues.normal.size > 0 || this.#queues.reserve.size > 0;
  }

  /** How often a 429 has paused it: what was admitted before a pause may not be sent after it. */
  get pauses(): number {
    return this.#pauses;
  }

  /** Milliseconds that are left of the pause that the API asked for; 0 without one. */
  get pausedForMs(): number {
    return this.#budget.frozenFor(this.#clock.monotonic());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** To be called after a 429. `beganAt`: when its request began. */
  rateLimited(beganAt: number, retryAfterMs?: number): void {
    this.#hooks.rateLimited?.();
    if (!this.#budget.slowDown(beganAt, this.#clock.monotonic(), retryAfterMs)) return;
    this.#pauses++;
    this.#hooks.rateChanged?.(this.#budget.rate);
    this.#pace();
  }

  /** To be called after an answer that was neither a 429 nor a failure of the server. */
  succeeded(beganAt: number): void {
    const before = this.#budget.rate;
    this.#budget.speedUp(beganAt, this.#clock.monotonic());
    if (this.#budget.rate !== before) this.#hooks.rateChanged?.(this.#budget.rate);
  }

  /** Starts no further task; waiting ones are rejected with PS_NOT_SENT. Running tasks continue. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const lane of LANES) this.#queues[lane].clear();
  }

  #admit(lane: Lane, queuedAt: number): void {
    const now = this.#clock.monotonic();
    this.#budget.consume(lane, now);
    this.#budget.setBusy(this.isBusy, now);
    // Synchronously: p-queue goes on to start tasks until the lane is paused.
    for (const other of LANES) if (this.#wait(other) > 0) this.#queues[other].pause();
    this.#hooks.waited?.((now - queuedAt) / 1000, lane);
    this.#setTimer();
  }

  /** Starts the lanes that the budget has tokens for, and sets the timer for the next one. */
  #pace(): void {
    if (this.#closed) return;
    this.#budget.setBusy(this.isBusy, this.#clock.monotonic());
    for (const lane of LANES) {
      if (this.#wait(lane) > 0) this.#queues[lane].pause();
      else this.#queues[lane].start();
    }
    this.#setTimer();
  }

  #setTimer(): void {
    this.#cancelTimer();
    if (this.#closed) return;
    const blocked = LANES.filter((lane) => this.#queues[lane].size > 0 && this.#queues[lane].isPaused);
    if (blocked.length === 0) return;
    const soonest = Math.min(...blocked.map((lane) => this.#wait(lane)));
    this.#cancelTimer = this.#clock.after(Math.ceil(soonest), () => this.#pace());
  }

  #wait(lane: Lane): number {
    // Deletes use main tokens only while no other call waits for them: else a mass deletion starves the reads that it
    // needs itself.
    const now = this.#clock.monotonic();
    const needs = (other: LimitedLane) => this.#queues[other].size > 0 && this.#budget.hasShare(other, now);
    const spare = this.#queues.normal.size === 0 && !needs("watch") && !needs("poll");
    return this.#budget.waitMs(lane, now, spare);
  }

  #notSent(): PaperspaceError {
    const why = this.#closed ? "the operator is shutting down" : "cancelled while waiting for the throttle";
    return new PaperspaceError("PS_NOT_SENT", why, { effect: "none" });
  }
}

/** Calls and permits of one group take turns as two groups do, so that neither can starve the other. */
function turnOf(what: "call" | "permit", group = ""): string {
  return `${what} ${group}`;
}
