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

/** So many corrections within this window are contention. */
const TIMES = 5;
const WINDOW_MS = 10 * 60_000;

export class Contention {
  readonly #clock: Clock;
  /** By object, then field: monotonic times at which it was put back, oldest first. */
  readonly #corrections = new Map<string, Map<string, number[]>>();
  /** By object: the generation that its count is valid for. */
  readonly #generations = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The fields that were put back too often recently to be put back again now. */
  contested(key: string, fields: readonly string[], generation: number): string[] {
    this.#begin(key, generation);
    const corrections = this.#corrections.get(key);
    const since = this.#clock.monotonic() - WINDOW_MS;
    return fields.filter(
      (field) => (corrections?.get(field)?.filter((at) => at > since).length ?? 0) >= TIMES,
    );
  }

  /** The fields were put back just now. */
  note(key: string, fields: readonly string[], generation: number): void {
    this.#begin(key, generation);
    const corrections = this.#corrections.get(key) ?? new Map<string, number[]>();
    this.#corrections.set(key, corrections);
    const now = this.#clock.monotonic();
    for (const [field, times] of corrections)
      if (now - (times.at(-1) ?? 0) >= WINDOW_MS) corrections.delete(field);
    for (const field of fields)
      corrections.set(field, [...(corrections.get(field) ?? []).slice(1 - TIMES), now]);
  }

  forget(key: string): void {
    this.#corrections.delete(key);
    this.#generations.delete(key);
  }

  reset(): void {
    this.#corrections.clear();
    this.#generations.clear();
  }

  /** A changed spec resets the count: what the user requests is no contention, however often it changes. */
  #begin(key: string, generation: number): void {
    if (this.#generations.get(key) === generation) return;
    this.#corrections.delete(key);
    this.#generations.set(key, generation);
  }
}

/** The outcome that is reported instead of putting these fields back once more. */
export function contended(fields: readonly string[], recheckMs: number): Outcome {
  const message = `somebody keeps changing ${fields.join(", ")} back: five times within ten minutes. Take the field out of the spec, or stop the other side; tried again slowly`;
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
