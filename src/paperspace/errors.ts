/**
 * The one catalogue of what can go wrong on the way to Paperspace and back, and how an answer is sorted into it.
 * What to do about an error belongs to the caller; what Kubernetes is told about it, too.
 */

/**
 * - `PS_UNAUTHORIZED` the key is not accepted (401, or a session of `null`)
 * - `PS_FORBIDDEN` the key lacks the right (403)
 * - `PS_NOT_FOUND` the API itself says that there is no such thing (404 with its error body)
 * - `PS_REFUSED` the API found the request invalid (400, 413, 422 with its error body)
 * - `PS_CONFLICT` wrong state, name taken, precondition (409, 412): look again
 * - `PS_RATE_LIMITED` 429, from whoever sent it
 * - `PS_SERVER` 5xx, and every status that nothing else covers
 * - `PS_NOT_JSON` a page of something that stands in between
 * - `PS_TRUNCATED` the answer began and did not end
 * - `PS_UNEXPECTED` a 2xx that does not hold what we rely on
 * - `PS_TIMEOUT` no answer in time (408 as well)
 * - `PS_CONNECTION` no connection, or one that broke before an answer began
 * - `PS_NOT_SENT` we decided not to send: the gate said no, the caller gave up, or we are shutting down
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
  | "PS_TIMEOUT"
  | "PS_CONNECTION"
  | "PS_NOT_SENT";

/** Whether a write may have happened all the same. A retried call is as unknown as the worst of its tries. */
export type Effect = "none" | "unknown";

export interface PaperspaceErrorFields {
  readonly effect: Effect;
  /** HTTP status, where an answer came. */
  readonly status?: number | undefined;
  /** `code` of the error body: an open set of strings. */
  readonly apiCode?: string | undefined;
  /** `details` or `issues` of the error body, as they came. */
  readonly details?: unknown;
  /** How long to stay away, in milliseconds, where the answer or our own rule says so. */
  readonly retryAfterMs?: number | undefined;
}

export class PaperspaceError extends Error {
  override readonly name = "PaperspaceError";
  readonly code: PaperspaceErrorCode;
  readonly effect: Effect;
  readonly status: number | undefined;
  readonly apiCode: string | undefined;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;

  /** `message` must be fit for a status and a log: no bodies, no keys. */
  constructor(code: PaperspaceErrorCode, message: string, fields: PaperspaceErrorFields) {
    super(message);
    this.code = code;
    this.effect = fields.effect;
    this.status = fields.status;
    this.apiCode = fields.apiCode;
    this.details = fields.details;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** The same error with another effect: a later try knows nothing of what an earlier one did. */
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

/** The API's error body, as far as it is one. Two generations of the schema differ in `details` and `issues`. */
export interface ApiErrorBody {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly details: unknown;
  /** Both required fields are there: the API speaks, not a gateway. */
  readonly genuine: boolean;
}

const MESSAGE_LIMIT = 300;

/** One printable line of at most 300 characters. */
export function clip(text: string, limit: number = MESSAGE_LIMIT): string {
  // Control characters would let an answer forge log lines and status messages.
  const line = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
    .replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ")
    .trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

/** Reads an error body leniently; undefined when the value is no object at all. */
export function readErrorBody(value: unknown): ApiErrorBody | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const body = value as Record<string, unknown>;
  const code = typeof body.code === "string" ? body.code : undefined;
  const message = typeof body.message === "string" ? body.message : undefined;
  const details = body.details ?? body.issues;
  return { code, message, details, genuine: code !== undefined && message !== undefined };
}

/** The official client takes a 2xx for an error when it is nothing but `code`, `message` and one thing more. */
export function looksLikeErrorBody(value: unknown): boolean {
  return readErrorBody(value)?.genuine === true && Object.keys(value as object).length <= 3;
}

/** What a body parses to: JSON, JSON that breaks off, or something else. */
export type Parsed =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "broken" }
  | { readonly kind: "other" };

/** `scrub` goes over every text in the body, after parsing: whatever it takes out, the body stays well-formed. */
export function parseBody(answer: RawAnswer, scrub?: (text: string) => string): Parsed {
  const reviver =
    scrub && ((_: string, value: unknown) => (typeof value === "string" ? scrub(value) : value));
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
 * Sorts an answer outside 2xx into the catalogue. `what` names the request, such as `GET /machines/ps1`; `scrub` takes
 * out what must not be repeated.
 */
export function errorFromAnswer(
  what: string,
  answer: RawAnswer,
  scrub?: (text: string) => string,
): PaperspaceError {
  const { status } = answer;
  const parsed = parseBody(answer, scrub);
  const body = parsed.kind === "json" ? readErrorBody(parsed.value) : undefined;
  const said = body?.message ? `: ${clip(body.message)}` : "";
  const make = (code: PaperspaceErrorCode, effect: Effect, text: string): PaperspaceError =>
    new PaperspaceError(code, `${what}: ${text}`, {
      effect,
      status,
      apiCode: body?.code === undefined ? undefined : clip(body.code, 80),
      details: body?.details,
      retryAfterMs: retryAfterMs(answer),
    });

  if (status === 429) return make("PS_RATE_LIMITED", "none", `too many requests (429)${said}`);
  if (status >= 500) return make("PS_SERVER", "unknown", `Paperspace failed with ${status}${said}`);
  if (parsed.kind === "broken") return make("PS_TRUNCATED", "unknown", `the answer (${status}) breaks off`);
  if (parsed.kind === "other") {
    return make("PS_NOT_JSON", "unknown", `${nature(answer)} came instead of JSON (${status})`);
  }
  if (status === 408) return make("PS_TIMEOUT", "unknown", `Paperspace gave up waiting (408)${said}`);
  if (!body?.genuine || status < 400 || status === 499) {
    // A gateway can speak JSON as well: without the API's own error body nothing is proved, least of all absence.
    return make("PS_SERVER", "unknown", `unexpected answer ${status}${said}`);
  }
  return make(
    CODE_BY_STATUS[status] ?? "PS_SERVER",
    "none",
    `refused with ${status} ${clip(body.code ?? "", 80)}${said}`,
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

/** Names what a body is without quoting it. */
export function nature(answer: RawAnswer): string {
  if (answer.text.trim() === "") return "an empty body";
  return /^\s*<|<html/i.test(answer.text) ? "an HTML page" : "plain text";
}
