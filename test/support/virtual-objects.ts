/** The objects of one kind in a cluster in memory, as kubectl would handle them. */
import type { ObjectMeta } from "../../src/kube/objects.ts";
import type { KindDefinition, ManagedObject } from "../../src/reconcile/managed.ts";
import type { FakeKube, FakeType } from "./fake-kube.ts";
import type { VirtualWorld } from "./virtual-world.ts";

export const NAMESPACE = "default";

export function typeOf({ group, version, plural, kind }: KindDefinition): FakeType {
  return { group, version, plural, kind, namespaced: true, defaultStatus: { observedGeneration: -1 } };
}

export class VirtualObjects<O extends ManagedObject> {
  readonly #world: () => Pick<VirtualWorld, "kube" | "until">;
  readonly #type: FakeType;
  readonly #spec: O["spec"];

  /** `spec` has the defaults of an applied one. */
  constructor(world: () => Pick<VirtualWorld, "kube" | "until">, type: FakeType, spec: O["spec"]) {
    this.#world = world;
    this.#type = type;
    this.#spec = spec;
  }

  apply(
    name: string,
    spec: Partial<O["spec"]> = {},
    metadata: Partial<ObjectMeta> = {},
    kube = this.#world().kube,
  ): void {
    const namespace = metadata.namespace ?? NAMESPACE;
    const object = { metadata: { name, namespace, ...metadata }, spec: { ...this.#spec, ...spec } };
    kube.storage.create(this.#type, namespace, object);
  }

  edit(name: string, patch: object, kube = this.#world().kube, namespace = NAMESPACE): void {
    kube.storage.patch(this.#type, namespace, name, patch as never, "");
  }

  delete(name: string, kube = this.#world().kube, namespace = NAMESPACE): void {
    kube.storage.delete(this.#type, namespace, name);
  }

  get(name: string, kube: FakeKube = this.#world().kube, namespace = NAMESPACE): O | undefined {
    return kube.storage.find(this.#type, namespace, name) as O | undefined;
  }

  condition(name: string, type: string, kube = this.#world().kube, namespace = NAMESPACE) {
    return this.get(name, kube, namespace)?.status?.conditions?.find((condition) => condition.type === type);
  }

  ready(name: string): Promise<void> {
    return this.#world().until(`${name} is Ready`, () => {
      const object = this.get(name);
      const ready = this.condition(name, "Ready");
      return ready?.status === "True" && ready.observedGeneration === object?.metadata.generation;
    });
  }

  /** Ready has this reason for the present spec. */
  reports(name: string, reason: string): Promise<void> {
    return this.#world().until(`${name} reports ${reason}`, () => {
      const ready = this.condition(name, "Ready");
      return ready?.reason === reason && ready.observedGeneration === this.get(name)?.metadata.generation;
    });
  }

  gone(name: string): Promise<void> {
    return this.#world().until(`${name} is gone`, () => this.get(name) === undefined);
  }
}
