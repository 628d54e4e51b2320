/**
 * Whether two configurations mean the same. Both are taken apart into leaves, with defaults filled in and without what
 * has no meaning (the order of env, of ports, the spelling of a machine type); then leaf is compared to leaf. Pure.
 */
import { hash } from "node:crypto";
import { memoizedByObject } from "../../base/memoized.ts";
import { escapeHidden } from "../../base/plain-text.ts";
import type { Change } from "../../reconcile/change.ts";
import { regionCode } from "../region.ts";
import { PROBES, type Probe } from "./config.ts";
import { readConfig, type StoredConfig } from "./stored-config.ts";

/** By path, with the API's field names. */
export type Leaves = ReadonlyMap<string, unknown>;

/** deployments.md section 3.2. */
const PROBE_DEFAULTS = { initialDelaySeconds: 0, periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3 };
/** deployments.md section 3.3. */
const MODEL_PATH = "/opt/models";

/** Nothing changes a configuration once it is made. */
export const leavesOf: (config: Readonly<StoredConfig>) => Leaves = memoizedByObject(takenApart);

/** The same of what a spec has stored; undefined where it is no configuration. */
export function leavesIn(data: unknown): Leaves | undefined {
  const stored = readConfig(data);
  return stored && leavesOf(stored);
}

function takenApart(config: Readonly<StoredConfig>): Leaves {
  const leaves = new Map<string, unknown>();
  const set = (path: string, value: unknown) => {
    // Names that the API filled in are kept in status, where nothing hidden is.
    if (value !== undefined) leaves.set(escapeHidden(path), value);
  };
  const { resources, env = [], integrations = [], healthChecks = {} } = config;
  for (const field of ["name", "image", "enabled", "command", "containerRegistry", "basicAuthKey"] as const)
    set(field, config[field]);
  set("region", config.region && regionCode(config.region));
  set("machineType", resources.machineType.toLowerCase());
  set(
    "ports",
    [...new Set(resources.ports)].sort((a, b) => a - b),
  );
  set("replicas", resources.replicas);
  const { autoscaling } = resources;
  // Switched off means the same as absent.
  if (autoscaling?.enabled) {
    set("autoscaling.maxReplicas", autoscaling.maxReplicas);
    for (const { metric, value } of autoscaling.metrics) set(`autoscaling.metrics.${metric}`, value);
  }
  for (const { name, value } of env) set(`env.${name}`, value);
  for (const probe of PROBES) {
    const check = healthChecks[probe];
    if (check) for (const [path, value] of probeLeaves(check)) set(`healthChecks.${probe}.${path}`, value);
  }
  for (const { name, type, ...parts } of integrations) {
    const whole = { type, ...(type === "model" && { path: MODEL_PATH }), ...parts };
    for (const [part, value] of Object.entries(whole)) set(`integrations.${name}.${part}`, value);
  }
  set("models", config.models);
  set("repositories", config.repositories);
  return leaves;
}

function probeLeaves({ headers = [], exec, ...probe }: Probe): [string, unknown][] {
  return [
    ...Object.entries({ ...PROBE_DEFAULTS, ...probe }),
    ...(exec ? [["exec", exec.command] as [string, unknown]] : []),
    ...headers.map(({ name, value }): [string, unknown] => [`headers.${name.toLowerCase()}`, value]),
  ];
}

/** Where no region is requested, the API chooses one. */
const CHOSEN_BY_API: ReadonlySet<string> = new Set(["region"]);

/**
 * What of `desired` differs in `stored`. Leaves in `filled` are what the API is known to fill in by itself: they are no
 * difference unless another value is desired.
 */
export function differences(desired: Leaves, stored: Leaves, filled: readonly string[] = []): Change[] {
  const changes: Change[] = [];
  for (const [field, to] of desired) {
    const from = stored.get(field);
    if (!isSame(from, to)) changes.push({ field, from, to });
  }
  for (const field of additions(desired, stored))
    if (!filled.includes(field)) changes.push({ field, from: stored.get(field), to: undefined });
  // No instances are the same as not enabled (deployments.md section 5), whatever else is said about their number.
  return isOffIn(desired) && isOffIn(stored) ? changes.filter(({ field }) => !isScale(field)) : changes;
}

