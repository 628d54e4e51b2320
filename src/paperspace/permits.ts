/**
 * Permits of one team's throttle: who holds one may send the requests of one step without waiting. A holder that waits
 * for its permit occupies nothing, and is notified. What a step is, and who holds permits, is up to the caller.
 */
import type { Cancel } from "../base/clock.ts";
import type { Lane, LimitedLane } from "./budget.ts";
import { PaperspaceError } from "./errors.ts";
import type { Throttle } from "./throttle.ts";

export interface PermitOptions {
  /** Of whom there is one permit at most, such as the UID of an object. */
  readonly holder: string;
  /** Groups, such as namespaces, take turns. */
  readonly group: string;
  readonly lane: Exclude<Lane, LimitedLane>;
  /** What it is for, such as a create: within a group these take turns, so that a thousand creates delay a change by one. */
  readonly sends: string;
  /**
   * Called once, not before `ask` has returned: the next `ask` returns the permit. The holder MUST come then: that `ask`, or
   * `keep`, or `release`. Few are notified at once, and others wait for those.
   */
  granted(): void;
}

/** For the requests of one step. It ends when it is released, and with the next pause that the API asks for. */
export class Permit {
  readonly #throttle: Throttle;
  readonly #lane: Lane;
  readonly #pauses: number;
  /** The request that it was admitted with has not been sent. */
  #isUnused = true;
  #isReleased = false;

  constructor(throttle: Throttle, lane: Lane) {
    this.#throttle = throttle;
    this.#lane = lane;
    this.#pauses = throttle.pauses;
  }

  get isValid(): boolean {
    const { pauses, closed } = this.#throttle;
    return !this.#isReleased && !closed && pauses === this.#pauses;
  }

  /** Nothing was sent with it. */
  get isUnused(): boolean {
    return this.#isUnused;
  }

  /** Whether a request that failed may be sent once more now. */
  get mayRepeat(): boolean {
    return this.isValid && this.#throttle.allows(this.#lane);
  }

  /**
   * Runs `task` at once; rejects with what it rejects with, or with PS_NOT_SENT where the permit has ended. Requests after
   * the first one are sent in advance of what the budget allows: a step that has begun never waits.
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (!this.isValid)
      throw new PaperspaceError("PS_NOT_SENT", "the API has asked for a pause since the step was decided", {
        effect: "none",
      });
    if (!this.#isUnused) this.#throttle.charge(this.#lane);
    this.#isUnused = false;
    return task();
  }

  release(): void {
    if (this.isValid && this.#isUnused) this.#throttle.refund(this.#lane);
    this.#isReleased = true;
  }
}

/** Holders of one group that wait in one lane to send the same, of which one at a time has a turn in the throttle. */
interface Line extends Pick<PermitOptions, "lane" | "group" | "sends"> {
  /** By holder, first come first. */
  readonly waiting: Map<string, PermitOptions>;
  /** By holder: those that had their turn before, and could not use it. They go first. */
  readonly returned: Map<string, PermitOptions>;
  leave: Cancel;
}

type Held = { readonly line: Line } & (
  | { readonly state: "waiting" }
  | { readonly state: "granted"; readonly permit: Permit }
  /** Its turn came, and its pass had no use for it yet. */
  | { readonly state: "returned" }
);

/** Of a burst, the part whose holders were notified and have not come yet. At least one. */
const NOTIFIED = { normal: 0.4, reserve: 0.2 } as const;
/** Of a burst, the part that holders keep for a later pass. */
const KEPT = 0.4;

export class ThrottlePermits {
  readonly #throttle: Throttle;
  /** By holder. */
  readonly #held = new Map<string, Held>();
  /** By lane, group and what is sent: those in which a holder waits. */
  readonly #lines = new Map<string, Line>();
  /**
   * Holders that were notified and have not come yet. They are few, since permits that nothing uses for long (where all
   * workers are busy) would be used at once some day.
   */
  readonly #notified = { normal: new Set<string>(), reserve: new Set<string>() } as const;
  /** Holders that came, and keep their permit for later. */
  readonly #kept = new Set<string>();
  /** Lines whose turn came while too many holders had been notified; in this order they go on. */
  readonly #blocked = new Set<Line>();

  constructor(throttle: Throttle) {
    this.#throttle = throttle;
  }

  /** Holders of a permit, and those that wait for one. */
  get size(): number {
    return this.#held.size;
  }

  /** Whether calls of the team wait for its budget, with a permit to come or without. */
  get isBusy(): boolean {
    return this.#throttle.isBusy;
  }

  /** Milliseconds that are left of the pause that the API asked for; 0 without one. */
  get pausedForMs(): number {
    return this.#throttle.pausedForMs;
  }

