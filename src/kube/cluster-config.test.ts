import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { loadClusterConfig } from "./cluster-config.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cluster-config-"));
  for (const name of ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
    vi.stubEnv(name, "");
  vi.stubEnv("HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function write(name: string, text: string | object): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, typeof text === "string" ? text : stringify(text));
  return path;
}

/** A kubeconfig with one cluster, one user and one context of these names. */
function named(name: string, user: object = { token: name }, cluster: object = {}) {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: `https://${name}:6443`, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: ` ${name}\n` } }],
    "current-context": name,
  };
}

test("paths are relative to the kubeconfig's folder; a plugin that is a bare name is looked for in PATH", async () => {
  const files = { "client-certificate": "pki/a.crt", "client-key": "/abs/a.key", tokenFile: "../token" };
  const user = { ...files, exec: { command: "bin/login" } };
  const kubeconfig = await write("team/config", named("a", user, { "certificate-authority": "ca.crt" }));
  const { cluster, user: read, namespace } = loadClusterConfig({ kubeconfig });
  expect(namespace).toBe("a");
  expect(cluster["certificate-authority"]).toBe(join(folder, "team/ca.crt"));
  expect(read).toEqual({
    "client-certificate": join(folder, "team/pki/a.crt"),
    "client-key": "/abs/a.key",
    tokenFile: join(folder, "token"),
    exec: { command: join(folder, "team/bin/login") },
  });
  const bare = await write("bare", named("b", { exec: { command: "login" } }));
  expect(loadClusterConfig({ kubeconfig: bare }).user.exec?.command).toBe("login");
});

test("of several files in KUBECONFIG the first with an entry decides, and one that is not there is passed over", async () => {
  const first = await write("first", { ...named("a"), "current-context": "" });
  const second = await write("second", {
    ...named("b"),
    users: [
      { name: "a", user: { token: "of the second" } },
      { name: "b", user: { token: "b" } },
    ],
  });
  vi.stubEnv("KUBECONFIG", ["", first, join(folder, "none"), second].join(delimiter));
  expect(loadClusterConfig({})).toMatchObject({
    cluster: { server: "https://b:6443" },
    user: { token: "b" },
  });
  expect(loadClusterConfig({ context: "a" }).user).toEqual({ token: "a" });
  expect(() => loadClusterConfig({ context: "c" })).toThrow(
    "--context c is not in the kubeconfig (KUBECONFIG or ~/.kube/config); it has: a, b",
  );
});

test("without KUBECONFIG it is ~/.kube/config, and without that the pod's service account", async () => {
  const account = join(folder, "account");
  await write("account/token", "t");
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  expect(() => loadClusterConfig({}, account)).toThrow("no Kubernetes cluster is configured");
  vi.stubEnv("KUBERNETES_SERVICE_PORT", "443");
  expect(loadClusterConfig({}, account)).toEqual({
    cluster: { server: "https://10.0.0.1:443", "certificate-authority": join(account, "ca.crt") },
    user: { tokenFile: join(account, "token") },
    namespace: "default",
  });
  await write("account/namespace", "team\n");
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "fd00::1");
  expect(loadClusterConfig({}, account)).toMatchObject({
    cluster: { server: "https://[fd00::1]:443" },
    namespace: "team",
  });
  await write(".kube/config", named("own"));
  expect(loadClusterConfig({}, account).cluster.server).toBe("https://own:6443");
});

test("what cannot be used is named: the file, the context, the cluster, the user, plain HTTP", async () => {
  const refused = async (config: object | string, message: string | RegExp) => {
    const kubeconfig = await write("config", config);
    expect(() => loadClusterConfig({ kubeconfig })).toThrow(message);
  };
  const file = `--kubeconfig ${join(folder, "config")}`;
  await refused("", `${file} cannot be read`);
  // The line itself may hold a token.
  await refused("users: {token: s3cret", new RegExp(`^${file} is no valid YAML at line 1, column \\d+$`));
  await refused("users: 3", `${file} cannot be read`);
  await refused({}, `the current context "" is not in ${file}; it has: none`);
  await refused({ ...named("a"), clusters: null }, `names the cluster "a", which is not there`);
  await refused({ ...named("a"), users: [] }, `names the user "a", which is not there`);
  await refused(named("a", {}, { server: "http://a" }), "http://a: plain HTTP");
  const plain = named("a", {}, { server: "http://a", "insecure-skip-tls-verify": true });
  expect(loadClusterConfig({ kubeconfig: await write("config", plain) }).cluster.server).toBe("http://a");
});
