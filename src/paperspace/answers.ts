/**
 * How an answer is read by its schema, which is all that is kept of it: a field that does not fit is left out of a resource
 * and named there, so that one odd field costs that field only. What a missing field means is up to the caller; HTTP is in
 * transport.ts.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { shorten } from "../base/plain-text.ts";

/** Names of the fields that were left out, because they did not have the type of the schema. */
export interface Unreadable {
  readonly unreadable?: readonly string[];
}

// Never, so that a field of this name in an answer is replaced.
const UNREADABLE = Type.Optional(Type.Unsafe<readonly string[]>(Type.Never()));

/**
 * An id, which is opaque: what a path can carry as one segment, and what stands in status as it was answered. A resource
 * with another one cannot be read, since it could be neither addressed nor found again.
 */
export const answeredId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: "^(?!\\.{1,2}$)[!-.0-\\[\\]-~]+$",
});

/** Characters that are kept of a text for people: as many as the message of a condition has. */
export const MOST_PROSE = 1_024;

/** A text for people, of any length: what is kept of it is what a status shows, since it is kept for each object and event. */
export const prose = Type.String({ maxLength: Number.MAX_SAFE_INTEGER, cutAt: MOST_PROSE });

/** Absent, null, or as given. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/**
 * The schema of a resource that is read field by field. Only `id` (or what `needed` names) has to fit. Any other field that
 * does not fit, or is missing where it is required, has its `default`, or is left out, and is named in `unreadable`: what
 * decides on it MUST take it as unknown, which is neither null nor absent.
 */
export function resource<P extends TProperties>(properties: P, needed: readonly (keyof P & string)[]) {
  return Type.Object({ ...properties, unreadable: UNREADABLE }, { needed });
}

/** Whether this field of a resource could be read; null and absent are values. */
export function isReadable({ unreadable }: Unreadable, field: string): boolean {
  return !unreadable?.includes(field);
}

export type Reading<T> =
  /** `unreadable`: paths of all fields that were left out, without indices, such as "latestSpec.error". */
  | { readonly fits: true; readonly value: T; readonly unreadable: readonly string[] }
  /** `where`: the first misfit, for a message; it quotes nothing of the answer. */
  | { readonly fits: false; readonly where: string };

/** Characters of a text of which the schema states no maximum. */
export const MOST_TEXT = 1_024;
/**
 * Characters of what the schema states nothing of, such as a stored configuration: it is kept for each object, which may
 * itself be as large in Kubernetes.
 */
export const MOST_JSON = 1024 * 1024;
/** Entries of an array of which the schema states no maximum. */
export const MOST_ENTRIES = 10_000;

/** `dropped`: names of fields that the answer had and that are not in it, since they could not be read. */
export function readAnswer<S extends TSchema>(
  given: S,
  answer: unknown,
  dropped: readonly string[] = [],
): Reading<Static<S>> {
  const schema = bounded(given);
  const unreadable = new Set<string>();
  const value = read(schema, answer, [], unreadable, dropped);
  if (value !== undefined) return { fits: true, value: value as Static<S>, unreadable: [...unreadable] };
  return {
    fits: false,
    // Of an item of a list nobody asks, and there may be many that do not fit.
    get where() {
      const [first] = Value.Errors(schema, answer);
      return first ? `${first.instancePath || "the answer"} ${first.message}` : "its shape does not fit";
    },
  };
}

/** Names of the fields that are read of an answer; undefined where all are. */
export function fieldsOf(schema: TSchema): ReadonlySet<string> | undefined {
  const { properties } = schema as { properties?: TProperties };
  return properties && new Set(Object.keys(properties));
}

/** Undefined, which no JSON is, where it does not fit. */
function read(
  schema: TSchema,
  value: unknown,
  path: readonly string[],
  unreadable: Set<string>,
  dropped: readonly string[] = [],
): unknown {
  const fits: boolean = dropped.length === 0 && Value.Check(schema, value);
  const known = fits ? onlyKnown(schema, value) : undefined;
  if (known !== undefined) return known;
  const { anyOf, items, properties } = schema as { anyOf?: TSchema[]; items?: TSchema; properties?: object };
  if (anyOf) {
    for (const variant of anyOf) {
      const one = read(variant, value, path, unreadable);
      if (one !== undefined) return one;
    }
    return undefined;
  }
  if (items && Array.isArray(value)) {
    if (value.length > ((schema as { maxItems?: number }).maxItems ?? 0)) return undefined;
    const all = value.map((item) => read(items, item, path, unreadable));
    return all.includes(undefined) ? undefined : all;
  }
  return properties && isObject(value)
    ? readFields(schema as TObject, value, path, unreadable, dropped)
    : undefined;
}

