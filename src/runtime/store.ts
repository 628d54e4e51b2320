/**
 * The local copy of one kind, by key. It decides which versions are new and which changes they make; fetching and notifying
 * handlers is up to the reflector.
 */
import { compareVersions, type KubeObject, keyOf, type ObjectKey } from "../kube/objects.ts";

/** What changed, with the objects before and after. Objects are shared and MUST NOT be changed. */
export type StoreChange<T> =
  | { readonly type: "added"; readonly object: T; readonly initial: boolean }
  | { readonly type: "updated"; readonly old: T; readonly object: T }
  | { readonly type: "deleted"; readonly object: T };

interface Entry<T> {
  object: T;
  /** Versions of our own writes that the watch has not reached yet, oldest first. */
  ownVersions: string[];
  /** The object before those writes: the old object of a foreign change that they overtook. */
  before: T | undefined;
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** A value by which objects are found, as an indexer of client-go: undefined where an object has none. */
export type IndexBy<T> = (object: T) => string | undefined;

/** What is held of an object, as a TransformFunc of client-go. Of what it has returned it MUST return the same. */
export type Transform<T> = (object: T) => T;

export class Store<T extends KubeObject> {
  readonly #entries = new Map<ObjectKey, Entry<T>>();
  readonly #indexBy: IndexBy<T> | undefined;
  readonly #transform: Transform<T>;
  /** Keys by the value of the index. */
  readonly #index = new Map<string, Set<ObjectKey>>();

  constructor(indexBy?: IndexBy<T>, transform: Transform<T> = (object) => object) {
    this.#indexBy = indexBy;
    this.#transform = transform;
  }

  /** What this store holds of an object, for those that gather many before they put them in. */
  held(object: T): T {
    return this.#transform(strip(object));
  }

  get(key: ObjectKey): T | undefined {
    return this.#entries.get(key)?.object;
  }

