/**
 * The configuration of a deployment as the API accepts it (deployments.md section 3), and how it is built from a spec.
 * Pure; resolved references are passed in.
 */
import type { DeclaredSpec, DeploymentSpec } from "./types.ts";

export interface NamedValue {
  name: string;
  value: string;
}

export interface Probe {
  path?: string;
  port?: number;
  host?: string;
  headers?: NamedValue[];
  exec?: { command: string[] };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
}

export const PROBES = ["liveness", "readiness", "startup"] as const;

export interface Integration {
  type: string;
  name: string;
  [part: string]: string;
}

export interface Autoscaling {
  enabled: boolean;
  maxReplicas: number;
  metrics: { metric: string; summary: string; value: number }[];
}

/**
 * The whole configuration, as an upsert sends it: `enabled` and `replicas` are always set (deployments.md section 5).
 */
export interface DeploymentConfig {
  apiVersion: "v1";
  name: string;
  image: string;
  enabled: boolean;
  resources: { machineType: string; ports: number[]; replicas: number; autoscaling?: Autoscaling };
  command?: string[];
  region?: string;
  containerRegistry?: string;
  basicAuthKey?: string;
  env?: NamedValue[];
  healthChecks?: Partial<Record<(typeof PROBES)[number], Probe>>;
  integrations?: Integration[];
}

/** A key of a Secret or ConfigMap of the object's namespace, and the field that names it. */
export interface Reference {
  source: "Secret" | "ConfigMap";
  name: string;
  key: string;
  field: string;
}

/** All that the spec refers to. */
export function referencesOf({ env = [], integrations = [], basicAuthSecretRef }: DeclaredSpec): Reference[] {
  const references: Reference[] = [];
  for (const { name: variable, valueFrom } of env) {
    const field = `env.${variable}`;
    if (valueFrom?.secretKeyRef) references.push({ source: "Secret", ...valueFrom.secretKeyRef, field });
    if (valueFrom?.configMapKeyRef)
      references.push({ source: "ConfigMap", ...valueFrom.configMapKeyRef, field });
  }
  for (const { name: integration, secretAccessKeyRef } of integrations)
    if (secretAccessKeyRef)
      references.push({
        source: "Secret",
        ...secretAccessKeyRef,
        field: `integrations.${integration}.secretAccessKeyRef`,
      });
  if (basicAuthSecretRef)
    references.push({ source: "Secret", ...basicAuthSecretRef, field: "basicAuthSecretRef" });
  return references;
}

/** Whether it refers to any key of this. Much quicker than all of its references: it is called for each object of a namespace. */
export function refersTo(
  { env = [], integrations = [], basicAuthSecretRef }: DeclaredSpec,
  { kind, name }: { kind: Reference["source"]; name: string },
): boolean {
  if (kind === "ConfigMap") return env.some(({ valueFrom }) => valueFrom?.configMapKeyRef?.name === name);
  return (
    env.some(({ valueFrom }) => valueFrom?.secretKeyRef?.name === name) ||
    integrations.some(({ secretAccessKeyRef }) => secretAccessKeyRef?.name === name) ||
    basicAuthSecretRef?.name === name
  );
}

/** The value in the configuration for a reference: a ConfigMap's value, or the name of a project secret. */
export type Resolve = (reference: Pick<Reference, "source" | "name" | "key">) => string;

/** How a value refers to a secret of the project (deployments.md section 3). */
export function secretValue(projectSecret: string): string {
  return `secret:${projectSecret}`;
}

export function configOf(spec: DeploymentSpec, name: string, resolve: Resolve): DeploymentConfig {
  const { machineType, ports, replicas, autoscaling, image, enabled } = spec;
  const { command, region, containerRegistry, healthChecks, basicAuthSecretRef } = spec;
  const env = envOf(spec, resolve);
  const integrations = integrationsOf(spec, resolve);
  return {
    apiVersion: "v1",
    name,
    image,
    enabled,
    resources: {
      machineType,
      ports,
      replicas,
      ...(autoscaling && {
        autoscaling: {
          ...autoscaling,
          metrics: autoscaling.metrics.map(({ metric, value }) => ({ metric, summary: "average", value })),
        },
      }),
    },
    ...(command?.length && { command }),
    ...(region !== undefined && { region }),
    ...(containerRegistry !== undefined && { containerRegistry }),
    ...(basicAuthSecretRef && { basicAuthKey: resolve({ source: "Secret", ...basicAuthSecretRef }) }),
    ...(env.length > 0 && { env }),
    ...(healthChecks && Object.keys(healthChecks).length > 0 && { healthChecks }),
    ...(integrations.length > 0 && { integrations }),
  };
}

function envOf({ env = [] }: DeploymentSpec, resolve: Resolve): NamedValue[] {
  return env.map(({ name, value, valueFrom }) => {
    if (valueFrom?.secretKeyRef)
      return { name, value: resolve({ source: "Secret", ...valueFrom.secretKeyRef }) };
    if (valueFrom?.configMapKeyRef)
      return { name, value: resolve({ source: "ConfigMap", ...valueFrom.configMapKeyRef }) };
    return { name, value: value ?? "" };
  });
}

function integrationsOf({ integrations = [] }: DeploymentSpec, resolve: Resolve): Integration[] {
  return integrations.map(({ secretAccessKeyRef, ...parts }) => ({
    ...parts,
    ...(secretAccessKeyRef && { secretAccessKey: resolve({ source: "Secret", ...secretAccessKeyRef }) }),
  }));
}

/** The x-git headers that go along with it (deployments.md section 6.2): all six, or none. */
export function headersOf(git: object | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(git ?? {}).map(([key, value]) => [`x-git-${key}`, String(value)]));
}
