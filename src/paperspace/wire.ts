/**
 * One HTTP exchange over a socket: connect, write, read to the end, within a deadline and within bounds of memory. It
 * reports exactly whether the first byte was sent. Retries and the meaning of answers are in transport.ts.
 */

import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";
import type { Clock } from "../base/clock.ts";
import type { RawAnswer } from "./errors.ts";
import { GrowingText } from "./growing-text.ts";
import { ReadTurns } from "./turns.ts";

/** Safe calls share kept-alive connections; a call that must not be sent twice gets its own. */
export interface Sockets {
  readonly shared: Dispatcher;
  readonly fresh: () => Dispatcher;
  /** What is held of all answers that are being read. */
  readonly memory: AnswerMemory;
  /** When they are read. */
  readonly turns: ReadTurns;
  readonly close: () => Promise<void>;
}

/** An answer of so many bytes needs nothing of the common memory. */
const FREE_BYTES = 256 * 1024;
/** The pod has 512 MiB, and an answer takes several times its bytes while it is parsed. */
const COMMON_BYTES = 64 * 1024 * 1024;
/** Of all headers of an answer together. */
const HEADER_BYTES = 16 * 1024;
/** Most that is read of an answer that reports an error. */
const ERROR_BYTES = 64 * 1024;

/** The bytes of all large answers that are being read at once: whatever many accounts send, the process lives. */
export class AnswerMemory {
  #left: number;

  constructor(bytes = COMMON_BYTES) {
    this.#left = bytes;
  }

  /** Bytes that an exchange may hold beside those that each may; false where there are not so many left. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** What the body of an answer is read into. */
export interface BodyReader {
  /** Bytes that it holds. */
  readonly held: number;
  /** False where it needs no more of the body. Throws BodyError. */
  push(chunk: Uint8Array): boolean;
  /** The text that is left when the body has ended. */
  end(): string;
}

/** The body cannot be taken as it is. */
export class BodyError extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Proxies by target scheme; `noProxy` lists hosts reached directly. */
export interface ProxyOptions {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

/** None where the API is at an http:// address, which is allowed only because nothing leaves the host then (base/options.ts). */
export function proxyFor(baseUrl: string, proxy: ProxyOptions): ProxyOptions {
  return baseUrl.startsWith("http:") ? {} : proxy;
}

/** `memory`: unless given, what a pod has for the answers of all accounts. */
export function createSockets(proxy: ProxyOptions = {}, memory: AnswerMemory = new AnswerMemory()): Sockets {
  const options: Agent.Options = {
    // Our own deadline, on our own clock, covers the whole exchange.
    connectTimeout: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
    maxHeaderSize: HEADER_BYTES,
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
  return { shared, fresh: make, memory, turns: new ReadTurns(), close: () => shared.destroy() };
}

export interface Exchange {
  readonly origin: string;
  readonly path: string;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** For the whole exchange, however slowly the answer comes. */
  readonly timeoutMs: number;
  /** Of the body, as it comes over the wire. */
  readonly maxBytes: number;
  /** Reads the body of an answer of this status; the whole text by default. */
  readonly reader?: (() => BodyReader) | undefined;
  /** On a connection of its own, and at most once. */
  readonly once: boolean;
  /** Called once connected, before the first byte; a string is the reason not to send. */
  readonly gate?: (() => string | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `invalid`: the HTTP client takes no such request, such as one with a newline in a header. `broken`, `unexpected`: the
 * body is no JSON, or not such as it may be.
 */
export type FailureKind =
  | "timeout"
  | "cancelled"
  | "gate"
  | "too-large"
  | "cut"
  | "refused"
  | "invalid"
  | "broken"
  | "unexpected";

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
  if (!request.once) return dispatch(clock, sockets.shared, sockets, request);
  const dispatcher = sockets.fresh();
  try {
    return await dispatch(clock, dispatcher, sockets, request);
  } finally {
    // Not awaited: a connection that is still being made would delay the answer.
    void dispatcher.destroy().catch(() => {});
  }
}

function dispatch(
  clock: Clock,
  dispatcher: Dispatcher,
  shared: Pick<Sockets, "memory" | "turns">,
  request: Exchange,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const run = new Run(request, { clock, ...shared }, resolve, reject);
    run.watch();
    const { origin, path, method, headers, body, once } = request;
    try {
      dispatcher.dispatch({ origin, path, method, headers, body: body ?? null, reset: once }, run);
    } catch (error) {
      run.onResponseError(undefined, error as Error);
    }
  });
}

/** What exchanges have in common. */
interface Common extends Pick<Sockets, "memory" | "turns"> {
  readonly clock: Clock;
}

/** The state of one exchange, driven by undici's callbacks, the deadline and the caller's signal. */
class Run implements Dispatcher.DispatchHandler {
  readonly #request: Exchange;
  readonly #common: Common;
  readonly #resolve: (answer: RawAnswer) => void;
  readonly #reject: (failure: ExchangeFailure) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #release: () => void = () => {};
  #settled = false;
  #sent = false;
  #status: number | undefined;
  #headers: RawAnswer["headers"] = {};
  #reader: BodyReader | undefined;
  #bytes = 0;
  /** Of the common memory. */
  #taken = 0;

