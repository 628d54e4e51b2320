/**
 * What a real API server does to objects, in memory: versions, preconditions, generation, the status subresource,
 * finalizers. How requests come in is in fake-kube.ts.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../src/base/clock.ts";
import { KubeError } from "../../src/kube/errors.ts";
import { type KubeObject, type ObjectMeta, toTime } from "../../src/kube/objects.ts";
import { EVENTS, LEASES, NAMESPACES, type ResourceType, SECRETS } from "../../src/kube/resource.ts";

export interface FakeType extends ResourceType {
  /** Has /status, so that status and the rest are written apart. Default true, as our kinds have it. */
  status?: boolean;
  /** Counts metadata.generation. Default true. */
  generation?: boolean;
  /** What the schema defaults status to. */
  defaultStatus?: unknown;
}

const plain = { status: false, generation: false };

export const NAMESPACE_TYPE: FakeType = { ...NAMESPACES, ...plain };

export const BUILT_IN: readonly FakeType[] = [
  NAMESPACE_TYPE,
  { ...SECRETS, ...plain },
  { ...LEASES, ...plain },
  { ...EVENTS, ...plain },
  { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true, ...plain },
];

export interface FakeEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly of: FakeType;
  readonly version: number;
  readonly object: KubeObject;
}

/** Stored objects are never changed in place, so that events and snapshots may share them. */
interface Stored {
  readonly of: FakeType;
  readonly object: KubeObject;
}

export interface Backup {
  readonly version: number;
  readonly objects: ReadonlyMap<string, Stored>;
}

export class FakeStorage {
  readonly #clock: Clock;
  readonly #onEvent: (event: FakeEvent) => void;
  #objects = new Map<string, Stored>();
  #uids = 0;
  /** The version of the last write. */
  version = 100;
  /** Watches from before this version are answered with 410. */
  compacted = 0;
  readonly events: FakeEvent[] = [];

