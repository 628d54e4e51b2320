/**
 * Everything that can be configured, in one table, and the one place that reads arguments and environment.
 * The rest of the program sees only the frozen result.
 */

import {
  address,
  BadValue,
  bool,
  decimal,
  duration,
  integer,
  kinds,
  type ListenAddress,
  label,
  namespaces,
  oneOf,
  proxyUrl,
  secureUrl,
  shortId,
  text,
  type ValueType,
} from "./options.ts";

interface Option<T, D extends string | undefined = string | undefined> {
  readonly type: ValueType<T>;
  /** As text, so that a default passes the same checks as any value; undefined means unset. */
  readonly default: D;
  readonly summary: string;
  /** Environment variables instead of PAPERSPACE_OPERATOR_<FLAG>; the first that is set counts. */
  readonly env?: readonly string[];
  /** No flag: a command line is visible to every process of the host. */
  readonly envOnly?: boolean;
  /** The value is never shown. */
  readonly secret?: boolean;
}

function required<T>(
  type: ValueType<T>,
  fallback: string,
  summary: string,
  more: Partial<Option<T>> = {},
): Option<T, string> {
  return { type, summary, ...more, default: fallback };
}

function optional<T>(
  type: ValueType<T>,
  summary: string,
  more: Partial<Option<T>> = {},
): Option<T, undefined> {
  return { type, summary, ...more, default: undefined };
}

