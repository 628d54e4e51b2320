/**
 * Who may write what of an object, against the real API server: the admission policies that are on by default keep users from
 * the operator's memory, and the operator from what users declare. No operator runs; its account writes as it would.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { deploymentDefinition } from "../../src/kinds/deployment/types.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource } from "../../src/kube/resource.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import { COMPILE_MS } from "../support/helm.ts";
import { InstalledRights } from "../support/installed-rights.ts";
import { deployed, manifest } from "../support/manifest.ts";
import { runCommand } from "../support/run-command.ts";

const PLUGIN = fileURLToPath(new URL("../../bin/kubectl-paperspace.js", import.meta.url));
const install = readFileSync(new URL("../../docs/install.md", import.meta.url), "utf8");
const GUARDED = [ANNOTATION.record, ANNOTATION.createPending, ANNOTATION.released];

const CHANGED_SPEC = { spec: { machineType: "H100" } };

const machines = (kube: KubeConnection) =>
  new Resource<PaperspaceMachine>(kube, { ...machineDefinition, namespaced: true });
const deployments = (kube: KubeConnection) =>
  new Resource<KubeObject>(kube, { ...deploymentDefinition, namespaced: true });

let installed: Awaited<ReturnType<typeof InstalledRights.install>>;
let operator: Resource<PaperspaceMachine>;
/** May edit the served namespace. */
let tenant: KubeConnection;
/** In `exemptUsers`, with the rights of the cluster's admin. */
let backup: KubeConnection;
let served: string;
let beside: string;

beforeAll(async () => {
  installed = await InstalledRights.install(2, (first) => ({
    watchNamespaces: [first],
    admissionPolicy: { exemptUsers: [`system:serviceaccount:${first}:backup`] },
  }));
  [served = "", beside = ""] = installed.served;
  tenant = await installed.account(served, "alice", "edit");
  backup = await installed.account(served, "backup", "cluster-admin");
  operator = machines(await installed.operator());
  for (const namespace of [served, beside])
    await machines(installed.admin).create(namespace, manifest("box") as PaperspaceMachine);
  // The cluster's role edit gets our kinds by aggregation.
  await installed.granted(() => machines(tenant).get(served, "box"));
  await installed.enforced(
    // Each another value: what stays as it is, is not refused.
    () => annotated(installed.admin, { [ANNOTATION.record]: randomUUID() }),
    /is the operator's memory/,
  );
  await installed.enforced(() => operator.mergePatch(served, "box", CHANGED_SPEC), /the spec of no object/);
}, COMPILE_MS);
afterAll(() => installed.close());

const annotated = (kube: KubeConnection, annotations: Record<string, string | null>, namespace = served) =>
  machines(kube).mergePatch(namespace, "box", { metadata: { annotations } });
const own = (annotations: Record<string, string | null>) =>
  operator.mergePatch(served, "box", { metadata: { annotations } });

test.each(GUARDED)(
  "on an object that exists only the operator writes %s: no tenant, and no admin",
  async (annotation) => {
    for (const user of [tenant, installed.admin])
      await expect(annotated(user, { [annotation]: "{}" })).rejects.toThrow(
        `the annotation ${annotation} is the operator's memory: only ${installed.user} may write it`,
      );
    await own({ [annotation]: "{}" });
    for (const user of [tenant, installed.admin])
      await expect(annotated(user, { [annotation]: "{ }" })).rejects.toThrow("is the operator's memory");
    // A manifest that shows it as it is, such as that of kubectl apply, changes nothing.
    await annotated(tenant, { [annotation]: "{}" });
    // As kubectl replace does; the operator puts it back.
    await annotated(tenant, { [annotation]: null });
  },
);

test("only the operator writes the status: no tenant, and no admin", async () => {
  const forged = { status: { id: "ps123", uid: "u" } };
  await expect(machines(tenant).patchStatus(served, "box", forged)).rejects.toThrow(/cannot patch resource/);
  await expect(machines(installed.admin).patchStatus(served, "box", forged)).rejects.toThrow(
    `the status is the operator's memory: only ${installed.user} may write it`,
  );
  const { status } = await operator.patchStatus(served, "box", { status: { id: "ps1" } });
  await expect(machines(installed.admin).patchStatus(served, "box", { status: null })).rejects.toThrow(
    "the status is the operator's memory",
  );
  // By the object itself it is never written.
  const kept = await machines(installed.admin).mergePatch(served, "box", {
    metadata: { labels: { a: "b" } },
    ...forged,
  });
  expect(kept.status).toEqual(status);
});

