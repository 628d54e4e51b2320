/**
 * What a pod has of its service account: two variables, a CA and a token that kubelet renews, as client-go's
 * rest.InClusterConfig reads them.
 */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";

/** Where kubelet puts it. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Undefined outside of a pod. */
export function inCluster(folder = SERVICE_ACCOUNT): Cluster | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const tokenFile = join(folder, "token");
  if (!host || !port || !existsSync(tokenFile)) return undefined;
  const namespaceFile = join(folder, "namespace");
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : "";
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: namespace || "default",
    authenticate: async () => {
      const [ca, token] = await Promise.all([readFile(join(folder, "ca.crt")), readFile(tokenFile, "utf8")]);
      return { tls: { ca }, headers: { authorization: `Bearer ${token.trim()}` } };
    },
  };
}
