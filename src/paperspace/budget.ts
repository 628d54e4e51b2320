/**
 * The request budget of a team: tokens, shares, and a rate that adapts to 429s. Pure arithmetic on monotonic time; the
 * queue in front of it is throttle.ts.
 */

/** `reserve`: deletes. `watch`: pages that show what is in flight. `poll`: reads of single ones. `normal`: everything else. */
export type Lane = "reserve" | LimitedLane | "normal";
const LIMITED = ["watch", "poll"] as const;
/** They have no tokens of their own, but a limit on how many of the main ones they may consume. */
export type LimitedLane = (typeof LIMITED)[number];

export interface BudgetOptions {
  /** The maximum rate, requests per second. */
  readonly requestsPerSecond: number;
  /** Requests that may be sent at once after an idle time; at least 2, so that the reserve is one whole request. */
  readonly burst: number;
  /** What an earlier process found the account to allow, in requests per second. */
  readonly found?: number | undefined;
}

/** A fifth is kept for deletes, and at most a fifth goes to polls. */
const SHARE = 0.2;
/** What goes to watching at most: hardly anything of what others wait for, and never all of what nothing else needs. */
const WATCH_SHARE = { busy: 0.015, idle: 0.5 } as const;
/** Where the budget is small, there is one request in so many seconds to watch all the same, for a fifth of it at most. */
const WATCHED_WITHIN_S = 30;
/** The first pause after a 429 without Retry-After, a value of live clients; it doubles up to the longest. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 120_000;
/** However often it is halved, the rate stays above this part of the configured one. */
const SLOWEST = 1 / 16;
/** A hundred successful answers undo one halving of the full rate, where a single 429 has shown no limit. */
const STEP_UP = 1 / 200;
/** Two 429s within this time show one; so long after the last one twice of it is tried again, and little more at first. */
const LIMIT_MS = 15 * 60_000;
/** So many successful answers lead back to the rate that was found. */
const ANSWERS_BACK = 10;
/** Tokens are sums of fractions: 0.9999999 is one. */
const EPSILON = 1e-6;

export class Budget {
  readonly #fastest: number;
  readonly #caps: { readonly main: number; readonly reserve: number } & Readonly<Record<LimitedLane, number>>;
  #rate: number;
  #main: number;
  #reserve: number;
  readonly #limited: Record<LimitedLane, number>;
  /** Calls of other lanes wait for tokens. */
  #isBusy = false;
  /** Of the main tokens that were consumed, those of requests that are still to come. */
  #outstanding = 0;
  #refilledAt: number;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  #slowedAt = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;
  /** What the account allows, in requests per second, since when it was not exceeded, and the good answers since. */
  #found: number | undefined;
  #resumedAt: number;
  #answers = 0;

  constructor(options: BudgetOptions, now: number) {
    const burst = Math.max(2, options.burst);
    const reserve = Math.max(1, burst * SHARE);
    this.#caps = { main: burst - reserve, reserve, poll: reserve, watch: 1 };
    this.#limited = { poll: this.#caps.poll, watch: this.#caps.watch };
    this.#fastest = options.requestsPerSecond;
    this.#found = options.found !== undefined && options.found < this.#fastest ? options.found : undefined;
    this.#rate = Math.max(this.#slowest, this.#found ?? this.#fastest);
    this.#resumedAt = now;
    this.#main = this.#caps.main;
    this.#reserve = this.#caps.reserve;
    this.#refilledAt = now;
  }

  /** Requests that may be sent at once after an idle time, deletes and those that are to come included. */
  get burst(): number {
    return this.#caps.main + this.#caps.reserve;
  }

  /** Requests per second at present. */
  get rate(): number {
    return this.#rate;
  }

  /** What the account was found to allow, in requests per second; undefined where that is no less than configured. */
  get found(): number | undefined {
    return this.#found;
  }

