/** One timer for all who want something done: it fires at the earliest time that was asked for. */
import type { Cancel, Clock } from "./clock.ts";

export class EarliestTimer {
  readonly #clock: Clock;
  readonly #fire: () => void;
  /** `at`: monotonic. */
  #pending: { at: number; cancel: Cancel } | undefined;

  constructor(clock: Clock, fire: () => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Fires in so many milliseconds at the latest, and once for all who asked until then. */
  within(ms: number): void {
    const at = this.#clock.monotonic() + ms;
    if (this.#pending && this.#pending.at <= at) return;
    this.#pending?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#pending = undefined;
      this.#fire();
    });
    this.#pending = { at, cancel };
  }

  cancel(): void {
    this.#pending?.cancel();
    this.#pending = undefined;
  }
}
