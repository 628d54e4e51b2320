/**
 * Which cluster, and as which user: from kubeconfig files, or from what a pod has of its service account, by the rules of
 * kubectl (client-go, tools/clientcmd). The only module that reads a kubeconfig; it runs nothing and sends nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve, sep } from "node:path";
import { load as parseYaml } from "js-yaml";
import { withoutTrailing } from "../base/text.ts";
import { KubeError } from "./errors.ts";

/** A cluster, with the names that a kubeconfig has for its parts. Paths are absolute. */
export interface ClusterEntry {
  /** Address of the API server, without a slash at its end. */
  server: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
  "proxy-url"?: string;
  extensions?: readonly { name: string; extension?: unknown }[];
}

/** A user, likewise. */
export interface UserEntry {
  token?: string;
  tokenFile?: string;
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  username?: string;
  password?: string;
  as?: string;
  exec?: ExecEntry;
  "auth-provider"?: { name: string; config?: Record<string, unknown> };
}

/** A command that prints credentials (client.authentication.k8s.io). */
export interface ExecEntry {
  apiVersion?: string;
  command: string;
  args?: readonly string[];
  env?: readonly { name: string; value: string }[];
  installHint?: string;
  provideClusterInfo?: boolean;
}

export interface ClusterConfig {
  cluster: ClusterEntry;
  user: UserEntry;
  /** "default" where the context names none. */
  namespace: string;
}

export interface ClusterConfigOptions {
  /** Path of a kubeconfig; absent means KUBECONFIG, ~/.kube/config, then the pod's service account. */
  kubeconfig?: string;
  /** Name of a context in it; absent means its current one. */
  context?: string;
}

interface Kubeconfig {
  clusters?: readonly { name: string; cluster?: ClusterEntry }[] | null;
  users?: readonly { name: string; user?: UserEntry | null }[] | null;
  contexts?: readonly { name: string; context?: ContextEntry }[] | null;
  "current-context"?: string;
}

interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}

/** Where kubelet puts what a pod needs for the API server. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Throws KUBE_CONFIG when there is nothing to load, or the configuration is inconsistent. */
export function loadClusterConfig(
  { kubeconfig, context }: ClusterConfigOptions,
  serviceAccount = SERVICE_ACCOUNT,
): ClusterConfig {
  const { source, configs } = find(kubeconfig, serviceAccount);
  const contexts = configs.flatMap((config) => config.contexts ?? []);
  // Of several files the first that has an entry decides, as for kubectl.
  const current = configs.map((config) => config["current-context"]).find(Boolean);
  const name = context ?? current ?? "";
  const chosen = contexts.find((one) => one.name === name)?.context;
  if (!chosen) {
    const available = contexts.map((one) => one.name);
    const selected = context ? `--context ${name}` : `the current context "${name}"`;
    throw configError(`${selected} is not in ${source}; it has: ${available.join(", ") || "none"}`);
  }
  const cluster = configs
    .flatMap(({ clusters }) => clusters ?? [])
    .find((one) => one.name === chosen.cluster)?.cluster;
  if (!cluster?.server) throw missing(source, name, "cluster", chosen.cluster);
  const user = configs.flatMap(({ users }) => users ?? []).find((one) => one.name === chosen.user);
  if (!user) throw missing(source, name, "user", chosen.user);
  const server = withoutTrailing(cluster.server, "/");
  if (server.startsWith("http:") && cluster["insecure-skip-tls-verify"] !== true) {
    throw configError(
      `cluster "${chosen.cluster}" of ${source} has the address ${server}: plain HTTP is used only with insecure-skip-tls-verify`,
    );
  }
  return {
    cluster: { ...cluster, server },
    user: user.user ?? {},
    namespace: chosen.namespace?.trim() || "default",
  };
}

/** Names the flag or variable that the user may change. */
export function configError(message: string, cause?: unknown): KubeError {
  return new KubeError({ code: "KUBE_CONFIG", message, cause });
}

