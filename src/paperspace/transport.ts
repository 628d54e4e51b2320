/**
 * The client of the Paperspace API for one key: typed requests and retries of safe calls. Lists are in pages.ts, the
 * exchange over a socket in wire.ts, the throttle in throttle.ts; nothing here depends on a resource of the API or on
 * Kubernetes.
 */

import { type Clock, sleep } from "../base/clock.ts";
import type { Static, TSchema } from "../base/json-schema.ts";
import { clip } from "../base/plain-text.ts";
import { withoutTrailing } from "../base/text.ts";
import { readAnswer } from "./answers.ts";
import type {
  ApiAnswer,
  ApiPage,
  ApiRequest,
  CallDefaults,
  PagesRequest,
  PaperspaceApi,
  Query,
} from "./api.ts";
import {
  describeBody,
  type Effect,
  errorFromAnswer,
  looksLikeErrorBody,
  PaperspaceError,
  type PaperspaceErrorCode,
  parseBody,
  type RawAnswer,
  readErrorBody,
  retryAfterMs,
} from "./errors.ts";
import type { ApiMetrics } from "./metrics.ts";
import { MOST_VALUES } from "./nesting.ts";
import { Lists, type ListsOptions, type PageLimits } from "./pages.ts";
import type { Throttle } from "./throttle.ts";
import { type BodyReader, ExchangeFailure, exchange, type FailureKind, type Sockets } from "./wire.ts";

export type {
  ApiAnswer,
  ApiPage,
  ApiRequest,
  CallDefaults,
  CallOptions,
  PagesRequest,
  PaperspaceApi,
  Query,
} from "./api.ts";
export { apiPath } from "./route.ts";

export interface TransportOptions {
  readonly clock: Clock;
  readonly sockets: Sockets;
  readonly throttle: Pick<Throttle, "run" | "rateLimited" | "succeeded">;
  /** Version included, such as https://api.paperspace.com/v1. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Our own version, for the user agent. */
  readonly version: string;
  /** Time for one attempt unless the call sets its own. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  /** Largest answer that is read, and most that is kept of a page. Default 4 MiB: parsing more would stop all else for long. */
  readonly maxBytes?: number | undefined;
  /** Most pages of a list, of 120 items each. Default 500. */
  readonly mostPages?: number | undefined;
  readonly metrics?: ApiMetrics | undefined;
  /** Called when the API refused the key to a call that began at this monotonic time. */
  readonly onUnauthorized?: ((beganAt: number) => void) | undefined;
  readonly defaults?: CallDefaults | undefined;
}

const MAX_BYTES = 4 * 1024 * 1024;
/** Of 120 items: more than any account is known to have. */
const MOST_PAGES = 500;
const ATTEMPTS = 4;
const BACK_OFF_MS = 500;

/** The API over HTTP for one key. */
export class Transport implements PaperspaceApi {
  readonly #options: TransportOptions;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #lists: Lists;
  readonly #limits: PageLimits;

  /** `limits`: what another transport for the same key has learnt. */
  constructor(options: TransportOptions, limits: PageLimits = new Map()) {
    const base = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = base.origin;
    this.#prefix = withoutTrailing(base.pathname, "/");
    const { maxBytes = MAX_BYTES, mostPages = MOST_PAGES, metrics } = options;
    const send: ListsOptions["send"] = (request, reader) => this.#retrying(request, reader);
    this.#limits = limits;
    this.#lists = new Lists({ maxBytes, mostPages, metrics, send }, limits);
  }

