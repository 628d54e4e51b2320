/**
 * The client of the Paperspace API for one key: typed requests, retries of safe calls, pages. The exchange over a socket is
 * in wire.ts, the throttle in throttle.ts; nothing here depends on a resource of the API or on Kubernetes.
 */

import { type Static, type TSchema, Type } from "typebox";
import { type Clock, sleep } from "../base/clock.ts";
import { readAnswer } from "./answers.ts";
import {
  clip,
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
import type { Permit } from "./permits.ts";
import type { Throttle } from "./throttle.ts";
import { ExchangeFailure, exchange, type FailureKind, type Sockets } from "./wire.ts";

export { apiPath } from "./route.ts";

/** Priority, budget and limits of a call. */
export interface CallOptions {
  /** Higher goes first where calls wait for the throttle. Default 0. */
  readonly priority?: number | undefined;
  /** On whose behalf it is made, such as a namespace: in a lane of the throttle groups take turns. */
  readonly group?: string | undefined;
  /** May use the reserve of the budget: deletes: they end costs, and other calls must not delay them. */
  readonly reserve?: boolean | undefined;
  /** `poll`: reads of events, at most a fifth of the budget. */
  readonly class?: "poll" | undefined;
  /** With it the call does not wait for the throttle. */
  readonly permit?: Permit | undefined;
  /**
   * Called after the throttle and again immediately before the first byte; a string is the reason not to send
   * (PS_NOT_SENT). Must be quick and must not change anything.
   */
  readonly gate?: (() => string | undefined) | undefined;
  /** Time for one attempt, connecting included. Default: the transport's. */
  readonly timeoutMs?: number | undefined;
  /** Largest answer that is read. Default: the transport's. */
  readonly maxBytes?: number | undefined;
  /** Cancels waiting, sending and retrying. */
  readonly signal?: AbortSignal | undefined;
}

/** Options that all calls of an API have in common. */
export type CallDefaults = Pick<CallOptions, "group" | "permit">;

export interface ApiRequest<S extends TSchema> extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the base URL, ids encoded: write it with `apiPath`. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Query | undefined;
  /** Sent along where they are `x-...`, such as `x-git-ref`; the transport's own headers cannot be replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. Power calls need `{}`: the live API refuses an empty body. */
  readonly body?: unknown;
  /** Schema of the fields that are read (answers.ts). Unknown fields pass through. */
  readonly answer: S;
  /** `never`: sent at most once, on a connection of its own; for every call that is not idempotent. */
  readonly retry: "safe" | "never";
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiAnswer<T> {
  readonly body: T;
  readonly status: number;
  /** `clock.monotonic()` right before the attempt that was answered: the answer is not older than this. */
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PagesRequest<S extends TSchema> extends CallOptions {
  readonly path: string;
  /** orderBy, order and filters; the same for all pages. */
  readonly query?: Query | undefined;
  /** Schema of one item: an item that does not fit is skipped. */
  readonly item: S;
  /** Items per page, 1 to 120. Default 120. */
  readonly limit?: number | undefined;
  /** Of this list, in place of the transport's bound: of what is read as far as the user asks, such as a log. */
  readonly mostPages?: number | undefined;
}

export interface ApiPage<T> {
  readonly items: T[];
  /** How many further items the page has that cannot be read. */
  readonly skipped: number;
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PaperspaceApi {
  /** One call. Rejects with PaperspaceError only. */
  request<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>>;
  /** A list, page by page. It is complete only when the iteration ends without an error. */
  pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void>;
  /** The same API, with these options for every call that has none of its own. */
  with(defaults: CallDefaults): PaperspaceApi;
}

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
  /** Largest answer that is read. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** Most pages of a list, of 120 items each. Default 500. */
  readonly mostPages?: number | undefined;
  readonly metrics?: ApiMetrics | undefined;
  /** Called when the API refused the key to a call that began at this monotonic time. */
  readonly onUnauthorized?: ((beganAt: number) => void) | undefined;
  readonly defaults?: CallDefaults | undefined;
}

/** What frames the items of every list. */
const pageSchema = Type.Object({
  hasMore: Type.Boolean(),
  items: Type.Array(Type.Unknown()),
  nextPage: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

/** A page of more bytes is read in smaller ones, since parsing it would stop everything else for long. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Of 120 items: more than any account is known to have. */
const MOST_PAGES = 500;
/** Lists whose lower limit is remembered. */
const MOST_LIMITS = 200;
const PAGE_LIMIT = 120;
const ATTEMPTS = 4;
const BACK_OFF_MS = 500;

/** The API over HTTP for one key. */
export class Transport implements PaperspaceApi {
  readonly #options: TransportOptions;
  readonly #origin: string;
  readonly #prefix: string;
  /** By path: the limit at which the last page was not too large. */
  readonly #pageLimits = new Map<string, number>();

  constructor(options: TransportOptions) {
    const base = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = base.origin;
    this.#prefix = base.pathname.replace(/\/+$/, "");
  }

  with(defaults: CallDefaults): Transport {
    return new Transport({ ...this.#options, defaults: { ...this.#options.defaults, ...defaults } });
  }

  async request<S extends TSchema>(call: ApiRequest<S>): Promise<ApiAnswer<Static<S>>> {
    const { clock, defaults } = this.#options;
    const request: ApiRequest<S> = { ...defaults, ...call };
    let effect: Effect = "none";
    for (let attempt = 1; ; attempt++) {
      let error: PaperspaceError;
      try {
        return await this.#attempt(request);
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

  async *pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void> {
    const { item, limit = PAGE_LIMIT, query, mostPages: most, ...call } = request;
    const { mostPages = MOST_PAGES } = { ...this.#options, ...(most !== undefined && { mostPages: most }) };
    const seen = new Set<string>();
    // In pages of the full limit: smaller ones hold less, and a list must not be read without end.
    let read = 0;
    for (let after: string | undefined; ; ) {
      const answered = await this.#page(
        { ...call, method: "GET", answer: pageSchema, retry: "safe" },
        limit,
        {
          ...query,
          limit,
          after,
        },
      );
      const { body: page, beganAt, answeredAt } = answered;
      read += (this.#pageLimits.get(request.path) ?? limit) / limit;
      yield { ...this.#readItems(request.path, item, page.items), beganAt, answeredAt };
      if (!page.hasMore) {
        this.#raiseLimit(request.path, limit);
        return;
      }
      // Absent, null and "" all mean no cursor. Without this check an incomplete list would count as complete.
      if (!page.nextPage)
        throw this.#badPages(request.path, answered.status, "there is more, but no cursor to it");
      if (seen.has(page.nextPage)) throw this.#badPages(request.path, answered.status, "a cursor came twice");
      if (read >= mostPages)
        throw this.#badPages(
          request.path,
          answered.status,
          `more than ${mostPages} pages, so that it is not read on`,
        );
      seen.add(page.nextPage);
      after = page.nextPage;
    }
  }

  /** One page, of half as many items each time that the answer is too large; its limit is where the next list begins. */
  async #page<S extends TSchema>(
    request: ApiRequest<S>,
    most: number,
    query: Query,
  ): Promise<ApiAnswer<Static<S>>> {
    const { path } = request;
    const pageBytes = Math.min(PAGE_BYTES, this.#options.maxBytes ?? PAGE_BYTES);
    for (let limit = Math.min(most, this.#pageLimits.get(path) ?? most); ; limit = Math.max(1, limit >> 1)) {
      try {
        return await this.request({
          ...request,
          query: { ...query, limit },
          maxBytes: limit > 1 ? pageBytes : undefined,
        });
      } catch (error) {
        const isTooLarge = error instanceof PaperspaceError && error.code === "PS_TOO_LARGE";
        if (!isTooLarge || limit === 1) throw error;
        this.#rememberLimit(path, Math.max(1, limit >> 1));
      }
    }
  }

  /** What made a page too large may be gone: the next list tries twice as many. */
  #raiseLimit(path: string, most: number): void {
    const limit = this.#pageLimits.get(path);
    if (limit === undefined) return;
    if (2 * limit < most) this.#pageLimits.set(path, 2 * limit);
    else this.#pageLimits.delete(path);
  }

  #rememberLimit(path: string, limit: number): void {
    this.#pageLimits.delete(path);
    this.#pageLimits.set(path, limit);
    const [oldest] = this.#pageLimits.keys();
    if (oldest !== undefined && this.#pageLimits.size > MOST_LIMITS) this.#pageLimits.delete(oldest);
  }

  /** Item by item, so that one that is odd costs nothing of the others. */
  #readItems<S extends TSchema>(path: string, item: S, given: readonly unknown[]) {
    const items: Static<S>[] = [];
    for (const one of given) {
      const reading = readAnswer(item, one);
      if (reading.fits) items.push(reading.value);
      for (const field of reading.fits ? reading.unreadable : [])
        this.#options.metrics?.unreadableField(path, field);
    }
    const skipped = given.length - items.length;
    if (skipped > 0) this.#options.metrics?.skippedItems(path, skipped);
    return { items, skipped };
  }

  #badPages(path: string, status: number, why: string): PaperspaceError {
    return new PaperspaceError("PS_UNEXPECTED", `GET ${path}: ${why}`, { effect: "none", status });
  }

  /** One attempt: passes the throttle once, unless it has a permit, sends at most one request, validates the answer. */
  async #attempt<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>> {
    const send = () => this.#send(request);
    const { throttle } = this.#options;
    const { raw, beganAt, answeredAt } = await (request.permit?.run(send) ?? throttle.run(send, request));
    return { body: this.#parseAnswer(request, raw, beganAt), status: raw.status, beganAt, answeredAt };
  }

  async #send(
    request: ApiRequest<TSchema>,
  ): Promise<{ raw: RawAnswer; beganAt: number; answeredAt: number }> {
    const {
      clock,
      sockets,
      throttle,
      metrics,
      timeoutMs = 30_000,
      maxBytes = 16 * 1024 * 1024,
    } = this.#options;
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
    const parsed = parseBody(answer);
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
