/**
 * Who may delete a protected object, against the real API server: the admission policy that is on by default refuses it before
 * there is a deletionTimestamp, which nobody could take back. No operator runs; its account writes the status as it would.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import { namespaceResource, Resource } from "../../src/kube/resource.ts";
import { LABEL } from "../../src/reconcile/management.ts";
import { COMPILE_MS } from "../support/helm.ts";
import { InstalledRights } from "../support/installed-rights.ts";
import { manifest } from "../support/manifest.ts";

const PROTECTED = { deletionProtection: true };
const REFUSED = /is protected from deletion/;

const machines = (kube: KubeConnection) =>
  new Resource<PaperspaceMachine>(kube, { ...machineDefinition, namespaced: true });

let installed: Awaited<ReturnType<typeof InstalledRights.install>>;
let operator: KubeConnection;
let admin: Resource<PaperspaceMachine>;
let served: string;

beforeAll(async () => {
  installed = await InstalledRights.install(1, () => ({ rbac: { scoped: true } }));
  [served = ""] = installed.served;
  operator = await installed.operator();
  admin = machines(installed.admin);
  await installed.granted(() => machines(operator).get(served, "none"));
  await installed.enforced(() => deletedAnew(PROTECTED), REFUSED);
}, COMPILE_MS);
afterAll(() => installed.close());

/** An object that owns a machine, as its status says. */
async function owning(name: string, spec: Record<string, unknown>): Promise<void> {
  await admin.create(served, manifest(name, spec) as PaperspaceMachine);
  await machines(operator).patchStatus(served, name, { status: { id: "ps1", observedGeneration: 1 } });
}

let made = 0;
/** Another object each time: one whose deletion is let in, since the API server lags, is gone. */
async function deletedAnew(spec: Record<string, unknown>): Promise<void> {
  const name = `probe-${made++}`;
  await owning(name, spec);
  await admin.delete(served, name);
}

const label = (value: string | null) =>
  namespaceResource(installed.admin).mergePatch("", served, {
    metadata: { labels: { [LABEL.deletionProtection]: value } },
  });

test("the scoped operator reads the labels of the namespace that it serves, and of no other", async () => {
  const { metadata } = await namespaceResource(operator).get("", served);
  expect(metadata.name).toBe(served);
  await expect(namespaceResource(operator).get("", installed.namespace)).rejects.toThrow(
    /cannot get resource/,
  );
  await expect(namespaceResource(operator).list()).rejects.toThrow(/cannot list resource/);
});

test("a protected object is not deleted, and the refusal has the commands that lift it", async () => {
  await owning("box", PROTECTED);
  const lifted = `kubectl -n ${served} patch paperspacemachines box --type merge -p '{"spec":{"deletionProtection":false}}'`;
  await expect(admin.delete(served, "box")).rejects.toThrow(lifted);
  await expect(admin.delete(served, "box")).rejects.toThrow('{"spec":{"deletionPolicy":"Orphan"}}');
  await admin.mergePatch(served, "box", { spec: { deletionProtection: false } });
  await admin.delete(served, "box");
});

test("an object that leaves its machine, or owns none, is deleted all the same", async () => {
  await owning("orphan", { ...PROTECTED, deletionPolicy: "Orphan" });
  await admin.delete(served, "orphan");
  await admin.create(served, manifest("new", PROTECTED) as PaperspaceMachine);
  await admin.delete(served, "new");
});

test("the label of the namespace protects what says nothing itself, and false lifts it", async () => {
  await owning("open", { deletionProtection: false });
  await label("true");
  await installed.enforced(() => deletedAnew({}), REFUSED);
  await admin.delete(served, "open");
  await label(null);
  await expect.poll(() => deletedAnew({}).then(() => "deleted", String)).toBe("deleted");
});
