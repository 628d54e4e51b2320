/**
 * How many requests a team may send when: tokens, shares, and a rate that adapts to what the API bears. Pure arithmetic
 * on monotonic time; who waits and in which order is throttle.ts.
 */

/** `reserve`: deletes. `poll`: reads of events. `normal`: everything else. */
export type Lane = "reserve" | "poll" | "normal";

export interface BudgetOptions {
  /** The rate that is never exceeded, requests per second. */
  readonly requestsPerSecond: number;
  /** Requests that may go at once after a quiet time; at least 2, so that the reserve is one whole request. */
  readonly burst: number;
}

/** A fifth is kept for deletes, and at most a fifth goes to polls. */
const SHARE = 0.2;
/** The first pause after a 429 is what live clients found to work; it doubles up to the longest. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 120_000;
/** However often it is halved, the rate stays above this part of the configured one. */
const SLOWEST = 1 / 16;
/** A hundred good answers undo one halving of the full rate. */
const STEP_UP = 1 / 200;
/** Tokens are sums of fractions: 0.9999999 is one. */
const EPSILON = 1e-6;

export class Budget {
  readonly #fastest: number;
  readonly #caps: { readonly main: number; readonly reserve: number; readonly poll: number };
  #rate: number;
  #main: number;
  #reserve: number;
  /** Not tokens of its own but a limit on how many of the main ones polls may take. */
  #poll: number;
  #refilledAt: number;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  #slowedAt = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;

  constructor(options: BudgetOptions, now: number) {
    const burst = Math.max(2, options.burst);
    const reserve = Math.max(1, burst * SHARE);
    this.#caps = { main: burst - reserve, reserve, poll: Math.max(1, burst * SHARE) };
    this.#fastest = options.requestsPerSecond;
    this.#rate = this.#fastest;
    this.#main = this.#caps.main;
    this.#reserve = this.#caps.reserve;
    this.#poll = this.#caps.poll;
    this.#refilledAt = now;
  }

  /** Requests per second at present. */
  get rate(): number {
    return this.#rate;
  }

  /** When nothing may be sent yet: the milliseconds that are left of the pause. */
  frozenFor(now: number): number {
    return Math.max(0, this.#frozenUntil - now);
  }

  /** Milliseconds until `lane` may send, 0 for now. `spare`: no other lane wants the main tokens. */
  waitMs(lane: Lane, now: number, spare: boolean): number {
    this.#refill(now);
    const frozen = this.frozenFor(now);
    // Of a full bucket the inflow goes over into the other one, so the wait is at most this; a timer that comes
    // a little late costs nothing, and whoever takes or returns first looks again.
    const main = this.#until(this.#main, this.#reserve, this.#caps.reserve, 1 - SHARE);
    const reserve = this.#until(this.#reserve, this.#main, this.#caps.main, SHARE);
    if (lane === "reserve") return frozen + (spare ? Math.min(main, reserve) : reserve);
    if (lane === "normal") return frozen + main;
    return frozen + Math.max(main, this.#lacking(this.#poll) / (this.#rate * SHARE * 0.001));
  }

  /** Takes the token of one request; only after `waitMs` said 0. */
  take(lane: Lane, now: number): void {
    this.#refill(now);
    if (lane === "reserve" && this.#reserve >= 1 - EPSILON) this.#reserve -= 1;
    else this.#main -= 1;
    if (lane === "poll") this.#poll -= 1;
  }

  /**
   * A 429 came: half the rate, and a pause for everything. Answers to requests that began before the last slow-down
   * say nothing new and change nothing. Returns whether it counted.
   */
  slowDown(beganAt: number, now: number, retryAfterMs: number = 0): boolean {
    if (beganAt <= this.#slowedAt) return false;
    this.#refill(now);
    this.#slowedAt = now;
    this.#rate = Math.max(this.#fastest * SLOWEST, this.#rate / 2);
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#frozenUntil = now + Math.min(LONGEST_PAUSE_MS, Math.max(this.#pauseMs, retryAfterMs));
    // One request, not a burst, finds out whether the storm is over.
    this.#main = 1;
    this.#reserve = 0;
    this.#poll = Math.min(this.#poll, 1);
    return true;
  }

  /** A good answer came: a small step back up, unless it is of before the last slow-down. */
  speedUp(beganAt: number, now: number): void {
    if (beganAt <= this.#slowedAt) return;
    this.#refill(now);
    this.#pauseMs = 0;
    this.#rate = Math.min(this.#fastest, this.#rate + this.#fastest * STEP_UP);
  }

  #lacking(tokens: number): number {
    return tokens >= 1 - EPSILON ? 0 : 1 - tokens;
  }

  /** Milliseconds until a bucket with this share of the inflow, and all of it once the other is full, holds a token. */
  #until(tokens: number, other: number, otherCap: number, share: number): number {
    const lacking = this.#lacking(tokens);
    const perMs = this.#rate / 1000;
    const otherFullIn = (otherCap - other) / (perMs * (1 - share));
    const alone = lacking / (perMs * share);
    return alone <= otherFullIn ? alone : otherFullIn + (lacking - otherFullIn * perMs * share) / perMs;
  }

  #refill(now: number): void {
    const from = Math.max(this.#refilledAt, this.#frozenUntil);
    if (now <= from) return;
    this.#refilledAt = now;
    const inflow = ((now - from) / 1000) * this.#rate;
    const { main, reserve, poll } = this.#caps;
    const intoMain = this.#main + inflow * (1 - SHARE);
    const intoReserve = this.#reserve + inflow * SHARE;
    // What does not fit into one goes over into the other: an idle reserve costs nothing.
    this.#main = Math.min(main, intoMain + Math.max(0, intoReserve - reserve));
    this.#reserve = Math.min(reserve, intoReserve + Math.max(0, intoMain - main));
    this.#poll = Math.min(poll, this.#poll + inflow * SHARE);
  }
}