  /** The permit; where it is not to be had at once, undefined: the holder waits from its first `ask` on. */
  ask(options: PermitOptions): Permit | undefined {
    const { holder } = options;
    const held = this.#held.get(holder);
    const isSame = held !== undefined && idOf(held.line) === idOf(options);
    if (isSame && held.state === "waiting") return undefined;
    if (isSame && held.state === "granted" && held.permit.isValid) {
      this.#came(holder);
      return held.permit;
    }
    this.release(holder);
    // A pause took the permit away, or there were too many to keep it: its turn is not lost.
    return this.#enter(options, isSame ? "returned" : "waiting");
  }

  /** The pass of the holder ends before it could use its permit: a later one finds it, or at least is the next of its group. */
  keep(holder: string): void {
    this.#came(holder);
    const held = this.#held.get(holder);
    if (held?.state !== "granted") return;
    const { permit, line } = held;
    if (!permit.isUnused) this.release(holder);
    else if (permit.isValid && this.#kept.size < this.#share(KEPT)) {
      this.#kept.add(holder);
      this.#hold();
    } else {
      permit.release();
      this.#held.set(holder, { state: "returned", line });
    }
  }

  /** Ends the permit, or the wait for it. */
  release(holder: string): void {
    const held = this.#held.get(holder);
    if (!held) return;
    this.#held.delete(holder);
    if (held.state === "waiting") leave(held.line, holder);
    if (held.state === "waiting" && isEmpty(held.line)) this.#drop(held.line);
    if (held.state === "granted") held.permit.release();
    this.#came(holder);
  }

  /** The holder is here, or has gone. */
  #came(holder: string): void {
    const { normal, reserve } = this.#notified;
    const wasNotified = normal.delete(holder) || reserve.delete(holder);
    if (!this.#kept.delete(holder) && !wasNotified) return;
    this.#hold();
    // The first one goes on first; one that has its turn at once, and waits for the next, is behind the others again.
    for (const line of [...this.#blocked])
      if (this.#mayNotify(line.lane) && this.#blocked.delete(line)) this.#queue(line);
  }

  #mayNotify(lane: Line["lane"]): boolean {
    return this.#notified[lane].size < this.#share(NOTIFIED[lane]);
  }

  /** What is still to be sent is part of the burst. */
  #hold(): void {
    this.#throttle.hold(this.#notified.normal.size + this.#kept.size);
  }

  #share(part: number): number {
    return Math.max(1, Math.floor(this.#throttle.burst * part));
  }

  #enter(options: PermitOptions, as: "waiting" | "returned"): Permit | undefined {
    const { holder, lane, group, sends } = options;
    const id = idOf(options);
    const known = this.#lines.get(id);
    const line = known ?? { lane, group, sends, waiting: new Map(), returned: new Map(), leave: () => {} };
    this.#lines.set(id, line);
    line[as].set(holder, options);
    this.#held.set(holder, { state: "waiting", line });
    if (known) return undefined;
    this.#queue(line, holder);
    const held = this.#held.get(holder);
    return held?.state === "granted" ? held.permit : undefined;
  }

  /** Gives the line a turn. `present`: the holder that asks just now, and needs no notification. */
  #queue(line: Line, present?: string): void {
    const { lane, group } = line;
    let isPresent = present !== undefined;
    let isOver = false;
    const cancel = this.#throttle.admit(
      { lane, group },
      {
        wants: () => {
          isOver = true;
          const mayGo = isPresent || this.#mayNotify(lane);
          if (!mayGo) this.#blocked.add(line);
          return mayGo;
        },
        admitted: () => this.#grant(line, isPresent ? present : undefined),
      },
    );
    // Else the next turn of the line may have begun already.
    if (!isOver) line.leave = cancel;
    isPresent = false;
  }

  #grant(line: Line, present: string | undefined): void {
    const { lane } = line;
    const [next] = line.returned.size > 0 ? line.returned.values() : line.waiting.values();
    if (!next) return this.#throttle.refund(lane);
    const { holder, granted } = next;
    leave(line, holder);
    this.#held.set(holder, { state: "granted", line, permit: new Permit(this.#throttle, lane) });
    if (holder !== present) {
      this.#notified[lane].add(holder);
      this.#hold();
    }
    if (isEmpty(line)) this.#drop(line);
    else this.#queue(line);
    if (holder !== present) granted();
  }

  #drop(line: Line): void {
    line.leave();
    this.#blocked.delete(line);
    this.#lines.delete(idOf(line));
  }
}

function idOf({ lane, group, sends }: Pick<Line, "lane" | "group" | "sends">): string {
  return `${lane} ${sends} ${group}`;
}

function isEmpty({ waiting, returned }: Line): boolean {
  return waiting.size === 0 && returned.size === 0;
}

function leave({ waiting, returned }: Line, holder: string): void {
  waiting.delete(holder);
  returned.delete(holder);
}
