/**
 * Since when this process knows of the creates of its objects, by the monotonic clock: a wall clock that is set forward
 * must not make a create look settled whose request may still be on its way (docs/design.md, Create).
 */
import type { Clock } from "../base/clock.ts";
import type { CreateAttempt } from "../reconcile/record.ts";

type Named = Pick<CreateAttempt, "name" | "time">;

export class AttemptAges {
  readonly #clock: Pick<Clock, "monotonic">;
  /** By key: the newest attempt, and the monotonic time since which it is known. */
  readonly #known = new Map<string, Named & { since: number }>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Monotonic time since which this attempt is known: from now on, where it was not. */
  knownSince(key: string, { name, time }: Named): number {
    const known = this.#known.get(key);
    if (known?.name === name && known.time === time) return known.since;
    const since = this.#clock.monotonic();
    this.#known.set(key, { name, time, since });
    return since;
  }

  /** The same of an attempt that is over, by its name; undefined where it is not that of the last one known here. */
  sinceNamed(key: string, name: string): number | undefined {
    const known = this.#known.get(key);
    return known?.name === name ? known.since : undefined;
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}
