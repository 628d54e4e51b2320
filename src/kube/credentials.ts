/**
 * The credentials for the API server and its address, from a kubeconfig or a pod's service account, kept fresh. Where
 * they are read from is in in-cluster.ts and kubeconfig.ts; no request is sent here.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici";
import type { Clock } from "../base/clock.ts";
import {
  type Authentication,
  type Cluster,
  type ClusterOptions,
  configError,
  messageOf,
  type Tls,
} from "./cluster.ts";
import { inCluster } from "./in-cluster.ts";

export interface KubeCredentialsOptions extends ClusterOptions {
  clock: Clock;
  logger?: Logger;
}

/** What one request needs. `serial` changes whenever the credentials are reloaded. */
export interface ResolvedCredentials {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly serial: number;
}

/** Files of tokens and certificates are read again at this age, as in client-go: kubelet renews them long before they expire. */
const FRESH_MS = 60_000;
/** Least time between reloads: credentials that stay invalid must not run an exec plugin for every request. */
const RELOAD_EVERY_MS = 5_000;

export class KubeCredentials {
  readonly #options: KubeCredentialsOptions;
  #cluster: Cluster;
  #current: { value: ResolvedCredentials; tls: Tls; at: number } | undefined;
  #pending: Promise<ResolvedCredentials> | undefined;
  #reloadedAt = Number.NEGATIVE_INFINITY;
  #serial = 0;

  private constructor(options: KubeCredentialsOptions, cluster: Cluster) {
    this.#options = options;
    this.#cluster = cluster;
  }

  /** Throws KUBE_CONFIG when there is nothing to load, or the configuration is inconsistent. */
  static async load(options: KubeCredentialsOptions): Promise<KubeCredentials> {
    return new KubeCredentials(options, await loadCluster(options));
  }

  /** Address of the API server, without a slash at its end. */
  get server(): string {
    return this.#cluster.server;
  }

  get namespace(): string {
    return this.#cluster.namespace;
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
      this.#cluster = await loadCluster(this.#options);
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
    let fresh: Authentication;
    try {
      fresh = await this.#cluster.authenticate();
    } catch (error) {
      if (!this.#current)
        throw configError(`credentials of ${this.server} cannot be used: ${messageOf(error)}`, error);
      // A file in the middle of its rotation, or a plugin that failed once: the old credentials may still be valid.
      this.#options.logger?.warn({ err: error }, "credentials not refreshed, the old ones stay in use");
      this.#current.at = at;
      return this.#current.value;
    }
    const { tls, headers } = fresh;
    const old = this.#current;
    const keep = old && isDeepStrictEqual(old.tls, tls);
    if (old && !keep) void old.value.dispatcher.close();
    const dispatcher = keep ? old.value.dispatcher : this.#dispatcher(tls);
    const value = { dispatcher, headers, serial: this.#serial };
    this.#current = { value, tls, at };
    return value;
  }

  /** One pool for all requests. */
  #dispatcher(tls: Tls): Dispatcher {
    const { proxyUrl: proxy } = this.#cluster;
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
    if (proxy?.startsWith("socks")) return new Socks5ProxyAgent(proxy, { ...pool, requestTls: connect });
    if (proxy) return new ProxyAgent({ ...pool, uri: proxy, requestTls: connect });
    return new Agent({ ...pool, connect });
  }
}

async function loadCluster(options: ClusterOptions): Promise<Cluster> {
  const pod = hasKubeconfig(options) ? undefined : inCluster();
  if (pod) return pod;
  // Half a second and its models, for the one class that reads kubeconfigs: a pod does without.
  const { loadKubeconfig } = await import("./kubeconfig.ts");
  return loadKubeconfig(options);
}

function hasKubeconfig({ kubeconfig, context }: ClusterOptions): boolean {
  if (kubeconfig ?? context ?? process.env.KUBECONFIG) return true;
  return existsSync(join(homedir(), ".kube", "config"));
}
