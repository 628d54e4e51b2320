/** The items whose last read failed, each with a back-off of its own: one that cannot be read delays no other. No reads. */
import type { Clock } from "../base/clock.ts";
import type { ReadBackoff } from "./source.ts";

const BASE_MS = 1_000;
const MAX_MS = 5 * 60_000;

export class ReadFailures {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #byId = new Map<string, ReadBackoff & { error: unknown }>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  add(id: string, error: unknown): void {
    this.#byId.set(id, { error, ...nextBackoff(this.#clock, this.#byId.get(id)) });
  }

  /** A read succeeded, or nothing follows the item any more. */
  delete(id: string): void {
    this.#byId.delete(id);
  }

  /** At the user's request: the back-off does not count. */
  endBackoff(id: string): void {
    const failure = this.#byId.get(id);
    if (failure) failure.notBefore = 0;
  }

  errorOf(id: string): unknown {
    return this.#byId.get(id)?.error;
  }

  /** Monotonic time before which the item is not read again. */
  notBefore(id: string): number {
    return this.#byId.get(id)?.notBefore ?? 0;
  }

  /** Milliseconds until the item is read again; 0 where nothing delays it. */
  retryInMs(id: string): number {
    return Math.max(0, this.notBefore(id) - this.#clock.monotonic());
  }
}

/** After one more failure than `last` counts. */
export function nextBackoff(
  clock: Pick<Clock, "monotonic">,
  { failures }: Pick<ReadBackoff, "failures"> = { failures: 0 },
): ReadBackoff {
  const wait = Math.min(MAX_MS, BASE_MS * 2 ** Math.min(failures, 10));
  return { failures: failures + 1, notBefore: clock.monotonic() + wait };
}
