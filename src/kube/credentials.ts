/**
 * Who we are to the API server, and how to reach it: everything that a kubeconfig or a pod's service account says, kept
 * fresh. The one place that uses @kubernetes/client-node; it sends no request itself.
 */
import type { RequestOptions } from "node:https";
import { isDeepStrictEqual } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici";
import type { Clock } from "../base/clock.ts";
import { KubeError } from "./errors.ts";

export interface CredentialsOptions {
  kubeconfig?: string;
  context?: string;
  clock: Clock;
  logger?: Logger;
}

/** What one request needs. `serial` tells whether credentials were reloaded between two requests. */
export interface Access {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly serial: number;
}

type Tls = Pick<RequestOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">;

/** Files of tokens and certificates are read again at this age, as in client-go: kubelet renews them long before they end. */
const FRESH_MS = 60_000;
/** Credentials that stay wrong must not run an exec plugin for every request. */
const RELOAD_EVERY_MS = 5_000;

export class Credentials {
  readonly #options: CredentialsOptions;
  #config: KubeConfig;
  #access: { value: Access; tls: Tls; at: number } | undefined;
  #pending: Promise<Access> | undefined;
  #reloadedAt = Number.NEGATIVE_INFINITY;
  #serial = 0;

  /** Throws KUBE_CONFIG when there is nothing to load, or it does not fit together. */
  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.#config = load(options);
  }

  /** Address of the API server, without a slash at its end. */
  get server(): string {
    return (this.#config.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");
  }

  get namespace(): string {
    const context = this.#config.getContextObject(this.#config.getCurrentContext());
    return context?.namespace?.trim() || "default";
  }

  /** Current headers and connection; looks at files and plugins again when the last look is a minute old. */
  access(): Promise<Access> {
    const now = this.#options.clock.monotonic();
    if (this.#access && now - this.#access.at < FRESH_MS) return Promise.resolve(this.#access.value);
    this.#pending ??= this.#refresh().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Reads everything anew, and runs an exec plugin again, unless that was done a moment ago. */
  async reload(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#reloadedAt < RELOAD_EVERY_MS) return;
    this.#reloadedAt = now;
    try {
      this.#config = load(this.#options);
    } catch (error) {
      // Perhaps in the middle of being written. The next 401 looks again.
      this.#options.logger?.warn({ err: error }, "credentials not reloaded");
      return;
    }
    if (this.#access) this.#access.at = Number.NEGATIVE_INFINITY;
    this.#serial++;
    await this.access();
  }

  async destroy(): Promise<void> {
    await this.#access?.value.dispatcher.destroy();
  }

  async #refresh(): Promise<Access> {
    const at = this.#options.clock.monotonic();
    const found: RequestOptions = {};
    try {
      await this.#config.applyToHTTPSOptions(found);
    } catch (error) {
      if (!this.#access)
        throw configError(`credentials of ${this.server} cannot be used: ${told(error)}`, error);
      // A file in the middle of its rotation, or a plugin that failed once: what we have may still be good.
      this.#options.logger?.warn({ err: error }, "credentials not refreshed, going on with the old ones");
      this.#access.at = at;
      return this.#access.value;
    }
    const tls = tlsOf(found);
    const old = this.#access;
    const keep = old && isDeepStrictEqual(old.tls, tls);
    if (old && !keep) void old.value.dispatcher.close();
    const dispatcher = keep ? old.value.dispatcher : this.#dispatcher(tls);
    const value = { dispatcher, headers: headersOf(found), serial: this.#serial };
    this.#access = { value, tls, at };
    return value;
  }

  /** One pool for all requests. The library would build one for each, and so a TLS handshake. */
  #dispatcher(tls: Tls): Dispatcher {
    // How a kubeconfig maps to a proxy is the library's knowledge; the pool behind it is ours.
    const wanted = this.#config.createDispatcherOptions(this.#config.getCurrentCluster(), tls);
    const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 10_000 };
    const pool = {
      // With HTTP/2 all watches would share one connection, and one that is stuck would stop them all.
      allowH2: false,
      // Below the 60 s after which load balancers, and the 90 s after which the API server, close an idle connection.
      keepAliveTimeout: 50_000,
      // Time is up when our own clock says so; a watch may be silent for minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    switch (wanted.type) {
      case "proxy":
        return new ProxyAgent({ ...pool, uri: wanted.uri, requestTls: connect });
      case "socks":
        return new Socks5ProxyAgent(wanted.uri, { ...pool, requestTls: connect });
      default:
        return new Agent({ ...pool, connect });
    }
  }
}

/** No certificate, no key, no CA: then Node's own defaults hold, so absent keys stay absent. */
function tlsOf(found: RequestOptions): Tls {
  const { ca, cert, key, rejectUnauthorized, servername } = found;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function headersOf(found: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (found.auth) headers.authorization = `Basic ${Buffer.from(found.auth).toString("base64")}`;
  for (const [name, value] of Object.entries(found.headers ?? {})) {
    // Token files written by hand end in a newline, which no header may hold.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  return headers;
}

function load(options: CredentialsOptions): KubeConfig {
  const config = new KubeConfig();
  const source = options.kubeconfig
    ? `--kubeconfig ${options.kubeconfig}`
    : "the kubeconfig (KUBECONFIG or ~/.kube/config)";
  try {
    if (options.kubeconfig) config.loadFromFile(options.kubeconfig);
    else config.loadFromDefault(undefined, true);
  } catch (error) {
    throw configError(`${source} cannot be read: ${told(error)}`, error);
  }
  // Where it finds nothing the library makes up a cluster on localhost:8080, under this name.
  if (config.getCurrentContext() === "loaded-context") {
    throw configError(
      "no Kubernetes cluster is configured: give --kubeconfig, set KUBECONFIG, have a ~/.kube/config, or run inside a pod with a service account",
    );
  }
  if (options.context) config.setCurrentContext(options.context);
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    const known = config.getContexts().map((one) => one.name);
    const asked = options.context ? `--context ${name}` : `the current context "${name ?? ""}"`;
    throw configError(`${asked} is not in ${source}; it has: ${known.join(", ") || "none"}`);
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

function configError(message: string, cause?: unknown): KubeError {
  return new KubeError({ code: "KUBE_CONFIG", message, cause });
}

function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
