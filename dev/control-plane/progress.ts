/** Progress reports during long work. Only durations and their format live here. */
import type { Cancel, Clock } from "../../src/base/clock.ts";

/** How often long work reports progress. */
export const PROGRESS_MS = 15_000;

/** Calls `fn` every `ms` until the returned function is called. */
export function every(clock: Clock, ms: number, fn: () => void): Cancel {
  let cancel = clock.after(ms, function again() {
    cancel = clock.after(ms, again);
    fn();
  });
  return () => cancel();
}

/** The time since `start`, a reading of the monotonic clock: "42 s", "3 min 5 s". */
export function elapsed(clock: Clock, start: number): string {
  const seconds = Math.round((clock.monotonic() - start) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
