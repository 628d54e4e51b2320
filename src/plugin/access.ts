/**
 * Whose API key a command uses, and the account behind it: with the user's own rights in Kubernetes, read-only. The order is
 * that of the operator (reconcile/credentials.ts), with the user's PAPERSPACE_API_KEY in the place of the operator's own.
 */
import { BadValue, httpUrl, type Kind, proxyUrl } from "../base/options.ts";
import { version } from "../base/version.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { isKube, type KubeError } from "../kube/errors.ts";
import { secrets } from "../kube/resource.ts";
import { type Account, Accounts } from "../paperspace/accounts.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { DEFAULT_KEY, DEFAULT_SECRET } from "../reconcile/credentials.ts";
import { PluginError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import type { Screen } from "./output.ts";
import type { Edges } from "./process-io.ts";

const DEFAULT_URL = "https://api.paperspace.com/v1";
const VARIABLE = "PAPERSPACE_API_KEY";
/** For one try of a request. */
const TIMEOUT_MS = 30_000;
/** As the daemon's defaults. */
const THROTTLE = { requestsPerSecond: 5, burst: 20, concurrency: 8 };

/** A Secret, and the key in its data; `asked` says who names it where it is not the usual one. */
export interface SecretRef {
  readonly name: string;
  readonly key?: string;
  readonly asked?: "flag" | "object";
}

interface Found {
  readonly key: string;
  /** How the key is called in messages. */
  readonly origin: string;
}

/** Why a Secret gives no key, what can be done, and whether somebody with a key of their own wonders about it. */
interface Missing {
  readonly trouble: string;
  readonly remedy: string;
  readonly tell: boolean;
}

interface Place {
  readonly namespace: string;
  readonly name: string;
  /** Of the Secret's data. */
  readonly field: string;
  readonly asked: SecretRef["asked"];
  readonly instead: string;
}

/** An account, and how its key is called in messages. */
export interface Opened extends Account {
  readonly origin: string;
}

export class Access {
  /** Aborts when the user wants an end. */
  readonly signal: AbortSignal;
  readonly #edges: Edges;
  readonly #screen: Screen;
  readonly #flags: Flags;
  readonly #cleanup = new AsyncDisposableStack();
  #connection: Promise<KubeConnection> | undefined;

  constructor(edges: Edges, screen: Screen, flags: Flags) {
    this.#edges = edges;
    this.signal = edges.signal;
    this.#screen = screen;
    this.#flags = flags;
  }

  /** The cluster of the kubeconfig. Throws KUBE_CONFIG where there is none. */
  connection(): Promise<KubeConnection> {
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async namespace(): Promise<string> {
    return this.#flags.namespace ?? (await this.connection()).namespace;
  }

  /**
   * The account of the key in this Secret of the namespace, else of the environment's. Throws PluginError where there is
   * no key, or Paperspace does not accept it.
   */
  async open(reference: SecretRef = { name: DEFAULT_SECRET }): Promise<Opened> {
    const { key, origin } = await this.#find(reference);
    this.#screen.hide(key);
    const { clock, env } = this.#edges;
    const sockets = this.#edges.sockets({
      httpProxy: read(env, proxyUrl, "http_proxy", "HTTP_PROXY"),
      httpsProxy: read(env, proxyUrl, "https_proxy", "HTTPS_PROXY"),
      noProxy: env.no_proxy || env.NO_PROXY,
    });
    this.#cleanup.defer(() => sockets.close());
    const baseUrl = read(env, httpUrl, "PAPERSPACE_API_URL") ?? DEFAULT_URL;
    const accounts = new Accounts({
      clock,
      sockets,
      version,
      baseUrl,
      throttle: THROTTLE,
      timeoutMs: TIMEOUT_MS,
      recheckMs: TIMEOUT_MS,
    });
    this.#cleanup.defer(() => accounts.close());
    this.signal.addEventListener("abort", () => accounts.close(), { once: true });
    try {
      return { ...(await accounts.get(key)), origin };
    } catch (error) {
      if (!(error instanceof PaperspaceError)) throw error;
      throw new PluginError(`${origin}, at ${baseUrl}: ${error.message}`);
    }
  }

  close(): Promise<void> {
    return this.#cleanup.disposeAsync();
  }

  async #connect(): Promise<KubeConnection> {
    const { kubeconfig, context } = this.#flags;
    const connection = await this.#edges.connect({
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
    });
    this.#cleanup.defer(() => connection.close());
    return connection;
  }

  async #find(reference: SecretRef): Promise<Found> {
    const own = this.#edges.env[VARIABLE]?.trim();
    const look = await this.#look(reference);
    if ("key" in look) return look;
    // A Secret that somebody names by a flag is meant: another key would be another team's perhaps.
    if (!own || reference.asked === "flag")
      throw new PluginError(`no API key: ${look.trouble}. ${look.remedy}`);
    if (look.tell) this.#screen.note(`note: ${look.trouble}; going on with ${VARIABLE}`);
    return { key: own, origin: VARIABLE };
  }

  async #look(reference: SecretRef): Promise<Found | Missing> {
    const { name, key: field = DEFAULT_KEY, asked } = reference;
    const instead = asked === "flag" ? `leave out --secret and set ${VARIABLE}` : `set ${VARIABLE}`;
    let namespace: string;
    try {
      namespace = await this.namespace();
    } catch (error) {
      const { kubeconfig, context } = this.#flags;
      if (!isKube(error, "KUBE_CONFIG") || kubeconfig || context || asked) throw error;
      return { trouble: error.message, remedy: `Or ${instead}.`, tell: false };
    }
    const told = `the Secret ${namespace}/${name}`;
    try {
      const { data = {} } = await secrets(await this.connection()).get(namespace, name, {
        signal: this.signal,
      });
      const key = Buffer.from(data[field] ?? "", "base64")
        .toString("utf8")
        .trim();
      if (key !== "") return { key, origin: told };
      const there = Object.keys(data).join(", ") || "nothing";
      const trouble = `${told} has no value under "${field}" (it holds: ${there})`;
      return { trouble, remedy: `Put the API key there, or ${instead}.`, tell: true };
    } catch (error) {
      if (!isKube(error)) throw error;
      return this.#trouble(error, { namespace, name, field, asked, instead });
    }
  }

  #trouble(error: KubeError, { namespace, name, field, asked, instead }: Place): Missing {
    const told = `the Secret ${namespace}/${name}`;
    switch (error.code) {
      case "KUBE_NOT_FOUND": {
        const trouble = `there is no Secret "${name}" in namespace ${namespace}`;
        const make = `kubectl -n ${namespace} create secret generic ${name} --from-literal=${field}=<key>`;
        return { trouble, remedy: `Make it (${make}), or ${instead}.`, tell: asked === "object" };
      }
      case "KUBE_FORBIDDEN": {
        const trouble = `you may not read ${told}`;
        const remedy = `Ask for the right "get secrets" in namespace ${namespace}, or ${instead}.`;
        return { trouble, remedy, tell: asked === "object" };
      }
      default: {
        const trouble = `${told} cannot be read: ${error.message}`;
        return { trouble, remedy: `Mend that, or ${instead}.`, tell: true };
      }
    }
  }
}

/** The first of these variables that is set. Throws PluginError, without the value: it may hold credentials. */
function read<T>(env: Edges["env"], kind: Kind<T>, ...names: string[]): T | undefined {
  const name = names.find((one) => env[one]);
  if (name === undefined) return undefined;
  try {
    return kind.parse(env[name] ?? "");
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new PluginError(`${name}: the value is not allowed; give ${kind.allowed}`);
  }
}
