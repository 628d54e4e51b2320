/**
 * A process that finds the files of a service account where a pod has them. An operator needs no library for kubeconfigs
 * then, which is a good part of its memory and of its start.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a pod is given to reach the API server. */
export interface PodCredentials {
  /** Of ca.crt, token and namespace. */
  readonly folder: string;
  readonly host: string;
  readonly port: number;
}

const MOUNT = ["unshare", "--map-root-user", "--mount"];
/** A mount of its own, which no other process sees; /var/run leads there. */
const SCRIPT = [
  "mount -t tmpfs tmpfs /run",
  "mkdir -p /run/secrets/kubernetes.io/serviceaccount",
  'cp "$0"/* /run/secrets/kubernetes.io/serviceaccount/',
  'exec "$@"',
].join(" && ");

/** Whether the host lets a process have mounts of its own, and has its folders where Linux distributions have them. */
export function canBePod(): boolean {
  const [program = "", ...args] = MOUNT;
  return (
    spawnSync(program, [...args, "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir /var/run/x"]).status === 0
  );
}

export function podCredentials(parts: { host: string; port: number; ca: string; token: string }): {
  credentials: PodCredentials;
  remove(): void;
} {
  const { host, port, ca, token } = parts;
  const folder = mkdtempSync(join(tmpdir(), "paperspace-pod-"));
  for (const [file, content] of Object.entries({ "ca.crt": ca, token, namespace: "default" }))
    writeFileSync(join(folder, file), content, { mode: 0o600 });
  return {
    credentials: { folder, host, port },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A program that is started by these words, with its own behind them, and what it has in its environment. */
export function inPod({ folder, host, port }: PodCredentials): {
  launcher: readonly string[];
  env: Record<string, string>;
} {
  return {
    launcher: [...MOUNT, "sh", "-ec", SCRIPT, folder],
    // No kubeconfig of the user's either.
    env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: String(port), HOME: folder },
  };
}
