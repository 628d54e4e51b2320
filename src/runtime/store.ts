/**
 * The local copy of one kind: what the API server told last, by key. It decides what is news and what is old; who
 * fetches and who is told is the reflector's business.
 */
import { compareVersions, type KubeObject, keyOf, type ObjectKey } from "../kube/objects.ts";

/** What changed, with the objects before and after. Objects are shared: nobody may change them. */
export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly initial: boolean }
  | { readonly type: "updated"; readonly old: T; readonly object: T }
  | { readonly type: "deleted"; readonly object: T };

interface Entry<T> {
  object: T;
  /** Versions of our own writes that the watch has not come to yet, oldest first. */
  own: string[];
  /** The object before those writes; a stranger's change that they overtook is told as a change from it. */
  before: T | undefined;
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export class Store<T extends KubeObject> {
  readonly #entries = new Map<ObjectKey, Entry<T>>();

  get(key: ObjectKey): T | undefined {
    return this.#entries.get(key)?.object;
  }

  /** All objects; the array is the caller's. */
  list(): T[] {
    return Array.from(this.#entries.values(), (entry) => entry.object);
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Makes the copy equal to a complete list, and returns what that changed. With `namespace` the list is complete for
   * that namespace alone; `initial` marks the additions as those of a first list.
   */
  replace(items: readonly T[], options: { namespace?: string; initial?: boolean } = {}): Change<T>[] {
    const changes: Change<T>[] = [];
    const listed = new Set(items.map(keyOf));
    for (const [key, { object }] of this.#entries) {
      const covered = options.namespace === undefined || object.metadata.namespace === options.namespace;
      if (!covered || listed.has(key)) continue;
      this.#entries.delete(key);
      changes.push({ type: "deleted", object });
    }
    for (const item of items) changes.push(...this.#put(item, { listed: true, initial: !!options.initial }));
    return changes;
  }

  /** Takes an object of the watch: no change when it is not newer, two when the name now belongs to another UID. */
  upsert(object: T): Change<T>[] {
    return this.#put(object, { listed: false, initial: false });
  }

  /** Takes a deletion of the watch; `object` is the last state as the server tells it. */
  remove(object: T): Change<T>[] {
    const key = keyOf(object);
    const entry = this.#entries.get(key);
    if (!entry) return [];
    const same = entry.object.metadata.uid === object.metadata.uid;
    if (!same && age(object, entry.object) <= 0) return [];
    this.#entries.delete(key);
    return [{ type: "deleted", object: same ? strip(object) : entry.object }];
  }

  /**
   * Takes the answer to our own write, so that the next pass sees it without waiting for the watch. No handler is told,
   * neither now nor when the watch brings the same version. An object that is not here stays away: it is gone, or not
   * ours to know yet.
   *
   * `base` is the object on whose version the write was conditional. It MUST be given wherever it may be newer than what
   * is here: a write that changes nothing is answered with the version of whoever wrote last, and that is then no write
   * of ours.
   */
  observeWrite(object: T, base?: T): void {
    const entry = this.#entries.get(keyOf(object));
    if (!entry || entry.object.metadata.uid !== object.metadata.uid) return;
    if (age(object, entry.object) <= 0 || (base && age(object, base) <= 0)) return;
    entry.before ??= entry.object;
    entry.own.push(object.metadata.resourceVersion ?? "");
    entry.object = strip(object);
  }

  #put(object: T, from: { listed: boolean; initial: boolean }): Change<T>[] {
    const key = keyOf(object);
    const entry = this.#entries.get(key);
    if (!entry) {
      this.#entries.set(key, fresh(object));
      return [{ type: "added", object, initial: from.initial }];
    }
    const newer = age(object, entry.object);
    if (entry.object.metadata.uid !== object.metadata.uid) {
      if (newer <= 0) return [];
      this.#entries.set(key, fresh(object));
      return [
        { type: "deleted", object: entry.object },
        { type: "added", object, initial: false },
      ];
    }
    if (newer > 0) {
      this.#entries.set(key, fresh(object));
      return [{ type: "updated", old: entry.object, object }];
    }
    return this.#overtaken(entry, object.metadata.resourceVersion ?? "", from.listed);
  }

  /**
   * The watch (or a list) came to a version that is not newer than what our own writes put in. If that version is ours
   * it is no news. A stranger's is: our answers carry its content, but nobody was told of it. A list has skipped
   * versions, so that any of them may have been a stranger's.
   */
  #overtaken(entry: Entry<T>, version: string, listed: boolean): Change<T>[] {
    const { before, own } = entry;
    if (before === undefined) return [];
    const stranger = listed || !own.includes(version);
    entry.own = own.filter((written) => compareVersions(written, version) > 0);
    entry.before = entry.own.length === 0 ? undefined : stranger ? entry.object : before;
    return stranger ? [{ type: "updated", old: before, object: entry.object }] : [];
  }
}

function fresh<T extends KubeObject>(object: T): Entry<T> {
  return { object: strip(object), own: [], before: undefined };
}

/** Positive when `a` is newer than `b`. */
function age(a: KubeObject, b: KubeObject): number {
  return compareVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
}

/** Drops what nobody here reads and what makes up half of the memory. */
function strip<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  delete object.metadata.annotations?.[LAST_APPLIED];
  return object;
}