/**
 * What the schema names of a value that fits it, in the order of the schema: two readings of the same are equal texts.
 * Undefined where something that the schema states nothing of is too large.
 */
function onlyKnown(schema: TSchema, value: unknown): unknown {
  const { anyOf, items, properties, cutAt } = schema as {
    anyOf?: TSchema[];
    items?: TSchema;
    properties?: TProperties;
    cutAt?: number;
  };
  if (anyOf) {
    const variant = anyOf.find((one) => Value.Check(one, value));
    return variant ? onlyKnown(variant, value) : value;
  }
  // Half a character, as an escape in JSON can be, would be stored as another one by the API server.
  if (typeof value === "string") return shorten(value, cutAt ?? value.length).toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (items && Array.isArray(value)) {
    const all = value.map((item) => onlyKnown(items, item));
    return all.includes(undefined) ? undefined : all;
  }
  if (!properties || !isObject(value)) return value;
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name)) continue;
    fields[name] = isTooLarge(field, value[name]) ? undefined : onlyKnown(field, value[name]);
    if (fields[name] === undefined) return undefined;
  }
  return fields;
}

function readFields(
  schema: TObject,
  value: Record<string, unknown>,
  path: readonly string[],
  unreadable: Set<string>,
  dropped: readonly string[],
): Record<string, unknown> | undefined {
  const { needed } = schema as { needed?: readonly string[] };
  const fields: Record<string, unknown> = {};
  const odd: string[] = [];
  for (const [name, field] of Object.entries<TSchema>(schema.properties)) {
    if (name === "unreadable") continue;
    const isGiven = Object.hasOwn(value, name);
    if (!isGiven && !dropped.includes(name) && Type.IsOptional(field)) continue;
    const isKept = isGiven && !isTooLarge(field, value[name]);
    const one = isKept ? read(field, value[name], [...path, name], unreadable) : undefined;
    if (one !== undefined) {
      fields[name] = one;
      continue;
    }
    if (needed === undefined || needed.includes(name)) return undefined;
    const { default: instead } = field as { default?: unknown };
    if (instead !== undefined) fields[name] = instead;
    odd.push(name);
    unreadable.add([...path, name].join("."));
  }
  return odd.length > 0 ? { ...fields, unreadable: odd } : fields;
}

/** Of a field that may be anything. */
function isTooLarge(schema: TSchema, value: unknown): boolean {
  return Type.IsUnknown(schema) && sizeOf(value) > MOST_JSON;
}

/** Characters of its texts and names, and one for each value: without making its JSON, which may be of megabytes. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  let size = 1;
  for (const name in value) size += name.length + sizeOf((value as Record<string, unknown>)[name]);
  return size;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const boundedSchemas = new WeakMap<TSchema, TSchema>();

/** The same schema with a maximum for each text and each array that states none: nothing of an answer grows without one. */
function bounded<S extends TSchema>(schema: S): S {
  const known = boundedSchemas.get(schema) ?? withMaxima(schema);
  boundedSchemas.set(schema, known);
  return known as S;
}

function withMaxima(schema: TSchema): TSchema {
  // What the library knows of a schema is in properties that are not enumerable.
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as Record<
    string,
    unknown
  >;
  if (copy.type === "string") copy.maxLength ??= MOST_TEXT;
  if (copy.type === "array") copy.maxItems ??= MOST_ENTRIES;
  if (copy.items) copy.items = withMaxima(copy.items as TSchema);
  if (copy.anyOf) copy.anyOf = (copy.anyOf as TSchema[]).map(withMaxima);
  if (copy.properties)
    copy.properties = Object.fromEntries(
      Object.entries(copy.properties).map(([name, field]) => [name, withMaxima(field)]),
    );
  return copy as TSchema;
}
