/**
 * The edges of the plugin's process: what a test replaces, and nothing else. No behaviour lives here.
 */
import type { Clock } from "../base/clock.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { ProxyOptions, Sockets } from "../paperspace/wire.ts";

/** What of a stream of the process matters. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Characters a line, where it is a terminal. */
  readonly columns?: number | undefined;
}

export interface Cluster {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export interface Edges {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Puts a question to the user and gives the line that is typed, without its end; absent where nobody can be asked. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Aborts when the user wants an end (Ctrl-C), or nobody reads any more. */
  readonly signal: AbortSignal;
  /** Throws KUBE_CONFIG where no cluster is configured. */
  readonly connect: (cluster: Cluster) => Promise<KubeConnection>;
  readonly sockets: (proxy: ProxyOptions) => Sockets;
}