const SECTIONS = {
  "Paperspace API": {
    paperspaceApiKey: optional(
      text,
      "API key of the operator itself; see --api-key-namespaces, and --api-key-file",
      {
        env: ["PAPERSPACE_API_KEY"],
        envOnly: true,
        secret: true,
      },
    ),
    apiKeyFile: optional(
      text,
      "file with the API key of the operator itself, such as a mounted Secret; it is read again when it changes",
    ),
    apiKeyNamespaces: required(
      namespaces({ wildcard: true }),
      "",
      "namespaces whose objects may use the operator's own API key; none by default",
    ),
    adoptWithOperatorKey: required(
      bool,
      "false",
      "objects that use the operator's own API key may adopt what is in the account of that key already",
    ),
    allowSharedReferences: required(
      bool,
      "false",
      "objects that use the operator's own API key may name what is in the account of that key: secrets of projects and teams, and container registries",
    ),
    requireCredentialsLabel: required(
      bool,
      "false",
      "a Secret with an API key needs the label paperspace.com/credentials=true, unless it is named paperspace-credentials",
    ),
    paperspaceApiUrl: required(
      secureUrl,
      "https://api.paperspace.com/v1",
      "base URL of the API, version included",
      {
        env: ["PAPERSPACE_OPERATOR_PAPERSPACE_API_URL", "PAPERSPACE_API_URL"],
      },
    ),
    requestTimeout: required(duration("100ms", "10m"), "30s", "time for one request, connecting included"),
    requestsPerSecond: required(
      decimal(0.1, 1000),
      "5",
      "requests per second and team; slows down by itself when the API says so",
    ),
    burst: required(integer(2, 10_000), "20", "requests that a team may send at once after a quiet time"),
    keyRecheck: required(duration("1s", "24h"), "5m", "how long a refused API key is not tried again"),
    httpProxy: optional(proxyUrl, "proxy for http:// URLs", {
      env: ["http_proxy", "HTTP_PROXY"],
      envOnly: true,
      secret: true,
    }),
    httpsProxy: optional(proxyUrl, "proxy for https:// URLs", {
      env: ["https_proxy", "HTTPS_PROXY"],
      envOnly: true,
      secret: true,
    }),
    noProxy: optional(text, "hosts that are reached without the proxy", {
      env: ["no_proxy", "NO_PROXY"],
      envOnly: true,
    }),
  },
  Kubernetes: {
    kubeconfig: optional(
      text,
      "kubeconfig file; else $KUBECONFIG, ~/.kube/config, or the pod's service account",
    ),
    context: optional(text, "context of the kubeconfig; its current one by default"),
    watchNamespaces: required(namespaces({ wildcard: false }), "", "namespaces to serve; all by default"),
    enabledKinds: required(kinds, "", "kinds to serve; all by default"),
    clusterId: optional(
      shortId,
      "id of this cluster in the names of what is created; by default one that is stored once, in the ConfigMap <lease>-cluster of the lease's namespace. Give the former one where a cluster is moved without it",
    ),
  },
  Reconciling: {
    concurrency: required(integer(1, 256), "8", "objects worked on at once"),
    resyncInterval: required(duration("1s", "24h"), "10m", "how often everything is compared anew"),
    slowRetry: required(
      duration("1s", "24h"),
      "10m",
      "how often what is stalled is tried again: refused specs, transitions past their deadline, contended fields",
    ),
    eventPollInterval: required(
      duration("100ms", "10m"),
      "3s",
      "how often machine events are read while operations are in flight",
    ),
    resendAfter: required(
      duration("100ms", "1h"),
      "30s",
      "how soon a power change is sent again that seems never to have arrived, or whose event failed",
    ),
    absenceGrace: required(
      duration("0s", "1h"),
      "2m",
      "how long a machine may be missing before it counts as gone",
    ),
    sendWindow: required(
      duration("1s", "1h"),
      "1m",
      "longest time between announcing a create and sending it; beyond it the create is announced anew",
    ),
    attemptSettle: required(
      duration("0s", "1h"),
      "2m",
      "extra wait before a create without an answer counts as never made",
    ),
    credentialRecheck: required(
      duration("1s", "24h"),
      "30s",
      "how often an object without usable credentials looks again",
    ),
    createDeadline: required(duration("1s", "24h"), "30m", "time for a machine to be created"),
    startDeadline: required(duration("1s", "24h"), "15m", "time for a machine to start or restart"),
    stopDeadline: required(duration("1s", "24h"), "15m", "time for a machine to stop"),
    capacityDeadline: required(
      duration("1s", "24h"),
      "30m",
      "how long hardware may be short until what waits for it counts as stalled",
    ),
    resizeDeadline: required(
      duration("1s", "24h"),
      "30m",
      "time for a change of machine type, disk or network",
    ),
    deleteDeadline: required(duration("1s", "24h"), "30m", "time for a machine to be deleted"),
  },
  "Leader election": {
    leaderElect: required(
      bool,
      "true",
      "work only while holding the lease; false for a single process by hand",
    ),
    leaderElectNamespace: optional(label, "namespace of the lease; the pod's own by default"),
    leaderElectName: required(label, "paperspace-operator", "name of the lease"),
    leaseDuration: required(duration("1s", "1h"), "15s", "how long a lease lasts without renewal"),
    renewDeadline: required(
      duration("500ms", "1h"),
      "10s",
      "how long a leader tries to renew before it steps down",
    ),
    retryPeriod: required(duration("100ms", "10m"), "2s", "time between two tries"),
  },
  "Health and logs": {
    healthAddress: required(
      address,
      "0.0.0.0:8080",
      "address of /healthz and /readyz, and of /metrics without --metrics-address; port 0 takes a free one",
    ),
    metricsAddress: optional(address, "address of /metrics alone"),
    metricsCertDir: optional(
      text,
      "directory with tls.crt and tls.key, with which metrics are served over HTTPS; they are read again when renewed",
    ),
    metricsSecure: required(
      bool,
      "false",
      "metrics are for accounts of the cluster that may get the path /metrics: TokenReview and SubjectAccessReview of each scraper",
    ),
    metricsTeamLabels: required(
      bool,
      "false",
      "label what is about one team with its id: readers of metrics see whose accounts there are",
    ),
    logLevel: required(
      oneOf("trace", "debug", "info", "warn", "error", "fatal"),
      "info",
      "least level that is logged",
    ),
  },
} as const;

