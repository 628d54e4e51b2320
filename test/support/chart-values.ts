/** Values for the chart: each set is a realistic installation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { KINDS } from "../../src/registry.ts";
import type { Values } from "./helm.ts";

/** What docs/install.md recommends for clusters that are shared. */
const HARDENED = join(import.meta.dirname, "..", "..", "docs", "values-hardened.yaml");
const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const peer = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } };

/** That a restricted namespace admits. */
const container = (name: string) => ({
  name,
  image: "registry.example.com/tools/helper:1",
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  },
});

const METRICS = {
  teamLabels: true,
  objects: true,
  secure: { enabled: true, tlsSecret: "metrics-tls" },
  service: { port: 9090, annotations: { "prometheus.io/scrape": "true" } },
  serviceMonitor: {
    enabled: true,
    interval: "15s",
    namespace: "monitoring",
    labels: { release: "prometheus" },
    scheme: "https",
    tlsConfig: { ca: { secret: { name: "ca", key: "ca.crt" } }, serverName: "operator" },
    honorLabels: true,
    relabelings: [{ action: "labeldrop", regex: "endpoint" }],
    metricRelabelings: [{ sourceLabels: ["__name__"], regex: "nodejs_gc_.*", action: "drop" }],
  },
  prometheusRule: {
    enabled: true,
    labels: { release: "prometheus" },
    disabled: ["PaperspaceOperatorBlocked"],
    runbookUrl: "https://docs.example.com/runbook",
    rules: [{ alert: "Mine", expr: "paperspace_objects > 100", labels: { severity: "none" } }],
  },
  dashboard: { enabled: true, annotations: { grafana_folder: "Clouds" } },
};

const EXTRA = {
  extraArgs: ["--event-poll-interval=5s", "--create-deadline=1h"],
  extraEnv: [
    { name: "NODE_EXTRA", value: "yes: {a: 1}" },
    { name: "NODE_OPTIONS", value: "--max-old-space-size=1000" },
  ],
  extraEnvFrom: [{ secretRef: { name: "more", optional: true } }],
  initContainers: [container("wait")],
  extraContainers: [container("beside")],
  extraVolumes: [{ name: "scratch", emptyDir: {} }],
  extraVolumeMounts: [{ name: "scratch", mountPath: "/scratch" }],
  extraObjects: [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "extra-plain" }, data: { a: "{{ 1 }}" } },
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra-{{ .Release.Name }}\n",
  ],
};

const SCHEDULING = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { noisy: "yes" } } },
      ],
    },
  },
  nodeSelector: { "kubernetes.io/os": "linux" },
  tolerations: [{ key: "control", operator: "Exists", effect: "NoSchedule" }],
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" },
  ],
  priorityClassName: "system-cluster-critical",
  dnsPolicy: "None",
  dnsConfig: { nameservers: ["10.0.0.10"], searches: ["svc.cluster.local"] },
  hostAliases: [{ ip: "10.0.0.1", hostnames: ["paperspace.example.com"] }],
  updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } },
};

