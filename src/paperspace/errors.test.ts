import { describe, expect, it } from "vitest";
import { clip } from "../base/plain-text.ts";
import {
  errorFromAnswer,
  looksLikeErrorBody,
  PaperspaceError,
  type RawAnswer,
  retryAfterMs,
} from "./errors.ts";

function raw(status: number, body: unknown, headers: RawAnswer["headers"] = {}): RawAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers: { "content-type": "application/json", ...headers }, text };
}

const errorBody = (code: string, message = "why") => ({ code, message });
const sort = (answer: RawAnswer) => errorFromAnswer("GET /machines/ps1", answer);

describe("the API's own refusals", () => {
  it.each([
    [400, "BAD_REQUEST", "PS_REFUSED"],
    [413, "PAYLOAD_TOO_LARGE", "PS_REFUSED"],
    [422, "ANYTHING", "PS_REFUSED"],
    [401, "UNAUTHORIZED", "PS_UNAUTHORIZED"],
    [403, "FORBIDDEN", "PS_FORBIDDEN"],
    [404, "NOT_FOUND", "PS_NOT_FOUND"],
    [409, "CONFLICT", "PS_CONFLICT"],
    [412, "PRECONDITION_FAILED", "PS_CONFLICT"],
    [405, "METHOD_NOT_SUPPORTED", "PS_SERVER"],
    [402, "PAYMENT_REQUIRED", "PS_SERVER"],
  ])("%i %s is %s, and nothing was done", (status, apiCode, code) => {
    expect(sort(raw(status, errorBody(apiCode)))).toMatchObject({ code, effect: "none", status, apiCode });
  });

  it("have the request and the API's answer in the message", () => {
    const error = sort(
      raw(400, { code: "BAD_REQUEST", message: "diskSize must be one of", issues: [{ message: "x" }] }),
    );
    expect(error.message).toBe("GET /machines/ps1: refused with 400 BAD_REQUEST: diskSize must be one of");
  });
});

describe("an answer that is not certain to come from the API", () => {
  it.each<[string, RawAnswer, string]>([
    [
      "an HTML 404 of a gateway",
      raw(404, "<html>nope</html>", { "content-type": "text/html" }),
      "PS_NOT_JSON",
    ],
    ["a plain 404", raw(404, "default backend - 404", { "content-type": "text/plain" }), "PS_NOT_JSON"],
    ["a gateway's JSON 404 without a code", raw(404, { message: "no Route matched" }), "PS_SERVER"],
    ["a JSON 404 that is a list", raw(404, []), "PS_SERVER"],
    ["an HTML 403 block page", raw(403, "<!DOCTYPE html>", { "content-type": "text/html" }), "PS_NOT_JSON"],
    ["an HTML 401", raw(401, "<html>", { "content-type": "text/html" }), "PS_NOT_JSON"],
    ["an empty 404", raw(404, "", { "content-type": "text/plain" }), "PS_NOT_JSON"],
    ["a 404 that breaks off", raw(404, '{"code":"NOT_FO'), "PS_TRUNCATED"],
    ["a redirect", raw(302, errorBody("X")), "PS_SERVER"],
    ["408", raw(408, errorBody("TIMEOUT")), "PS_TIMEOUT"],
    ["499", raw(499, errorBody("CLIENT_CLOSED_REQUEST")), "PS_SERVER"],
    ["500", raw(500, errorBody("INTERNAL_SERVER_ERROR")), "PS_SERVER"],
    ["an HTML 502", raw(502, "<html>bad gateway</html>", { "content-type": "text/html" }), "PS_SERVER"],
  ])("%s leaves open whether a write happened", (_, answer, code) => {
    expect(sort(answer)).toMatchObject({ code, effect: "unknown", status: answer.status });
  });

  it("leaves no doubt where it is a 429: it was not processed, whether from the API or a gateway", () => {
    const html = raw(429, "<html>slow down</html>", { "content-type": "text/html", "retry-after": "12" });
    expect(sort(html)).toMatchObject({ code: "PS_RATE_LIMITED", effect: "none", retryAfterMs: 12_000 });
  });
});

describe("messages", () => {
  it("never hold a page, whatever the status", () => {
    for (const status of [200, 302, 401, 403, 404, 429, 500, 503]) {
      const error = sort(raw(status, "<html><b>Ray 1234</b></html>", { "content-type": "text/html" }));
      expect(error.message).not.toMatch(/Ray|</);
    }
  });

  it("are one short line, so that an answer can neither forge log lines nor fill a status", () => {
    const error = sort(raw(400, errorBody("BAD\nREQUEST", `a\r\nb\u001b[31m${"x".repeat(9_999)}`)));
    expect([...error.message].every((letter) => letter >= " ")).toBe(true);
    expect(error.message.length).toBeLessThan(420);
    expect(clip("  a \n b  ")).toBe("a b");
  });

  it.each([{}, { code: 7, message: {} }, { message: null }, null, "text", 5, { issues: "x" }])(
    "accept any body: %j",
    (body) => {
      expect(sort(raw(400, body))).toBeInstanceOf(PaperspaceError);
    },
  );
});

it("treats code, message and at most one more field as an error body, as the official client does", () => {
  expect(looksLikeErrorBody({ code: "X", message: "m", issues: [] })).toBe(true);
  expect(looksLikeErrorBody({ code: "X", message: "m", id: "ps1", name: "n" })).toBe(false);
  expect(looksLikeErrorBody({ code: 1, message: "m" })).toBe(false);
});

it.each([
  ["5", 5_000],
  ["0", 0],
  ["-1", undefined],
  ["soon", undefined],
  ["99999999", undefined],
])("reads Retry-After %s as %s ms", (header, ms) => {
  expect(retryAfterMs(raw(429, {}, { "retry-after": header }))).toBe(ms);
});

it("keeps every field when the effect of an earlier attempt is added", () => {
  const error = sort(raw(400, { ...errorBody("BAD_REQUEST"), details: 1 }));
  expect(error.withEffect("unknown")).toMatchObject({ ...error, effect: "unknown", message: error.message });
  expect(error.withEffect("none")).toBe(error);
});
