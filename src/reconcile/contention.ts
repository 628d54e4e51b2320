/**
 * Detects contention over a field: another actor keeps changing what the operator keeps putting back. In memory only; a
 * restart resets the count (docs/design.md, Pass).
 */
import type { Clock } from "../base/clock.ts";
import type { Change } from "./change.ts";
import type { Kind, KindTypes } from "./kind.ts";
import type { Step } from "./managed.ts";
import type { Outcome } from "./outcome.ts";
import { REASON } from "./reasons.ts";

/** So many corrections in a row are contention. */
const TIMES = 5;
/** A correction that holds for so long ends the row; during contention one is made so often in the end. */
const HOUR_MS = 60 * 60_000;

/** The corrections of a field in a row. */
interface Row {
  times: number;
  /** Monotonic time of the last one. */
  at: number;
}

export class Contention {
  readonly #clock: Clock;
  readonly #slowMs: number;
  /** By object, then field. */
  readonly #rows = new Map<string, Map<string, Row>>();
  /** By object: the generation that its count is valid for. */
  readonly #generations = new Map<string, number>();

  /** `slowMs`: how long the first correction during contention waits; each further one waits twice as long. */
  constructor(clock: Clock, slowMs: number) {
    this.#clock = clock;
    this.#slowMs = slowMs;
  }

  /** The fields that were put back too often to be put back again now, by name: milliseconds until each may be. */
  contested(key: string, fields: readonly string[], generation: number): ReadonlyMap<string, number> {
    this.#begin(key, generation);
    const now = this.#clock.monotonic();
    const contested = new Map<string, number>();
    for (const field of fields) {
      const row = this.#rows.get(key)?.get(field);
      const left = row ? row.at + this.#waitMs(row) - now : 0;
      if (left > 0) contested.set(field, left);
    }
    return contested;
  }

  /** The fields were put back just now. */
  note(key: string, fields: readonly string[], generation: number): void {
    this.#begin(key, generation);
    const rows = this.#rows.get(key) ?? new Map<string, Row>();
    this.#rows.set(key, rows);
    const at = this.#clock.monotonic();
    for (const [field, row] of rows) if (at - row.at > this.#waitMs(row) + HOUR_MS) rows.delete(field);
    for (const field of fields) rows.set(field, { times: (rows.get(field)?.times ?? 0) + 1, at });
  }

  forget(key: string): void {
    this.#rows.delete(key);
    this.#generations.delete(key);
  }

  reset(): void {
    this.#rows.clear();
    this.#generations.clear();
  }

  /** From one correction to the next. */
  #waitMs({ times }: Row): number {
    if (times < TIMES) return 0;
    return Math.min(this.#slowMs * 2 ** Math.min(times - TIMES, 20), Math.max(this.#slowMs, HOUR_MS));
  }

  /** A changed spec resets the count: what the user requests is no contention, however often it changes. */
  #begin(key: string, generation: number): void {
    if (this.#generations.get(key) === generation) return;
    this.#rows.delete(key);
    this.#generations.set(key, generation);
  }
}

/** The outcome that is reported instead of putting these fields back once more; they are compared at the slow pace. */
export function contended(contested: ReadonlyMap<string, number>, slowMs: number): Outcome {
  const fields = [...contested.keys()].join(", ");
  const message = `another actor keeps changing ${fields} back: it was put back ${TIMES} times and more, each time within an hour. Take the field out of the spec, or stop the other actor; it is put back again ever more rarely, in the end once an hour`;
  const recheckMs = Math.min(slowMs, ...contested.values());
  return { kind: "Terminal", reason: REASON.Contended, message, recheckMs };
}

/**
 * Those that count towards contention. The first naming is one of them: a name that reads old after each write of it would
 * be written without end.
 */
export function fieldsPutBack<T extends KindTypes>(
  { policy }: Pick<Kind<T>, "policy">,
  step: T["step"],
  observation: T["observation"],
): readonly string[] {
  const { changes = [] } = step as Step & { changes?: readonly Change[] };
  return policy.fields?.(step, observation) ?? changes.map(({ field }) => field);
}