test("a new object brings what it likes: a restored backup and a copied manifest are not refused", async () => {
  const annotations = Object.fromEntries(GUARDED.map((name) => [name, "{}"]));
  const object = { ...manifest("copy", {}, { annotations }), status: { id: "ps1" } } as PaperspaceMachine;
  const { metadata, status } = await machines(tenant).create(served, object);
  expect(metadata.annotations).toEqual(annotations);
  expect(status?.id).toBeUndefined();
});

test("exempt users write all of it, such as a backup that restores in place", async () => {
  for (const annotation of GUARDED) await annotated(backup, { [annotation]: "{}" });
  const { status } = await machines(backup).patchStatus(served, "box", { status: { id: "ps2" } });
  expect(status).toMatchObject({ id: "ps2" });
  await own(Object.fromEntries(GUARDED.map((name) => [name, null])));
});

test("what users may write they go on writing: every other annotation, spec, scale and finalizers", async () => {
  const { record, createPending, released, ...free } = ANNOTATION;
  expect([record, createPending, released]).toEqual(GUARDED);
  await annotated(tenant, Object.fromEntries(Object.values(free).map((name) => [name, "true"])));
  await annotated(tenant, Object.fromEntries(Object.values(free).map((name) => [name, null])));
  await machines(tenant).mergePatch(served, "box", { spec: { powerState: "Stopped" } });
  await deployments(tenant).create(served, deployed("web") as KubeObject);
  const scaled = await tenant.request({
    method: "PATCH",
    path: `/apis/paperspace.com/v1alpha1/namespaces/${served}/paperspacedeployments/web/scale`,
    body: { spec: { replicas: 2 } },
    contentType: "application/merge-patch+json",
  });
  expect(scaled).toMatchObject({ spec: { replicas: 2 } });
});

test("no user adds so many annotations or finalizers that the operator's writes would take too long", async () => {
  const names = Array.from({ length: 1_001 }, (_, i) => `example.com/${i}`);
  await expect(annotated(tenant, Object.fromEntries(names.map((name) => [name, ""])))).rejects.toThrow(
    "an object has at most 1000 annotations",
  );
  const { metadata } = await machines(tenant).get(served, "box");
  const finalizers = [...(metadata.finalizers ?? []), ...names];
  await expect(machines(tenant).mergePatch(served, "box", { metadata: { finalizers } })).rejects.toThrow(
    "an object has at most 1000 finalizers",
  );
});

test("the plugin releases an object by the rights of a tenant", async () => {
  await operator.mergePatch(served, "box", { metadata: { finalizers: [FINALIZER] } });
  const kubeconfig = await installed.kubeconfigOf(served, "alice");
  const args = [
    PLUGIN,
    "release",
    "psm/box",
    "--yes",
    "--force",
    `--kubeconfig=${kubeconfig}`,
    `-n=${served}`,
  ];
  const { err, out } = await runCommand(spawn(process.execPath, args), "");
  expect(out, err).toContain("psm/box released");
  expect((await operator.get(served, "box")).metadata.finalizers).toBeUndefined();
});

/** What its role cannot refuse: `patch` is of the whole object. */
const OF_USERS: [what: string, patch: object, why: RegExp][] = [
  ["the spec", CHANGED_SPEC, /the spec of no object/],
  ["a field of the spec, by its removal", { spec: { powerState: null } }, /the spec of no object/],
  ["a label", { metadata: { labels: { team: "web" } } }, /only its annotations and its own finalizer/],
  ["a label, by its removal", { metadata: { labels: null } }, /only its annotations and its own finalizer/],
  [
    "who owns it",
    {
      metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "theirs", uid: "u" }] },
    },
    /only its annotations and its own finalizer/,
  ],
  [
    "a finalizer of another, by its removal",
    { metadata: { finalizers: [FINALIZER] } },
    /only its annotations and its own finalizer/,
  ],
  [
    "a request in a user's name",
    { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } },
    /of the annotations/,
  ],
  [
    "an order to adopt in a user's name",
    { metadata: { annotations: { [ANNOTATION.adopt]: "ps1@u" } } },
    /of the annotations/,
  ],
  ["an annotation of another", { metadata: { annotations: { note: "theirs" } } }, /of the annotations/],
  [
    "an annotation of another, by its removal",
    { metadata: { annotations: { note: null } } },
    /of the annotations/,
  ],
];

