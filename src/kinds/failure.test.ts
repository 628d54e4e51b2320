import { expect, it } from "vitest";
import { PaperspaceError } from "../paperspace/errors.ts";
import { failureOf, readErrorOf } from "./failure.ts";

const RECHECKS = { recheckMs: 30_000, slowMs: 600_000 };
const error = (code: ConstructorParameters<typeof PaperspaceError>[0], retryAfterMs?: number) =>
  new PaperspaceError(code, "said", { effect: "none", ...(retryAfterMs !== undefined && { retryAfterMs }) });

it("treats a failed read as a reason to read again, never as terminal: the key may be another object's", () => {
  for (const code of [
    "PS_UNAUTHORIZED",
    "PS_FORBIDDEN",
    "PS_REFUSED",
    "PS_NOT_FOUND",
    "PS_NOT_SENT",
  ] as const)
    expect(readErrorOf(error(code), RECHECKS)).toEqual({
      kind: "Retry",
      reason: "ApiUnavailable",
      message: "said",
    });
  expect(readErrorOf(new TypeError("a bug"), RECHECKS)).toMatchObject({ kind: "Retry", message: "a bug" });
});

it("waits as long as the API requests, with a read as with a write", () => {
  const limited = error("PS_RATE_LIMITED", 5_000);
  expect(readErrorOf(limited, RECHECKS)).toMatchObject({ reason: "RateLimited", atLeastMs: 5_000 });
  expect(failureOf(limited, RECHECKS)?.outcome).toEqual(readErrorOf(limited, RECHECKS));
});

it("refuses what is wrong itself, a read or a write: it can never be sent, so no retry is of use", () => {
  const outcome = { kind: "Terminal", reason: "Refused", recheckMs: RECHECKS.slowMs };
  expect(readErrorOf(error("PS_INVALID"), RECHECKS)).toMatchObject(outcome);
  expect(failureOf(error("PS_INVALID"), RECHECKS)).toMatchObject({ outcome, effect: "none" });
});

it("has a write that was not sent decided on anew after a back-off: the reason for it may last", () => {
  expect(failureOf(error("PS_NOT_SENT"), RECHECKS)?.outcome).toEqual({ kind: "Requeue", backOff: true });
});

it("does not classify errors that are not Paperspace's", () => {
  expect(failureOf(new Error("KUBE"), RECHECKS)).toBeUndefined();
});
