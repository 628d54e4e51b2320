/**
 * Reads a configuration as Paperspace has it stored: any of its versions, any spelling, whatever was filled in
 * (deployments.md sections 3 and 4). Lenient and pure: what is not understood is left out, and never a reason to stop.
 */
import { memoizedByObject } from "../../base/memoized.ts";
import { type DeploymentConfig, type Integration, type NamedValue, PROBES, type Probe } from "./config.ts";

/** Parts of older versions that v1 does not have: what is in them is kept, so that it can be compared. */
export interface StoredConfig extends DeploymentConfig {
  models?: unknown;
  repositories?: unknown;
}

type Json = Record<string, unknown>;

/** v0alpha0's port where none is given (deployments.md section 4). */
const OLD_PORT = 80;

/** Nothing changes what was read of a spec, and a pass looks at the same one several times. */
const configIn = memoizedByObject(configOf);

/** Undefined where it is no configuration at all. */
export function readConfig(data: unknown): Readonly<StoredConfig> | undefined {
  return isJson(data) ? configIn(data) : undefined;
}

function configOf(data: Json): StoredConfig | undefined {
  const { name, image, resources, enabled, command, region, containerRegistry, basicAuthKey } = data;
  if (typeof name !== "string" || typeof image !== "string" || !isJson(resources)) return undefined;
  const machineType = text(resources.machineType) ?? text(resources.instanceType);
  if (machineType === undefined) return undefined;
  const healthChecks = probesOf(data.healthChecks ?? data.healthchecks);
  const autoscaling = autoscalingOf(resources.autoscaling);
  const env = list(data.env).flatMap(namedValue);
  const integrations = list(data.integrations).flatMap(integrationOf);
  const words = list(command).filter((word) => typeof word === "string");
  return {
    apiVersion: "v1",
    name,
    image,
    enabled: enabled !== false,
    resources: {
      machineType,
      ports: portsOf(data, resources),
      replicas: number(resources.replicas) ?? 1,
      ...autoscaling,
    },
    ...(words.length > 0 && { command: words }),
    ...(text(region) !== undefined && { region: text(region) }),
    ...(text(containerRegistry) !== undefined && { containerRegistry: text(containerRegistry) }),
    ...(text(basicAuthKey) !== undefined && { basicAuthKey: text(basicAuthKey) }),
    ...(env.length > 0 && { env }),
    ...(healthChecks && { healthChecks }),
    ...(integrations.length > 0 && { integrations }),
    ...(list(data.models).length > 0 && { models: data.models }),
    ...(isJson(data.repositories) && { repositories: data.repositories }),
  } as StoredConfig;
}

/** As an upsert accepts it: only the fields of v1. */
export function asV1({ models: _old, repositories: _older, ...config }: StoredConfig): DeploymentConfig {
  return config;
}

/** The form is known by what is there: `latest`, and no label at all, named v0alpha0 for years (observed-in-the-field.md 23). */
function portsOf({ apiVersion, port }: Json, resources: Json): number[] {
  if (Array.isArray(resources.ports)) return resources.ports.filter((one) => typeof one === "number");
  const { machineType, instanceType } = resources;
  const isOld =
    apiVersion === "v0alpha0" || (text(instanceType) !== undefined && text(machineType) === undefined);
  return isOld ? [number(port) ?? OLD_PORT] : [];
}

function autoscalingOf(value: unknown): object {
  if (!isJson(value)) return {};
  const maxReplicas = number(value.maxReplicas);
  if (maxReplicas === undefined) return {};
  const metrics = list(value.metrics).flatMap((one) =>
    isJson(one) && typeof one.metric === "string" && typeof one.value === "number"
      ? [{ metric: one.metric, summary: text(one.summary) ?? "average", value: one.value }]
      : [],
  );
  return { autoscaling: { enabled: value.enabled !== false, maxReplicas, metrics } };
}

function probesOf(value: unknown): DeploymentConfig["healthChecks"] | undefined {
  if (!isJson(value)) return undefined;
  const probes = PROBES.flatMap((name) => {
    const probe = value[name];
    return isJson(probe) ? [[name, probeOf(probe)] as const] : [];
  });
  return probes.length > 0 ? Object.fromEntries(probes) : undefined;
}

function probeOf(value: Json): Probe {
  const headers = list(value.headers).flatMap(namedValue);
  const { exec } = value;
  const fields: [string, unknown][] = [
    ["path", text(value.path)],
    ["port", number(value.port)],
    ["host", text(value.host)],
    ["headers", headers.length > 0 ? headers : undefined],
    [
      "exec",
      isJson(exec) ? { command: list(exec.command).filter((word) => typeof word === "string") } : undefined,
    ],
    ["initialDelaySeconds", number(value.initialDelaySeconds)],
    ["periodSeconds", number(value.periodSeconds)],
    ["timeoutSeconds", number(value.timeoutSeconds)],
    ["failureThreshold", number(value.failureThreshold)],
  ];
  return Object.fromEntries(fields.filter(([, part]) => part !== undefined));
}

function namedValue(value: unknown): NamedValue[] {
  return isJson(value) && typeof value.name === "string" && typeof value.value === "string"
    ? [{ name: value.name, value: value.value }]
    : [];
}

function integrationOf(value: unknown): Integration[] {
  if (!isJson(value) || typeof value.type !== "string" || typeof value.name !== "string") return [];
  const parts = Object.entries(value).filter(([, part]) => typeof part === "string" && part !== "");
  return [{ ...Object.fromEntries(parts), type: value.type, name: value.name } as Integration];
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Null and "" count as absent. */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
