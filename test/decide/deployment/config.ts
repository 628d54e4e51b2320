/** Specs of every shape that the schema lets in, and what becomes of their references, for tests of configurations. */
import fc from "fast-check";
import { type Behaviour, DEFAULT_BEHAVIOUR } from "../../../dev/simulator/world/behaviour.ts";
import { storedForm } from "../../../dev/simulator/world/deployment-config.ts";
import type { Config as SimConfig } from "../../../dev/simulator/world/deployment-records.ts";
import { type Leaves, leavesOf } from "../../../src/kinds/deployment/compare.ts";
import {
  configOf,
  type DeploymentConfig,
  type Resolve,
  secretValue,
} from "../../../src/kinds/deployment/config.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import { SPEC } from "./spec.ts";

/** A Secret's key becomes a project secret of its name, a ConfigMap's key its own name. */
export const resolve: Resolve = ({ source, name, key }) =>
  source === "Secret" ? secretValue(`${name}_${key}`) : `${name}/${key}`;

export function configured(change: Partial<DeploymentSpec> = {}, name = "web"): DeploymentConfig {
  return configOf({ ...SPEC, ...change }, name, resolve);
}

export function leaves(change: Partial<DeploymentSpec> = {}): Leaves {
  return leavesOf(configured(change));
}

/** Leaves of what is stored, which must be a configuration. */
export function storedLeaves(data: unknown): Leaves {
  const config = readConfig(data);
  if (!config) throw new Error(`not a configuration: ${JSON.stringify(data)}`);
  return leavesOf(config);
}

/** All integrations there are, each with all of its parts (deployments.md section 3.3). */
export const INTEGRATIONS: NonNullable<DeploymentSpec["integrations"]> = [
  { type: "model", name: "weights", id: "mo1", path: "/opt/weights" },
  {
    type: "s3",
    name: "data",
    url: "s3://bucket/path",
    accessKeyId: "AKIA1",
    secretAccessKeyRef: { name: "aws", key: "secret" },
    region: "us-east-1",
    endpoint: "https://s3.example.org",
    path: "/data",
  },
  {
    type: "spaces",
    name: "space",
    endpoint: "https://bucket.nyc3.digitaloceanspaces.com",
    accessKeyId: "DO1",
    secretAccessKeyRef: { name: "do", key: "secret" },
    path: "/space",
  },
  { type: "volume", name: "scratch" },
  { type: "git-lfs", name: "repo", url: "https://github.com/acme/model", path: "/repo" },
];

/** Everything at once. */
export const EVERYTHING: Partial<DeploymentSpec> = {
  command: ["serve", "--port", "8080"],
  region: "ny2",
  containerRegistry: "acme",
  ports: [8080, 9090],
  replicas: 2,
  autoscaling: {
    enabled: true,
    maxReplicas: 5,
    metrics: [
      { metric: "cpu", value: 80 },
      { metric: "requestDuration", value: 0.5 },
    ],
  },
  env: [
    { name: "MODE", value: "fast" },
    { name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } },
    { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } },
  ],
  healthChecks: {
    liveness: {
      path: "/live",
      port: 8080,
      host: "localhost",
      headers: [{ name: "X-Key", value: "k" }],
      initialDelaySeconds: 5,
    },
    readiness: { path: "/ready", periodSeconds: 3, timeoutSeconds: 2 },
    startup: { exec: { command: ["test", "-e", "/ready"] }, failureThreshold: 30 },
  },
  integrations: INTEGRATIONS,
  basicAuthSecretRef: { name: "door", key: "key" },
};

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const text = fc.string({ minLength: 1, maxLength: 12 });
const keyRef = fc.record({ name: word, key: word });
const seconds = fc.integer({ min: 1, max: 1000 });

const timing = {
  initialDelaySeconds: fc.integer({ min: 0, max: 1000 }),
  periodSeconds: seconds,
  timeoutSeconds: seconds,
  failureThreshold: seconds,
};
const headers = fc.uniqueArray(fc.record({ name: word, value: fc.string({ maxLength: 8 }) }), {
  selector: ({ name }) => name,
  maxLength: 3,
});
const probe = fc.oneof(
  fc.record(
    { path: text, port: fc.integer({ min: 1, max: 65535 }), host: word, headers, ...timing },
    { requiredKeys: ["path"] },
  ),
  fc.record(
    { exec: fc.record({ command: fc.array(text, { minLength: 1, maxLength: 3 }) }), ...timing },
    { requiredKeys: ["exec"] },
  ),
);

