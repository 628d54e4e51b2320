/**
 * Permits of one team's throttle: who holds one may send the requests of one step without waiting. A holder that waits
 * for its permit occupies nothing, and is notified. What a step is, and who holds permits, is up to the caller.
 */
import type { Cancel } from "../base/clock.ts";
import type { Lane } from "./budget.ts";
import { PaperspaceError } from "./errors.ts";
import type { Throttle } from "./throttle.ts";

export interface PermitOptions {
  /** Of whom there is one permit at most, such as the UID of an object. */
  readonly holder: string;
  /** Groups, such as namespaces, take turns. */
  readonly group: string;
  readonly lane: Exclude<Lane, "poll">;
  /** Called once, not before `ask` has returned: the next `ask` returns the permit. */
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

type Held = { lane: Lane; group: string } & (
  | { state: "waiting"; leave: Cancel }
  | { state: "granted"; permit: Permit }
);

export class ThrottlePermits {
  readonly #throttle: Throttle;
  /** By holder. */
  readonly #held = new Map<string, Held>();

  constructor(throttle: Throttle) {
    this.#throttle = throttle;
  }

  /** Holders of a permit, and those that wait for one. */
  get size(): number {
    return this.#held.size;
  }

  /** Milliseconds that are left of the pause that the API asked for; 0 without one. */
  get pausedForMs(): number {
    return this.#throttle.pausedForMs;
  }

  /** The permit; where it is not to be had at once, undefined: the holder waits from its first `ask` on. */
  ask(options: PermitOptions): Permit | undefined {
    const { holder, lane, group } = options;
    const held = this.#held.get(holder);
    const isSame = held?.lane === lane && held.group === group;
    if (isSame && held.state === "waiting") return undefined;
    if (isSame && held.state === "granted" && held.permit.isValid) return held.permit;
    this.release(holder);
    return this.#enter(options);
  }

  /** Ends the permit, or the wait for it. */
  release(holder: string): void {
    const held = this.#held.get(holder);
    this.#held.delete(holder);
    if (held?.state === "waiting") held.leave();
    if (held?.state === "granted") held.permit.release();
  }

  #enter({ holder, lane, group, granted }: PermitOptions): Permit | undefined {
    let permit: Permit | undefined;
    let hasReturned = false;
    const leave = this.#throttle.admit({ lane, group }, () => {
      permit = new Permit(this.#throttle, lane);
      this.#held.set(holder, { lane, group, state: "granted", permit });
      if (hasReturned) granted();
    });
    hasReturned = true;
    if (!permit) this.#held.set(holder, { lane, group, state: "waiting", leave });
    return permit;
  }
}
