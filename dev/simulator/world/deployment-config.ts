/**
 * Configurations of deployments (deployments.md sections 3 and 4): what they mean whatever their version, how they are
 * stored, and the same in older schemas. Pure: of the world it uses only the behaviour.
 */

import { createHash } from "node:crypto";
import type { Behaviour } from "./behaviour.ts";
import { regionCode } from "./catalogue.ts";
import type { Config, HealthChecks, Integration, Probe } from "./deployment-records.ts";

/** What all versions have in common. */
export interface Meaning {
  machineType: string;
  /** Where it runs: "not documented" where none is named, the sample has ny2. */
  region: string;
  isEnabled: boolean;
  replicas: number;
  /** null: its number of replicas is fixed. */
  autoscaling: { maxReplicas: number } | null;
  checks: HealthChecks;
  secrets: string[];
  registry: string | null;
}

/** No replicas are the same as not enabled (deployments.md section 5). */
export const isOff = (config: Config) => {
  const { isEnabled, replicas } = meaningOf(config);
  return !isEnabled || replicas === 0;
};

export function meaningOf(config: Config): Meaning {
  const { machineType, instanceType, replicas, autoscaling } = config.resources;
  return {
    machineType: machineType ?? instanceType ?? "",
    region: regionCode(config.region ?? "ny2") ?? config.region ?? "",
    isEnabled: config.enabled ?? true,
    replicas: Math.ceil(replicas ?? 1),
    autoscaling: autoscaling && autoscaling.enabled !== false ? autoscaling : null,
    // Precedence is not documented where both are given (section 3).
    checks: config.healthChecks ?? config.healthchecks ?? {},
    secrets: secretNames(config),
    registry: config.containerRegistry || null,
  };
}

/** The names in `secret:<name>` (section 3): of env, integrations and the key of the endpoint. */
export function secretNames(config: Config): string[] {
  const values = [
    config.basicAuthKey,
    ...(config.env ?? []).map((e) => e.value),
    ...(config.integrations ?? []).flatMap((i) => [i.accessKeyId, i.secretAccessKey]),
  ];
  const names = values.flatMap((value) => /^secret:(.+)$/.exec(value ?? "")?.[1] ?? []);
  return [...new Set(names)];
}

/** What GET gives back of it later. */
export function storedForm(sent: Config, behaviour: Behaviour): Config {
  let config = structuredClone(sent);
  if (behaviour.storedDefaults === "filled") config = withDefaults(config);
  if (behaviour.storedApiVersion === "v1" && config.apiVersion === "latest") config.apiVersion = "v1";
  if (behaviour.storedHealthChecks === "healthchecks" && config.apiVersion !== "v0alpha0") {
    const { healthChecks, ...rest } = config;
    config = healthChecks ? { ...rest, healthchecks: healthChecks } : rest;
  }
  return config;
}

/** latestSpecHash: equal where the content is, whatever the order of keys. */
export const hashOf = (config: Config) => createHash("sha256").update(canonical(config)).digest("hex");

/** What makes other containers: all but how many there are and what the deployment is called. */
export function templateOf({ name: _, enabled: __, resources, ...rest }: Config): string {
  const { replicas: ___, autoscaling: ____, ...containers } = resources;
  return canonical({ ...rest, resources: containers });
}

/** What differs between two configurations besides what the activity has actions for. */
export function differsOtherwise(before: Config, after: Config): boolean {
  const flag = (c: Config) => c.resources.autoscaling && { ...c.resources.autoscaling, enabled: undefined };
  return (
    before.name !== after.name ||
    templateOf(before) !== templateOf(after) ||
    canonical(flag(before)) !== canonical(flag(after))
  );
}

/** As a deployment of old has it stored (section 4); what an older version has no field for is left out. */
export function inOlderSchema(config: Config, version: "v0alpha0" | "v0alpha1"): Config {
  if (config.apiVersion === "v0alpha0") return { ...structuredClone(config), apiVersion: "v0alpha0" };
  if (version === "v0alpha1") return { ...structuredClone(config), apiVersion: version };
  const { resources, integrations = [], basicAuthKey: _, healthchecks, ...rest } = structuredClone(config);
  const { machineType, ports, ...amounts } = resources;
  const models = integrations.filter((i) => i.type === "model");
  const repositories = integrations.filter((i) => i.type === "git-lfs");
  return {
    ...rest,
    apiVersion: version,
    ...(!rest.healthChecks && healthchecks && { healthChecks: healthchecks }),
    port: ports?.[0] ?? 80,
    ...(models.length > 0 && { models: models.map(({ id = "", path }) => ({ id, ...(path && { path }) })) }),
    ...(repositories.length > 0 && {
      repositories: {
        dataset: "repositories",
        repositories: repositories.map(({ name, url = "" }) => ({ name, url })),
      },
    }),
    resources: { instanceType: machineType ?? "", ...amounts },
  };
}

function withDefaults(config: Config): Config {
  const { healthChecks, healthchecks, integrations, resources } = config;
  return {
    ...config,
    enabled: config.enabled ?? true,
    ...(config.apiVersion === "v0alpha0" && { port: config.port ?? 80 }),
    resources: { ...resources, replicas: resources.replicas ?? 1 },
    ...(healthChecks && { healthChecks: filled(healthChecks) }),
    ...(healthchecks && { healthchecks: filled(healthchecks) }),
    ...(integrations && { integrations: integrations.map(withPath) }),
  };
}

/** The defaults of section 3.2; a check that was not requested does not appear. */
function filled(checks: HealthChecks): HealthChecks {
  const entries = Object.entries(checks) as [keyof HealthChecks, Probe][];
  return Object.fromEntries(
    entries.map(([name, probe]) => [
      name,
      { initialDelaySeconds: 0, periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3, ...probe },
    ]),
  );
}

const withPath = (integration: Integration): Integration =>
  integration.type === "model" ? { path: "/opt/models", ...integration } : integration;

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, v: unknown) =>
      typeof v === "object" && v !== null && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
        : v,
    ) ?? "nothing"
  );
}