  constructor(
    request: Exchange,
    common: Common,
    resolve: (answer: RawAnswer) => void,
    reject: (failure: ExchangeFailure) => void,
  ) {
    this.#request = request;
    this.#common = common;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  watch(): void {
    const { timeoutMs, signal } = this.#request;
    const cancel = this.#common.clock.after(timeoutMs, () =>
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
    const isError = status < 200 || status > 299;
    this.#reader = isError
      ? new WholeText(ERROR_BYTES)
      : (this.#request.reader?.() ?? new WholeText(Number.POSITIVE_INFINITY));
    this.#bytes = 0;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled || !this.#reader) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxBytes)
      return this.#fail("too-large", `the answer is larger than ${this.#request.maxBytes} bytes`);
    try {
      if (!this.#reader.push(chunk)) {
        this.#end();
        this.#controller?.abort(new Error("enough was read"));
        return;
      }
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      return this.#fail(error.kind, error.message);
    }
    const more = Math.max(0, this.#reader.held - FREE_BYTES) - this.#taken;
    const { memory, turns, clock } = this.#common;
    if (!memory.take(more))
      return this.#fail("too-large", "the answer is large, and too many large ones are being read");
    this.#taken += more;
    if (turns.spend(clock, chunk.length)) return;
    this.#controller?.pause();
    turns.later(clock, () => this.#controller?.resume());
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    const { turns, clock } = this.#common;
    const held = this.#reader?.held ?? 0;
    if (held <= FREE_BYTES) return this.#end();
    // The caller parses it at once: in a turn of its own, and till then its memory is taken.
    turns.later(clock, () => {
      turns.spend(clock, held);
      if (!this.#settled) this.#end();
    });
  }

  /** The answer is complete, or enough of it has come. */
  #end(): void {
    if (this.#status === undefined || !this.#reader) return;
    this.#settle();
    this.#resolve({ status: this.#status, headers: this.#headers, text: this.#reader.end() });
  }

  onResponseError(_: unknown, error: Error): void {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code ? `${describe(error)} (${code})` : describe(error);
    this.#fail(this.#sent ? "cut" : code === INVALID_REQUEST ? "invalid" : "refused", why);
  }

  #fail(kind: FailureKind, message: string): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(new ExchangeFailure(kind, message, this.#sent, this.#status));
    this.#controller?.abort(new Error(message));
  }

  #settle(): void {
    this.#settled = true;
    this.#release();
    this.#common.memory.giveBack(this.#taken);
    this.#taken = 0;
  }
}

/** The text of a body, or its beginning. */
class WholeText implements BodyReader {
  readonly #text = new GrowingText();
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get held(): number {
    return this.#text.length;
  }

  push(chunk: Uint8Array): boolean {
    this.#text.append(chunk, 0, Math.min(chunk.length, this.#maxBytes - this.#text.length));
    return this.#text.length < this.#maxBytes;
  }

  end(): string {
    return this.#text.take();
  }
}

/** undici's code for a request that it does not send. */
const INVALID_REQUEST = "UND_ERR_INVALID_ARG";

/** The first line of a socket error's message; of several attempted addresses, the first. */
function describe(error: Error): string {
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  return first.message.split("\n")[0] ?? "";
}
