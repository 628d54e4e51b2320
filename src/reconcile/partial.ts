/**
 * What the store holds of an object that is too large to be held: what other objects' passes, metrics and the queue read of
 * it. Its own pass reads it whole (`ObjectWriter.whole`), so that a tenant's objects fill no memory, however large.
 */
import type { Condition, ObjectMeta } from "../kube/objects.ts";
import type { ManagedObject } from "./managed.ts";
import { ANNOTATION, FINALIZER } from "./record.ts";

/** Characters of an object, as JSON, that is held whole: most have a third of that. */
const MOST_WHOLE = 16 * 1024;
/** Labels, annotations, finalizers and owners of an object that is held whole: each takes many times its characters. */
const MOST_ENTRIES = 64;
/** Characters of a field that is kept of a larger one: as of the longest annotation that is read as a record. */
const MOST_FIELD = 4 * 1024;

/** The same object where it is small. */
export function partialIfLarge<O extends ManagedObject>(object: O): O {
  const { apiVersion, kind, metadata, spec, status } = object;
  if (metadata.partial || !isLarge(object)) return object;
  return {
    ...(apiVersion !== undefined && { apiVersion }),
    ...(kind !== undefined && { kind }),
    metadata: partialMetadata(metadata),
    spec: { ...smallFields(spec ?? {}, isScalar), ...pick(spec ?? {}, "credentialsSecretRef") },
    ...(status && { status: { ...smallFields(status, () => true), ...partialLists(status) } }),
  } as unknown as O;
}

function isLarge(object: ManagedObject): boolean {
  const { labels = {}, annotations = {}, finalizers = [], ownerReferences = [] } = object.metadata;
  const lists = [Object.keys(labels), Object.keys(annotations), finalizers, ownerReferences];
  const entries = lists.reduce((sum, { length }) => sum + length, 0);
  return entries > MOST_ENTRIES || JSON.stringify(object).length > MOST_WHOLE;
}

function partialMetadata(metadata: ObjectMeta): ObjectMeta {
  const { labels: _l, ownerReferences: _o, managedFields: _m, ...kept } = metadata;
  return {
    ...kept,
    annotations: ourAnnotations(metadata.annotations),
    finalizers: (metadata.finalizers ?? []).filter((name) => name === FINALIZER),
    partial: true,
  };
}

/** One that is too long to be valid is kept as too long: it is there all the same. */
function ourAnnotations(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  const ours: Record<string, string> = {};
  for (const name of Object.values(ANNOTATION)) {
    const value = annotations[name];
    if (value !== undefined) ours[name] = value.slice(0, MOST_FIELD + 1);
  }
  return ours;
}

function smallFields(of: object, isKept: (value: unknown) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => isKept(value) && isSmall(value)));
}

/** Lists of a status that say by being there that the object has left something, or how it stands. */
function partialLists(status: object): Record<string, unknown> {
  const lists = Object.entries(status).filter(([, value]) => Array.isArray(value) && !isSmall(value));
  return Object.fromEntries(
    lists.map(([name, list]) => [name, name === "conditions" ? list.map(withoutMessage) : firstOf(list)]),
  );
}

const withoutMessage = (condition: Condition): Condition => ({ ...condition, message: "" });

function firstOf(list: readonly unknown[]): unknown[] {
  return list.slice(0, 1).filter(isSmall);
}

function pick(of: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  return of[name] !== undefined && isSmall(of[name]) ? { [name]: of[name] } : {};
}

const isScalar = (value: unknown) => typeof value !== "object";
const isSmall = (value: unknown) => JSON.stringify(value).length <= MOST_FIELD;