function missing(source: string, context: string, what: string, name = ""): KubeError {
  return configError(`context "${context}" of ${source} names the ${what} "${name}", which is not there`);
}

/** What there is to choose from, and how it is called in errors. */
function find(
  kubeconfig: string | undefined,
  serviceAccount: string,
): { source: string; configs: readonly Kubeconfig[] } {
  if (kubeconfig) {
    const source = `--kubeconfig ${kubeconfig}`;
    return { source, configs: [readKubeconfig(kubeconfig, source)] };
  }
  const source = "the kubeconfig (KUBECONFIG or ~/.kube/config)";
  const listed = (process.env.KUBECONFIG ?? "").split(delimiter).filter(Boolean);
  const own = join(homedir(), ".kube", "config");
  const files = listed.length > 0 ? listed : existsSync(own) ? [own] : [];
  if (files.length > 0) {
    const there = files.filter((file) => existsSync(file));
    // Where none is there, reading says so.
    const read = there.length > 0 ? there : files;
    return { source, configs: read.map((file) => readKubeconfig(file, source)) };
  }
  const config = inCluster(serviceAccount);
  if (config) return { source: "the pod's service account", configs: [config] };
  throw configError(
    "no Kubernetes cluster is configured: give --kubeconfig, set KUBECONFIG, have a ~/.kube/config, or run inside a pod with a service account",
  );
}

function readKubeconfig(file: string, source: string): Kubeconfig {
  try {
    const config = parseYaml(readFileSync(file, "utf8"));
    if (typeof config !== "object" || config === null) throw new Error("it is no kubeconfig");
    return withAbsolutePaths(config, dirname(resolve(file)));
  } catch (error) {
    throw unreadable(source, error);
  }
}

/** The parser's own message quotes the lines around the fault, with the tokens and keys that are in them. */
function unreadable(source: string, error: unknown): KubeError {
  const { mark } = error as { mark?: { line: number; column: number } };
  if (mark)
    return configError(`${source} is no valid YAML at line ${mark.line + 1}, column ${mark.column + 1}`);
  return configError(`${source} cannot be read: ${error instanceof Error ? error.message : error}`, error);
}

/** Paths in a kubeconfig are relative to its folder. */
function withAbsolutePaths(config: Kubeconfig, folder: string): Kubeconfig {
  const { clusters, users } = config;
  return {
    ...config,
    clusters: clusters?.map(({ name, cluster }) => ({
      name,
      ...(cluster && { cluster: absolute(cluster, folder, ["certificate-authority"]) }),
    })),
    users: users?.map(({ name, user }) => {
      const files = ["client-certificate", "client-key", "tokenFile"] as const;
      const placed = absolute(user ?? {}, folder, files);
      const { exec } = placed;
      // A bare name is looked for in PATH.
      if (!exec?.command?.includes(sep)) return { name, user: placed };
      return { name, user: { ...placed, exec: absolute(exec, folder, ["command"]) } };
    }),
  };
}

function absolute<T extends object, K extends keyof T>(entry: T, folder: string, fields: readonly K[]): T {
  const placed = { ...entry };
  for (const field of fields) {
    const path = entry[field];
    if (typeof path === "string" && path !== "") placed[field] = resolve(folder, path) as T[K];
  }
  return placed;
}

/** As client-go's rest.InClusterConfig: two variables, a CA and a token that kubelet renews. */
function inCluster(folder: string): Kubeconfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const tokenFile = join(folder, "token");
  if (!host || !port || !existsSync(tokenFile)) return undefined;
  const name = "in-cluster";
  const namespaceFile = join(folder, "namespace");
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8") : "";
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return {
    clusters: [{ name, cluster: { server, "certificate-authority": join(folder, "ca.crt") } }],
    users: [{ name, user: { tokenFile } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    "current-context": name,
  };
}
