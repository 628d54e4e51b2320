/**
 * The connection to an API server: addresses, TLS, credentials, timeouts. Kinds and paths are in resource.ts; no other
 * module opens a socket to Kubernetes.
 */
import type { Logger } from "pino";
import type { Dispatcher } from "undici";
import { type Clock, deadline } from "../base/clock.ts";
import { KubeCredentials, type ResolvedCredentials } from "./credentials.ts";
import { KubeError } from "./errors.ts";

export interface KubeRequest {
  method: string;
  /** Absolute path below the server's address, e.g. /api/v1/secrets. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** Of the body; application/json when absent. */
  contentType?: string;
  signal?: AbortSignal;
  /** Milliseconds for the whole call, or, for a stream, until its answer begins. Default 30 s. */
  timeoutMs?: number;
  /** Bytes of the answer past which it fails with KUBE_TOO_LARGE; absent: several times as many as an object may have. */
  maxBytes?: number;
}

export interface KubeConnection {
  readonly server: string;
  /** Namespace of the kubeconfig's context, or the one this pod runs in; "default" when neither is set. */
  readonly namespace: string;
  /** Resolves with the parsed answer; throws KubeError, or the signal's reason. */
  request<T>(request: KubeRequest): Promise<T>;
  /** Resolves once the answer has begun. The iteration throws when the stream breaks or the signal aborts. */
  stream(request: KubeRequest): Promise<AsyncIterable<Uint8Array>>;
  reloadCredentials(): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Path of a kubeconfig; absent means KUBECONFIG, ~/.kube/config, then the pod's service account. */
  kubeconfig?: string;
  /** Name of a context in it; absent means its current one. */
  context?: string;
  clock: Clock;
  /** The user to act as, where these credentials may impersonate. */
  as?: string;
  userAgent?: string;
  logger?: Logger;
}

/** Throws KUBE_CONFIG, naming the flag or variable, when no cluster is configured. Sends no request yet. */
export async function connect(options: ConnectOptions): Promise<KubeConnection> {
  const credentials = await KubeCredentials.load(options);
  await credentials.current();
  return new HttpConnection(credentials, options);
}

const DEFAULT_TIMEOUT_MS = 30_000;

class HttpConnection implements KubeConnection {
  readonly #credentials: KubeCredentials;
  readonly #clock: Clock;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    credentials: KubeCredentials,
    { clock, userAgent = "paperspace-operator", as }: ConnectOptions,
  ) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#headers = { "user-agent": userAgent, ...(as !== undefined && { "impersonate-user": as }) };
  }

  get server(): string {
    return this.#credentials.server;
  }

  get namespace(): string {
    return this.#credentials.namespace;
  }

  async request<T>(request: KubeRequest): Promise<T> {
    const limit = this.#limit(request);
    try {
      const answer = await this.#send(request, limit.signal);
      const text = await textOf(answer.body, request);
      return parse(text, answer.statusCode, describe(request)) as T;
    } catch (error) {
      throw toKubeError(error, request, limit.signal);
    } finally {
      limit.cancel();
    }
  }

  async stream(request: KubeRequest): Promise<AsyncIterable<Uint8Array>> {
    const limit = this.#limit(request);
    try {
      const answer = await this.#send(request, limit.signal);
      return chunks(answer.body, request, limit.signal);
    } catch (error) {
      throw toKubeError(error, request, limit.signal);
    } finally {
      // From here on only the caller's signal ends the stream.
      limit.cancel();
    }
  }

  reloadCredentials(): Promise<void> {
    return this.#credentials.reload();
  }

  close(): Promise<void> {
    return this.#credentials.destroy();
  }

  #limit(request: KubeRequest) {
    const late = () =>
      new KubeError({ code: "KUBE_TIMEOUT", message: `${describe(request)}: no answer in time` });
    return deadline(this.#clock, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, late, request.signal);
  }

  /** Sends, and retries once with fresh credentials after a 401, which is safe: the server did not process the request. */
  async #send(request: KubeRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const initial = await this.#credentials.current();
    let answer = await this.#dispatch(initial, request, signal);
    if (answer.statusCode === 401) {
      const credentials = await this.#renewed(initial);
      if (credentials) {
        await answer.body.dump();
        answer = await this.#dispatch(credentials, request, signal);
      }
    }
    if (answer.statusCode < 300) return answer;
    throw await refusal(answer, request);
  }

  /** Credentials newer than those that were refused, if there are any. */
  async #renewed(refused: ResolvedCredentials): Promise<ResolvedCredentials | undefined> {
    // Another request may have received the same 401 and reloaded already.
    if ((await this.#credentials.current()).serial === refused.serial) await this.#credentials.reload();
    const credentials = await this.#credentials.current();
    return credentials.serial === refused.serial ? undefined : credentials;
  }

  #dispatch(
    credentials: ResolvedCredentials,
    request: KubeRequest,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { origin, pathname } = new URL(this.server);
    const prefix = pathname === "/" ? "" : pathname;
    const hasBody = request.body !== undefined;
    return credentials.dispatcher.request({
      origin,
      path: `${prefix}${request.path}${queryString(request.query)}`,
      method: request.method as Dispatcher.HttpMethod,
      headers: {
        accept: "application/json",
        ...this.#headers,
        ...(hasBody ? { "content-type": request.contentType ?? "application/json" } : {}),
        ...credentials.headers,
      },
      body: hasBody ? JSON.stringify(request.body) : null,
      signal,
    });
  }
}

/** An object has a tenth of that at most, and lists are read in pages of as many. */
const ANSWER_BYTES = 16 * 1024 * 1024;

/** Reads no more than the caller takes. */
async function textOf(body: Dispatcher.ResponseData["body"], request: KubeRequest): Promise<string> {
  const { maxBytes = ANSWER_BYTES } = request;
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop closes the answer.
    if (bytes > maxBytes)
      throw new KubeError({
        code: "KUBE_TOO_LARGE",
        message: `${describe(request)}: more than ${maxBytes} bytes`,
      });
    read.push(chunk);
  }
  return Buffer.concat(read).toString();
}

async function* chunks(
  body: AsyncIterable<Uint8Array>,
  request: KubeRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw toKubeError(error, request, signal);
  }
}

async function refusal(answer: Dispatcher.ResponseData, request: KubeRequest): Promise<KubeError> {
  const text = await textOf(answer.body, request);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies and load balancers answer in HTML or plain text, which is then the message.
  }
  const seconds = Number(answer.headers["retry-after"]);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  return KubeError.fromAnswer(answer.statusCode, body, describe(request), retryAfterMs);
}

function parse(text: string, status: number, context: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `${context}: ${status}, but the answer is not JSON: ${text.slice(0, 80)}`;
    throw new KubeError({ code: "KUBE_BAD_ANSWER", message, status, cause });
  }
}

/** An abort throws the caller's own reason; any other failure means that there was no answer. */
function toKubeError(error: unknown, request: KubeRequest, signal: AbortSignal): unknown {
  if (request.signal?.aborted) return request.signal.reason;
  if (signal.aborted) return signal.reason;
  if (error instanceof KubeError) return error;
  const { message, code } = error as { message?: string; code?: string };
  const text = `${describe(request)}: ${message || code || "no answer"}`;
  return new KubeError({ code: "KUBE_UNREACHABLE", message: text, cause: error });
}

function describe(request: KubeRequest): string {
  return `${request.method} ${request.path}`;
}

function queryString(query: KubeRequest["query"] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value));
  return params.size === 0 ? "" : `?${params}`;
}