/** No value is its default. */
export const EVERYTHING: Values = {
  global: { imageRegistry: "mirror.example.com/all", imagePullSecrets: ["mirror", { name: "registry" }] },
  replicaCount: 2,
  image: { repository: "registry.example.com/tools/operator", tag: "1.2.3", pullPolicy: "Always" },
  imagePullSecrets: [{ name: "registry" }],
  nameOverride: "machines",
  // What finds the pods stays as it is.
  commonLabels: { team: "ml", "app.kubernetes.io/instance": "not-this" },
  commonAnnotations: { note: "with: a colon" },
  enabledKinds: KINDS.map(({ definition }) => definition.kind),
  watchNamespaces: ["research", "ml"],
  managementPolicy: "Observe",
  deletionProtection: true,
  capacityPriorities: { research: 100, ml: 20 },
  priceList: "ops/prices",
  costs: { currency: "USD", usageRatePeriod: "hour", storageRatePeriod: "month", billingIncrement: "2m" },
  credentials: {
    existingSecret: "own-key",
    key: "key",
    namespaces: ["ml", "*"],
    allowAdoption: true,
    allowSharedReferences: true,
    requireLabel: true,
  },
  apiUrl: "https://paperspace.example.com/v1",
  reconcile: {
    concurrency: 3,
    resyncInterval: "1h30m",
    slowRetry: "5m",
    eventPollInterval: "4s",
    resendAfter: "31s",
    absenceGrace: "3m",
    sendWindow: "61s",
    attemptSettle: "3m",
    credentialRecheck: "31s",
  },
  deadlines: { create: "31m", start: "16m", stop: "17m", capacity: "32m", resize: "33m", delete: "34m" },
  power: { maxAwake: "25h", maxExtension: "169h" },
  rateLimit: { requestsPerSecond: 2.5, burst: 7, requestTimeout: "31s", keyRecheck: "6m" },
  leaderElection: { leaseDuration: "30s", renewDeadline: "20s", retryPeriod: "500ms" },
  logLevel: "debug",
  rbac: { secretNames: ["paperspace-credentials", "tokens"], allSecrets: false, desktopSecrets: true },
  serviceAccount: { name: "its-own", annotations: { role: "a" } },
  revisionHistoryLimit: 0,
  startupProbe: { failureThreshold: 10 },
  podAnnotations: { scrape: "no" },
  podLabels: { sidecar: "none", "app.kubernetes.io/name": "not-this" },
  deploymentAnnotations: { owner: "platform" },
  resources: { limits: { memory: "1Gi", cpu: 1 } },
  livenessProbe: { periodSeconds: 60 },
  readinessProbe: { periodSeconds: 10 },
  terminationGracePeriodSeconds: 60,
  podDisruptionBudget: { enabled: true },
  metrics: METRICS,
  networkPolicy: {
    enabled: true,
    metricsFrom: [peer],
    egress: {
      apiServer: { to: [{ ipBlock: { cidr: "10.0.0.1/32" } }], ports: [6443] },
      paperspace: { to: [{ ipBlock: { cidr: "203.0.113.0/24" } }], ports: [443] },
      proxy: { to: [peer], ports: [3128, 3129] },
    },
  },
  proxy: {
    httpProxy: "http://proxy:3128",
    httpsProxy: "http://proxy:3129",
    noProxy: "10.0.0.0/8,.svc",
    credentialsSecret: "proxy-user",
    usernameKey: "user",
    passwordKey: "pass",
  },
  extraCA: { configMap: "ca", key: "bundle.pem" },
  admissionPolicy: { enabled: true, exemptUsers: ["system:serviceaccount:velero:velero", `it's "me"`] },
  ...SCHEDULING,
  ...EXTRA,
};

export const VALUE_SETS: Readonly<Record<string, Values>> = {
  "nothing given": {},
  "everything on": EVERYTHING,
  scoped: { rbac: { scoped: true } },
  "scoped to several namespaces": { rbac: { scoped: true }, watchNamespaces: ["ml", "research", "ml-2"] },
  "scoped, without CRDs and policies": {
    rbac: { scoped: true },
    crds: { enabled: false },
    admissionPolicy: { enabled: false },
  },
  "machines only": { enabledKinds: ["PaperspaceMachine"] },
  "deployments only": { enabledKinds: ["PaperspaceDeployment"], rbac: { scoped: true } },
  "a digest in a private registry": {
    image: { repository: "registry.example.com:5000/operator", tag: "not-this", digest: DIGEST },
    imagePullSecrets: [{ name: "registry" }],
  },
  "metrics, alerts and dashboard": { metrics: METRICS },
  "metrics of the pods": { metrics: { service: { enabled: false }, podMonitor: { enabled: true } } },
  "a closed network, a proxy and a CA in a Secret": {
    networkPolicy: { enabled: true },
    apiUrl: "https://paperspace.example.com:8443/v1",
    proxy: { httpsProxy: "proxy.example.com:3128", credentialsSecret: "proxy-user" },
    extraCA: { secret: "ca" },
  },
  "a closed network, and proxies that extraEnv brings": {
    networkPolicy: { enabled: true },
    extraEnv: [
      { name: "https_proxy", value: "https://secure.example.com" },
      { name: "HTTP_PROXY", value: "http://plain.example.com/" },
    ],
  },
  hardened: parse(readFileSync(HARDENED, "utf8")),
  "CRDs not by the chart": { crds: { enabled: false } },
  "orphans by default": { crds: { defaultDeletionPolicy: "Orphan" } },
  "CRDs not kept": { crds: { keep: false } },
  "machines only, CRDs not kept": { crds: { keep: false }, enabledKinds: ["PaperspaceMachine"] },
  "one process without an election": { leaderElection: { enabled: false } },
  "scoped, with the id of the cluster": { rbac: { scoped: true }, clusterId: "0123abcd" },
  "two processes on two nodes": {
    replicaCount: 2,
    podDisruptionBudget: { enabled: true, maxUnavailable: 1 },
    ...SCHEDULING,
  },
  "extra everything": { ...EXTRA, extraCA: { configMap: "ca" } },
  "no admission policy": { admissionPolicy: { enabled: false } },
  "every Secret, and some written": { rbac: { allSecrets: true, desktopSecrets: true } },
  "few Secrets of the served namespaces": {
    rbac: { scoped: true, allSecrets: false, secretNames: ["paperspace-credentials", "tokens"] },
  },
  "rights not by the chart": { rbac: { create: false }, serviceAccount: { create: false, name: "theirs" } },
  "no limit of memory": { resources: { limits: null } },
};
