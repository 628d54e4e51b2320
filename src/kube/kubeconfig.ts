/**
 * A cluster as a kubeconfig describes it, read by the official client library. The only module that uses
 * @kubernetes/client-node, so that what needs no kubeconfig does not load it.
 */
import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { withoutTrailing } from "../base/text.ts";
import { type Cluster, type ClusterOptions, configError, messageOf, type Tls } from "./cluster.ts";
import type { KubeError } from "./errors.ts";

/** Throws KUBE_CONFIG when there is nothing to load, or the configuration is inconsistent. */
export function loadKubeconfig(options: ClusterOptions): Cluster {
  const config = load(options);
  const cluster = config.getCurrentCluster();
  return {
    server: withoutTrailing(cluster?.server ?? "", "/"),
    ...(cluster?.proxyUrl && { proxyUrl: cluster.proxyUrl }),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim() || "default",
    authenticate: async () => {
      const https: RequestOptions = {};
      await config.applyToHTTPSOptions(https).catch((error: unknown) => {
        throw withoutOutput(error);
      });
      return { tls: tlsOf(https), headers: headersOf(https) };
    },
  };
}

/** The parser of what an exec plugin printed quotes it in its error, and it may be a token. */
function withoutOutput(error: unknown): unknown {
  return error instanceof SyntaxError ? new Error("the exec plugin printed no JSON") : error;
}

function tlsOf(https: RequestOptions): Tls {
  const { ca, cert, key, rejectUnauthorized, servername } = https;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(servername !== undefined && { servername }),
  } as Tls;
}
function headersOf(https: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (https.auth) headers.authorization = `Basic ${Buffer.from(https.auth).toString("base64")}`;
  for (const [name, value] of Object.entries(https.headers ?? {})) {
    // Token files written by hand end in a newline, which no header may hold.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  return headers;
}

function load(options: ClusterOptions): KubeConfig {
  const config = new KubeConfig();
  const source = options.kubeconfig
    ? `--kubeconfig ${options.kubeconfig}`
    : "the kubeconfig (KUBECONFIG or ~/.kube/config)";
  try {
    if (options.kubeconfig) config.loadFromFile(options.kubeconfig);
    else config.loadFromDefault(undefined, true);
  } catch (error) {
    throw unreadable(source, error);
  }
  // Where it finds nothing, the library invents a cluster on localhost:8080, under this name.
  if (config.getCurrentContext() === "loaded-context") {
    throw configError(
      "no Kubernetes cluster is configured: give --kubeconfig, set KUBECONFIG, have a ~/.kube/config, or run inside a pod with a service account",
    );
  }
  if (options.context) config.setCurrentContext(options.context);
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    const available = config.getContexts().map((one) => one.name);
    const selected = options.context ? `--context ${name}` : `the current context "${name ?? ""}"`;
    throw configError(`${selected} is not in ${source}; it has: ${available.join(", ") || "none"}`);
  }
  if (!config.getCurrentCluster()) {
    throw configError(
      `context "${name}" of ${source} names the cluster "${context.cluster}", which is not there`,
    );
  }
  if (!config.getCurrentUser()) {
    throw configError(
      `context "${name}" of ${source} names the user "${context.user ?? ""}", which is not there`,
    );
  }
  return config;
}

/** The parser's own message quotes the lines around the fault, with the tokens and keys that are in them. */
function unreadable(source: string, error: unknown): KubeError {
  const { mark } = error as { mark?: { line: number; column: number } };
  if (mark)
    return configError(`${source} is no valid YAML at line ${mark.line + 1}, column ${mark.column + 1}`);
  return configError(`${source} cannot be read: ${messageOf(error)}`, error);
}
