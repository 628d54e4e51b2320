/**
 * What Argo CD and Flux compare, on a real API server: whether an object that came from Git is seen to differ from Git
 * once the operator has worked on it, by client-side and by server-side apply, and whose the fields are.
 */
import { fileURLToPath } from "node:url";
import { test as base, describe, expect } from "vitest";
import { stringify } from "yaml";
import { ARGOCD_CONFIG, healthScript } from "../dev/gitops/argocd.ts";
import { checkConformance, sharedTestEnv, TestEnv } from "./support/cluster.ts";
import { deployed, type Manifest, manifest } from "./support/manifest.ts";

const shared = sharedTestEnv();

const GIT = {
  labels: { "app.kubernetes.io/instance": "fleet" },
  annotations: { "argocd.argoproj.io/tracking-id": "fleet:paperspace.com/X:ml/x" },
};

interface Managed {
  manager: string;
  subresource?: string;
  fieldsV1: Record<string, Record<string, unknown>>;
}

/** What all managers but the one that applied have written: "f:metadata/f:annotations/f:paperspace.com/record". */
async function others(kind: string, name: string, applied: string): Promise<string[]> {
  const json = await shared().kubectl(`get ${kind} ${name} --show-managed-fields -o json`);
  const fields = (JSON.parse(json) as { metadata: { managedFields: Managed[] } }).metadata.managedFields;
  return fields
    .filter(({ manager }) => manager !== applied)
    .flatMap(({ fieldsV1 }) => Object.entries(fieldsV1))
    .flatMap(([top, below]) => Object.keys(below).flatMap((field) => deeper(top, field, below[field])))
    .sort();
}

function deeper(top: string, field: string, below: unknown): string[] {
  if (field !== "f:annotations" && field !== "f:finalizers")
    return [top === "f:status" ? top : `${top}/${field}`];
  const names = Object.keys(below as object).filter((name) => name !== ".");
  return names.map((name) => `${top}/${field}/${name}`);
}

const OWN = [
  "f:metadata/f:annotations/f:paperspace.com/record",
  'f:metadata/f:finalizers/v:"paperspace.com/finalizer"',
  "f:status",
];

describe.each([
  ["client-side apply, as Argo CD by default", "", "kubectl-client-side-apply"],
  [
    "server-side apply, as Flux",
    "--server-side --field-manager=kustomize-controller",
    "kustomize-controller",
  ],
])("with %s", (_, flags, manager) => {
  base.each([
    ["psm", manifest],
    ["psd", deployed],
  ] as const)("%s: nothing differs from Git, and our fields are the documented ones", async (kind, make) => {
    const testEnv = shared();
    const name = `${kind}${flags === "" ? "" : "-ssa"}`;
    const object: Manifest = make(name, {}, GIT);
    await testEnv.kubectl(`apply ${flags} -f -`, stringify(object));
    await testEnv.kubectl(`wait --for=condition=Ready ${kind}/${name} --timeout=60s`);
    const { code, out } = await testEnv.shell(`kubectl diff ${flags} -f -`, stringify(object));
    expect([out, code]).toEqual(["", 0]);
    expect([...new Set(await others(kind, name, manager))]).toEqual(OWN);
    await testEnv.kubectl(`delete ${kind} ${name} --timeout=60s`);
  });
});

base("replicas that Git does not give may be set by others, and nothing differs", async () => {
  const testEnv = shared();
  const object = deployed("scaled");
  await testEnv.kubectl("apply -f -", stringify(object));
  await testEnv.kubectl("scale psd scaled --replicas=2");
  expect(await testEnv.shell("kubectl diff -f -", stringify(object))).toMatchObject({ code: 0, out: "" });
  const given = { ...object, spec: { ...object.spec, replicas: 1 } };
  expect(await testEnv.shell("kubectl diff -f -", stringify(given))).toMatchObject({ code: 1 });
  await testEnv.kubectl("delete psd scaled --timeout=60s");
});

base("the line in argocd-cm.yaml adds our health checks and leaves all else alone", async () => {
  const testEnv = await TestEnv.open({ key: null });
  try {
    await testEnv.kubectl("create configmap argocd-cm --from-literal=url=https://argocd.example.com");
    const file = fileURLToPath(new URL(`../${ARGOCD_CONFIG}`, import.meta.url));
    await testEnv.kubectl(`patch configmap argocd-cm --type=merge --patch-file=${file}`);
    const { data } = JSON.parse(await testEnv.kubectl("get configmap argocd-cm -o json"));
    expect(data).toEqual({
      url: "https://argocd.example.com",
      "resource.customizations.health.paperspace.com_PaperspaceMachine": healthScript(),
      "resource.customizations.health.paperspace.com_PaperspaceDeployment": healthScript(),
    });
  } finally {
    await testEnv.close();
  }
});

checkConformance();
