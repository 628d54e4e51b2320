/**
 * Turns of the work queue, by the trace: no object has pass after pass, a change of one does not wait while another has its
 * turns, and each pass begins in a turn of the event loop.
 */
import type { Clock } from "../../../src/base/clock.ts";
import type { Act, TraceListener } from "./trace.ts";

/** That of a world, which counts the turns of the event loop. */
type CountingClock = Clock & { readonly turns: { readonly requested: number } };

/** A change that has waited for so long… */
const PATIENCE_MS = 60_000;
/** …while another key had so many passes. */
const TURNS = 40;
/** No key has more in the same time, whatever happens to it: a loop is limited by nothing but the latency of its reads. */
const MOST_PASSES = 120;

export interface FairnessOptions {
  clock: CountingClock;
  /** Whether the object's own team has refused requests, or has not answered whose its key is, since this monotonic time. */
  isHeldUp(key: string, since: number): boolean;
  report(violation: string): void;
}

export class FairnessJudge implements TraceListener {
  readonly #clock: CountingClock;
  readonly #isHeldUp: FairnessOptions["isHeldUp"];
  readonly #report: FairnessOptions["report"];
  /** By key: since when its change waits for a pass. */
  readonly #waiting = new Map<string, number>();
  /** By key: monotonic times of its passes within the last PATIENCE_MS. */
  readonly #passes = new Map<string, number[]>();
  /** Before that no operator was there, or none heard of changes. */
  #deafUntil = 0;
  readonly #acting = new Set<string>();
  #begun = 0;

  constructor({ clock, isHeldUp, report }: FairnessOptions) {
    this.#clock = clock;
    this.#isHeldUp = isHeldUp;
    this.#report = report;
  }

  changed(key: string): void {
    if (!this.#waiting.has(key)) this.#waiting.set(key, this.#clock.monotonic());
  }

  /** Its own pass goes on: whatever that waits for is no other object. */
  actBegins({ key }: Act): void {
    this.#acting.add(key);
  }

  actEnds({ key }: Act): void {
    this.#acting.delete(key);
    if (this.#waiting.has(key)) this.#waiting.set(key, this.#clock.monotonic());
  }

  gone(key: string): void {
    this.#waiting.delete(key);
    this.#passes.delete(key);
  }

  /** Operators hear of changes again after so long. */
  interrupted(ms: number): void {
    this.#acting.clear();
    this.#deafUntil = Math.max(this.#deafUntil, this.#clock.monotonic() + ms);
  }

  /** Where nothing takes time the loop would go on for ever: a pass that fails backs off. */
  #end(key: string, passes: number): never {
    const violation = `${key} has ${passes} passes in ${PATIENCE_MS / 1000} s`;
    if (passes === MOST_PASSES) this.#report(violation);
    throw new Error(violation);
  }

  #isLate(key: string, since: number, now: number): boolean {
    if (this.#acting.has(key) || Math.max(since, this.#deafUntil) >= now - PATIENCE_MS) return false;
    return !this.#isHeldUp(key, since);
  }

  passBegins(key: string): void {
    const { turns } = this.#clock;
    if (++this.#begun > turns.requested)
      this.#report(`${this.#begun} passes in ${turns.requested} turns of the event loop`);
    const now = this.#clock.monotonic();
    const recent = (this.#passes.get(key) ?? []).filter((at) => at > now - PATIENCE_MS);
    this.#passes.set(key, [...recent, now]);
    this.#waiting.delete(key);
    if (recent.length >= MOST_PASSES) this.#end(key, recent.length);
    if (recent.length < TURNS) return;
    for (const [other, since] of this.#waiting)
      if (this.#isLate(other, since, now))
        this.#report(
          `${other} waits for a pass since ${(now - since) / 1000} s while ${key} has ${recent.length}`,
        );
  }
}
