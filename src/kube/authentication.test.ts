import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { combinations } from "../../test/decide/engine/product.ts";
import { Authenticator } from "./authentication.ts";
import { type ClusterEntry, loadClusterConfig, type UserEntry } from "./cluster-config.ts";

const NOW = Date.UTC(2026, 5, 1);
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "authentication-"));
  for (const name of ["ca", "cert", "key"]) await writeFile(join(folder, name), `${name} of a file`);
});
afterAll(() => rm(folder, { recursive: true }));

function authenticator(user: UserEntry, cluster: Partial<ClusterEntry> = {}): Authenticator {
  return new Authenticator({ user, cluster: { server: "https://a", ...cluster }, namespace: "default" });
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("a kubeconfig is understood as by the official library, whatever is combined in it", async () => {
  const kubeconfigs = combinations<{ ca: object; tls: object; cert: object; login: object; as: object }>({
    ca: [{}, { "certificate-authority": "ca" }, { "certificate-authority-data": base64("ca") }],
    tls: [{}, { "insecure-skip-tls-verify": true }, { "tls-server-name": "kubernetes" }],
    cert: [
      {},
      { "client-certificate": "cert", "client-key": "key" },
      { "client-certificate-data": base64("cert"), "client-key-data": base64("key") },
    ],
    login: [
      {},
      { token: "t" },
      { username: "u", password: "p" },
      { token: "t", username: "u", password: "p" },
    ],
    as: [{}, { as: "jane" }],
  });
  let compared = 0;
  for (const { ca, tls, cert, login, as } of kubeconfigs) {
    const kubeconfig = join(folder, "config");
    await writeFile(
      kubeconfig,
      stringify({
        clusters: [{ name: "c", cluster: { server: "https://a:6443/", ...ca, ...tls } }],
        users: [{ name: "u", user: { ...cert, ...login, ...as } }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      }),
    );
    const ours = loadClusterConfig({ kubeconfig });
    const library = new KubeConfig();
    library.loadFromFile(kubeconfig);
    expect(ours.cluster.server).toBe(library.getCurrentCluster()?.server);
    const found = await new Authenticator(ours).authenticate(NOW);
    expect(found, JSON.stringify(ours)).toEqual(await asByLibrary(library));
    compared++;
  }
  expect(compared).toBe(3 * 3 * 3 * 4 * 2);
});

/** What the library would give Node's https for each request. */
async function asByLibrary(library: KubeConfig) {
  const https: RequestOptions = {};
  await library.applyToHTTPSOptions(https);
  const { ca, cert, key, rejectUnauthorized, servername, auth, headers = {} } = https;
  const parts = Object.entries({ ca, cert, key, rejectUnauthorized, servername });
  const basic = auth ? { authorization: `Basic ${base64(auth)}` } : {};
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    tls: Object.fromEntries(parts.filter(([, value]) => value !== undefined)),
    headers: { ...basic, ...Object.fromEntries(named) },
  };
}

test("files are read each time, without the newline at the end of a token; one that is not there is an error", async () => {
  const tokenFile = join(folder, "token");
  const reading = authenticator({ tokenFile, token: "older" });
  for (const token of ["t1", "t2"]) {
    await writeFile(tokenFile, `${token}\n`);
    expect((await reading.authenticate(NOW)).headers).toEqual({ authorization: `Bearer ${token}` });
  }
  await rm(tokenFile);
  await expect(reading.authenticate(NOW)).rejects.toThrow("ENOENT");
});

/** A plugin that prints this status, and counts its runs in a file of its name. */
async function plugin(status: string): Promise<string> {
  const path = join(folder, "plugin");
  const script = `#!/bin/sh\ncat\nprintf '%s' "$KUBERNETES_EXEC_INFO" > "$0.info"\necho >> "$0.runs"\nprintf '{"status":${status}}' "$1" "$PLUGIN_PART"\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  await writeFile(`${path}.runs`, "");
  return path;
}

test("an exec plugin is given its arguments, its variables and the cluster, and runs again once it has expired", async () => {
  const until = new Date(NOW + 60_000).toISOString();
  const command = await plugin(`{"token":"%s-%s","expirationTimestamp":"${until}"}`);
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1beta1",
    command,
    args: ["one"],
    env: [{ name: "PLUGIN_PART", value: "two" }],
    provideClusterInfo: true,
  };
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { audience: "a" } }];
  const running = authenticator({ exec }, { extensions, "certificate-authority": join(folder, "ca") });
  for (const [now, runs] of [
    [NOW, 1],
    [NOW + 59_999, 1],
    [NOW + 60_000, 2],
  ] as const) {
    expect((await running.authenticate(now)).headers).toEqual({ authorization: "Bearer one-two" });
    expect((await readFile(`${command}.runs`, "utf8")).length).toBe(runs);
  }
  expect(JSON.parse(await readFile(`${command}.info`, "utf8"))).toEqual({
    apiVersion: "client.authentication.k8s.io/v1beta1",
    kind: "ExecCredential",
    spec: {
      interactive: false,
      cluster: {
        server: "https://a",
        "certificate-authority-data": base64("ca of a file"),
        config: { audience: "a" },
      },
    },
  });
});

test("an exec plugin may print a certificate; one that fails or prints nothing of use is named, without its arguments", async () => {
  const pair = '{"clientCertificateData":"cert","clientKeyData":"key"}';
  const certified = authenticator({
    exec: { command: await plugin(pair) },
    "client-key-data": base64("other"),
  });
  expect(await certified.authenticate(NOW)).toEqual({ tls: { cert: "cert", key: "key" }, headers: {} });

  const failure = async (command: string, args: string[] = []) => {
    const exec = { command, args, installHint: "get it from there" };
    const error = await authenticator({ exec })
      .authenticate(NOW)
      .catch((reason: Error) => reason);
    return (error as Error).message;
  };
  const useless = await plugin("{}");
  expect(await failure(useless)).toBe(
    `exec plugin ${useless} printed neither a token nor a certificate with its key`,
  );
  await writeFile(useless, "#!/bin/sh\necho s3cret\n");
  expect(await failure(useless)).toBe(
    `exec plugin ${useless} printed neither a token nor a certificate with its key`,
  );
  await writeFile(useless, "#!/bin/sh\necho log in first >&2\nexit 3\n");
  expect(await failure(useless, ["secret"])).toBe(`exec plugin ${useless} ended with 3: log in first`);
  expect(await failure("/does/not/exist")).toContain("ENOENT: \nget it from there");
});

test("an auth provider of before exec plugins is left to the library", async () => {
  const claims = base64(JSON.stringify({ exp: Date.now() / 1000 + 3_600 }));
  const idToken = `${base64('{"alg":"none"}')}.${claims}.signature`;
  const config = { "id-token": idToken, "client-id": "c", "idp-issuer-url": "https://issuer" };
  const provided = authenticator({ "auth-provider": { name: "oidc", config } });
  expect((await provided.authenticate(NOW)).headers).toEqual({ authorization: `Bearer ${idToken}` });
});