describe("of an object the operator itself changes its finalizer, its annotations and the status", () => {
  let object: PaperspaceMachine;
  beforeAll(async () => {
    const theirs = {
      finalizers: ["example.org/theirs"],
      labels: { team: "ml" },
      annotations: { note: "ours" },
    };
    object = manifest("theirs", { powerState: "Stopped" }, theirs) as PaperspaceMachine;
    for (const namespace of [served, beside]) await machines(installed.admin).create(namespace, object);
  });

  test.each(OF_USERS)("it never changes %s, with its token in any hands", async (_, patch, why) => {
    await expect(operator.mergePatch(served, "theirs", patch)).rejects.toThrow(why);
    // Not served, and no less bound.
    await expect(operator.mergePatch(beside, "theirs", patch)).rejects.toThrow(why);
  });

  test("it writes and removes what is its own, and removes an order to adopt that it has carried out", async () => {
    await annotated(tenant, { [ANNOTATION.adopt]: "ps1@u" });
    const written = Object.fromEntries(GUARDED.map((name) => [name, "{}"]));
    const finalizers = ["example.org/theirs", FINALIZER];
    await operator.mergePatch(served, "theirs", { metadata: { finalizers, annotations: written } });
    const removed = Object.fromEntries(GUARDED.map((name) => [name, null]));
    const { metadata } = await operator.mergePatch(served, "theirs", {
      metadata: { finalizers: ["example.org/theirs"], annotations: removed },
    });
    expect(metadata.annotations).toEqual({ note: "ours" });
    const { metadata: box } = await own({ [ANNOTATION.adopt]: null });
    expect(box.annotations?.[ANNOTATION.adopt]).toBeUndefined();
  });

  test("by the status it changes nothing but the status", async () => {
    const forged = { ...CHANGED_SPEC, metadata: { labels: { team: "web" } }, status: { state: "off" } };
    const { spec, metadata, status } = await operator.patchStatus(served, "theirs", forged);
    expect(spec).toMatchObject(object.spec);
    expect(metadata.labels).toEqual({ team: "ml" });
    expect(status).toMatchObject({ state: "off" });
  });
});

test("a ResourceQuota limits how many machines a namespace has, as docs/install.md has it", async () => {
  const [, recipe = ""] = /```yaml\n(apiVersion: v1\nkind: ResourceQuota\n[\s\S]+?)```/.exec(install) ?? [];
  const { spec } = parse(recipe) as { spec: { hard: Record<string, string> } };
  const counted = `count/${machineDefinition.plural}.${machineDefinition.group}`;
  expect(Object.keys(spec.hard)).toContain(counted);
  const quotas = new Resource<KubeObject>(installed.admin, {
    group: "",
    version: "v1",
    plural: "resourcequotas",
    kind: "ResourceQuota",
    namespaced: true,
  });
  const quota = { metadata: { name: "paperspace" }, spec: { hard: { [counted]: "0" } } };
  await quotas.create(beside, quota as KubeObject);
  // What the quota controller does, which this control plane has not.
  await quotas.patchStatus(beside, "paperspace", { status: { ...quota.spec, used: { [counted]: "0" } } });
  await installed.enforced(
    () => machines(installed.admin).create(beside, manifest(`m-${randomUUID()}`) as PaperspaceMachine),
    /exceeded quota: paperspace, requested: count\/paperspacemachines/,
  );
});

test("objects of a namespace that the release does not serve are none of its business", async () => {
  await annotated(installed.admin, { [ANNOTATION.record]: "{}" }, beside);
});
