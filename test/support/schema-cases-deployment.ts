/**
 * Specs of PaperspaceDeployments that together have every field, and how one value of them is changed so that nothing
 * else becomes invalid.
 */
import type { Path } from "./schema-cases.ts";

export type Spec = Record<string, unknown>;

/** Which other fields an integration of a type has; with all that it may have. */
export const INTEGRATIONS: Record<string, Spec> = {
  s3: {
    url: "s3://bucket/models",
    accessKeyId: "AKIA1",
    secretAccessKeyRef: { name: "s3", key: "secret" },
    region: "us-east-1",
    endpoint: "https://s3.example.com",
    path: "/mnt",
  },
  model: { id: "mo1", path: "/opt/models" },
  spaces: {
    endpoint: "https://bucket.nyc3.digitaloceanspaces.com",
    accessKeyId: "DO1",
    secretAccessKeyRef: { name: "s3", key: "secret" },
    path: "/mnt",
  },
  volume: {},
  "git-lfs": { url: "https://github.com/acme/weights", path: "/opt/repos" },
};

const PACE = { initialDelaySeconds: 5, periodSeconds: 7, timeoutSeconds: 2, failureThreshold: 4 };
export const HTTP_PROBE = {
  path: "/healthz",
  port: 8080,
  host: "model.local",
  headers: [{ name: "X-Probe", value: "yes" }],
  ...PACE,
};
export const EXEC_PROBE = { exec: { command: ["/bin/check", "--all"] }, ...PACE };

const probes = (probe: object) => ({ liveness: probe, readiness: probe, startup: probe });
const env = (value: object) => [{ name: "MODE", ...value }];

/** Every field, and where it may be not its default. */
const FULL: Spec = {
  projectId: "p-alpha",
  name: "Ada's model",
  enabled: false,
  image: "ghcr.io/acme/model:1",
  command: ["serve", "--fast"],
  region: "ny2",
  containerRegistry: "acme",
  replicas: 2,
  machineType: "A4000",
  ports: [8080, 9090],
  autoscaling: {
    enabled: false,
    maxReplicas: 5,
    metrics: [{ metric: "cpu", summary: "average", value: 50 }],
  },
  env: env({ valueFrom: { secretKeyRef: { name: "model", key: "token" } } }),
  healthChecks: probes(HTTP_PROBE),
  integrations: [{ type: "s3", name: "weights", ...INTEGRATIONS.s3 }],
  basicAuthSecretRef: { name: "endpoint", key: "key" },
  git: { host: "github", actor: "ada", owner: "acme", repo: "model", ref: "main", sha: "0123abc" },
  progressDeadlineSeconds: 60,
  rollback: "OnFailure",
  managementPolicy: "Observe",
  deletionProtection: true,
  deletionPolicy: "Orphan",
  onExternalDeletion: "Stall",
  adoptId: "d1",
  credentialsSecretRef: { name: "other", key: "token" },
};

const { machineType: _type, adoptId: _id, ...unplaced } = FULL;
export const PLACED: Spec = {
  ...unplaced,
  placement: { candidates: [{ machineType: "H100" }, { machineType: "A4000" }], giveUpAfter: "10m" },
};

/** Fields that exclude each other are in different ones. */
export const FULLS: readonly Spec[] = [
  FULL,
  {
    ...FULL,
    env: env({ valueFrom: { configMapKeyRef: { name: "model", key: "mode" } } }),
    healthChecks: probes(EXEC_PROBE),
    integrations: [{ type: "model", name: "base", ...INTEGRATIONS.model }],
  },
  { ...FULL, env: env({ value: "fast" }) },
  PLACED,
];

export function valueAt(spec: Spec, path: Path): unknown {
  return path.reduce<unknown>(
    (at, step) => (at as Record<string | number, unknown> | undefined)?.[step],
    spec,
  );
}

/** The one of `FULLS` that has this field. */
export function fullWith(path: Path): Spec {
  const found = FULLS.find((spec) => valueAt(spec, path) !== undefined);
  if (!found) throw new Error(`no sample has ${path.join(".")}`);
  return structuredClone(found);
}

/** A full spec with one value changed; undefined takes the field away. */
export function withValue(path: Path, value: unknown): Spec {
  const spec = fullWith(path);
  const at = valueAt(spec, path.slice(0, -1)) as Record<string | number, unknown>;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return fitting(spec);
}

/** What excludes the change, or needs another, follows it. */
function fitting(spec: Spec): Spec {
  if (spec.onExternalDeletion === "Recreate") delete spec.adoptId;
  const scaling = spec.autoscaling as { enabled?: unknown; maxReplicas?: unknown } | undefined;
  if (scaling?.enabled === true && scaling.maxReplicas === 1) spec.replicas = 1;
  const [first] = Array.isArray(spec.integrations) ? spec.integrations : [];
  const parts = INTEGRATIONS[first?.type];
  const known = INTEGRATIONS.s3 && first?.type !== "s3" && first?.url === INTEGRATIONS.s3.url;
  if (known && parts) spec.integrations = [{ type: first.type, name: first.name, ...parts }];
  return spec;
}
