/**
 * The error catalogue of calls to Paperspace, and how answers are classified. How an error is handled and reported is up to
 * the caller.
 */

import { clip } from "../base/plain-text.ts";
import { MOST_VALUES, parseRefusal } from "./nesting.ts";

/**
 * - `PS_UNAUTHORIZED` the key is not accepted (401, or a session of `null`)
 * - `PS_FORBIDDEN` the key lacks the right (403)
 * - `PS_NOT_FOUND` the API itself reports that it does not exist (404 with its error body)
 * - `PS_REFUSED` the API found the request invalid (400, 413, 422 with its error body)
 * - `PS_CONFLICT` wrong state, name in use, precondition (409, 412): read again
 * - `PS_RATE_LIMITED` 429, from the API or a gateway
 * - `PS_SERVER` 5xx, and every status that nothing else covers
 * - `PS_NOT_JSON` a page of a gateway or proxy
 * - `PS_TRUNCATED` the answer began and did not end
 * - `PS_UNEXPECTED` a 2xx without the fields that we rely on
 * - `PS_TOO_LARGE` more bytes than are read; a page of a list is read again with a lower limit
 * - `PS_TIMEOUT` no answer in time (408 as well)
 * - `PS_CONNECTION` no connection, or one that broke before an answer began
 * - `PS_NOT_SENT` not sent: refused by the gate, cancelled by the caller, or shutting down
 * - `PS_INVALID` not sent: the request itself is wrong, and can never be sent as it is
 */
export type PaperspaceErrorCode =
  | "PS_UNAUTHORIZED"
  | "PS_FORBIDDEN"
  | "PS_NOT_FOUND"
  | "PS_REFUSED"
  | "PS_CONFLICT"
  | "PS_RATE_LIMITED"
  | "PS_SERVER"
  | "PS_NOT_JSON"
  | "PS_TRUNCATED"
  | "PS_UNEXPECTED"
  | "PS_TOO_LARGE"
  | "PS_TIMEOUT"
  | "PS_CONNECTION"
  | "PS_NOT_SENT"
  | "PS_INVALID";

/** Whether a write may have taken effect. A retried call is unknown once one of its attempts is. */
export type Effect = "none" | "unknown";

export interface PaperspaceErrorFields {
  readonly effect: Effect;
  /** HTTP status, where an answer came. */
  readonly status?: number | undefined;
  /** `code` of the error body: an open set of strings. */
  readonly apiCode?: string | undefined;
  /** Least time before a retry, in milliseconds, from the answer or a rule of our own. */
  readonly retryAfterMs?: number | undefined;
}

export class PaperspaceError extends Error {
  override readonly name = "PaperspaceError";
  readonly code: PaperspaceErrorCode;
  readonly effect: Effect;
  readonly status: number | undefined;
  readonly apiCode: string | undefined;
  readonly retryAfterMs: number | undefined;

  /** `message` must be fit for a status and a log: no bodies, no keys. */
  constructor(code: PaperspaceErrorCode, message: string, fields: PaperspaceErrorFields) {
    super(message);
    this.code = code;
    this.effect = fields.effect;
    this.status = fields.status;
    this.apiCode = fields.apiCode;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** The same error with another effect: an attempt does not reflect the effect of earlier ones. */
  withEffect(effect: Effect): PaperspaceError {
    return effect === this.effect ? this : new PaperspaceError(this.code, this.message, { ...this, effect });
  }
}

/** An answer as it came from the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** The API's error body, as far as it is one. Its `details` or `issues` are left unread: they may be of any size. */
export interface ApiErrorBody {
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** Both required fields are present: it comes from the API, not from a gateway. */
  readonly genuine: boolean;
}

/** Reads an error body leniently; undefined when the value is no object at all. */
export function readErrorBody(value: unknown): ApiErrorBody | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const body = value as Record<string, unknown>;
  const code = typeof body.code === "string" ? body.code : undefined;
  const message = typeof body.message === "string" ? body.message : undefined;
  return { code, message, genuine: code !== undefined && message !== undefined };
}

