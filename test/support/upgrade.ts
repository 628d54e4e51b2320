/**
 * The upgrade of a CRD as the API server sees it: objects are stored under an earlier schema, then the schema grows. Under
 * a group and names of its own, so that no other suite's kind changes under its feet.
 */
import { vi } from "vitest";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource } from "../../src/kube/resource.ts";
import type { Schema } from "./schema-cases.ts";

/** Of the spec, before hardware, network, accessors and others were added. */
export const FIELDS_BEFORE = [
  "name",
  "machineType",
  "region",
  "templateId",
  "diskSize",
  "powerState",
  "autoShutdown",
  "autoSnapshot",
  "deletionPolicy",
  "adoptId",
  "credentialsSecretRef",
];

const CRDS = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
/** The API server takes up a changed CRD in its own time. */
const TAKES_UP = { timeout: 30_000 };

/** Fields that a spec had at some time; its status had an id. */
export function earlier(root: Schema, fields: readonly string[]): Schema {
  // Rules read fields that are not there yet, and what they let in is stored all the same.
  const schema = withoutRules(structuredClone(root));
  const { spec, status } = schema.properties ?? {};
  if (!spec || !status) throw new Error("no schema of a custom resource");
  spec.properties = only(spec.properties, fields);
  spec.required = (spec.required ?? []).filter((field) => fields.includes(field));
  status.properties = only(status.properties, ["observedGeneration", "id"]);
  return schema;
}

function withoutRules(schema: Schema): Schema {
  delete schema["x-kubernetes-validations"];
  for (const field of Object.values(schema.properties ?? {})) withoutRules(field);
  if (schema.items) withoutRules(schema.items);
  return schema;
}

function only(all: Record<string, Schema> = {}, fields: readonly string[]): Record<string, Schema> {
  return Object.fromEntries(Object.entries(all).filter(([field]) => fields.includes(field)));
}

export class Upgrade {
  readonly machines: Resource<PaperspaceMachine>;
  readonly #kube: KubeConnection;
  readonly #crds: Resource<KubeObject>;
  readonly #name: string;

  /** `group` must not be in use. */
  constructor(kube: KubeConnection, group: string) {
    const type = { group, version: "v1alpha1", plural: "storedmachines", kind: "StoredMachine" };
    this.machines = new Resource(kube, { ...type, namespaced: true });
    this.#kube = kube;
    this.#crds = new Resource<KubeObject>(kube, CRDS);
    this.#name = `${type.plural}.${group}`;
  }

  /** Resolves once the kind can be used. */
  async install(schema: Schema): Promise<void> {
    const { group, kind, plural } = this.machines.type;
    const names = { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` };
    const spec = { group, scope: "Namespaced", names, versions: this.#versions(schema) };
    await this.#crds.create("", { metadata: { name: this.#name }, spec });
    await vi.waitFor(() => this.machines.list(), TAKES_UP);
  }

  /** Resolves once `taken` does not throw any more. */
  async grow(schema: Schema, taken: () => Promise<void>): Promise<void> {
    await this.#crds.mergePatch("", this.#name, { spec: { versions: this.#versions(schema) } });
    await vi.waitFor(taken, TAKES_UP);
  }

  /** The spec that would come of an edit. What is stored stays as it was stored under the earlier schema. */
  async tried(namespace: string, name: string, spec: object): Promise<Record<string, unknown>> {
    const { group, version, plural } = this.machines.type;
    const answer = await this.#kube.request<{ spec: Record<string, unknown> }>({
      method: "PATCH",
      path: `/apis/${group}/${version}/namespaces/${namespace}/${plural}/${name}`,
      query: { dryRun: "All", fieldValidation: "Strict" },
      contentType: "application/merge-patch+json",
      body: { spec },
    });
    return answer.spec;
  }

  /** Takes its objects along. */
  async remove(): Promise<void> {
    await this.#crds.delete("", this.#name);
  }

  #versions(openAPIV3Schema: Schema): object[] {
    const { version } = this.machines.type;
    return [
      {
        name: version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema },
      },
    ];
  }
}
