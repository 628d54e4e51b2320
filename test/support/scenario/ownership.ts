/**
 * Who owns which resource, by what happened and not by what objects claim: the object whose create made it, or the first
 * that recorded it in its status while it had no owner. A judge of the whole trace: nothing is touched by an object that does not own it,
 * no attempt makes two, and nothing that an object owned is left when the object goes.
 */

import type { KubeObject } from "../../../src/kube/objects.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import type { FakeEvent } from "../fake-kube.ts";
import type { Resource } from "./kind.ts";
import type { Act, Trace } from "./trace.ts";

export interface OwnershipOptions {
  /** Plural of the kind in paths of the Paperspace API: `machines`. */
  plural: string;
  trace: Pick<Trace, "acts">;
  resources(): Resource[];
  /** Whether users take the finalizers off the objects of this namespace. */
  isHostile(namespace: string): boolean;
  report(violation: string): void;
}

interface Owner {
  uid: string;
  key: string;
}

export class OwnershipJudge {
  readonly #options: OwnershipOptions;
  /** By id. A resource without an owner was made in the console, or its owner let it go. */
  readonly #owners = new Map<string, Owner>();
  readonly #known = new Set<string>();
  /** By UID: the id that the status has had last. */
  readonly #recorded = new Map<string, string>();
  readonly #fruitful = new WeakSet<Act>();
  /** UIDs of objects that have ever declared a Secret for the access to a desktop. */
  readonly #declaresDesktop = new Set<string>();

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** Whether nobody has to take this resource away: it has no owner. */
  isFree(id: string): boolean {
    return !this.#owners.has(id);
  }

  /** To be called whenever resources may have been made. */
  scan(): void {
    for (const { id, attempt } of this.#options.resources()) {
      if (this.#known.has(id)) continue;
      this.#known.add(id);
      const maker = [...this.#options.trace.acts].find(
        (act) => act.attempt !== undefined && act.attempt === attempt,
      );
      if (!maker) continue;
      const { uid, key } = maker;
      if (this.#fruitful.has(maker))
        this.#options.report(`one attempt of ${key} makes a second one: ${attempt}`);
      this.#fruitful.add(maker);
      const alive = [...this.#owners].filter(([other, owner]) => owner.uid === uid && this.#isAlive(other));
      if (alive.length > 0)
        this.#options.report(
          `${key} owns ${alive.map(([other]) => other).join(", ")} and makes ${id} besides`,
        );
      this.#owners.set(id, { uid, key });
    }
  }

  actBegins({ what, key, uid, id }: Act): void {
    this.scan();
    if (id === undefined) return;
    const owner = this.#owners.get(id);
    if (owner === undefined && this.#known.has(id)) this.#owners.set(id, { uid, key });
    else if (owner !== undefined && owner.uid !== uid)
      this.#options.report(
        `${key} (${uid}) does ${what} to ${id}, which is owned by ${owner.key} (${owner.uid})`,
      );
  }

  /** An operator sends this to Paperspace. */
  sending(method: string, path: string): void {
    this.scan();
    const [, plural, id, rest] = /^\/v1\/([a-z-]+)\/([^/?]+)([^?]*)/.exec(path) ?? [];
    if (plural !== this.#options.plural || id === undefined) return;
    // Who reads the desktop's password has the machine. It is read in the background, for whoever declares it.
    if (method === "GET" && rest !== "/desktop") return;
    if (method === "GET" && this.#declaresDesktop.has(this.#owners.get(id)?.uid ?? "")) return;
    if (![...this.#options.trace.acts].some((act) => act.id === id))
      this.#options.report(`${method} ${path} is sent, and no object that owns it acts`);
  }

  /** An object changed; `byUser`: by another actor than an operator. */
  changed({ type, object }: FakeEvent, byUser: boolean): void {
    const { metadata, spec, status } = object as ManagedObject & { spec: { desktopSecretRef?: object } };
    const { uid = "", namespace = "", name } = metadata;
    if (spec.desktopSecretRef) this.#declaresDesktop.add(uid);
    // Users write what they like into the annotations of their objects, and nothing into the status.
    const { id } = status?.uid === uid ? status : {};
    if (!byUser && type !== "DELETED") {
      this.scan();
      this.#letGo({ uid, key: `${namespace}/${name}` }, id, metadata.annotations?.[ANNOTATION.adopt]);
      if (id !== undefined && this.#known.has(id) && !this.#owners.has(id))
        this.#owners.set(id, { uid, key: `${namespace}/${name}` });
    }
    if (type !== "DELETED") return;
    for (const [id, owner] of this.#owners) {
      if (owner.uid !== uid) continue;
      const isFreed = spec.deletionPolicy === "Orphan" || this.#options.isHostile(namespace);
      if (isFreed) this.#owners.delete(id);
      else if (this.#isAlive(id)) this.#options.report(`${owner.key} is gone, and its ${id} is still there`);
    }
  }

  /** What an operator has recorded stays recorded while it is there, unless the user orders to own another one instead. */
  #letGo({ uid, key }: Owner, id: string | undefined, order: string | undefined): void {
    const former = this.#recorded.get(uid);
    if (id === undefined) this.#recorded.delete(uid);
    else this.#recorded.set(uid, id);
    if (former === undefined || former === id || this.#owners.get(former)?.uid !== uid) return;
    if (order?.endsWith(`@${uid}`) && !order.startsWith(former)) this.#owners.delete(former);
    else if (this.#isAlive(former)) this.#options.report(`${key} has no record of ${former} any more`);
  }

  /** A Secret changed: the access to a desktop is in one of the machine's owner, and in no other. */
  secretChanged({ object: { metadata, data = {} } }: { object: KubeObject & { data?: object } }): void {
    const values = Object.values(data).map((value) => Buffer.from(String(value), "base64").toString());
    const ids = values.flatMap((value) => /^sim-([a-z0-9]+)(-\d+)?$/.exec(value)?.[1] ?? []);
    for (const id of ids.filter((one) => this.#known.has(one))) {
      const owner = this.#owners.get(id);
      if (!owner || !metadata.ownerReferences?.some(({ uid }) => uid === owner.uid))
        this.#options.report(`Secret ${metadata.namespace}/${metadata.name} has the access to ${id}`);
    }
  }

  #isAlive(id: string): boolean {
    return this.#options.resources().some((resource) => resource.id === id && resource.isAlive);
  }
}
