/**
 * One team's way to the Paperspace API: typed requests, retries of safe calls, pages. What goes over a socket is in
 * wire.ts, when it may go is in throttle.ts; nothing here knows a resource, still less Kubernetes.
 */

import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { type Clock, sleep } from "../base/clock.ts";
import {
  clip,
  type Effect,
  errorFromAnswer,
  looksLikeErrorBody,
  nature,
  PaperspaceError,
  type PaperspaceErrorCode,
  parseBody,
  type RawAnswer,
  readErrorBody,
  retryAfterMs,
} from "./errors.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { Throttle } from "./throttle.ts";
import { ExchangeFailure, exchange, type FailureKind, type Sockets } from "./wire.ts";

export { apiPath } from "./route.ts";

/** How much a call may be asked for, and how badly. */
export interface CallOptions {
  /** Higher goes first where calls wait for the throttle. Default 0. */
  readonly priority?: number | undefined;
  /** May use the reserve of the budget: deletes, so that a flood of other calls never keeps money burning. */
  readonly reserve?: boolean | undefined;
  /** `poll`: waiting for events; at most a fifth of the budget goes there. */
  readonly class?: "poll" | undefined;
  /**
   * Asked after the throttle and again immediately before the first byte; a string is the reason not to send
   * (PS_NOT_SENT). Must be quick and must not change anything.
   */
  readonly gate?: (() => string | undefined) | undefined;
  /** Time for one try, connecting included. Default: the transport's. */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting, sending and retrying. */
  readonly signal?: AbortSignal | undefined;
}