  constructor(clock: Clock, onEvent: (event: FakeEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  find(of: FakeType, namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(path(of, namespace, name))?.object;
  }

  get(of: FakeType, namespace: string, name: string): KubeObject {
    const object = this.find(of, namespace, name);
    if (!object) throw answer(404, "NotFound", `${of.plural} "${name}" not found`);
    return object;
  }

  /** In the order of their keys, as etcd returns them. */
  list(of: FakeType, namespace?: string): KubeObject[] {
    return Array.from(this.#objects.entries())
      .filter(([, stored]) => stored.of.group === of.group && stored.of.plural === of.plural)
      .filter(([, { object }]) => namespace === undefined || object.metadata.namespace === namespace)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => object);
  }

  create(of: FakeType, namespace: string, body: KubeObject): KubeObject {
    const name = body.metadata?.name;
    if (!name)
      throw answer(422, "Invalid", "metadata.name: Required value: name or generateName is required");
    if ((body.metadata.namespace ?? namespace) !== namespace) {
      throw answer(
        400,
        "BadRequest",
        "the namespace of the object does not match the namespace of the request",
      );
    }
    if (this.find(of, namespace, name)) {
      throw answer(409, "AlreadyExists", `${of.plural} "${name}" already exists`);
    }
    const { deletionTimestamp: _, ...metadata } = body.metadata;
    const { status: given, ...rest } = body;
    const status = of.status === false ? given : of.defaultStatus;
    const made = {
      ...rest,
      metadata: {
        ...metadata,
        ...(of.namespaced ? { namespace } : {}),
        uid: uid(++this.#uids),
        creationTimestamp: toTime(this.#clock.now()),
        ...(of.generation === false ? {} : { generation: 1 }),
      },
      ...(status === undefined ? {} : { status }),
    };
    return this.#store("ADDED", of, asOnTheWire(made));
  }

  patch(of: FakeType, namespace: string, name: string, patch: KubeObject, subresource = ""): KubeObject {
    const current = this.get(of, namespace, name);
    // As the real one does it: first the version, which is a conflict; then the UID, as an immutable field.
    precondition(current, { ...patch.metadata, uid: undefined } as Partial<ObjectMeta>);
    const { uid } = patch.metadata ?? {};
    if (uid && uid !== current.metadata.uid) throw immutable("metadata.uid", uid);
    return this.#update(of, current, mergePatch(current, patch) as KubeObject, subresource);
  }

  replace(of: FakeType, namespace: string, name: string, next: KubeObject, subresource = ""): KubeObject {
    const current = this.get(of, namespace, name);
    if (!next.metadata?.resourceVersion) {
      throw answer(
        422,
        "Invalid",
        "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
      );
    }
    precondition(current, next.metadata);
    return this.#update(of, current, next, subresource);
  }

  /** Undefined when the object is gone at once. */
  delete(
    of: FakeType,
    namespace: string,
    name: string,
    conditions?: Partial<ObjectMeta>,
  ): KubeObject | undefined {
    const current = this.get(of, namespace, name);
    precondition(current, conditions);
    const { metadata } = current;
    if (!metadata.finalizers?.length) {
      this.#remove(of, current);
      return undefined;
    }
    if (metadata.deletionTimestamp) return current;
    return this.#store("MODIFIED", of, {
      ...current,
      metadata: {
        ...metadata,
        deletionTimestamp: toTime(this.#clock.now()),
        deletionGracePeriodSeconds: 0,
        ...(metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }),
      },
    });
  }

  /** Looked for from the newest on: all that a long test ever wrote stays in the list. */
  eventsAfter(version: number): readonly FakeEvent[] {
    return this.events.slice(this.events.findLastIndex((event) => event.version <= version) + 1);
  }

  backup(): Backup {
    return { version: this.version, objects: new Map(this.#objects) };
  }

  /** As after an etcd restore: objects and versions go back, and no watch reports it. */
  restore(backup: Backup): void {
    this.#objects = new Map(backup.objects);
    this.version = backup.version;
    this.events.length = 0;
  }

  #update(of: FakeType, current: KubeObject, wanted: KubeObject, subresource: string): KubeObject {
    const next = subresource === "status" ? { ...current, status: wanted.status } : main(of, current, wanted);
    const settled = asOnTheWire(next);
    if (isDeepStrictEqual(settled, current)) return current;
    if (settled.metadata.deletionTimestamp && !settled.metadata.finalizers) return this.#remove(of, settled);
    return this.#store("MODIFIED", of, settled);
  }

  /** `next` is as on the wire, and may share parts with what is stored. */
  #store(type: FakeEvent["type"], of: FakeType, next: KubeObject): KubeObject {
    this.version++;
    const metadata = { ...tidy(next.metadata), resourceVersion: String(this.version) };
    const object = { ...next, metadata };
    const key = path(of, object.metadata.namespace ?? "", object.metadata.name);
    if (type === "DELETED") this.#objects.delete(key);
    else this.#objects.set(key, { of, object });
    const event = { type, of, version: this.version, object };
    this.events.push(event);
    this.#onEvent(event);
    return object;
  }

  #remove(of: FakeType, object: KubeObject): KubeObject {
    return this.#store("DELETED", of, object);
  }
}

/** The part of an update that a write to the object itself may do. */
function main(of: FakeType, current: KubeObject, wanted: KubeObject): KubeObject {
  const was = current.metadata;
  if (wanted.metadata.name !== was.name)
    throw answer(400, "BadRequest", "the name of the object does not match");
  const added = (wanted.metadata.finalizers ?? []).filter(
    (finalizer) => !was.finalizers?.includes(finalizer),
  );
  if (was.deletionTimestamp && added.length > 0) {
    const reason =
      "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
    throw answer(422, "Invalid", `${reason}, found new finalizers ${JSON.stringify(added)}`);
  }
  const { labels, annotations, finalizers, ownerReferences } = wanted.metadata;
  const metadata = tidy({ ...was, labels, annotations, finalizers, ownerReferences } as ObjectMeta);
  const next = { ...wanted, metadata, ...(of.status === false ? {} : { status: current.status }) };
  if (of.generation !== false && !isDeepStrictEqual(asOnTheWire(content(next)), content(current))) {
    metadata.generation = (was.generation ?? 0) + 1;
  }
  return next;
}

/** What generation counts: everything but metadata and status. */
function content(object: KubeObject): unknown {
  const { metadata: _, status: __, ...rest } = object;
  return rest;
}

/** Through JSON once, which drops what is undefined: so objects compare, and share nothing with what the caller has. */
function asOnTheWire<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** Empty lists and maps of metadata do not exist on the wire. */
function tidy(metadata: ObjectMeta): ObjectMeta {
  const isEmpty = (value: unknown) =>
    value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => !isEmpty(value))) as never;
}

function precondition(current: KubeObject, wanted: Partial<ObjectMeta> | undefined): void {
  const { uid: has, resourceVersion, name } = current.metadata;
  if (wanted?.uid && wanted.uid !== has) {
    throw answer(
      409,
      "Conflict",
      `Precondition failed: UID in precondition: ${wanted.uid}, UID in object: ${has}`,
    );
  }
  if (wanted?.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    const reason =
      "the object has been modified; please apply your changes to the latest version and try again";
    throw answer(409, "Conflict", `Operation cannot be fulfilled on "${name}": ${reason}`);
  }
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An error answer as the API server gives it. */
export function answer(code: number, reason: string, message: string): KubeError {
  return KubeError.fromAnswer(code, { kind: "Status", apiVersion: "v1", code, reason, message }, "fake");
}

function immutable(field: string, value: string): KubeError {
  const message = `Invalid value: "${value}": field is immutable`;
  const details = { causes: [{ reason: "FieldValueInvalid", message, field }] };
  return KubeError.fromAnswer(
    422,
    { kind: "Status", reason: "Invalid", message: `${field}: ${message}`, details },
    "fake",
  );
}

function path(of: FakeType, namespace: string, name: string): string {
  return `${of.group}/${of.plural}/${of.namespaced ? namespace : ""}/${name}`;
}

function uid(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}