  with(defaults: CallDefaults): Transport {
    const options = { ...this.#options, defaults: { ...this.#options.defaults, ...defaults } };
    return new Transport(options, this.#limits);
  }

  request<S extends TSchema>(call: ApiRequest<S>): Promise<ApiAnswer<Static<S>>> {
    return this.#retrying(call);
  }

  pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void> {
    return this.#lists.pages(request);
  }

  async #retrying<S extends TSchema>(
    call: ApiRequest<S>,
    reader?: () => BodyReader,
  ): Promise<ApiAnswer<Static<S>>> {
    const { clock, defaults } = this.#options;
    const request: ApiRequest<S> = { ...defaults, ...call };
    let effect: Effect = "none";
    for (let attempt = 1; ; attempt++) {
      let error: PaperspaceError;
      try {
        return await this.#attempt(request, reader);
      } catch (caught) {
        if (!(caught instanceof PaperspaceError)) throw caught;
        error = caught;
      }
      // A read changes nothing; a write is unknown once one of its attempts is.
      if (request.method !== "GET" && error.effect === "unknown") effect = "unknown";
      error = error.withEffect(effect);
      if (request.retry === "never" || attempt === ATTEMPTS || !isRetryable(error)) throw error;
      if (request.permit?.mayRepeat === false) throw error;
      // After a 429 the throttle pauses for long enough.
      if (error.code === "PS_RATE_LIMITED") continue;
      const pause = BACK_OFF_MS * 2 ** (attempt - 1) * (0.5 + clock.random());
      await sleep(clock, pause, request.signal).catch(() => {
        throw new PaperspaceError("PS_NOT_SENT", `${requestName(request)}: cancelled before a retry`, {
          effect,
        });
      });
    }
  }

  /** One attempt: passes the throttle once, unless it has a permit, sends at most one request, validates the answer. */
  async #attempt<S extends TSchema>(
    request: ApiRequest<S>,
    reader: (() => BodyReader) | undefined,
  ): Promise<ApiAnswer<Static<S>>> {
    const send = () => this.#send(request, reader);
    const { throttle } = this.#options;
    const { raw, beganAt, answeredAt } = await (request.permit?.run(send) ?? throttle.run(send, request));
    return { body: this.#parseAnswer(request, raw, beganAt), status: raw.status, beganAt, answeredAt };
  }

  async #send(
    request: ApiRequest<TSchema>,
    reader: (() => BodyReader) | undefined,
  ): Promise<{ raw: RawAnswer; beganAt: number; answeredAt: number }> {
    const { clock, sockets, throttle, metrics, timeoutMs = 30_000, maxBytes = MAX_BYTES } = this.#options;
    const reason = request.gate?.();
    if (reason !== undefined) throw this.#notSent(request, reason);
    const beganAt = clock.monotonic();
    const measure = (outcome: string) =>
      metrics?.request(request.method, request.path, outcome, (clock.monotonic() - beganAt) / 1000);
    try {
      const raw = await exchange(clock, sockets, {
        origin: this.#origin,
        path: this.#prefix + request.path + queryString(request.query),
        method: request.method,
        headers: this.#headers(request),
        body: request.body === undefined ? undefined : JSON.stringify(request.body),
        timeoutMs: request.timeoutMs ?? timeoutMs,
        maxBytes: request.maxBytes ?? maxBytes,
        reader,
        once: request.retry === "never",
        gate: request.gate,
        signal: request.signal,
      });
      measure(String(raw.status));
      if (raw.status === 429) throttle.rateLimited(beganAt, retryAfterMs(raw));
      else if (raw.status < 500) throttle.succeeded(beganAt);
      return { raw, beganAt, answeredAt: clock.monotonic() };
    } catch (caught) {
      if (!(caught instanceof ExchangeFailure)) throw caught;
      const error = this.#failed(request, caught);
      if (error.code !== "PS_NOT_SENT" && error.code !== "PS_INVALID") measure(error.code);
      throw error;
    }
  }

  #headers({ headers = {}, body }: ApiRequest<TSchema>): Record<string, string> {
    const { apiKey, version } = this.#options;
    const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    return {
      // Callers can change neither the key nor the framing of the request.
      ...Object.fromEntries(given.filter(([name]) => name.startsWith("x-"))),
      authorization: `Bearer ${apiKey}`,
      accept: "application/json",
      "user-agent": `paperspace-operator/${version}`,
      "x-client": "paperspace-operator",
      "x-client-version": version,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
  }