  /** All objects; the array is the caller's. */
  list(): T[] {
    return Array.from(this.#entries.values(), (entry) => entry.object);
  }

  /** The objects with this value of the index. Throws where the store has none. */
  indexed(value: string): T[] {
    if (!this.#indexBy) throw new Error("this store has no index");
    const found: T[] = [];
    for (const key of this.#index.get(value) ?? []) {
      const object = this.get(key);
      if (object) found.push(object);
    }
    return found;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Makes the copy equal to a complete list, and returns what that changed. With `namespace` the list is complete for
   * that namespace alone; `initial` marks the additions as those of a first list; `areHeld`: `held` has returned each item.
   */
  replace(
    items: readonly T[],
    options: { namespace?: string; initial?: boolean; areHeld?: boolean } = {},
  ): StoreChange<T>[] {
    const changes: StoreChange<T>[] = [];
    const listed = new Set(items.map(keyOf));
    for (const [key, { object }] of this.#entries) {
      const covered = options.namespace === undefined || object.metadata.namespace === options.namespace;
      if (!covered || listed.has(key)) continue;
      this.#drop(key);
      changes.push({ type: "deleted", object });
    }
    const from = { listed: true, initial: options.initial ?? false };
    for (const item of items) {
      const object = options.areHeld ? item : this.held(item);
      for (const change of this.#put(object, from)) changes.push(change);
    }
    return changes;
  }

  /** Applies an object of the watch: no change when it is not newer, two when the name now belongs to another UID. */
  upsert(object: T): StoreChange<T>[] {
    return this.#put(this.held(object), { listed: false, initial: false });
  }

  /** Applies a deletion of the watch; `object` is the last state as reported by the server. */
  remove(object: T): StoreChange<T>[] {
    const key = keyOf(object);
    const entry = this.#entries.get(key);
    if (!entry) return [];
    const same = entry.object.metadata.uid === object.metadata.uid;
    if (!same && compareAge(object, entry.object) <= 0) return [];
    this.#drop(key);
    return [{ type: "deleted", object: same ? this.held(object) : entry.object }];
  }

  /**
   * Applies the answer to our own write, so that the next pass sees it without waiting for the watch. No handler is
   * notified, neither now nor when the watch brings the same version. An object that is not in the store is not added: it
   * is gone, or the watch has not reached it yet.
   *
   * `base` is the object on whose version the write was conditional. It MUST be given wherever it may be newer than the
   * store: a write that changes nothing is answered with the version of the last writer, and that is then no write of
   * ours.
   */
  observeWrite(object: T, base?: T): void {
    const entry = this.#entries.get(keyOf(object));
    if (!entry || entry.object.metadata.uid !== object.metadata.uid) return;
    if (compareAge(object, entry.object) <= 0 || (base && compareAge(object, base) <= 0)) return;
    const held = this.held(object);
    entry.before ??= entry.object;
    entry.ownVersions.push(object.metadata.resourceVersion ?? "");
    this.#reindex(entry.object, held);
    entry.object = held;
  }

  #hold(key: ObjectKey, object: T): void {
    this.#reindex(this.get(key), object);
    this.#entries.set(key, { object, ownVersions: [], before: undefined });
  }

  #drop(key: ObjectKey): void {
    this.#reindex(this.get(key), undefined);
    this.#entries.delete(key);
  }

  #reindex(before: T | undefined, after: T | undefined): void {
    const from = before && this.#indexBy?.(before);
    const to = after && this.#indexBy?.(after);
    if (from === to) return;
    if (before && from !== undefined) {
      const keys = this.#index.get(from);
      keys?.delete(keyOf(before));
      if (keys?.size === 0) this.#index.delete(from);
    }
    if (after && to !== undefined) this.#index.set(to, (this.#index.get(to) ?? new Set()).add(keyOf(after)));
  }

  #put(object: T, from: { listed: boolean; initial: boolean }): StoreChange<T>[] {
    const key = keyOf(object);
    const entry = this.#entries.get(key);
    if (!entry) {
      this.#hold(key, object);
      return [{ type: "added", object, initial: from.initial }];
    }
    const newer = compareAge(object, entry.object);
    if (entry.object.metadata.uid !== object.metadata.uid) {
      if (newer <= 0) return [];
      const former = entry.object;
      this.#hold(key, object);
      return [
        { type: "deleted", object: former },
        { type: "added", object, initial: false },
      ];
    }
    if (newer > 0) {
      const old = entry.object;
      this.#hold(key, object);
      return [{ type: "updated", old, object }];
    }
    return this.#notNewer(entry, object.metadata.resourceVersion ?? "", from.listed);
  }

  /**
   * The watch (or a list) reached a version that is not newer than our own writes. If that version is ours, it is no
   * change. If it is foreign, it is: our answers carry its content, but no handler was notified. A list skips versions,
   * any of which may have been foreign.
   */
  #notNewer(entry: Entry<T>, version: string, listed: boolean): StoreChange<T>[] {
    const { before, ownVersions } = entry;
    if (before === undefined) return [];
    const foreign = listed || !ownVersions.includes(version);
    entry.ownVersions = ownVersions.filter((written) => compareVersions(written, version) > 0);
    entry.before = entry.ownVersions.length === 0 ? undefined : foreign ? entry.object : before;
    return foreign ? [{ type: "updated", old: before, object: entry.object }] : [];
  }
}

/** Positive when `a` is newer than `b`. */
function compareAge(a: KubeObject, b: KubeObject): number {
  return compareVersions(a.metadata.resourceVersion, b.metadata.resourceVersion);
}

/** Drops what is never read and would take half of the memory. */
function strip<T extends KubeObject>(object: T): T {
  const { metadata } = object;
  delete metadata.managedFields;
  const applied = metadata.annotations?.[LAST_APPLIED];
  if (applied === undefined) return object;
  metadata.droppedAnnotationBytes = LAST_APPLIED.length + Buffer.byteLength(applied);
  delete metadata.annotations?.[LAST_APPLIED];
  return object;
}
