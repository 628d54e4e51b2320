/**
 * The composition root: the only place where parts are put together. It decides what starts when and what stops in
 * which order; it makes no decision about any object.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Registry } from "prom-client";
import type { Clock } from "./base/clock.ts";
import { type Config, ConfigError } from "./base/config.ts";
import { startHealthServer, startMetricsServer } from "./base/health.ts";
import type { RunningServer } from "./base/http-server.ts";
import { KeyFile } from "./base/key-file.ts";
import type { Logger } from "./base/logger.ts";
import { createRegistry } from "./base/metrics.ts";
import { version } from "./base/version.ts";
import { ControllerRunner, type ControllerServices } from "./controller.ts";
import { AccountPermits, credentialChecker, type PaperspaceAccount } from "./kinds/account.ts";
import { UNUSED_TURNS } from "./kinds/lookup.ts";
import type { KindRegistration } from "./kinds/registration.ts";
import { type SlowHash, slowHashInThreads } from "./kinds/slow-hash.ts";
import { ClusterId } from "./kube/cluster-id.ts";
import { connect, type KubeConnection } from "./kube/connection.ts";
import { EventRecorder } from "./kube/events.ts";
import { configMaps, events, leases, namespaceResource, secrets } from "./kube/resource.ts";
import { ScrapeAccess } from "./kube/scrape-access.ts";
import { Accounts } from "./paperspace/accounts.ts";
import { readRates, writeRates } from "./paperspace/found-rates.ts";
import { createApiMetrics } from "./paperspace/metrics.ts";
import { createSockets, proxyFor, type Sockets } from "./paperspace/wire.ts";
import { createCostMetrics } from "./reconcile/cost-metrics.ts";
import { CredentialGuard } from "./reconcile/credential-guard.ts";
import { Credentials } from "./reconcile/credentials.ts";
import { createCacheMetrics, createObjectMetrics, createReadMetrics } from "./reconcile/metrics.ts";
import { Namespaces } from "./reconcile/namespaces.ts";
import { needsOfOthers } from "./reconcile/secret-needs.ts";
import { SecretReviews } from "./reconcile/secret-reviews.ts";
import { KINDS } from "./registry.ts";
import { Leadership, type LeadershipOptions } from "./runtime/lease.ts";
import { createRuntimeMetrics } from "./runtime/metrics.ts";

export interface AppParts {
  config: Config;
  clock: Clock;
  logger: Logger;
}

/** Name under which Kubernetes Events are reported. */
const CONTROLLER = "paperspace.com/operator";
/** Concurrent requests to one team. */
const TEAM_CONCURRENCY = 16;
/** Annotation of the Lease: what the accounts of teams were found to allow. It costs no write and no right of its own. */
const REQUEST_RATES = "paperspace.com/request-rates";
/** How long one read of a Secret serves all objects at most, in milliseconds. */
const SECRET_TTL_MS = 30_000;
/** The same of a namespace: no write rests on labels that are older. */
const NAMESPACE_TTL_MS = 30_000;

/** What connects the process with the outside: a test replaces these, and nothing else. */
export interface ProcessDependencies {
  connection: KubeConnection;
  sockets: Sockets;
  registry: Registry;
  /** Default: in threads of its own. */
  slowHash?: SlowHash;
  /** Default: those of the registry. */
  kinds?: readonly KindRegistration<never>[];
}

export interface Operator {
  /** By kind: why it is not ready; undefined where it is. */
  readiness: Record<string, () => string | undefined>;
  /** Resolves once the signal has aborted and no pass runs any more. */
  run(signal: AbortSignal): Promise<void>;
}

/** Runs the operator until the signal aborts; rejects where it cannot start. */
export async function runOperator(parts: AppParts, signal: AbortSignal): Promise<void> {
  const { config, clock, logger } = parts;
  await checkKeyFile(parts);
  await using cleanup = new AsyncDisposableStack();
  const connection = await connect({
    ...(config.kubeconfig !== undefined && { kubeconfig: config.kubeconfig }),
    ...(config.context !== undefined && { context: config.context }),
    clock,
    logger,
    userAgent: `paperspace-operator/${version}`,
  });
  cleanup.defer(() => connection.close());
  const sockets = createSockets(proxyFor(config.paperspaceApiUrl, config));
  cleanup.defer(() => sockets.close());
  const registry = createRegistry({ version });
  const operator = assembleOperator(parts, { connection, sockets, registry });
  const metrics = await startMetrics(parts, connection, registry);
  if (metrics) cleanup.defer(() => metrics.stop());
  const health = await startHealthServer({
    address: config.healthAddress,
    ...(!metrics && { registry }),
    readiness: operator.readiness,
  });
  cleanup.defer(() => health.stop());
  logStart(parts, connection, { health: health.port, ...(metrics && { metrics: metrics.port }) });
  await operator.run(signal);
  logger.info("stopped");
}

