/**
 * Keeps a cloud write that failed from being tried again before its time. The queue alone cannot: our own writes to the
 * object, or a user's, bring the key back at once. In memory only: after a restart each write may be tried once more.
 */
import type { Clock } from "../base/clock.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Outcome } from "./outcome.ts";

type Failed = Extract<Outcome, { kind: "Retry" | "Terminal" }>;

interface Hold {
  step: string;
  /** What must stay the same for the hold to stand: a changed spec or credential is a new chance. */
  signature: string;
  outcome: Failed;
  /** Monotonic. */
  until: number;
  failures: number;
}

const BASE_MS = 1_000;
const MAX_MS = 5 * 60_000;

export class Holds {
  readonly #clock: Clock;
  readonly #holds = new Map<string, Hold>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcome to repeat instead of doing `step`, with the time that is left; undefined: go ahead. */
  standing(key: string, step: string, signature: string): Outcome | undefined {
    const hold = this.#holds.get(key);
    if (!hold || hold.step !== step) return undefined;
    if (hold.signature !== signature) {
      this.#holds.delete(key);
      return undefined;
    }
    const left = hold.until - this.#clock.monotonic();
    return left > 0 ? timed(hold.outcome, left) : undefined;
  }

  /** Notes that `step` failed; returns the outcome with the time of the next try in it. */
  note(key: string, step: string, signature: string, outcome: Failed): Outcome {
    const before = this.#holds.get(key);
    const failures = before?.step === step && before.signature === signature ? before.failures + 1 : 1;
    const backoff = backoffMs(this.#clock, BASE_MS, MAX_MS, failures - 1);
    const wait = outcome.kind === "Terminal" ? outcome.recheckMs : Math.max(outcome.atLeastMs ?? 0, backoff);
    this.#holds.set(key, { step, signature, outcome, failures, until: this.#clock.monotonic() + wait });
    return timed(outcome, wait);
  }

  reset(): void {
    this.#holds.clear();
  }

  /** The step went through, or the object is gone. */
  clear(key: string): void {
    this.#holds.delete(key);
  }
}

function timed(outcome: Failed, ms: number): Outcome {
  return outcome.kind === "Terminal" ? { ...outcome, recheckMs: ms } : { ...outcome, atLeastMs: ms };
}
