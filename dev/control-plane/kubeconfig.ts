/**
 * Kubeconfigs of the local control plane, for its admin and for lesser users. Starts nothing.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";

/** How to connect to the API server. */
export interface Access {
  server: string;
  /** PEM. */
  ca: string;
  token: string;
}

export interface Answer {
  status: number;
  body: string;
}

/** A user who may do nothing but impersonate. */
export const IMPERSONATOR = "control-plane:impersonator";

const CALL_TIMEOUT_MS = 10_000;
const TOKEN_LIFE_SECONDS = 24 * 3600;

/** One request on a connection of its own, so that none is reused across a restart of the server. */
export function call(access: Access, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(new URL(path, access.server), {
      method,
      ca: access.ca,
      agent: false,
      timeout: CALL_TIMEOUT_MS,
      headers: { authorization: `Bearer ${access.token}`, "content-type": "application/json" },
    });
    req.on("timeout", () => req.destroy(new Error(`no answer to ${method} ${path}`)));
    req.on("error", reject);
    req.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data) => {
        text += data;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Writes a kubeconfig with one user, readable by its owner only. `user` is the `user:` block of a kubeconfig. */
export async function writeKubeconfig(
  path: string,
  access: Pick<Access, "server" | "ca">,
  users: Record<string, Record<string, unknown>>,
): Promise<void> {
  const names = Object.keys(users);
  const cluster = {
    server: access.server,
    "certificate-authority-data": Buffer.from(access.ca).toString("base64"),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": names[0],
    clusters: [{ name: "local", cluster }],
    contexts: names.map((name) => ({
      name,
      context: { cluster: "local", user: name, namespace: "default" },
    })),
    users: names.map((name) => ({ name, user: users[name] })),
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  await chmod(path, 0o600);
}

/**
 * Writes a kubeconfig that acts as `user`, beside the admin's, and gives its path. Works from any process that can read
 * the admin's kubeconfig, a test worker for one.
 *
 * For `system:serviceaccount:<namespace>:<name>` it holds a token of that account (which must exist). Any other user is
 * impersonated, by an identity that has no other right: a client that does not support impersonation is refused
 * everything, rather than silently let in as an admin.
 */
export async function kubeconfigFor(
  adminKubeconfig: string,
  user: string,
  groups: string[] = [],
): Promise<string> {
  const { access, impersonator } = readAdmin(adminKubeconfig);
  const identity = await identityOf(access, impersonator, user, groups);
  const digest = createHash("sha256")
    .update(JSON.stringify([user, groups]))
    .digest("hex")
    .slice(0, 8);
  const folder = join(dirname(adminKubeconfig), "users");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${user.replaceAll(/[^\w.-]+/g, "-")}-${digest}.kubeconfig`);
  await writeKubeconfig(path, access, { [user]: identity });
  return path;
}

async function identityOf(access: Access, impersonator: string, user: string, groups: string[]) {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  if (namespace && name) {
    if (groups.length > 0) throw new Error("the groups of a service account are given, and cannot be chosen");
    return { token: await serviceAccountToken(access, namespace, name) };
  }
  await allowImpersonation(access);
  return { token: impersonator, as: user, ...(groups.length > 0 && { "as-groups": groups }) };
}

async function serviceAccountToken(access: Access, namespace: string, name: string): Promise<string> {
  const answer = await call(access, "POST", `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: TOKEN_LIFE_SECONDS },
  });
  if (answer.status !== 201)
    throw new Error(`no token for service account ${namespace}/${name}: ${answer.body}`);
  return JSON.parse(answer.body).status.token;
}

/** Made when first needed, so that a control plane without lesser users looks like a fresh cluster. */
async function allowImpersonation(access: Access): Promise<void> {
  const base = "/apis/rbac.authorization.k8s.io/v1";
  const metadata = { name: IMPERSONATOR };
  await create(access, `${base}/clusterroles`, {
    metadata,
    rules: [{ apiGroups: [""], resources: ["users", "groups"], verbs: ["impersonate"] }],
  });
  await create(access, `${base}/clusterrolebindings`, {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: IMPERSONATOR },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: IMPERSONATOR }],
  });
}

async function create(access: Access, path: string, body: unknown): Promise<void> {
  const answer = await call(access, "POST", path, body);
  if (answer.status !== 201 && answer.status !== 409) throw new Error(`POST ${path}: ${answer.body}`);
}

function readAdmin(path: string): { access: Access; impersonator: string } {
  const config = parse(readFileSync(path, "utf8"));
  const cluster = config.clusters[0].cluster;
  const tokenOf = (name: string): string => {
    const entry = config.users.find((user: { name: string }) => user.name === name);
    if (!entry)
      throw new Error(`${path} is not the admin kubeconfig of a local control plane: no user ${name}`);
    return entry.user.token;
  };
  const ca = Buffer.from(cluster["certificate-authority-data"], "base64").toString();
  return {
    access: { server: cluster.server, ca, token: tokenOf("admin") },
    impersonator: tokenOf(IMPERSONATOR),
  };
}
