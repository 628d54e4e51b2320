/**
 * Shares out the turns of the event loop among all answers that are being read: a socket alone can bring megabytes in one
 * turn, and many can end in the same one, while probes, timers and the lease wait.
 */
import type { Clock } from "../base/clock.ts";

/** Bytes of answers that are read in one turn. */
const TURN_BYTES = 256 * 1024;

export class ReadTurns {
  #left = TURN_BYTES;
  #isDue = false;
  readonly #waiting: (() => void)[] = [];

  /** So many bytes have been read in this turn; false where the rest belongs into a later one. */
  spend(clock: Pick<Clock, "nextTurn">, bytes: number): boolean {
    this.#left -= bytes;
    this.#begin(clock);
    return this.#left > 0;
  }

  /** Calls `read` in a later turn, after those that wait already. It MUST spend what it reads. */
  later(clock: Pick<Clock, "nextTurn">, read: () => void): void {
    this.#waiting.push(read);
    this.#begin(clock);
  }

  #begin(clock: Pick<Clock, "nextTurn">): void {
    if (this.#isDue) return;
    this.#isDue = true;
    clock.nextTurn(() => {
      this.#isDue = false;
      this.#left = TURN_BYTES;
      while (this.#left > 0) {
        const read = this.#waiting.shift();
        if (!read) return;
        read();
      }
      if (this.#waiting.length > 0) this.#begin(clock);
    });
  }
}
