/**
 * Who owns which resource, by what happened and not by what objects claim: the object whose create made it, or the first
 * that recorded it while it had no owner. A judge of the whole trace: nothing is touched by an object that does not own it,
 * no attempt makes two, and nothing that an object owned is left when the object goes.
 */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { parseRecord } from "../../../src/reconcile/record.ts";
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
  readonly #fruitful = new WeakSet<Act>();

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
    // Who reads the desktop's password has the machine.
    if (method === "GET" && rest !== "/desktop") return;
    if (![...this.#options.trace.acts].some((act) => act.id === id))
      this.#options.report(`${method} ${path} is sent, and no object that owns it acts`);
  }

  /** An object changed; `byUser`: by another actor than an operator. */
  changed({ type, object }: FakeEvent, byUser: boolean): void {
    const { metadata, spec } = object as ManagedObject;
    const { uid = "", namespace = "", name } = metadata;
    const record = parseRecord(metadata);
    if (!byUser && record.state === "read" && record.value.uid === uid && type !== "DELETED") {
      this.scan();
      const { id } = record.value;
      if (this.#known.has(id) && !this.#owners.has(id))
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

  #isAlive(id: string): boolean {
    return this.#options.resources().some((resource) => resource.id === id && resource.isAlive);
  }
}
