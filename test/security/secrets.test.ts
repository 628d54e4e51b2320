/**
 * What the chart's ServiceAccount can do with Secrets, against the real API server: which it reads, and that it turns no right
 * to write against the cluster. No operator runs: these are the limits of an attacker who takes its pod over.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machineDefinition } from "../../src/kinds/machine/types.ts";
import { isForbidden } from "../../src/kube/errors.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { configMaps, Resource, type Secret, secrets } from "../../src/kube/resource.ts";
import { FINALIZER, kindFinalizer } from "../../src/reconcile/record.ts";
import { COMPILE_MS } from "../support/helm.ts";
import { InstalledRights } from "../support/installed-rights.ts";
import { manifest } from "../support/manifest.ts";

const KEY = "paperspace-credentials";
/** Of desktopSecretRef. */
const SCREEN = "screen";
const OTHER = "other";
const DATA = { token: "aGY=" };

type Installed = Awaited<ReturnType<typeof InstalledRights.install>>;
type Secrets = ReturnType<typeof secrets>;

/** UID of a machine in the namespace: what a missing object owns the garbage collector deletes at once. */
let machine = "5c1c7b9e-0000-4000-8000-000000000000";

const owner = (more: object = {}) => ({
  apiVersion: "paperspace.com/v1alpha1",
  kind: "PaperspaceMachine",
  name: "box",
  uid: machine,
  controller: true,
  ...more,
});

/** As the operator creates it for desktopSecretRef. */
const desktop = (metadata: object = {}, more: object = {}): Secret =>
  ({
    metadata: {
      name: SCREEN,
      labels: { "app.kubernetes.io/managed-by": "paperspace-operator" },
      ownerReferences: [owner()],
      ...metadata,
    },
    type: "Opaque",
    data: DATA,
    ...more,
  }) as Secret;

/** Secrets of users, in a namespace. */
async function fill(installed: Installed, namespace: string): Promise<void> {
  for (const name of [KEY, OTHER])
    await secrets(installed.admin).create(namespace, {
      metadata: {
        name,
        labels: { team: "ml" },
        annotations: { note: "ours" },
        finalizers: ["example.org/theirs"],
      },
      data: DATA,
    });
}

const forbidden = (call: Promise<unknown>) => expect(call).rejects.toSatisfy(isForbidden);

describe("with the default values", () => {
  let installed: Installed;
  let own: Secrets;
  let namespace: string;
  beforeAll(async () => {
    installed = await InstalledRights.install(1, () => ({ rbac: { aggregateRoles: false } }));
    [namespace = ""] = installed.served;
    await fill(installed, namespace);
    own = secrets(await installed.operator());
    await installed.granted(() => own.get(namespace, KEY));
  }, COMPILE_MS);
  afterAll(() => installed.close());

  test("it reads the Secret with the API key of every namespace, and no other: no Secret of another name, and no list", async () => {
    expect((await own.get(namespace, KEY)).data).toEqual(DATA);
    await forbidden(own.get(namespace, OTHER));
    await forbidden(own.get("kube-system", OTHER));
    await forbidden(own.list({ namespace }));
    await forbidden(own.list());
    await forbidden(own.list({ namespace, fieldSelector: `metadata.name=${OTHER}` }));
    await forbidden(own.watch({ namespace }));
  });

  test("it creates no Secret and deletes none, so that it gets no token of another account", async () => {
    await forbidden(own.create(namespace, desktop()));
    await forbidden(own.create(namespace, desktop({ name: KEY })));
    const type = "kubernetes.io/service-account-token";
    const annotations = { "kubernetes.io/service-account.name": "default" };
    await forbidden(own.create("kube-system", { metadata: { name: SCREEN, annotations }, type }));
    await forbidden(own.delete(namespace, KEY));
  });

  test("it patches the finalizer of the Secret with the API key; a Secret of another name not at all", async () => {
    const finalizers = ["example.org/theirs", FINALIZER];
    await own.mergePatch(namespace, KEY, { metadata: { finalizers } });
    await own.mergePatch(namespace, KEY, { metadata: { finalizers: ["example.org/theirs"] } });
    await forbidden(own.mergePatch(namespace, OTHER, { metadata: { finalizers } }));
  });
});

