import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { inCluster } from "./in-cluster.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "service-account-"));
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  vi.stubEnv("KUBERNETES_SERVICE_PORT", "443");
  await write("token", "t1\n");
  await write("ca.crt", "a CA");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);

test("a pod's own address, CA and token are used, and the token that kubelet renewed", async () => {
  const pod = inCluster(folder);
  expect(pod).toMatchObject({ server: "https://10.0.0.1:443", namespace: "default" });
  const ca = Buffer.from("a CA");
  for (const token of ["t1", "t2"]) {
    await write("token", `${token}\n`);
    expect(await pod?.authenticate()).toEqual({ tls: { ca }, headers: { authorization: `Bearer ${token}` } });
  }
  await rm(join(folder, "token"));
  await expect(pod?.authenticate()).rejects.toThrow("ENOENT");
});

test("the namespace is that of the pod, and an IPv6 address gets its brackets", async () => {
  await write("namespace", "team\n");
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "fd00::1");
  expect(inCluster(folder)).toMatchObject({ server: "https://[fd00::1]:443", namespace: "team" });
});

test("outside of a pod there is none: without the variables, or without a token", async () => {
  vi.stubEnv("KUBERNETES_SERVICE_PORT", "");
  expect(inCluster(folder)).toBeUndefined();
  vi.stubEnv("KUBERNETES_SERVICE_PORT", "443");
  await rm(join(folder, "token"));
  expect(inCluster(folder)).toBeUndefined();
});
