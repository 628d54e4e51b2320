/**
 * Input and output of the plugin's process: what a test replaces. Types only, no behaviour.
 */
import type { Clock } from "../base/clock.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { ProxyOptions, Sockets } from "../paperspace/wire.ts";

/** The part of a process stream that is used. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Characters a line, where it is a terminal. */
  readonly columns?: number | undefined;
  /** Lines of the screen, where it is a terminal. */
  readonly rows?: number | undefined;
  /** Calls back once what was written has been taken, after a `write` that returned false. */
  once?(event: "drain", taken: () => void): unknown;
}

export interface ClusterSelection {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** The user to act as. */
  readonly as?: string;
}

export interface ProcessIO {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Prompts the user and returns the line that was typed, without its end; absent where there is no terminal. */
  readonly prompt?: ((question: string) => Promise<string>) | undefined;
  /** Aborts when the user interrupts (Ctrl-C) or the process is terminated. */
  readonly signal: AbortSignal;
  /** Throws KUBE_CONFIG where no cluster is configured. */
  readonly connect: (cluster: ClusterSelection) => Promise<KubeConnection>;
  readonly sockets: (proxy: ProxyOptions) => Sockets;
}
