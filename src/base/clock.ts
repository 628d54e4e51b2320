/**
 * Time and randomness, injected. Nothing else in src/ may use Date, timers or Math.random, so that every behaviour can be
 * tested in virtual time.
 */

/** Cancels a pending timer; calling it again, or after the timer fired, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Wall clock, in milliseconds since the epoch. May jump. */
  now(): number;
  /** Monotonic clock, in milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number;
  /** Calls `fn` once, after at least `ms` milliseconds. */
  after(ms: number, fn: () => void): Cancel;
  /** Calls `fn` once in a later turn of the event loop: I/O that is ready and timers that are due come before it. */
  nextTurn(fn: () => void): void;
  /** A number in [0, 1), for jitter, and for ids that need not be secret. */
  random(): number;
}

/** A point in time by both clocks, in milliseconds: only a duration that both show has surely passed. */
export interface Moment {
  wall: number;
  monotonic: number;
}

export function momentOf(clock: Pick<Clock, "now" | "monotonic">): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/** Longest delay that a Node timer takes (2^31 - 1 ms); longer ones would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
  nextTurn: (fn) => void setImmediate(fn),
  random: () => Math.random(),
};

/** Resolves in a later turn of the event loop. */
export function nextTurn(clock: Pick<Clock, "nextTurn">): Promise<void> {
  return new Promise((resolve) => clock.nextTurn(resolve));
}

/** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** An AbortSignal that aborts with `reason` after `ms`, or together with `parent`. Call `cancel` once done with it. */
export function deadline(
  clock: Clock,
  ms: number,
  reason: () => Error,
  parent?: AbortSignal,
): { signal: AbortSignal; cancel: Cancel } {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort(reason()));
  const signal = parent ? AbortSignal.any([parent, controller.signal]) : controller.signal;
  return { signal, cancel };
}
