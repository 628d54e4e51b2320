/**
 * Delays a cloud write that failed. The queue alone cannot: writes to the object, the operator's own or the user's,
 * requeue the key at once. In memory only: after a restart each write may be retried once.
 */
import { backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";
import type { Failed } from "./outcome.ts";
import { reconcileRequest } from "./record.ts";

/** What a back-off is valid for: the spec, the credential, and the user's request to reconcile. */
export function signatureOf({ metadata }: ManagedObject, account: CloudAccount | undefined): string {
  const { generation, deletionTimestamp } = metadata;
  const requested = reconcileRequest(metadata) ?? "";
  return `${generation}/${deletionTimestamp !== undefined}/${account?.fingerprint ?? ""}/${requested}`;
}

interface Failure {
  /** The back-off is over when this changes: a changed spec or credential is worth a retry. */
  signature: string;
  outcome: Failed;
  /** Monotonic. */
  until: number;
  failures: number;
}

const BASE_MS = 1_000;

export class StepBackoff {
  readonly #clock: Clock;
  readonly #slowMs: number;
  /** By object, then step. */
  readonly #failures = new Map<string, Map<string, Failure>>();

  /** `slowMs`: the longest wait between two tries. */
  constructor(clock: Clock, slowMs: number) {
    this.#clock = clock;
    this.#slowMs = slowMs;
  }

  /** By step: the outcome to report instead of performing it, with the time that is left. */
  active(key: string, signature: string): Readonly<Record<string, Failed>> {
    const now = this.#clock.monotonic();
    const active = [...(this.#failures.get(key) ?? [])].filter(
      ([, failure]) => failure.signature === signature && failure.until > now,
    );
    return Object.fromEntries(
      active.map(([step, { outcome, until }]) => [step, timed(outcome, until - now)]),
    );
  }

  /** Why the step failed the last time, where it is tried once more: the same may well come of it. */
  last(key: string, step: string, signature: string): Failed | undefined {
    const failure = this.#failures.get(key)?.get(step);
    if (failure?.signature !== signature) return undefined;
    return this.#clock.monotonic() - failure.until <= this.#slowMs ? failure.outcome : undefined;
  }

  /** Records that `step` failed; returns the outcome with the time until the next retry. */
  record(key: string, step: string, signature: string, outcome: Failed): Failed {
    const bySteps = this.#failures.get(key) ?? new Map<string, Failure>();
    this.#failures.set(key, bySteps);
    const now = this.#clock.monotonic();
    for (const [other, { until }] of bySteps) if (now - until > this.#slowMs) bySteps.delete(other);
    const before = bySteps.get(step);
    // A failure of long ago does not count.
    const failures = before?.signature === signature ? before.failures + 1 : 1;
    const backoff = backoffMs(this.#clock, BASE_MS, this.#slowMs, failures - 1);
    const wait = outcome.kind === "Terminal" ? outcome.recheckMs : Math.max(outcome.atLeastMs ?? 0, backoff);
    bySteps.set(step, { signature, outcome, failures, until: now + wait });
    return timed(outcome, wait);
  }

  /** The step succeeded. */
  clear(key: string, step: string): void {
    this.#failures.get(key)?.delete(step);
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  reset(): void {
    this.#failures.clear();
  }
}

function timed(outcome: Failed, ms: number): Failed {
  return outcome.kind === "Terminal" ? { ...outcome, recheckMs: ms } : { ...outcome, atLeastMs: ms };
}
