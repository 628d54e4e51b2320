/**
 * Everything that can be configured, in one table. How values are read is in config.ts, what each of them may be in
 * options.ts.
 */
import {
  address,
  bool,
  currencyCode,
  decimal,
  duration,
  integer,
  kinds,
  label,
  namespaces,
  objectReference,
  oneOf,
  priorities,
  proxyUrl,
  ratePeriod,
  secureUrl,
  shortId,
  text,
  type ValueType,
} from "./options.ts";

export interface Option<T, D extends string | undefined = string | undefined> {
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

export const SECTIONS = {
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
    managementPolicy: required(
      oneOf("Manage", "Observe"),
      "Manage",
      "Observe: nothing is written for any object, whatever it says; everything is read and reported",
    ),
    deletionProtection: required(
      bool,
      "false",
      "what is in Paperspace is protected from deletion, unless the object or its namespace says otherwise",
    ),
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
    capacityPriorities: required(
      priorities,
      "",
      "highest priority of a namespace that counts between namespaces in the queue for scarce hardware, such as research=100; 0 by default",
    ),
    priceList: optional(
      objectReference,
      "ConfigMap (namespace/name) with hourly rates of machine types, for those of which no machine of a team shows its rate: prices.csv with the columns type, region, rate, currency, period",
    ),
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
    maxAwake: required(
      duration("1m", "720h"),
      "24h",
      "how far ahead the annotation awake-until may be, which keeps a machine on",
    ),
    maxExtension: required(
      duration("1h", "8760h"),
      "168h",
      "how far ahead the annotation extended-until may be, which extends the lifetime of a machine",
    ),
  },
  Costs: {
    currency: optional(
      currencyCode,
      "currency of the API's rates; with it, --usage-rate-period and --storage-rate-period costs are no longer RatesUnconfirmed",
    ),
    usageRatePeriod: optional(
      ratePeriod,
      "what the API's rates of machines that are on are for; unless given, an hour is assumed",
    ),
    storageRatePeriod: optional(
      ratePeriod,
      "what the API's rates of disks are for; unless given, a month of 730 hours is assumed",
    ),
    billingIncrement: required(
      duration("0s", "24h"),
      "1m",
      "time that a session may be rounded up to on the bill: so much of each counts as unknown",
    ),
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
    objectMetrics: required(
      bool,
      "false",
      "serve metrics of each object: what it is, what it costs and has cost; up to 5,000 objects of a kind",
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

/** An option, and where its value may stand. */
export interface OptionEntry extends Option<unknown> {
  readonly key: string;
  /** As its flag would be called. */
  readonly name: string;
  readonly section: string;
  readonly flag: string | undefined;
  readonly env: readonly string[];
}

export function optionEntries(): OptionEntry[] {
  return Object.entries(SECTIONS).flatMap(([section, options]) =>
    Object.entries(options).map(([key, option]: [string, Option<unknown>]) => {
      const name = kebab(key);
      const variable = `PAPERSPACE_OPERATOR_${name.replaceAll("-", "_").toUpperCase()}`;
      return {
        ...option,
        key,
        name,
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
