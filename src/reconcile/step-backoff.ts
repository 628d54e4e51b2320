/**
 * Keeps a cloud write that failed from being tried again before its time. The queue alone cannot: our own writes to the
 * object, or a user's, bring the key back at once. In memory only: after a restart each write may be tried once more.
 */
import type { Clock } from "../base/clock.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { CloudAccount, ManagedObject } from "./kind.ts";
import type { Outcome } from "./outcome.ts";
import { ANNOTATION } from "./record.ts";

export type Failed = Extract<Outcome, { kind: "Retry" | "Terminal" }>;

export function isFailed(outcome: Outcome): outcome is Failed {
  return outcome.kind === "Retry" || outcome.kind === "Terminal";
}

/** What a hold stands by: the spec, the credential, and the user's wish for another look. */
export function signatureOf({ metadata }: ManagedObject, account: CloudAccount | undefined): string {
  const { generation, annotations, deletionTimestamp } = metadata;
  const asked = annotations?.[ANNOTATION.reconcileRequestedAt] ?? "";
  return `${generation}/${deletionTimestamp !== undefined}/${account?.fingerprint ?? ""}/${asked}`;
}

interface Failure {
  /** What must stay the same for the hold to stand: a changed spec or credential is a new chance. */
  signature: string;
  outcome: Failed;
  /** Monotonic. */
  until: number;
  failures: number;
}

const BASE_MS = 1_000;
const MAX_MS = 5 * 60_000;

export class StepBackoff {
  readonly #clock: Clock;
  /** By object, then step. */
  readonly #holds = new Map<string, Map<string, Failure>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By step: the outcome to repeat instead of doing it, with the time that is left. */
  active(key: string, signature: string): Readonly<Record<string, Failed>> {
    const now = this.#clock.monotonic();
    const standing = [...(this.#holds.get(key) ?? [])].filter(
      ([, hold]) => hold.signature === signature && hold.until > now,
    );
    return Object.fromEntries(
      standing.map(([step, { outcome, until }]) => [step, timed(outcome, until - now)]),
    );
  }

  /** Notes that `step` failed; returns the outcome with the time of the next try in it. */
  record(key: string, step: string, signature: string, outcome: Failed): Failed {
    const holds = this.#holds.get(key) ?? new Map<string, Failure>();
    this.#holds.set(key, holds);
    const before = holds.get(step);
    const now = this.#clock.monotonic();
    // A failure of long ago says nothing of this one.
    const inRow = before?.signature === signature && now - before.until <= MAX_MS;
    const failures = inRow ? before.failures + 1 : 1;
    const backoff = backoffMs(this.#clock, BASE_MS, MAX_MS, failures - 1);
    const wait = outcome.kind === "Terminal" ? outcome.recheckMs : Math.max(outcome.atLeastMs ?? 0, backoff);
    holds.set(step, { signature, outcome, failures, until: now + wait });
    return timed(outcome, wait);
  }

  /** The step went through. */
  clear(key: string, step: string): void {
    this.#holds.get(key)?.delete(step);
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#holds.delete(key);
  }

  reset(): void {
    this.#holds.clear();
  }
}

function timed(outcome: Failed, ms: number): Failed {
  return outcome.kind === "Terminal" ? { ...outcome, recheckMs: ms } : { ...outcome, atLeastMs: ms };
}
