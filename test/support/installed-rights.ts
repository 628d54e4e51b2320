/**
 * A release of the chart in the control plane of the whole run, without its pod: its account, its roles and its admission
 * policies, and connections of its ServiceAccount and of lesser users. What is installed is bound to namespaces of its own,
 * since other suites run beside it.
 */
import { randomBytes } from "node:crypto";
import { inject, vi } from "vitest";
import { kubeconfigFor } from "../../dev/control-plane/kubeconfig.ts";
import { systemClock } from "../../src/base/clock.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import { isForbidden, isNotFound } from "../../src/kube/errors.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource, type ResourceType, SECRETS } from "../../src/kube/resource.ts";
import { KINDS } from "../../src/registry.ts";
import { Helm, objectsIn, type Rendered, type Values } from "./helm.ts";
import { createAll, typeOf } from "./operator-rights.ts";

const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
const INSTALLED = /^(ServiceAccount|(Cluster)?Role(Binding)?|ValidatingAdmissionPolicy(Binding)?)$/;
/** What may have a finalizer. */
const HELD = [SECRETS, ...KINDS.map(({ definition }) => ({ ...definition, namespaced: true }))];
/** The API server compiles a policy in its own time. */
const TAKES = { timeout: 60_000, interval: 50 };

export class InstalledRights {
  readonly admin: KubeConnection;
  /** Where the release is. */
  readonly namespace: string;
  /** The operator as the API server names it. */
  readonly user: string;
  readonly objects: readonly Rendered[];
  readonly #connections: KubeConnection[] = [];
  readonly #namespaces: string[] = [];

  private constructor(admin: KubeConnection, namespace: string, objects: readonly Rendered[]) {
    this.admin = admin;
    this.namespace = namespace;
    this.objects = objects;
    const account = objects.find(({ kind }) => kind === "ServiceAccount");
    this.user = `system:serviceaccount:${namespace}:${account?.metadata.name}`;
    this.#connections.push(admin);
    this.#namespaces.push(namespace);
  }

  /** `valuesOf` gets the namespaces, which exist, so that the values can name them. */
  static async install(
    namespaces: number,
    valuesOf: (...namespaces: string[]) => Values,
  ): Promise<InstalledRights & { readonly served: readonly string[] }> {
    const admin = await connect({ kubeconfig: inject("kubeconfig"), clock: systemClock });
    const names = Array.from({ length: namespaces + 1 }, () => `s-${randomBytes(4).toString("hex")}`);
    for (const name of names)
      await new Resource<KubeObject>(admin, NAMESPACES).create("", { metadata: { name } });
    const [namespace = "", ...served] = names;
    const helm = await Helm.find();
    const rendered = objectsIn(
      await helm.template(
        { crds: { enabled: false }, watchNamespaces: served, ...valuesOf(...served) },
        { namespace },
      ),
    );
    const objects = rendered.filter(({ kind }) => INSTALLED.test(kind));
    await createAll(admin, objects);
    const installed = new InstalledRights(admin, namespace, objects);
    installed.#namespaces.push(...served);
    return Object.assign(installed, { served });
  }

  /** A connection of the release's ServiceAccount. */
  operator(): Promise<KubeConnection> {
    return this.as(this.user);
  }

  operatorKubeconfig(): Promise<string> {
    return kubeconfigFor(inject("kubeconfig"), this.user);
  }

  /** A user who has a ClusterRole in one namespace. */
  async account(namespace: string, name: string, clusterRole: string): Promise<KubeConnection> {
    const metadata = { name, namespace };
    const user = { apiVersion: "v1", kind: "ServiceAccount", metadata };
    const apiGroup = "rbac.authorization.k8s.io";
    const binding = {
      apiVersion: `${apiGroup}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup, kind: "ClusterRole", name: clusterRole },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    };
    await createAll(this.admin, [user, binding]);
    return this.as(`system:serviceaccount:${namespace}:${name}`);
  }

  /** Of a ServiceAccount that exists. */
  kubeconfigOf(namespace: string, name: string): Promise<string> {
    return kubeconfigFor(inject("kubeconfig"), `system:serviceaccount:${namespace}:${name}`);
  }

  async as(user: string): Promise<KubeConnection> {
    const kubeconfig = await kubeconfigFor(inject("kubeconfig"), user);
    const connection = await connect({ kubeconfig, clock: systemClock });
    this.#connections.push(connection);
    return connection;
  }

  /** Resolves once a write that a policy forbids is refused: rights and policies take effect with a delay. */
  async enforced(write: () => Promise<unknown>, by: RegExp): Promise<void> {
    await vi.waitFor(async () => {
      const error = await write().then(
        () => new Error("not refused"),
        (thrown: unknown) => thrown,
      );
      if (!isForbidden(error) || !by.test(error.message)) throw error;
    }, TAKES);
  }

  /** Resolves once a read that a role allows succeeds. */
  async granted(read: () => Promise<unknown>): Promise<void> {
    await vi.waitFor(async () => {
      await read().catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }, TAKES);
  }

  /** So that the namespace can end. */
  async #unhold(type: ResourceType, namespace: string): Promise<void> {
    const resource = new Resource<KubeObject>(this.admin, type);
    const { items } = await resource.list({ namespace });
    for (const { metadata } of items)
      if (metadata.finalizers?.length)
        await resource.mergePatch(namespace, metadata.name, { metadata: { finalizers: null } });
  }

  async close(): Promise<void> {
    for (const object of [...this.objects].reverse())
      await new Resource<KubeObject>(this.admin, typeOf(object))
        .delete(object.metadata.namespace ?? "", object.metadata.name)
        .catch(() => {});
    for (const name of this.#namespaces) {
      for (const type of HELD) await this.#unhold(type, name);
      await new Resource<KubeObject>(this.admin, NAMESPACES).delete("", name).catch(() => {});
    }
    for (const connection of this.#connections) await connection.close();
  }
}
