/**
 * The plain manifests for users without Helm: what the chart renders with its defaults, applied with `kubectl apply -k`
 * to the real API server.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { HARDENED, hardened, MANIFESTS, manifests } from "../dev/chart-tools/manifests.ts";
import { findChartTools } from "../dev/chart-tools/tools.ts";
import { COMPILE_MS } from "./support/helm.ts";

const ROOT = join(import.meta.dirname, "..");
const BASE = "deploy/kustomize";

let helm: string;
beforeAll(async () => {
  ({ helm } = await findChartTools());
}, COMPILE_MS);

function kubectl(...args: string[]) {
  const env = { ...process.env, ...inject("kubeEnv") };
  return spawnSync(inject("kubectl"), args, { cwd: ROOT, env, encoding: "utf8" });
}

test("they are what the chart renders: two ways to install must not differ in rights or flags", async () => {
  expect(readFileSync(join(ROOT, MANIFESTS), "utf8"), "run npm run manifests").toBe(await manifests(helm));
});

test("the hardened example is shown as the chart renders it, so that a review needs no Helm", async () => {
  expect(readFileSync(join(ROOT, HARDENED), "utf8"), "run npm run manifests").toBe(await hardened(helm));
});

test("the API server takes all of them, and the pod fits the restricted standard that their namespace enforces", () => {
  // Its namespace must exist before anything in it can be validated.
  expect(kubectl("apply", "-f", `${BASE}/namespace.yaml`).stderr).toBe("");
  const { status, stdout, stderr } = kubectl("apply", "-k", BASE, "--dry-run=server");
  expect(stderr).not.toMatch(/forbidden|violate|Error/);
  expect(status).toBe(0);
  expect(stdout).toContain("deployment.apps/paperspace-operator created");
  expect(stdout).toContain(
    "customresourcedefinition.apiextensions.k8s.io/paperspacedeployments.paperspace.com",
  );
});

test("nothing of Helm's own is in them: its labels would make a later helm install fail", () => {
  const { stdout } = kubectl("kustomize", BASE);
  expect(stdout).not.toMatch(/helm/i);
  expect(stdout).not.toMatch(/resource-policy/);
});