  get #slowest(): number {
    return this.#fastest * SLOWEST;
  }

  /** Milliseconds that are left of the pause, in which nothing may be sent; 0 without a pause. */
  frozenFor(now: number): number {
    return Math.max(0, this.#frozenUntil - now);
  }

  /** Milliseconds until `lane` may send, 0 for now. `spare`: no other lane needs the main tokens. */
  waitMs(lane: Lane, now: number, spare: boolean): number {
    this.#refill(now);
    const frozen = this.frozenFor(now);
    // The inflow of a full bucket overflows into the other one, so the wait is at most this; a timer that fires a
    // little late costs nothing, and every consumed token leads to a new computation.
    const main = this.#until(this.#main, this.#reserve, this.#caps.reserve, 1 - SHARE);
    const reserve = this.#until(this.#reserve, this.#main, this.#mainCap, SHARE);
    if (lane === "reserve")
      return frozen + (spare ? Math.max(Math.min(main, reserve), this.#debtMs) : reserve);
    if (lane === "normal") return frozen + main;
    return frozen + Math.max(main, this.#shortfall(this.#limited[lane]) / (this.#perSecond(lane) / 1000));
  }

  /** Whether the share of this lane allows a request; whether there is a token for it is another question. */
  hasShare(lane: LimitedLane, now: number): boolean {
    this.#refill(now);
    return this.#shortfall(this.#limited[lane]) === 0;
  }

  /** From now on calls of the normal lane or of the reserve wait for tokens, or none does. */
  setBusy(isBusy: boolean, now: number): void {
    this.#refill(now);
    this.#isBusy = isBusy;
  }

  #perSecond(lane: LimitedLane): number {
    const rate = this.#rate;
    if (lane === "poll") return rate * SHARE;
    if (!this.#isBusy) return rate * WATCH_SHARE.idle;
    return Math.max(rate * WATCH_SHARE.busy, Math.min(rate * SHARE, 1 / WATCHED_WITHIN_S));
  }

  /**
   * Consumes the token of one request. Without one to be had, those of the future are consumed: of the reserve by a delete,
   * since later deletes do not wait for the main ones.
   */
  consume(lane: Lane, now: number): void {
    this.#refill(now);
    const isMainEmpty = this.#main < 1 - EPSILON;
    if (lane === "reserve" && (this.#reserve >= 1 - EPSILON || isMainEmpty)) this.#reserve -= 1;
    else this.#main -= 1;
    if (lane === "poll" || lane === "watch") this.#limited[lane] -= 1;
  }

  /** The request that a token was consumed for is not sent. */
  refund(lane: Lane, now: number): void {
    this.#refill(now);
    if (lane === "reserve") this.#reserve = Math.min(this.#caps.reserve, this.#reserve + 1);
    else this.#main = Math.min(this.#mainCap, this.#main + 1);
  }

  /** So many requests have their token and are not sent yet: what flows in meanwhile does not make the burst longer. */
  hold(outstanding: number, now: number): void {
    this.#refill(now);
    this.#outstanding = outstanding;
  }

  get #mainCap(): number {
    return Math.max(1, this.#caps.main - this.#outstanding);
  }

  /**
   * After a 429: halves the rate and pauses everything. Answers to requests that began before the last slow-down are
   * ignored. Returns whether it counted.
   */
  slowDown(beganAt: number, now: number, retryAfterMs: number = 0): boolean {
    if (beganAt <= this.#slowedAt) return false;
    this.#refill(now);
    this.#found = this.#limitAt(now);
    this.#slowedAt = now;
    this.#rate = Math.max(this.#slowest, this.#rate / 2);
    const first = retryAfterMs > 0 ? retryAfterMs : FIRST_PAUSE_MS;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(first, this.#pauseMs * 2));
    this.#frozenUntil = now + this.#pauseMs;
    this.#resumedAt = this.#frozenUntil;
    this.#answers = 0;
    // One request, not a burst, tests whether the limit still applies.
    this.#main = 1;
    this.#reserve = 0;
    for (const lane of LIMITED) this.#limited[lane] = Math.min(this.#limited[lane], 1);
    return true;
  }

  /**
   * After a successful answer: a small step back up, unless its request began before the last slow-down. Back to what was
   * found the steps are large, and what lies beyond is tried the faster, the longer nothing speaks against it.
   */
  speedUp(beganAt: number, now: number): void {
    if (beganAt <= this.#slowedAt) return;
    this.#refill(now);
    this.#pauseMs = 0;
    this.#answers++;
    if (this.#found === undefined) {
      this.#rate = Math.min(this.#fastest, this.#rate + this.#fastest * STEP_UP);
      return;
    }
    const tried = this.#found * (1 + (Math.max(0, now - this.#resumedAt) / LIMIT_MS) ** 2);
    this.#rate = Math.min(this.#fastest, tried, this.#rate + this.#found / ANSWERS_BACK);
    if (tried >= this.#fastest) this.#found = undefined;
  }

  /**
   * What the account allows, by the answers from one 429 to the next: of all that time, or of that after the pause without
   * the burst that the pause has saved up. Neither is too high. Undefined where only one 429 was seen of late.
   */
  #limitAt(now: number): number | undefined {
    if (now - this.#slowedAt > LIMIT_MS && this.#found === undefined) return undefined;
    const perSecond = (answers: number, since: number) => (1000 * answers) / Math.max(1, now - since);
    const measured = Math.max(
      perSecond(this.#answers, this.#slowedAt),
      perSecond(this.#answers - this.burst, this.#resumedAt),
    );
    return Math.max(this.#slowest, this.#rate / 2, Math.min(this.#rate, measured));
  }

  /** What deletes have sent in advance is made up for with all that flows in, where nothing else needs it. */
  get #debtMs(): number {
    if (this.#reserve >= 0) return 0;
    return this.#shortfall(this.#reserve + Math.max(0, this.#main)) / (this.#rate / 1000);
  }

  #shortfall(tokens: number): number {
    return tokens >= 1 - EPSILON ? 0 : 1 - tokens;
  }

  /** Milliseconds until a bucket with this share of the inflow, and all of it once the other is full, holds a token. */
  #until(tokens: number, other: number, otherCap: number, share: number): number {
    const shortfall = this.#shortfall(tokens);
    const perMs = this.#rate / 1000;
    const otherFullIn = (otherCap - other) / (perMs * (1 - share));
    const alone = shortfall / (perMs * share);
    return alone <= otherFullIn ? alone : otherFullIn + (shortfall - otherFullIn * perMs * share) / perMs;
  }

  #refill(now: number): void {
    const from = Math.max(this.#refilledAt, this.#frozenUntil);
    if (now <= from) return;
    this.#refilledAt = now;
    const seconds = (now - from) / 1000;
    const inflow = seconds * this.#rate;
    const { reserve } = this.#caps;
    const main = this.#mainCap;
    const intoMain = this.#main + inflow * (1 - SHARE);
    const intoReserve = this.#reserve + inflow * SHARE;
    // What one bucket cannot hold overflows into the other: an idle reserve costs nothing.
    this.#main = Math.min(main, intoMain + Math.max(0, intoReserve - reserve));
    this.#reserve = Math.min(reserve, intoReserve + Math.max(0, intoMain - main));
    for (const lane of LIMITED)
      this.#limited[lane] = Math.min(this.#caps[lane], this.#limited[lane] + seconds * this.#perSecond(lane));
  }
}