type Sections = typeof SECTIONS;
type Fields<T> = {
  readonly [K in keyof T]: T[K] extends Option<infer V, infer D>
    ? D extends string
      ? V
      : V | undefined
    : never;
};
type Merge<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** The frozen configuration. Durations are milliseconds. `noProxy` and the proxies are undefined when unset. */
export type Config = Flat<Merge<Fields<Sections[keyof Sections]>>>;
export type { ListenAddress };

/** What a start of the program leads to: run with a configuration, or print a text and exit. */
export type Loaded =
  | { readonly action: "run"; readonly config: Config }
  | { readonly action: "print"; readonly text: string };

/** Every problem of a configuration at once, each a line that names the flag and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:
${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

type Env = Readonly<Record<string, string | undefined>>;

interface Entry extends Option<unknown> {
  readonly key: string;
  readonly section: string;
  readonly flag: string | undefined;
  readonly env: readonly string[];
}

function table(): Entry[] {
  return Object.entries(SECTIONS).flatMap(([section, options]) =>
    Object.entries(options).map(([key, option]: [string, Option<unknown>]) => {
      const name = kebab(key);
      const variable = `PAPERSPACE_OPERATOR_${name.replaceAll("-", "_").toUpperCase()}`;
      return {
        ...option,
        key,
        section,
        flag: option.envOnly ? undefined : name,
        env: option.env ?? [variable],
      };
    }),
  );
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Flags over environment over defaults. An empty variable counts as unset, for that is what templates leave behind.
 * Throws ConfigError with everything that is wrong.
 */
export function loadConfig(argv: readonly string[], env: Env, version: string): Loaded {
  const entries = table();
  const problems: string[] = [];
  const given = readFlags(argv, entries, problems);
  if (given.has("help")) return { action: "print", text: helpText(entries, version) };
  if (given.has("version")) return { action: "print", text: version };

  const values: Record<string, unknown> = {};
  for (const entry of entries) values[entry.key] = resolve(entry, given, env, problems);
  problems.push(...refusedVariables(env));
  // Rules between values are checked only once each value by itself is valid.
  if (problems.length === 0) crossCheck(values as unknown as Config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { action: "run", config: freeze(values) as unknown as Config };
}

/** What Node itself reads from the environment, before any code of ours runs, and what must not stand there. */
export function refusedVariables({ NODE_TLS_REJECT_UNAUTHORIZED }: Env): string[] {
  if (NODE_TLS_REJECT_UNAUTHORIZED !== "0") return [];
  return [
    "NODE_TLS_REJECT_UNAUTHORIZED: 0 is not allowed: any server could pass for the Paperspace API and read every API key. Remove it; NODE_EXTRA_CA_CERTS names a file with the certificates of a proxy or of a private API",
  ];
}

function resolve(entry: Entry, given: ReadonlyMap<string, string>, env: Env, problems: string[]): unknown {
  const byFlag = entry.flag === undefined ? undefined : given.get(entry.flag);
  const variable = byFlag === undefined ? entry.env.find((name) => env[name]) : undefined;
  const raw = byFlag ?? (variable && env[variable]) ?? entry.default;
  if (raw === undefined) return undefined;
  try {
    return entry.type.parse(raw);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    const where = variable ? ` (from ${variable})` : "";
    const name = entry.flag ? `--${entry.flag}${where}` : variable;
    const what = entry.secret ? "the value" : JSON.stringify(raw.replace(/\/\/[^/@]*@/, "//[redacted]@"));
    const why = error.message ? `: ${error.message}` : "";
    problems.push(`${name}: ${what} is not allowed${why}; give ${entry.type.allowed}`);
    return undefined;
  }
}

/** Reads `--name value`, `--name=value`, `--name` and `--no-name` (booleans). The last one of a name counts. */
function readFlags(
  argv: readonly string[],
  entries: readonly Entry[],
  problems: string[],
): Map<string, string> {
  const byFlag = new Map(entries.flatMap((entry) => (entry.flag ? [[entry.flag, entry] as const] : [])));
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const [, name = "", inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word === "-h" ? "--help" : word) ?? [];
    if (name === "help" || name === "version") {
      given.set(name, "true");
      continue;
    }
    const negated =
      name.startsWith("no-") && byFlag.get(name.slice(3))?.type === bool ? name.slice(3) : undefined;
    const entry = byFlag.get(name);
    const next = argv[i + 1];
    if (negated !== undefined && inline === undefined) given.set(negated, "false");
    else if (!entry) {
      problems.push(unknownFlag(name === "" ? word : `--${name}`, entries));
      // What follows belongs to the unknown flag; it may be a secret.
      if (name !== "" && inline === undefined && next !== undefined && !next.startsWith("--")) i++;
    } else if (inline !== undefined) given.set(name, inline);
    else if (entry.type === bool && next !== "true" && next !== "false") given.set(name, "true");
    else if (next === undefined || next.startsWith("--"))
      problems.push(`--${name}: the value is missing; give ${entry.type.allowed}`);
    else {
      given.set(name, next);
      i++;
    }
  }
  return given;
}