export interface ApiRequest<S extends TSchema> extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the base URL, ids encoded: write it with `apiPath`. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Query | undefined;
  /** Sent along where they are `x-...`, such as `x-git-ref`; what the transport says itself cannot be replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. Power calls need `{}`: the live API refuses an empty body. */
  readonly body?: unknown;
  /** What we rely on in the answer. Unknown keys pass through. */
  readonly answer: S;
  /** `never`: sent at most once, on a connection of its own. Everything that is not the same when done twice. */
  readonly retry: "safe" | "never";
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiAnswer<T> {
  readonly body: T;
  readonly status: number;
  /** `clock.monotonic()` right before the try that was answered: what it says is not older than this. */
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PagesRequest<S extends TSchema> extends CallOptions {
  readonly path: string;
  /** orderBy, order and filters; the same for all pages. */
  readonly query?: Query | undefined;
  /** Schema of one item. */
  readonly item: S;
  /** Items a page, 1 to 120. Default 120. */
  readonly limit?: number | undefined;
}

export interface ApiPage<T> {
  readonly items: T[];
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PaperspaceApi {
  /** One call. Rejects with PaperspaceError only. */
  request<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>>;
  /** A list, page after page. A list counts as complete only when the iteration ends without an error. */
  pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void>;
}

export interface TransportOptions {
  readonly clock: Clock;
  readonly sockets: Sockets;
  readonly throttle: Throttle;
  /** Version included, such as https://api.paperspace.com/v1. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Our own version, for the user agent. */
  readonly version: string;
  /** Time for one try unless the call says otherwise. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  /** Largest answer that is read. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  readonly metrics?: ApiMetrics | undefined;
  /** Called when the API refused the key to a call that began at this monotonic time. */
  readonly onUnauthorized?: ((beganAt: number) => void) | undefined;
}

const PAGE_LIMIT = 120;
const TRIES = 4;
const BACK_OFF_MS = 500;

/** The API over HTTP for one key. */
export class Transport implements PaperspaceApi {
  readonly #options: TransportOptions;
  readonly #origin: string;
  readonly #prefix: string;

  constructor(options: TransportOptions) {
    const base = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = base.origin;
    this.#prefix = base.pathname.replace(/\/+$/, "");
  }

  async request<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>> {
    const { clock } = this.#options;
    let effect: Effect = "none";
    for (let tries = 1; ; tries++) {
      let error: PaperspaceError;
      try {
        return await this.#try(request);
      } catch (caught) {
        if (!(caught instanceof PaperspaceError)) throw caught;
        error = caught;
      }
      // A read changes nothing; of a write the most doubtful try counts.
      if (request.method !== "GET" && error.effect === "unknown") effect = "unknown";
      error = error.withEffect(effect);
      if (request.retry === "never" || tries === TRIES || !isPassing(error)) throw error;
      // After a 429 the throttle lets nothing through for long enough.
      if (error.code === "PS_RATE_LIMITED") continue;
      const pause = BACK_OFF_MS * 2 ** (tries - 1) * (0.5 + clock.random());
      await sleep(clock, pause, request.signal).catch(() => {
        throw new PaperspaceError("PS_NOT_SENT", `${name(request)}: cancelled before another try`, {
          effect,
        });
      });
    }
  }

  async *pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void> {
    const { item, limit = PAGE_LIMIT, query, ...call } = request;
    const answer = Type.Object({
      hasMore: Type.Boolean(),
      items: Type.Array(item),
      nextPage: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    });
    const seen = new Set<string>();
    for (let after: string | undefined; ; ) {
      const got = await this.request({
        ...call,
        method: "GET",
        query: { ...query, limit, after },
        answer,
        retry: "safe",
      });
      const page = got.body as { hasMore: boolean; items: Static<S>[]; nextPage?: string | null };
      yield { items: page.items, beganAt: got.beganAt, answeredAt: got.answeredAt };
      if (!page.hasMore) return;
      // Absent, null and "" all mean no cursor. Without this check a list would quietly count as complete.
      if (!page.nextPage)
        throw this.#badPages(request.path, got.status, "there is more, but no cursor to it");
      if (seen.has(page.nextPage)) throw this.#badPages(request.path, got.status, "a cursor came twice");
      seen.add(page.nextPage);
      after = page.nextPage;
    }
  }

  #badPages(path: string, status: number, why: string): PaperspaceError {
    return new PaperspaceError("PS_UNEXPECTED", `GET ${path}: ${why}`, { effect: "none", status });
  }

  /** One turn at the throttle, at most one request, one judgement. */
  async #try<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>> {
    const { raw, beganAt, answeredAt } = await this.#options.throttle.run(() => this.#send(request), request);
    return { body: this.#judge(request, raw, beganAt), status: raw.status, beganAt, answeredAt };
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
        maxBytes,
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
      if (error.code !== "PS_NOT_SENT") measure(error.code);
      throw error;
    }
  }

  #headers({ headers = {}, body }: ApiRequest<TSchema>): Record<string, string> {
    const { apiKey, version } = this.#options;
    const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    return {
      // Neither the key nor the framing of the request is a caller's to change.
      ...Object.fromEntries(given.filter(([name]) => name.startsWith("x-"))),
      authorization: `Bearer ${apiKey}`,
      accept: "application/json",
      "user-agent": `paperspace-operator/${version}`,
      "x-client": "paperspace-operator",
      "x-client-version": version,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
  }

  #judge<S extends TSchema>(request: ApiRequest<S>, answer: RawAnswer, beganAt: number): Static<S> {
    const { status } = answer;
    const what = name(request);
    if (status < 200 || status > 299) {
      // An API that repeats what it was sent must not carry the key into a status.
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
      const text = `${what}: ${nature(answer)} came instead of JSON (${status})`;
      throw new PaperspaceError("PS_NOT_JSON", text, { effect: "unknown", status });
    }
    if (Value.Check(request.answer, parsed.value)) return parsed.value as Static<S>;
    throw this.#unexpected(request, status, parsed.value);
  }

  #unexpected(request: ApiRequest<TSchema>, status: number, value: unknown): PaperspaceError {
    const body = looksLikeErrorBody(value) ? readErrorBody(value) : undefined;
    if (body) {
      const text = `${name(request)}: an error came with status ${status}: ${clip(this.#scrub(body.message ?? ""))}`;
      const apiCode = clip(this.#scrub(body.code ?? ""), 80);
      return new PaperspaceError("PS_UNEXPECTED", text, { effect: "unknown", status, apiCode });
    }
    const [first] = Value.Errors(request.answer, value);
    const where = first ? `${first.instancePath || "the answer"} ${first.message}` : "its shape does not fit";
    return new PaperspaceError("PS_UNEXPECTED", `${name(request)}: unexpected answer: ${clip(where)}`, {
      effect: "unknown",
      status,
    });
  }

  #failed(request: ApiRequest<TSchema>, failure: ExchangeFailure): PaperspaceError {
    const { kind, sent, status } = failure;
    const text = this.#scrub(clip(failure.message));
    if (kind === "gate" || (kind === "cancelled" && !sent)) return this.#notSent(request, text);
    const code: PaperspaceErrorCode =
      kind === "cut" && status !== undefined ? "PS_TRUNCATED" : CODE_BY_FAILURE[kind];
    return new PaperspaceError(code, `${name(request)}: ${text}`, {
      effect: sent ? "unknown" : "none",
      status,
    });
  }

  #notSent(request: ApiRequest<TSchema>, reason: string): PaperspaceError {
    return new PaperspaceError("PS_NOT_SENT", `${name(request)}: not sent: ${reason}`, { effect: "none" });
  }

  #scrub(text: string): string {
    return text.replaceAll(this.#options.apiKey, "[redacted]");
  }
}

const CODE_BY_FAILURE: Readonly<Record<FailureKind, PaperspaceErrorCode>> = {
  timeout: "PS_TIMEOUT",
  cancelled: "PS_CONNECTION",
  gate: "PS_NOT_SENT",
  "too-large": "PS_UNEXPECTED",
  cut: "PS_CONNECTION",
  refused: "PS_CONNECTION",
};

/** Worth another try of the same call soon. Timeouts are not: each would hold a worker for as long again. */
function isPassing(error: PaperspaceError): boolean {
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

/** How a request is called in messages. */
function name(request: { readonly method: string; readonly path: string }): string {
  return `${request.method} ${clip(request.path, 120)}`;
}

function queryString(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) params.append(key, String(value));
  return params.size === 0 ? "" : `?${params}`;
}