const env = fc.oneof(
  fc.record({ name: word, value: text }),
  fc.record({ name: word, valueFrom: fc.record({ secretKeyRef: keyRef }) }),
  fc.record({ name: word, valueFrom: fc.record({ configMapKeyRef: keyRef }) }),
);

const kept = { accessKeyId: text, secretAccessKeyRef: keyRef, path: text };
const integration = fc.oneof(
  fc.record(
    { type: fc.constant("model" as const), name: word, id: word, path: text },
    { requiredKeys: ["type", "name", "id"] },
  ),
  fc.record(
    {
      type: fc.constant("s3" as const),
      name: word,
      url: word.map((bucket) => `s3://${bucket}/path`),
      region: word,
      endpoint: text,
      ...kept,
    },
    { requiredKeys: ["type", "name", "url"] },
  ),
  fc.record(
    {
      type: fc.constant("spaces" as const),
      name: word,
      endpoint: word.map((bucket) => `https://${bucket}.nyc3.digitaloceanspaces.com`),
      ...kept,
    },
    { requiredKeys: ["type", "name", "endpoint"] },
  ),
  fc.record({ type: fc.constant("volume" as const), name: word }),
  fc.record(
    {
      type: fc.constant("git-lfs" as const),
      name: word,
      url: word.map((repo) => `https://git.example/${repo}`),
      path: text,
    },
    { requiredKeys: ["type", "name", "url"] },
  ),
);

const metric = fc.oneof(
  fc.record({
    metric: fc.constantFrom("cpu" as const, "memory" as const),
    value: fc.integer({ min: 1, max: 100 }),
  }),
  fc.record({
    metric: fc.constant("requestDuration" as const),
    value: fc.integer({ min: 2, max: 10_000 }).map((n) => n / 100),
  }),
);

/** Specs as the API server lets them in, all fields of the configuration at their every value and absent. */
export const anySpec: fc.Arbitrary<DeploymentSpec> = fc
  .record(
    {
      enabled: fc.boolean(),
      image: text,
      replicas: fc.integer({ min: 0, max: 25 }),
      machineType: fc.constantFrom("C4", "c4", "A100-80G"),
      ports: fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { maxLength: 4 }),
      command: fc.array(fc.string({ maxLength: 6 }), { maxLength: 3 }),
      region: fc.constantFrom("ny2", "ca1", "AMS1", "East Coast (NY2)"),
      containerRegistry: word,
      autoscaling: fc.record({
        enabled: fc.boolean(),
        maxReplicas: fc.constant(25),
        metrics: fc.uniqueArray(metric, { selector: (one) => one.metric, minLength: 1, maxLength: 3 }),
      }),
      env: fc.uniqueArray(env, { selector: ({ name }) => name, maxLength: 4 }),
      healthChecks: fc.record({ liveness: probe, readiness: probe, startup: probe }, { requiredKeys: [] }),
      integrations: fc.uniqueArray(integration, { selector: ({ name }) => name, maxLength: 5 }),
      basicAuthSecretRef: keyRef,
    },
    { requiredKeys: ["enabled", "image", "replicas", "machineType", "ports"] },
  )
  .map((fields) => ({ ...SPEC, ...fields }) as DeploymentSpec);

/** How Paperspace may store what it was sent (deployments.md section 10, traps). */
export const anyBehaviour: fc.Arbitrary<Behaviour> = fc
  .record({
    storedDefaults: fc.constantFrom("filled" as const, "asSent" as const),
    storedHealthChecks: fc.constantFrom("asSent" as const, "healthchecks" as const),
    storedApiVersion: fc.constantFrom("asSent" as const, "v1" as const),
  })
  .map((chosen) => ({ ...DEFAULT_BEHAVIOUR, ...chosen }));

export function inStoredForm(config: DeploymentConfig, behaviour: Behaviour): SimConfig {
  return storedForm(config as unknown as SimConfig, behaviour);
}
