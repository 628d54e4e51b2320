import { expect, test } from "vitest";
import { isConflict, isGone, isInvalid, isKube, isTransient, KubeError } from "./errors.ts";

const status = (code: number, reason = "", more = {}) =>
  KubeError.fromAnswer(code, { kind: "Status", code, reason, message: "too old", ...more }, "GET /x");

test("every status has one code, also unforeseen ones", () => {
  const codes = Object.fromEntries(
    [200, 302, 400, 401, 403, 404, 405, 408, 409, 410, 415, 422, 429, 500, 502, 503, 504].map((code) => [
      code,
      status(code).code,
    ]),
  );
  expect(codes).toEqual({
    200: "KUBE_BAD_ANSWER",
    302: "KUBE_BAD_ANSWER",
    400: "KUBE_BAD_REQUEST",
    401: "KUBE_UNAUTHORIZED",
    403: "KUBE_FORBIDDEN",
    404: "KUBE_NOT_FOUND",
    405: "KUBE_REFUSED",
    408: "KUBE_TIMEOUT",
    409: "KUBE_CONFLICT",
    410: "KUBE_GONE",
    415: "KUBE_REFUSED",
    422: "KUBE_INVALID",
    429: "KUBE_TOO_MANY",
    500: "KUBE_SERVER",
    502: "KUBE_SERVER",
    503: "KUBE_SERVER",
    504: "KUBE_TIMEOUT",
  });
  expect(status(409, "AlreadyExists").code).toBe("KUBE_ALREADY_EXISTS");
});

test("a patch meant for another UID is a conflict, although the server reports an invalid value", () => {
  const details = {
    causes: [{ reason: "FieldValueInvalid", field: "metadata.uid", message: "field is immutable" }],
  };
  expect(isConflict(status(422, "Invalid", { details }))).toBe(true);
  expect(isInvalid(status(422, "Invalid", { details: { causes: [{ field: "spec.size" }] } }))).toBe(true);
});

test("the message has the call, the status, the reason and the server's message; HTML is truncated", () => {
  expect(status(410, "Expired").message).toBe("GET /x: 410 Expired: too old");
  expect(KubeError.fromAnswer(502, `<html>${"x".repeat(1_000)}`, "GET /x").message.length).toBeLessThan(250);
});

test("the wait of the header wins over that of the Status", () => {
  const body = { kind: "Status", details: { retryAfterSeconds: 3 } };
  expect(KubeError.fromAnswer(429, body, "x").retryAfterMs).toBe(3_000);
  expect(KubeError.fromAnswer(429, body, "x", 9_000).retryAfterMs).toBe(9_000);
  expect(status(429).retryAfterMs).toBeUndefined();
});

test("the predicates check the code alone, and reject other errors", () => {
  expect([isGone(status(410)), isGone(new Error("410 Gone")), isKube(status(500)), isKube(null)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([429, 500, 504].every((code) => isTransient(status(code)))).toBe(true);
  expect([400, 401, 403, 404, 409, 410, 422].some((code) => isTransient(status(code)))).toBe(false);
});
