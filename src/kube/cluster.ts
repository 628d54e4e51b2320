/**
 * Which cluster, and what its requests are authenticated with: what in-cluster.ts and kubeconfig.ts both return. No file is
 * read here.
 */
import { KubeError } from "./errors.ts";

export interface ClusterOptions {
  /** Path of a kubeconfig; absent means KUBECONFIG, ~/.kube/config, then the pod's service account. */
  kubeconfig?: string;
  /** Name of a context in it; absent means its current one. */
  context?: string;
}

/** Absent values stay absent, so that Node's own defaults apply. */
export interface Tls {
  ca?: Buffer | string;
  cert?: Buffer | string;
  key?: Buffer | string;
  rejectUnauthorized?: boolean;
  servername?: string;
}

export interface Authentication {
  tls: Tls;
  /** With lower-case names. */
  headers: Readonly<Record<string, string>>;
}

export interface Cluster {
  /** Address of the API server, without a slash at its end. */
  readonly server: string;
  /** "default" where none is named. */
  readonly namespace: string;
  /** Of the proxy that a kubeconfig names for its cluster. */
  readonly proxyUrl?: string;
  /** Reads files again, and runs an exec plugin whose token has expired. Throws where a file or a plugin fails. */
  authenticate(): Promise<Authentication>;
}

/** Names the flag or variable that the user may change. */
export function configError(message: string, cause?: unknown): KubeError {
  return new KubeError({ code: "KUBE_CONFIG", message, cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