/** Undefined where metrics are served beside the probes. */
async function startMetrics(
  { config, clock }: AppParts,
  connection: KubeConnection,
  registry: Registry,
): Promise<RunningServer | undefined> {
  const { metricsAddress, metricsCertDir, metricsSecure } = config;
  if (!metricsAddress) return undefined;
  const access = new ScrapeAccess({ connection, clock });
  return startMetricsServer({
    address: metricsAddress,
    registry,
    ...(metricsCertDir !== undefined && { tls: { directory: metricsCertDir, clock } }),
    ...(metricsSecure && { authorize: (authorization, address) => access.decide(authorization, address) }),
  });
}

/** Puts the parts together over the given dependencies; nothing runs yet. */
export function assembleOperator(parts: AppParts, dependencies: ProcessDependencies): Operator {
  const { connection, sockets, registry, slowHash = slowHashInThreads(), kinds = KINDS } = dependencies;
  const { config, clock, logger } = parts;
  const metrics = createRuntimeMetrics(registry);
  const leadership = leadershipOf(parts, connection, () => ({
    [REQUEST_RATES]: writeRates(accounts.foundRates),
  }));
  leadership?.onChange(metrics.leadership(config.leaderElectName));
  const recorder = new EventRecorder({
    events: events(connection),
    clock,
    logger,
    controller: CONTROLLER,
    instance: hostname(),
    metrics: metrics.events(),
  });
  const accounts = newAccounts(parts, sockets, registry);
  leadership?.onChange((leading) => {
    if (leading) accounts.remember(readRates(leadership.annotation(REQUEST_RATES)));
  });
  const credentials = new Credentials({
    secrets: secrets(connection),
    checker: credentialChecker(accounts),
    clock,
    secretTtlMs: secretTtlMs(config),
    operatorKey: operatorKeyOf(parts),
    operatorKeyNamespaces: config.apiKeyNamespaces,
    requireLabel: config.requireCredentialsLabel,
  });
  const namespaces = new Namespaces({
    namespaces: namespaceResource(connection),
    clock,
    ttlMs: NAMESPACE_TTL_MS,
    changed: (namespace) => {
      for (const controller of controllers) controller.enqueueAll(namespace);
    },
  });
  const mayWrite = () => leadership?.holds() ?? true;
  const { served, others } = servedKinds(config, kinds);
  const complete = () => controllers.every((controller) => controller.listed);
  // One for all kinds: a Secret may serve objects of several.
  const credentialGuard: CredentialGuard<PaperspaceAccount> = new CredentialGuard({
    secrets: secrets(connection),
    credentials,
    kinds: () => controllers,
    complete,
    ...(others.length > 0 && { isNeededElsewhere: needsOfOthers(others, connection, logger, credentials) }),
  });
  const secretReviews = new SecretReviews({
    clock,
    logger,
    guard: credentialGuard,
    objects: () => controllers.flatMap((controller) => controller.objects()),
    complete,
    namespaces: config.watchNamespaces,
  });
  const own = ownConfigMap(config, connection);
  const clusterId = new ClusterId({
    configMaps: configMaps(connection),
    ...own.metadata,
    given: config.clusterId,
    clock,
    logger,
  });
  const objects = createObjectMetrics(registry);
  const shared: ControllerServices = {
    ...parts,
    connection,
    slowHash,
    formerTermEnd: () => leadership?.formerRenewal,
    recorder,
    metrics,
    objects,
    mayWrite,
    clusterId: () => clusterId.known,
    own,
    credentials,
    namespaces,
    permits: new AccountPermits(),
    secrets: credentialGuard,
    isKeySecret: (reference) =>
      controllers.some((controller) =>
        controller.objects().some((object) => credentials.referenceOf(object) === reference),
      ),
    secretReviews: () => secretReviews,
  };
  const controllers: ControllerRunner[] = served.map((entry) => {
    const controller = new ControllerRunner(entry, shared);
    objects.count(controller.name, {
      objects: () => controller.objects(),
      unowned: () => controller.unowned,
    });
    return controller;
  });
  createCacheMetrics(registry, () => ({
    "": { api_keys: accounts.size, api_key_callers: accounts.callers, credential_secrets: credentials.size },
    ...Object.fromEntries(controllers.map((each) => [each.name, each.cacheSizes()])),
  }));
  if (config.objectMetrics)
    createCostMetrics(registry, {
      now: () => clock.now(),
      objects: () => Object.fromEntries(controllers.map((each) => [each.name, each.objects()])),
    });
  createReadMetrics(registry, () =>
    controllers.map((each) => ({ controller: each.name, oldestReadMs: each.oldestReadMs() })),
  );
  return {
    readiness: Object.fromEntries(
      controllers.map((controller) => [controller.name, () => controller.notReadyReason()]),
    ),
    async run(signal) {
      const identified = clusterId.run(signal);
      await work({ controllers, secretReviews, leadership, accounts }, signal);
      await identified;
      await recorder.flush();
    },
  };
}