/** As the official client, treats a 2xx as an error if it holds only `code`, `message` and one more field. */
export function looksLikeErrorBody(value: unknown): boolean {
  return readErrorBody(value)?.genuine === true && Object.keys(value as object).length <= 3;
}

/** A parsed body: JSON, what is not parsed, truncated JSON, or something else. */
export type ParsedBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "broken" }
  | { readonly kind: "other" };

/** `scrub` is applied to every string of the parsed body, so that the body stays well-formed. */
export function parseBody(
  answer: RawAnswer,
  scrub?: (text: string) => string,
  mostValues: number = MOST_VALUES,
): ParsedBody {
  const reviver =
    scrub && ((_: string, value: unknown) => (typeof value === "string" ? scrub(value) : value));
  const why = parseRefusal(answer.text, mostValues);
  if (why !== undefined) return { kind: "refused", why };
  try {
    return { kind: "json", value: JSON.parse(answer.text, reviver) };
  } catch {
    const claimsJson = String(answer.headers["content-type"] ?? "").includes("json");
    const looksLikeJson = /^\s*[[{"]/.test(answer.text);
    return { kind: looksLikeJson || (claimsJson && answer.text.trim() === "") ? "broken" : "other" };
  }
}

/** Milliseconds of a Retry-After header in seconds. (Its other form, a date, is the server's clock against ours.) */
export function retryAfterMs(answer: RawAnswer): number | undefined {
  const seconds = answer.headers["retry-after"];
  return typeof seconds === "string" && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

/**
 * Classifies an answer outside 2xx. `what` names the request, such as `GET /machines/ps1`; `scrub` removes what must
 * not be repeated.
 */
export function errorFromAnswer(
  what: string,
  answer: RawAnswer,
  scrub?: (text: string) => string,
): PaperspaceError {
  const { status } = answer;
  const parsed = parseBody(answer, scrub);
  const body = parsed.kind === "json" ? readErrorBody(parsed.value) : undefined;
  const detail = body?.message ? `: ${clip(body.message)}` : "";
  const create = (code: PaperspaceErrorCode, effect: Effect, text: string): PaperspaceError =>
    new PaperspaceError(code, `${what}: ${text}`, {
      effect,
      status,
      apiCode: body?.code === undefined ? undefined : clip(body.code, 80),
      retryAfterMs: retryAfterMs(answer),
    });

  if (status === 429) return create("PS_RATE_LIMITED", "none", `too many requests (429)${detail}`);
  if (status >= 500) return create("PS_SERVER", "unknown", `Paperspace failed with ${status}${detail}`);
  if (parsed.kind === "broken") return create("PS_TRUNCATED", "unknown", `the answer (${status}) breaks off`);
  if (parsed.kind === "other") {
    return create("PS_NOT_JSON", "unknown", `${describeBody(answer)} came instead of JSON (${status})`);
  }
  if (status === 408) return create("PS_TIMEOUT", "unknown", `Paperspace gave up waiting (408)${detail}`);
  if (!body?.genuine || status < 400 || status === 499) {
    // A gateway can answer in JSON as well: without the API's own error body nothing is certain, least of all absence.
    return create("PS_SERVER", "unknown", `unexpected answer ${status}${detail}`);
  }
  return create(
    CODE_BY_STATUS[status] ?? "PS_SERVER",
    "none",
    `refused with ${status} ${clip(body.code ?? "", 80)}${detail}`,
  );
}

const CODE_BY_STATUS: Readonly<Record<number, PaperspaceErrorCode>> = {
  400: "PS_REFUSED",
  401: "PS_UNAUTHORIZED",
  403: "PS_FORBIDDEN",
  404: "PS_NOT_FOUND",
  409: "PS_CONFLICT",
  412: "PS_CONFLICT",
  413: "PS_REFUSED",
  422: "PS_REFUSED",
};

/** Describes a body without quoting it. */
export function describeBody(answer: RawAnswer): string {
  if (answer.text.trim() === "") return "an empty body";
  return /^\s*<|<html/i.test(answer.text) ? "an HTML page" : "plain text";
}