function unknownFlag(word: string, entries: readonly Entry[]): string {
  if (!word.startsWith("--"))
    return `${JSON.stringify(word)}: arguments are not taken, only flags; see --help`;
  const hidden = entries.find((entry) => entry.envOnly && kebab(entry.key) === word.slice(2));
  if (hidden)
    return `${word}: not taken as a flag, where every process could read it; set ${hidden.env.join(" or ")}`;
  const flags = entries.flatMap((entry) => entry.flag ?? []);
  const ranked = flags.map((name) => ({ name, away: distance(word.slice(2), name) }));
  const nearest = ranked.sort((a, b) => a.away - b.away)[0];
  const close = nearest !== undefined && nearest.away <= Math.max(2, nearest.name.length / 3);
  return `${word}: there is no such flag; ${close ? `did you mean --${nearest.name}?` : "see --help"}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

function crossCheck(config: Config, problems: string[]): void {
  if (config.leaseDuration <= config.renewDeadline) {
    problems.push(
      "--lease-duration must be longer than --renew-deadline: a leader must step down before others take over",
    );
  }
  if (config.renewDeadline <= config.retryPeriod) {
    problems.push("--renew-deadline must be longer than --retry-period: else a leader gets no second try");
  }
  if (config.metricsCertDir !== undefined && config.metricsAddress === undefined) {
    problems.push("--metrics-cert-dir needs --metrics-address: kubelet probes without HTTPS");
  }
  if (config.metricsSecure && config.metricsCertDir === undefined) {
    problems.push("--metrics-secure needs --metrics-cert-dir: scrapers would send their tokens in clear");
  }
  const keys = [config.paperspaceApiKey, config.apiKeyFile].filter((key) => key !== undefined);
  if (keys.length > 1)
    problems.push("--api-key-file and PAPERSPACE_API_KEY are both given: give one of them");
  if (config.apiKeyNamespaces.length > 0 && keys.length === 0) {
    problems.push("--api-key-namespaces is given, but neither --api-key-file nor PAPERSPACE_API_KEY is");
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

function helpText(entries: readonly Entry[], version: string): string {
  const lines = [`paperspace-operator ${version}: machines of Paperspace as Kubernetes resources`, ""];
  lines.push("Flags win over environment variables, these over the defaults.", "");
  let section = "";
  for (const entry of entries) {
    if (entry.section !== section) lines.push(`${entry.section}:`);
    section = entry.section;
    lines.push(entry.flag ? `  --${entry.flag}` : `  ${entry.env.join(", ")} (environment only)`);
    lines.push(`      ${entry.summary}`);
    lines.push(`      ${entry.type.allowed}${entry.default ? `; default ${entry.default}` : ""}`);
    if (entry.flag) lines.push(`      environment: ${entry.env.join(", ")}`);
  }
  lines.push("", "  --help, -h\n      this text", "  --version\n      the version");
  return lines.join("\n");
}