function newAccounts({ config, clock }: AppParts, sockets: Sockets, registry: Registry): Accounts {
  return new Accounts({
    clock,
    sockets,
    version,
    baseUrl: config.paperspaceApiUrl,
    timeoutMs: config.requestTimeout,
    recheckMs: config.keyRecheck,
    unusedMs: UNUSED_TURNS * Math.max(config.resyncInterval, config.slowRetry),
    metrics: createApiMetrics(registry, { clock, teamLabels: config.metricsTeamLabels }),
    throttle: {
      requestsPerSecond: config.requestsPerSecond,
      burst: config.burst,
      concurrency: TEAM_CONCURRENCY,
    },
  });
}

/** With the id of the cluster; what the operator's own Events are about. */
function ownConfigMap({ leaderElectName, leaderElectNamespace }: Config, { namespace }: KubeConnection) {
  const metadata = {
    name: `${leaderElectName}-cluster`,
    namespace: leaderElectNamespace ?? namespace,
  };
  return { apiVersion: "v1", kind: "ConfigMap", metadata };
}

/** A file that is missing at the start is a wrong path or mount, which nobody would notice before an object needs the key. */
async function checkKeyFile(parts: AppParts): Promise<void> {
  if (parts.config.apiKeyFile === undefined) return;
  try {
    await operatorKeyOf(parts)?.();
  } catch (error) {
    throw new ConfigError([`--api-key-file: ${error instanceof Error ? error.message : error}`]);
  }
}

function operatorKeyOf({ config, clock }: AppParts): (() => Promise<string>) | undefined {
  const { paperspaceApiKey, apiKeyFile } = config;
  if (paperspaceApiKey !== undefined) return async () => paperspaceApiKey;
  if (apiKeyFile === undefined) return undefined;
  const file = new KeyFile(apiKeyFile, clock, secretTtlMs(config));
  return () => file.key();
}

function secretTtlMs({ credentialRecheck }: Config): number {
  return Math.min(SECRET_TTL_MS, credentialRecheck);
}

/** Throws ConfigError where --enabled-kinds names a kind that does not exist. */
function servedKinds(
  { enabledKinds }: Config,
  kinds: readonly KindRegistration<never>[],
): { served: KindRegistration[]; others: KindRegistration[] } {
  const all = kinds as readonly unknown[] as readonly KindRegistration[];
  const names = all.map(({ definition }) => definition.kind);
  const unknown = enabledKinds.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new ConfigError([
      `--enabled-kinds: there is no ${unknown.join(", ")}; there are ${names.join(", ")}`,
    ]);
  const isServed = ({ definition }: KindRegistration) =>
    enabledKinds.length === 0 || enabledKinds.includes(definition.kind);
  return { served: all.filter(isServed), others: all.filter((kind) => !isServed(kind)) };
}

/** Passes run only while this process leads; the caches are kept warm all the time. */
async function work(
  {
    controllers,
    secretReviews,
    leadership,
    accounts,
  }: {
    controllers: readonly ControllerRunner[];
    secretReviews: SecretReviews;
    leadership: Leadership | undefined;
    accounts: Accounts;
  },
  signal: AbortSignal,
): Promise<void> {
  const parts = [...controllers, secretReviews];
  if (leadership) {
    for (const part of parts) part.workers.pause();
    leadership.onChange((leading) => {
      for (const part of parts) leading ? part.resume() : part.workers.pause();
    });
  }
  // The lease outlives the passes: they may still write while they finish.
  const passesDone = new AbortController();
  const elected = leadership?.run(passesDone.signal);
  await Promise.all(parts.map((part) => part.run(signal)));
  accounts.close();
  passesDone.abort();
  await elected;
}

function leadershipOf(
  { config, clock, logger }: AppParts,
  connection: KubeConnection,
  annotations: NonNullable<LeadershipOptions["annotations"]>,
): Leadership | undefined {
  if (!config.leaderElect) return undefined;
  return new Leadership({
    annotations,
    leases: leases(connection),
    namespace: config.leaderElectNamespace ?? connection.namespace,
    name: config.leaderElectName,
    identity: `${hostname()}_${randomUUID()}`,
    clock,
    logger,
    leaseDurationMs: config.leaseDuration,
    renewDeadlineMs: config.renewDeadline,
    retryPeriodMs: config.retryPeriod,
  });
}

function logStart(
  { config, logger }: AppParts,
  connection: KubeConnection,
  ports: { health: number; metrics?: number },
): void {
  logger.info(
    {
      version,
      kubernetes: connection.server,
      paperspace: config.paperspaceApiUrl,
      ...ports,
      namespaces: config.watchNamespaces.length > 0 ? config.watchNamespaces : "all",
    },
    "paperspace-operator started",
  );
}
