/**
 * Which API key a command uses, and the account behind it. What the user gives on purpose comes first: the Secret of a flag,
 * then PAPERSPACE_API_KEY, and then the Secrets of the operator's own order (reconcile/credentials.ts), which are read with
 * the user's own rights in Kubernetes.
 */
import { refusedVariables } from "../base/config.ts";
import { BadValue, proxyUrl, secureUrl, type ValueType } from "../base/options.ts";
import { shellCommand } from "../base/shell-command.ts";
import { version } from "../base/version.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { isKube, type KubeError } from "../kube/errors.ts";
import { secrets } from "../kube/resource.ts";
import { type Account, Accounts } from "../paperspace/accounts.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { proxyFor } from "../paperspace/wire.ts";
import { DEFAULT_KEY, DEFAULT_SECRET } from "../reconcile/credentials.ts";
import { keyFault, secretFault } from "../reconcile/key-secret.ts";
import { confirm } from "./confirm.ts";
import { PluginError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import type { Output } from "./output.ts";
import type { ProcessIO } from "./process-io.ts";

const DEFAULT_URL = "https://api.paperspace.com/v1";
const VARIABLE = "PAPERSPACE_API_KEY";
/** For one try of a request. */
const TIMEOUT_MS = 30_000;
/** As the daemon's defaults. */
const THROTTLE = { requestsPerSecond: 5, burst: 20, concurrency: 8 };

/** A Secret, and the key in its data; `namedBy`: where the reference comes from, absent for the default Secret. */
export interface SecretRef {
  readonly name: string;
  readonly key?: string;
  readonly namedBy?: "flag" | "object";
}

interface FoundKey {
  readonly key: string;
  /** How messages refer to the key. */
  readonly origin: string;
}

/** Why a Secret holds no usable key, and what to do. */
interface MissingKey {
  readonly problem: string;
  readonly remedy: string;
}

interface SecretLocation {
  readonly namespace: string;
  readonly name: string;
  /** Of the Secret's data. */
  readonly field: string;
  readonly alternative: string;
}

/** An account, and how messages refer to its key. */
export interface OpenedAccount extends Account {
  readonly origin: string;
}

export class Access {
  /** Aborts when the user interrupts the command. */
  readonly signal: AbortSignal;
  readonly #io: ProcessIO;
  readonly #output: Output;
  readonly #flags: Flags;
  readonly #cleanup = new AsyncDisposableStack();
  #connection: Promise<KubeConnection> | undefined;

  constructor(io: ProcessIO, output: Output, flags: Flags) {
    this.#io = io;
    this.signal = io.signal;
    this.#output = output;
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
   * The account of the environment's key, else of the key in this Secret of the namespace; a Secret that a flag names comes
   * before both. Throws PluginError where there is no key, or Paperspace does not accept it.
   */
  async open(reference: SecretRef = { name: DEFAULT_SECRET }): Promise<OpenedAccount> {
    const [refused] = refusedVariables(this.#io.env);
    if (refused !== undefined) throw new PluginError(refused);
    const { key, origin } = await this.#resolveKey(reference);
    this.#output.hide(key);
    const { clock, env } = this.#io;
    const baseUrl = this.#baseUrl();
    const proxy = {
      httpProxy: readVariable(env, proxyUrl, "http_proxy", "HTTP_PROXY"),
      httpsProxy: readVariable(env, proxyUrl, "https_proxy", "HTTPS_PROXY"),
      noProxy: env.no_proxy || env.NO_PROXY,
    };
    const sockets = this.#io.sockets(proxyFor(baseUrl, proxy));
    this.#cleanup.defer(() => sockets.close());
    const accounts = new Accounts({
      clock,
      sockets,
      version,
      baseUrl,
      throttle: THROTTLE,
      timeoutMs: TIMEOUT_MS,
      recheckMs: TIMEOUT_MS,
      unusedMs: Number.POSITIVE_INFINITY,
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
    const { kubeconfig, context, as } = this.#flags;
    const connection = await this.#io.connect({
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
      ...(as !== undefined && { as }),
    });
    this.#cleanup.defer(() => connection.close());
    return connection;
  }

  async #resolveKey(reference: SecretRef): Promise<FoundKey> {
    const fromEnvironment = this.#io.env[VARIABLE]?.trim();
    // As with every tool that has such a variable. No Secret is read then, so that nobody needs the right to.
    if (fromEnvironment && reference.namedBy !== "flag") return { key: fromEnvironment, origin: VARIABLE };
    await this.#confirmed(reference);
    const found = await this.#readKey(reference);
    if ("key" in found) return found;
    throw new PluginError(`no API key: ${found.problem}. ${found.remedy}`);
  }

  /**
   * Who may write objects chooses what they name; who runs the plugin may read more than they, and would send it. A Secret
   * that a flag names was chosen by the user.
   */
  async #confirmed({ name, key = DEFAULT_KEY, namedBy }: SecretRef): Promise<void> {
    const isUsual = name === DEFAULT_SECRET && key === DEFAULT_KEY;
    if (isUsual || namedBy !== "object") return;
    const what = `key "${key}" of the Secret ${await this.namespace()}/${name}`;
    const confirmation = {
      question: `The object names ${what} as its API key. Send its value to ${this.#baseUrl()}?`,
      otherwise: `nothing was sent: the object names ${what} as its API key, which is not the usual one`,
    };
    await confirm(confirmation, this.#flags, this.#io.prompt);
  }

  #baseUrl(): string {
    return readVariable(this.#io.env, secureUrl, "PAPERSPACE_API_URL") ?? DEFAULT_URL;
  }

  async #readKey(reference: SecretRef): Promise<FoundKey | MissingKey> {
    const { name, key: field = DEFAULT_KEY, namedBy } = reference;
    const alternative = namedBy === "flag" ? `leave out --secret and set ${VARIABLE}` : `set ${VARIABLE}`;
    let namespace: string;
    try {
      namespace = await this.namespace();
    } catch (error) {
      const { kubeconfig, context } = this.#flags;
      if (!isKube(error, "KUBE_CONFIG") || kubeconfig || context || namedBy) throw error;
      return { problem: error.message, remedy: `Or ${alternative}.` };
    }
    const secretName = `the Secret ${namespace}/${name}`;
    try {
      const secret = await secrets(await this.connection()).get(namespace, name, { signal: this.signal });
      const { data = {} } = secret;
      const key = Buffer.from(data[field] ?? "", "base64")
        .toString("utf8")
        .trim();
      const fault = secretFault(secret, { needsLabel: false });
      if (fault !== undefined) return { problem: `${secretName} ${fault}`, remedy: `Or ${alternative}.` };
      const wrong = key === "" ? undefined : keyFault(key);
      if (wrong !== undefined)
        return {
          problem: `the value under "${field}" of ${secretName} ${wrong}`,
          remedy: `Or ${alternative}.`,
        };
      if (key !== "") return { key, origin: secretName };
      const present = Object.keys(data).join(", ") || "nothing";
      const problem = `${secretName} has no value under "${field}" (it holds: ${present})`;
      return { problem, remedy: `Put the API key there, or ${alternative}.` };
    } catch (error) {
      if (!isKube(error)) throw error;
      return this.#explain(error, { namespace, name, field, alternative });
    }
  }

  #explain(error: KubeError, { namespace, name, field, alternative }: SecretLocation): MissingKey {
    const secretName = `the Secret ${namespace}/${name}`;
    switch (error.code) {
      case "KUBE_NOT_FOUND": {
        const problem = `there is no Secret "${name}" in namespace ${namespace}`;
        const make = shellCommand`kubectl -n ${{ namespace }} create secret generic ${{ name }} --from-file=${{ key: field }}=/dev/stdin`;
        return { problem, remedy: `Make it (${make}, and type the key), or ${alternative}.` };
      }
      case "KUBE_FORBIDDEN": {
        const problem = `you may not read ${secretName}`;
        const remedy = `Ask for the right "get secrets" in namespace ${namespace}, or ${alternative}.`;
        return { problem, remedy };
      }
      default: {
        const problem = `${secretName} cannot be read: ${error.message}`;
        return { problem, remedy: `Fix that, or ${alternative}.` };
      }
    }
  }
}

/** The first of these variables that is set. Throws PluginError, without the value: it may hold credentials. */
function readVariable<T>(env: ProcessIO["env"], type: ValueType<T>, ...names: string[]): T | undefined {
  const name = names.find((variable) => env[variable]);
  if (name === undefined) return undefined;
  try {
    return type.parse(env[name] ?? "");
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new PluginError(`${name}: the value is not allowed; give ${type.allowed}`);
  }
}