/** The same, where nothing but a number that the vendor's autoscaler may have stored is no difference. */
export function differencesBeyondScaling(
  desired: Leaves,
  stored: Leaves,
  filled: readonly string[] = [],
): Change[] {
  const changes = differences(desired, stored, filled);
  const [change, ...more] = changes;
  const isNumber = change?.field === "replicas" && more.length === 0 && isAutoscaled(desired, change.from);
  return isNumber ? [] : changes;
}

function isAutoscaled(desired: Leaves, replicas: unknown): boolean {
  const [least, most] = [desired.get("replicas"), desired.get("autoscaling.maxReplicas")];
  return (
    typeof replicas === "number" &&
    typeof least === "number" &&
    typeof most === "number" &&
    least > 0 &&
    replicas >= least &&
    replicas <= most
  );
}

function isOffIn(leaves: Leaves): boolean {
  return leaves.get("enabled") === false || leaves.get("replicas") === 0;
}

/** Whether only the number of instances differs. */
export function isScaling(changes: readonly Pick<Change, "field">[]): boolean {
  return changes.length > 0 && changes.every(({ field }) => isScale(field));
}

/** How many instances run, by which bounds and whether any: no part of the template. */
export function isScale(field: string): boolean {
  return field === "replicas" || field === "enabled" || field.startsWith("autoscaling.");
}

/** Leaves of `stored` that `desired` does not have. */
export function additions(desired: Leaves, stored: Leaves): string[] {
  return [...stored.keys()].filter((field) => !desired.has(field) && !CHOSEN_BY_API.has(field));
}

/** Equal for configurations that mean the same; the name is no part of it, since a rename is no other configuration. */
export const hashOf: (leaves: Leaves) => string = memoizedByObject((leaves) =>
  digestOf([...leaves].filter(([field]) => field !== "name").sort(([a], [b]) => (a < b ? -1 : 1))),
);

/** Equal for configurations that differ in the number of their instances alone, as a pod template is. */
export const templateOf: (leaves: Leaves) => string = memoizedByObject((leaves) =>
  hashOf(new Map([...leaves].filter(([field]) => !isScale(field)))),
);

/** The hash of what is composed of this template and of the number of instances in `leaves`. */
export function scaledHash(template: string, leaves: Leaves): string {
  const scale = [...leaves].filter(([field]) => isScale(field)).sort(([a], [b]) => (a < b ? -1 : 1));
  return digestOf([template, ...scale]);
}

export function digestOf(value: unknown): string {
  return hash("sha256", JSON.stringify(value)).slice(0, 16);
}

/** What the API chooses where it is not declared, and then stores. */
const CHOSEN_WHEN_ABSENT = ["region", "containerRegistry"];

/**
 * The hashes of all that may have been sent where `stored` is what it was stored as: with and without what the API
 * chooses where it is left out.
 */
export const hashesOf: (stored: Leaves) => readonly string[] = memoizedByObject((stored) => {
  const variants = [stored];
  for (const field of CHOSEN_WHEN_ABSENT)
    if (stored.has(field)) variants.push(...variants.map((leaves) => without(leaves, field)));
  return variants.map(hashOf);
});

function without(leaves: Leaves, field: string): Leaves {
  return new Map([...leaves].filter(([name]) => name !== field));
}

/**
 * Fields whose values may be secret: they are not shown to users who may only read the object. Of an integration only
 * what certainly is none is shown: what is stored may have unknown parts.
 */
const PRIVATE =
  /^(env\.|basicAuthKey$|command$|repositories$|integrations\..*\.(?!(type|id|region|endpoint|path)$)[^.]*$|healthChecks\.[a-z]+\.(exec$|headers\.))/;

export function isPrivate(field: string): boolean {
  return PRIVATE.test(field);
}

/** For messages: what may be secret is left out. */
export function shown(changes: readonly Change[]): Change[] {
  return changes.map(({ field, from, to }) => ({
    field,
    from: visible(field, from),
    to: visible(field, to),
  }));
}

function visible(field: string, value: unknown): unknown {
  const isName = typeof value === "string" && value.startsWith("secret:");
  return value === undefined || isName || !isPrivate(field) ? value : "(not shown)";
}

export function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}