describe("with rbac.desktopSecrets", () => {
  let installed: Installed;
  let own: Secrets;
  let namespace: string;
  beforeAll(async () => {
    installed = await InstalledRights.install(1, () => ({
      rbac: { aggregateRoles: false, desktopSecrets: true, secretNames: [KEY, SCREEN] },
      admissionPolicy: { enabled: false },
    }));
    [namespace = ""] = installed.served;
    await fill(installed, namespace);
    own = secrets(await installed.operator());
    const created = await new Resource(installed.admin, { ...machineDefinition, namespaced: true }).create(
      namespace,
      manifest("box") as KubeObject,
    );
    machine = created.metadata.uid ?? "";
    await installed.enforced(
      () => own.create(namespace, desktop({ name: "probe", ownerReferences: [] })),
      /creates only Opaque Secrets/,
    );
  }, COMPILE_MS);
  afterAll(() => installed.close());

  const refused = (call: Promise<unknown>, why: RegExp) => expect(call).rejects.toThrow(why);

  test("it creates, changes and deletes the Secret of a machine's desktop", async () => {
    await own.create(namespace, desktop());
    const changed = await own.mergePatch(namespace, SCREEN, { data: { password: "aGY=", token: null } });
    expect(changed.data).toEqual({ password: "aGY=" });
    await own.delete(namespace, SCREEN);
  });

  test.each<[string, () => Secret]>([
    [
      "token of an account",
      () =>
        desktop(
          { annotations: { "kubernetes.io/service-account.name": "default" } },
          { type: "kubernetes.io/service-account-token", data: {} },
        ),
    ],
    ["bootstrap token", () => desktop({}, { type: "bootstrap.kubernetes.io/token" })],
    ["certificate", () => desktop({}, { type: "kubernetes.io/tls", data: { "tls.crt": "", "tls.key": "" } })],
    ["Secret without an owner", () => desktop({ ownerReferences: [] })],
    [
      "Secret whose owner does not control it",
      () => desktop({ ownerReferences: [owner({ controller: false })] }),
    ],
    [
      "Secret of another group's object",
      () => desktop({ ownerReferences: [owner({ apiVersion: "v1", kind: "ConfigMap" })] }),
    ],
    [
      "Secret of a group that only looks alike",
      () => desktop({ ownerReferences: [owner({ apiVersion: "paperspace.com.example.org/v1" })] }),
    ],
    [
      "Secret of a kind that writes none",
      () => desktop({ ownerReferences: [owner({ kind: "PaperspaceDeployment" })] }),
    ],
  ])("it creates no %s, with any owner", async (_, secret) => {
    await refused(own.create(namespace, secret()), /creates only Opaque Secrets/);
    await refused(own.create("kube-system", secret()), /creates only Opaque Secrets/);
  });

  test("it creates none by whose labels or annotations another controller acts, and none of a name that is not listed", async () => {
    const labels = { "argocd.argoproj.io/secret-type": "cluster" };
    await refused(own.create(namespace, desktop({ labels })), /no other label/);
    const annotations = { "tekton.dev/git-0": "https://example.org" };
    await refused(own.create(namespace, desktop({ annotations })), /no annotation/);
    await refused(own.create(namespace, desktop({ name: OTHER })), /names: paperspace-credentials, screen/);
  });

  test("it deletes nothing that no object of ours controls", async () => {
    await refused(own.delete(namespace, KEY), /deletes only/);
    const { metadata } = await configMaps(installed.admin).create(namespace, {
      metadata: { name: "theirs" },
    });
    const theirs = { apiVersion: "v1", kind: "ConfigMap", name: "theirs", uid: metadata.uid };
    for (const ownerReferences of [[owner({ controller: false })], [owner(theirs)]]) {
      await secrets(installed.admin).create(namespace, desktop({ ownerReferences }));
      await refused(own.delete(namespace, SCREEN), /deletes only/);
      await secrets(installed.admin).delete(namespace, SCREEN);
    }
  });

  test.each<[string, object, RegExp]>([
    ["its data", { data: { apiKey: "aGY=" } }, /content/],
    ["its data, by stringData", { stringData: { apiKey: "k" } }, /content/],
    ["whether it can be changed", { immutable: true }, /content/],
    ["its type", { type: "kubernetes.io/tls" }, /type/],
    ["a label", { metadata: { labels: { team: "web" } } }, /metadata/],
    ["a label, by its removal", { metadata: { labels: null } }, /metadata/],
    ["an annotation", { metadata: { annotations: { more: "yes" } } }, /metadata/],
    ["who owns it", { metadata: { ownerReferences: [owner()] } }, /metadata/],
    [
      "a finalizer of another",
      { metadata: { finalizers: ["example.org/theirs", "example.org/more"] } },
      /metadata/,
    ],
    ["a finalizer of another, by its removal", { metadata: { finalizers: [FINALIZER] } }, /metadata/],
  ])("of a Secret that it does not own it does not change %s", async (_, patch, why) => {
    await refused(own.mergePatch(namespace, KEY, patch), why);
  });

  test("of a Secret that it does not own it adds and removes its own finalizers", async () => {
    for (const ours of [[FINALIZER], [FINALIZER, kindFinalizer("paperspacemachines")], []]) {
      const finalizers = ["example.org/theirs", ...ours];
      const { metadata, data } = await own.mergePatch(namespace, KEY, { metadata: { finalizers } });
      expect(metadata.finalizers).toEqual(finalizers);
      expect(data).toEqual(DATA);
    }
  });

  test("it makes no Secret its own, and hands none of its own over", async () => {
    await own.create(namespace, desktop());
    for (const ownerReferences of [[], [owner({ uid: "5c1c7b9e-0000-4000-8000-000000000001" })]])
      await refused(own.mergePatch(namespace, SCREEN, { metadata: { ownerReferences } }), /metadata/);
    await refused(own.mergePatch(namespace, SCREEN, { metadata: { labels: { a: "b" } } }), /metadata/);
    await own.delete(namespace, SCREEN);
  });

  test("no other user is restricted", async () => {
    const admins = secrets(installed.admin);
    await admins.create(namespace, { metadata: { name: "free" }, type: "Opaque", data: DATA });
    await admins.mergePatch(namespace, "free", { data: { token: "aGg=" } });
    await admins.delete(namespace, "free");
  });
});

describe("scoped", () => {
  let installed: Installed;
  let own: Secrets;
  let served: string;
  let beside: string;
  beforeAll(async () => {
    installed = await InstalledRights.install(2, (first) => ({
      rbac: { scoped: true },
      watchNamespaces: [first],
      admissionPolicy: { enabled: false },
    }));
    [served = "", beside = ""] = installed.served;
    for (const namespace of installed.served) await fill(installed, namespace);
    own = secrets(await installed.operator());
    await installed.granted(() => own.get(served, KEY));
  }, COMPILE_MS);
  afterAll(() => installed.close());

  test("it reads any Secret of the namespaces that it serves, by its name, and none of another namespace", async () => {
    expect((await own.get(served, OTHER)).data).toEqual(DATA);
    await forbidden(own.list({ namespace: served }));
    for (const name of [KEY, OTHER]) await forbidden(own.get(beside, name));
    await forbidden(own.get(installed.namespace, OTHER));
  });

  test("it has no right in the whole cluster at all", () => {
    expect(installed.objects.filter(({ kind }) => kind.startsWith("Cluster"))).toEqual([]);
  });
});
