/** Back-off that grows with each consecutive failure. It computes the wait; waiting is up to the caller. */
import type { Clock } from "./clock.ts";

export class Backoff {
  readonly #clock: Clock;
  readonly #baseMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(clock: Clock, baseMs: number, maxMs: number) {
    this.#clock = clock;
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds to wait now: base, doubled with each call since the last reset, minus up to a fifth of jitter. */
  next(): number {
    return backoffMs(this.#clock, this.#baseMs, this.#maxMs, this.#failures++);
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** The wait after `failures` earlier ones. Jitter only shortens it, so that `maxMs` is an upper bound. */
export function backoffMs(clock: Clock, baseMs: number, maxMs: number, failures: number): number {
  // Past 2^30 the cap applies anyway, and a larger power would end in Infinity.
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30));
  return full * (1 - 0.2 * clock.random());
}
