/**
 * Turns of the work queue, by the trace: a change of one object does not wait while another object has turn after turn.
 */
import type { Clock } from "../../../src/base/clock.ts";
import type { TraceListener } from "./trace.ts";

/** A change that has waited for so long… */
const PATIENCE_MS = 60_000;
/** …while another key had so many passes. */
const TURNS = 100;

export class FairnessJudge implements TraceListener {
  readonly #clock: Clock;
  readonly #report: (violation: string) => void;
  /** By key: since when its change waits for a pass. */
  readonly #waiting = new Map<string, number>();
  /** By key: monotonic times of its passes within the last PATIENCE_MS. */
  readonly #passes = new Map<string, number[]>();
  /** Before that no operator was there, or none heard of changes. */
  #deafUntil = 0;

  constructor(clock: Clock, report: (violation: string) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  changed(key: string): void {
    if (!this.#waiting.has(key)) this.#waiting.set(key, this.#clock.monotonic());
  }

  gone(key: string): void {
    this.#waiting.delete(key);
    this.#passes.delete(key);
  }

  /** Operators hear of changes again after so long. */
  interrupted(ms: number): void {
    this.#deafUntil = Math.max(this.#deafUntil, this.#clock.monotonic() + ms);
  }

  passBegins(key: string): void {
    const now = this.#clock.monotonic();
    const recent = (this.#passes.get(key) ?? []).filter((at) => at > now - PATIENCE_MS);
    this.#passes.set(key, [...recent, now]);
    this.#waiting.delete(key);
    if (recent.length < TURNS) return;
    for (const [other, since] of this.#waiting)
      if (Math.max(since, this.#deafUntil) < now - PATIENCE_MS)
        this.#report(
          `${other} waits for a pass since ${(now - since) / 1000} s while ${key} has ${recent.length}`,
        );
  }
}