  #parseAnswer<S extends TSchema>(request: ApiRequest<S>, answer: RawAnswer, beganAt: number): Static<S> {
    const { status } = answer;
    const what = requestName(request);
    if (status < 200 || status > 299) {
      // Where the API repeats the request, the key must not get into a status.
      const error = errorFromAnswer(what, answer, (text) => this.#scrub(text));
      if (error.code === "PS_UNAUTHORIZED") this.#options.onUnauthorized?.(beganAt);
      throw error;
    }
    // Who asks for more than is usual may have more of it parsed.
    const share = Math.max(1, (request.maxBytes ?? 0) / MAX_BYTES);
    const parsed = parseBody(answer, undefined, share * MOST_VALUES);
    if (parsed.kind === "broken") {
      throw new PaperspaceError("PS_TRUNCATED", `${what}: the answer breaks off`, {
        effect: "unknown",
        status,
      });
    }
    if (parsed.kind === "other") {
      const text = `${what}: ${describeBody(answer)} came instead of JSON (${status})`;
      throw new PaperspaceError("PS_NOT_JSON", text, { effect: "unknown", status });
    }
    if (parsed.kind === "refused") throw this.#unexpected(request, status, undefined, parsed.why);
    const reading = readAnswer(request.answer, parsed.value);
    if (!reading.fits) throw this.#unexpected(request, status, parsed.value, reading.where);
    for (const field of reading.unreadable) this.#options.metrics?.unreadableField(request.path, field);
    return reading.value;
  }

  #unexpected(request: ApiRequest<TSchema>, status: number, value: unknown, where: string): PaperspaceError {
    const body = looksLikeErrorBody(value) ? readErrorBody(value) : undefined;
    if (body) {
      const text = `${requestName(request)}: an error came with status ${status}: ${clip(this.#scrub(body.message ?? ""))}`;
      const apiCode = clip(this.#scrub(body.code ?? ""), 80);
      return new PaperspaceError("PS_UNEXPECTED", text, { effect: "unknown", status, apiCode });
    }
    return new PaperspaceError(
      "PS_UNEXPECTED",
      `${requestName(request)}: unexpected answer: ${clip(where)}`,
      {
        effect: "unknown",
        status,
      },
    );
  }

  #failed(request: ApiRequest<TSchema>, failure: ExchangeFailure): PaperspaceError {
    const { kind, sent, status } = failure;
    const text = this.#scrub(clip(failure.message));
    if (kind === "gate" || (kind === "cancelled" && !sent)) return this.#notSent(request, text);
    const code: PaperspaceErrorCode =
      kind === "cut" && status !== undefined ? "PS_TRUNCATED" : CODE_BY_FAILURE[kind];
    return new PaperspaceError(code, `${requestName(request)}: ${text}`, {
      effect: sent ? "unknown" : "none",
      status,
    });
  }

  #notSent(request: ApiRequest<TSchema>, reason: string): PaperspaceError {
    return new PaperspaceError("PS_NOT_SENT", `${requestName(request)}: not sent: ${reason}`, {
      effect: "none",
    });
  }

  #scrub(text: string): string {
    return text.replaceAll(this.#options.apiKey, "[redacted]");
  }
}

const CODE_BY_FAILURE: Readonly<Record<FailureKind, PaperspaceErrorCode>> = {
  timeout: "PS_TIMEOUT",
  cancelled: "PS_CONNECTION",
  gate: "PS_NOT_SENT",
  "too-large": "PS_TOO_LARGE",
  cut: "PS_CONNECTION",
  broken: "PS_TRUNCATED",
  unexpected: "PS_UNEXPECTED",
  refused: "PS_CONNECTION",
  invalid: "PS_INVALID",
};

/** Whether a retry of the same call soon is useful. Not after timeouts: each would block a worker for as long again. */
function isRetryable(error: PaperspaceError): boolean {
  switch (error.code) {
    case "PS_RATE_LIMITED":
    case "PS_CONNECTION":
    case "PS_TRUNCATED":
      return true;
    case "PS_SERVER":
      return (error.status ?? 0) >= 500;
    default:
      return false;
  }
}

/** How messages refer to a request. */
function requestName(request: { readonly method: string; readonly path: string }): string {
  return `${request.method} ${clip(request.path, 120)}`;
}

function queryString(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) params.append(key, String(value));
  return params.size === 0 ? "" : `?${params}`;
}
