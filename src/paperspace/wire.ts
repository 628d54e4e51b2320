/**
 * One HTTP exchange over a socket: connect, write, read to the end, within a deadline. It reports exactly whether the first
 * byte was sent. Retries and the meaning of answers are in transport.ts.
 */

import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";
import type { Clock } from "../base/clock.ts";
import type { RawAnswer } from "./errors.ts";

/** Safe calls share kept-alive connections; a call that must not be sent twice gets its own. */
export interface Sockets {
  readonly shared: Dispatcher;
  readonly fresh: () => Dispatcher;
  readonly close: () => Promise<void>;
}

/** Proxies by target scheme; `noProxy` lists hosts reached directly. */
export interface ProxyOptions {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

export function createSockets(proxy: ProxyOptions = {}): Sockets {
  const options: Agent.Options = {
    // Our own deadline, on our own clock, covers the whole exchange.
    connectTimeout: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
    // HTTP/2 may move a request to another connection by itself; over HTTP/1.1 nothing is sent twice.
    allowH2: false,
    keepAliveTimeout: 20_000,
  };
  const proxied = proxy.httpProxy || proxy.httpsProxy;
  const make = (): Dispatcher =>
    proxied
      ? new EnvHttpProxyAgent({
          ...options,
          // Empty rather than undefined, so that undici does not read the environment on its own.
          httpProxy: proxy.httpProxy ?? "",
          httpsProxy: proxy.httpsProxy ?? "",
          noProxy: proxy.noProxy ?? "",
        })
      : new Agent(options);
  const shared = make();
  return { shared, fresh: make, close: () => shared.destroy() };
}

export interface Exchange {
  readonly origin: string;
  readonly path: string;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** On a connection of its own, and at most once. */
  readonly once: boolean;
  /** Called once connected, before the first byte; a string is the reason not to send. */
  readonly gate?: (() => string | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `invalid`: the HTTP client takes no such request, such as one with a newline in a header. */
export type FailureKind = "timeout" | "cancelled" | "gate" | "too-large" | "cut" | "refused" | "invalid";

/** An exchange without a complete answer. */
export class ExchangeFailure extends Error {
  readonly kind: FailureKind;
  /** The request, or a part of it, was sent. */
  readonly sent: boolean;
  /** Status line of an answer that began. */
  readonly status: number | undefined;

  constructor(kind: FailureKind, message: string, sent: boolean, status: number | undefined) {
    super(message);
    this.kind = kind;
    this.sent = sent;
    this.status = status;
  }
}

/** Runs one exchange. Rejects with ExchangeFailure. */
export async function exchange(clock: Clock, sockets: Sockets, request: Exchange): Promise<RawAnswer> {
  if (!request.once) return dispatch(clock, sockets.shared, request);
  const dispatcher = sockets.fresh();
  try {
    return await dispatch(clock, dispatcher, request);
  } finally {
    // Not awaited: a connection that is still being made would delay the answer.
    void dispatcher.destroy().catch(() => {});
  }
}

function dispatch(clock: Clock, dispatcher: Dispatcher, request: Exchange): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const run = new Run(request, resolve, reject);
    run.watch(clock);
    const { origin, path, method, headers, body, once } = request;
    try {
      dispatcher.dispatch({ origin, path, method, headers, body: body ?? null, reset: once }, run);
    } catch (error) {
      run.onResponseError(undefined, error as Error);
    }
  });
}

/** The state of one exchange, driven by undici's callbacks, the deadline and the caller's signal. */
class Run implements Dispatcher.DispatchHandler {
  readonly #request: Exchange;
  readonly #resolve: (answer: RawAnswer) => void;
  readonly #reject: (failure: ExchangeFailure) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #release: () => void = () => {};
  #settled = false;
  #sent = false;
  #status: number | undefined;
  #headers: RawAnswer["headers"] = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    request: Exchange,
    resolve: (answer: RawAnswer) => void,
    reject: (failure: ExchangeFailure) => void,
  ) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  watch(clock: Clock): void {
    const { timeoutMs, signal } = this.#request;
    const cancel = clock.after(timeoutMs, () =>
      this.#fail("timeout", `no answer within ${timeoutMs / 1000} s`),
    );
    const onAbort = () => this.#fail("cancelled", "cancelled by the caller");
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#release = () => {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    if (signal?.aborted) onAbort();
  }

  /** undici calls this once connected, right before it writes. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // While connecting there was nothing to abort: abort now, before a byte is sent.
    if (this.#settled) {
      controller.abort(new Error("given up before sending"));
      return;
    }
    const reason = this.#request.gate?.();
    if (this.#sent && this.#request.once) this.#fail("cut", "the connection broke and was not used again");
    else if (reason !== undefined) this.#fail("gate", reason);
    else this.#sent = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: RawAnswer["headers"]): void {
    this.#status = status;
    this.#headers = headers;
    this.#chunks = [];
    this.#bytes = 0;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxBytes) {
      this.#fail("too-large", `the answer is larger than ${this.#request.maxBytes} bytes`);
    } else {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.#settled || this.#status === undefined) return;
    this.#settled = true;
    this.#release();
    const text = Buffer.concat(this.#chunks).toString("utf8");
    this.#resolve({ status: this.#status, headers: this.#headers, text });
  }

  onResponseError(_: unknown, error: Error): void {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code ? `${describe(error)} (${code})` : describe(error);
    this.#fail(this.#sent ? "cut" : code === INVALID_REQUEST ? "invalid" : "refused", why);
  }

  #fail(kind: FailureKind, message: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#release();
    this.#reject(new ExchangeFailure(kind, message, this.#sent, this.#status));
    this.#controller?.abort(new Error(message));
  }
}

/** undici's code for a request that it does not send. */
const INVALID_REQUEST = "UND_ERR_INVALID_ARG";

/** The first line of a socket error's message; of several attempted addresses, the first. */
function describe(error: Error): string {
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  return first.message.split("\n")[0] ?? "";
}
