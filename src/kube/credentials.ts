/**
 * The credentials for the API server and its address, from a kubeconfig or a pod's service account, kept fresh. The only
 * module that uses @kubernetes/client-node; it sends no request itself.
 */

import type { RequestOptions } from "node:https";
import { isDeepStrictEqual } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici";
import type { Clock } from "../base/clock.ts";
import { withoutTrailing } from "../base/text.ts";
import { KubeError } from "./errors.ts";

export interface KubeCredentialsOptions {
  kubeconfig?: string;
  context?: string;
  clock: Clock;
  logger?: Logger;
}

/** What one request needs. `serial` changes whenever the credentials are reloaded. */
export interface ResolvedCredentials {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly serial: number;
}

type Tls = Pick<RequestOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">;

/** Files of tokens and certificates are read again at this age, as in client-go: kubelet renews them long before they expire. */
const FRESH_MS = 60_000;
/** Least time between reloads: credentials that stay invalid must not run an exec plugin for every request. */
const RELOAD_EVERY_MS = 5_000;

export class KubeCredentials {
  readonly #options: KubeCredentialsOptions;
  #config: KubeConfig;
  #current: { value: ResolvedCredentials; tls: Tls; at: number } | undefined;
  #pending: Promise<ResolvedCredentials> | undefined;
  #reloadedAt = Number.NEGATIVE_INFINITY;
  #serial = 0;

  /** Throws KUBE_CONFIG when there is nothing to load, or the configuration is inconsistent. */
  constructor(options: KubeCredentialsOptions) {
    this.#options = options;
    this.#config = load(options);
  }

  /** Address of the API server, without a slash at its end. */
  get server(): string {
    return withoutTrailing(this.#config.getCurrentCluster()?.server ?? "", "/");
  }

  get namespace(): string {
    const context = this.#config.getContextObject(this.#config.getCurrentContext());
    return context?.namespace?.trim() || "default";
  }

  /** Current headers and connection; reads files and runs plugins again when the last read is a minute old. */
  current(): Promise<ResolvedCredentials> {
    const now = this.#options.clock.monotonic();
    if (this.#current && now - this.#current.at < FRESH_MS) return Promise.resolve(this.#current.value);
    this.#pending ??= this.#refresh().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Reads everything again, and runs an exec plugin again, unless that was done within the last 5 s. */
  async reload(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#reloadedAt < RELOAD_EVERY_MS) return;
    this.#reloadedAt = now;
    try {
      this.#config = load(this.#options);
    } catch (error) {
      // The file may be half written. The next 401 reloads again.
      this.#options.logger?.warn({ err: error }, "credentials not reloaded");
      return;
    }
    if (this.#current) this.#current.at = Number.NEGATIVE_INFINITY;
    this.#serial++;
    await this.current();
  }

  async destroy(): Promise<void> {
    await this.#current?.value.dispatcher.destroy();
  }

  async #refresh(): Promise<ResolvedCredentials> {
    const at = this.#options.clock.monotonic();
    const https: RequestOptions = {};
    try {
      await this.#config.applyToHTTPSOptions(https);
    } catch (error) {
      if (!this.#current)
        throw configError(`credentials of ${this.server} cannot be used: ${messageOf(error)}`, error);
      // A file in the middle of its rotation, or a plugin that failed once: the old credentials may still be valid.
      this.#options.logger?.warn({ err: error }, "credentials not refreshed, the old ones stay in use");
      this.#current.at = at;
      return this.#current.value;
    }
    const tls = tlsOf(https);
    const old = this.#current;
    const keep = old && isDeepStrictEqual(old.tls, tls);
    if (old && !keep) void old.value.dispatcher.close();
    const dispatcher = keep ? old.value.dispatcher : this.#dispatcher(tls);
    const value = { dispatcher, headers: headersOf(https), serial: this.#serial };
    this.#current = { value, tls, at };
    return value;
  }

  /** One pool for all requests. The library would build one for each, and so a TLS handshake. */
  #dispatcher(tls: Tls): Dispatcher {
    // The library maps a kubeconfig to a proxy; the connection pool is ours.
    const dispatcherOptions = this.#config.createDispatcherOptions(this.#config.getCurrentCluster(), tls);
    const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 10_000 };
    const pool = {
      // With HTTP/2 all watches would share one connection, and one that is stuck would stop them all.
      allowH2: false,
      // Below the 60 s after which load balancers, and the 90 s after which the API server, close an idle connection.
      keepAliveTimeout: 50_000,
      // Timeouts are on our own clock; a watch may be silent for minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    switch (dispatcherOptions.type) {
      case "proxy":
        return new ProxyAgent({ ...pool, uri: dispatcherOptions.uri, requestTls: connect });
      case "socks":
        return new Socks5ProxyAgent(dispatcherOptions.uri, { ...pool, requestTls: connect });
      default:
        return new Agent({ ...pool, connect });
    }
  }
}

/** Absent values stay absent, so that Node's own defaults apply. */
function tlsOf(https: RequestOptions): Tls {
  const { ca, cert, key, rejectUnauthorized, servername } = https;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function headersOf(https: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (https.auth) headers.authorization = `Basic ${Buffer.from(https.auth).toString("base64")}`;
  for (const [name, value] of Object.entries(https.headers ?? {})) {
    // Token files written by hand end in a newline, which no header may hold.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  return headers;
}

function load(options: KubeCredentialsOptions): KubeConfig {
  const config = new KubeConfig();
  const source = options.kubeconfig
    ? `--kubeconfig ${options.kubeconfig}`
    : "the kubeconfig (KUBECONFIG or ~/.kube/config)";
  try {
    if (options.kubeconfig) config.loadFromFile(options.kubeconfig);
    else config.loadFromDefault(undefined, true);
  } catch (error) {
    throw unreadable(source, error);
  }
  // Where it finds nothing, the library invents a cluster on localhost:8080, under this name.
  if (config.getCurrentContext() === "loaded-context") {
    throw configError(
      "no Kubernetes cluster is configured: give --kubeconfig, set KUBECONFIG, have a ~/.kube/config, or run inside a pod with a service account",
    );
  }
  if (options.context) config.setCurrentContext(options.context);
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    const available = config.getContexts().map((one) => one.name);
    const selected = options.context ? `--context ${name}` : `the current context "${name ?? ""}"`;
    throw configError(`${selected} is not in ${source}; it has: ${available.join(", ") || "none"}`);
  }
  if (!config.getCurrentCluster()) {
    throw configError(
      `context "${name}" of ${source} names the cluster "${context.cluster}", which is not there`,
    );
  }
  if (!config.getCurrentUser()) {
    throw configError(
      `context "${name}" of ${source} names the user "${context.user ?? ""}", which is not there`,
    );
  }
  return config;
}

/** The parser's own message quotes the lines around the fault, with the tokens and keys that are in them. */
function unreadable(source: string, error: unknown): KubeError {
  const { mark } = error as { mark?: { line: number; column: number } };
  if (mark)
    return configError(`${source} is no valid YAML at line ${mark.line + 1}, column ${mark.column + 1}`);
  return configError(`${source} cannot be read: ${messageOf(error)}`, error);
}

function configError(message: string, cause?: unknown): KubeError {
  return new KubeError({ code: "KUBE_CONFIG", message, cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
