/**
 * How a Paperspace error ends a pass: the one translation from the coded catalogue to an outcome, for all kinds. Only
 * an allow-list is terminal; everything unknown is retried (docs/design.md, Pass). Codes decide, never message text.
 */
import { PaperspaceError } from "../paperspace/errors.ts";
import type { CallFailure } from "../reconcile/kind.ts";
import type { ReadError } from "../reconcile/outcome.ts";
import { REASON } from "../reconcile/reasons.ts";

/** A block page does not go away with an early retry (observed-in-the-field.md 3). */
const BLOCKED_RETRY_MS = 60_000;

/** In milliseconds, both for what only the user can fix. */
export interface Rechecks {
  /** Of a credential: costs a read of its Secret. */
  recheckMs: number;
  /** Of a refused write: costs the write. */
  slowMs: number;
}

/** Undefined where the error is not Paperspace's. */
export function failureOf(error: unknown, rechecks: Rechecks): CallFailure | undefined {
  if (!(error instanceof PaperspaceError)) return undefined;
  return { outcome: outcomeOf(error, rechecks), effect: error.effect };
}

/**
 * What a failed read means: a retry, and final only where it could not even be sent. The reads of a team go by any of its
 * keys, so a refused one does not prove that the object's own is bad.
 */
export function readErrorOf(error: unknown, rechecks: Rechecks): ReadError {
  const outcome = failureOf(error, rechecks)?.outcome;
  const isInvalid = error instanceof PaperspaceError && error.code === "PS_INVALID";
  if (outcome?.kind === "Retry" || (outcome?.kind === "Terminal" && isInvalid)) return outcome;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "Retry", reason: REASON.ApiUnavailable, message };
}

function outcomeOf(error: PaperspaceError, { recheckMs, slowMs }: Rechecks): CallFailure["outcome"] {
  const { code, message, retryAfterMs } = error;
  switch (code) {
    case "PS_UNAUTHORIZED":
      return { kind: "Terminal", reason: REASON.CredentialsInvalid, message, recheckMs };
    case "PS_FORBIDDEN":
      // The key is good, its rights are not: checking that again costs the write.
      return { kind: "Terminal", reason: REASON.CredentialsInvalid, message, recheckMs: slowMs };
    case "PS_REFUSED":
    case "PS_INVALID":
    // A write on a resource that is gone is the kind's matter; what comes here names something that does not exist.
    case "PS_NOT_FOUND":
      return {
        kind: "Terminal",
        reason: REASON.Refused,
        message: `${message}. Correct in the spec what it names`,
        recheckMs: slowMs,
      };
    case "PS_CONFLICT":
      return { kind: "Retry", reason: REASON.Declined, message };
    case "PS_NOT_SENT":
      return { kind: "Requeue", backOff: true };
    case "PS_RATE_LIMITED":
      return { kind: "Retry", reason: REASON.RateLimited, message, ...later(retryAfterMs) };
    case "PS_NOT_JSON":
      return { kind: "Retry", reason: REASON.ApiUnavailable, message, ...later(BLOCKED_RETRY_MS) };
    default:
      return { kind: "Retry", reason: REASON.ApiUnavailable, message, ...later(retryAfterMs) };
  }
}

function later(ms: number | undefined): { atLeastMs?: number } {
  return ms === undefined ? {} : { atLeastMs: ms };
}
