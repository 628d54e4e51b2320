import type { Cancel, Clock } from "../../src/base/clock.ts";
import { Heap, type HeapItem } from "../../src/base/heap.ts";

interface Timer extends HeapItem {
  at: number;
  seq: number;
  fn: () => void;
}

/**
 * A clock that moves only by its methods. Timers fire in order of their time, then of their creation; between two
 * timers all pending promises run, so a test sees what a real program would see, at once and every time the same.
 */
export class VirtualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #seq = 0;
  readonly #timers = new Heap<Timer>((a, b) => a.at < b.at || (a.at === b.at && a.seq < b.seq));
  /** Turns of the event loop that were asked for: how many in all, and how many have not come yet. */
  readonly turns = { requested: 0, waiting: 0 };
  #random: () => number;

  /** `random` defaults to the constant 0.5; hand in a seeded generator to explore. */
  constructor(start = Date.UTC(2026, 0, 1), random: () => number = () => 0.5) {
    this.#now = start;
    this.#random = random;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  random(): number {
    return this.#random();
  }

  after(ms: number, fn: () => void): Cancel {
    const timer: Timer = { at: this.#monotonic + Math.max(0, ms), seq: this.#seq++, fn, slot: -1 };
    this.#timers.push(timer);
    return () => {
      if (timer.slot >= 0) this.#timers.remove(timer);
    };
  }

  nextTurn(fn: () => void): void {
    this.turns.requested++;
    this.turns.waiting++;
    setImmediate(() => {
      this.turns.waiting--;
      fn();
    });
  }

  /** Moves the wall clock alone, as an NTP step would. */
  stepWallClock(ms: number): void {
    this.#now += ms;
  }

  /** Number of timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets every promise that can settle now settle, without moving time. */
  async settle(): Promise<void> {
    // setImmediate comes after all microtasks; several rounds let chains over streams and p-queue run dry.
    for (let quiet = 0; quiet < 5; quiet++) {
      const { requested } = this.turns;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.turns.requested !== requested) quiet = 0;
    }
  }

  /** Moves time on by `ms`, firing what comes due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await this.settle();
    for (;;) {
      const next = this.#timers.peek();
      if (!next || next.at > end) break;
      this.#timers.remove(next);
      this.#move(next.at);
      next.fn();
      await this.settle();
    }
    this.#move(end);
    await this.settle();
  }

  /** Moves on to the next timer and fires it; false when none waits. */
  async step(): Promise<boolean> {
    await this.settle();
    const next = this.#timers.peek();
    if (!next) return false;
    await this.advance(next.at - this.#monotonic);
    return true;
  }

  #move(to: number): void {
    this.#now += to - this.#monotonic;
    this.#monotonic = to;
  }
}

/** The clock of one host: time passes as on the common clock, and its wall clock can be wrong. */
export class HostClock implements Clock {
  readonly #common: Clock;
  #ahead = 0;

  constructor(common: Clock) {
    this.#common = common;
  }

  now(): number {
    return this.#common.now() + this.#ahead;
  }

  monotonic(): number {
    return this.#common.monotonic();
  }

  random(): number {
    return this.#common.random();
  }

  after(ms: number, fn: () => void): Cancel {
    return this.#common.after(ms, fn);
  }

  nextTurn(fn: () => void): void {
    this.#common.nextTurn(fn);
  }

  /** Sets the wall clock so many milliseconds ahead of the common one; negative: behind. */
  setAhead(ms: number): void {
    this.#ahead = ms;
  }
}
