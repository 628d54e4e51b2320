/**
 * The rights under which the suites run their operators: those that the chart grants, and no others. So every missing
 * right shows. CHART_RIGHTS=scoped grants them by a Role in the served namespace instead of a ClusterRole.
 */
import { kubeconfigFor } from "../../dev/control-plane/kubeconfig.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource, type ResourceType } from "../../src/kube/resource.ts";
import { Helm, objectsIn, type Rendered } from "./helm.ts";

/** Roles of one namespace go with it, before what is in it: an operator that is scoped cannot end it then. */
export const SCOPED = process.env.CHART_RIGHTS === "scoped";

/** Stands for the served namespace while the chart is rendered, which is done once. */
const SERVED = "served-namespace";
/** Where the operator would be installed: its account and its lease are there. */
const RELEASE_NAMESPACE = "default";
const KINDS = ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

let rendered: Promise<string> | undefined;

/** A kubeconfig of an account that may do in `namespace` what the chart grants, with the lease of that name. */
export async function operatorKubeconfig(
  admin: string,
  kube: KubeConnection,
  namespace: string,
): Promise<string> {
  rendered ??= render();
  const objects = objectsIn((await rendered).replaceAll(SERVED, namespace));
  await createAll(
    kube,
    objects.filter(({ kind }) => KINDS.includes(kind)),
  );
  return kubeconfigFor(admin, `system:serviceaccount:${RELEASE_NAMESPACE}:${namespace}`);
}

async function render(): Promise<string> {
  const helm = await Helm.find();
  // The names of Secrets are those of the scenarios. What the default leaves out is test/security's.
  const rbac = { scoped: SCOPED, aggregateRoles: false, allSecrets: true, desktopSecrets: true };
  const values = { fullnameOverride: SERVED, watchNamespaces: [SERVED], rbac, crds: { enabled: false } };
  return helm.template(values, { namespace: RELEASE_NAMESPACE });
}

/** One after the other, in their order. */
export async function createAll(kube: KubeConnection, objects: readonly Rendered[]): Promise<void> {
  for (const object of objects)
    await new Resource<KubeObject>(kube, typeOf(object)).create(object.metadata.namespace ?? "", object);
}

export function typeOf({
  apiVersion,
  kind,
  metadata,
}: Pick<Rendered, "apiVersion" | "kind" | "metadata">): ResourceType {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const plural = `${kind.toLowerCase()}s`.replace(/ys$/, "ies");
  return { group, version, plural, kind, namespaced: metadata.namespace !== undefined };
}
