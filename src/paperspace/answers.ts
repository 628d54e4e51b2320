/**
 * How an answer is read by its schema: a field that does not fit is left out of a resource and named there, so that one odd
 * field costs that field only. What a missing field means is up to the caller; HTTP is in transport.ts.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";

/** Names of the fields that were left out, because they did not have the type of the schema. */
export interface Unreadable {
  readonly unreadable?: readonly string[];
}

// Never, so that a field of this name in an answer is replaced.
const UNREADABLE = Type.Optional(Type.Unsafe<readonly string[]>(Type.Never()));

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

export function readAnswer<S extends TSchema>(schema: S, answer: unknown): Reading<Static<S>> {
  const unreadable = new Set<string>();
  const value = read(schema, answer, [], unreadable);
  if (value !== undefined) return { fits: true, value: value as Static<S>, unreadable: [...unreadable] };
  const [first] = Value.Errors(schema, answer);
  const where = first ? `${first.instancePath || "the answer"} ${first.message}` : "its shape does not fit";
  return { fits: false, where };
}

/** Undefined, which no JSON is, where it does not fit. */
function read(schema: TSchema, value: unknown, path: readonly string[], unreadable: Set<string>): unknown {
  const fits: boolean = Value.Check(schema, value);
  if (fits) return value;
  const { anyOf, items, properties } = schema as { anyOf?: TSchema[]; items?: TSchema; properties?: object };
  if (anyOf) {
    for (const variant of anyOf) {
      const one = read(variant, value, path, unreadable);
      if (one !== undefined) return one;
    }
    return undefined;
  }
  if (items && Array.isArray(value)) {
    const all = value.map((item) => read(items, item, path, unreadable));
    return all.includes(undefined) ? undefined : all;
  }
  return properties && isObject(value) ? readFields(schema as TObject, value, path, unreadable) : undefined;
}

function readFields(
  schema: TObject,
  value: Record<string, unknown>,
  path: readonly string[],
  unreadable: Set<string>,
): Record<string, unknown> | undefined {
  const { needed } = schema as { needed?: readonly string[] };
  const fields = { ...value };
  const odd: string[] = [];
  delete fields.unreadable;
  for (const [name, field] of Object.entries<TSchema>(schema.properties)) {
    if (name === "unreadable") continue;
    const isGiven = Object.hasOwn(value, name);
    if (!isGiven && Type.IsOptional(field)) continue;
    const one = isGiven ? read(field, value[name], [...path, name], unreadable) : undefined;
    if (one !== undefined) {
      fields[name] = one;
      continue;
    }
    if (needed === undefined || needed.includes(name)) return undefined;
    const { default: instead } = field as { default?: unknown };
    if (instead === undefined) delete fields[name];
    else fields[name] = instead;
    odd.push(name);
    unreadable.add([...path, name].join("."));
  }
  return odd.length > 0 ? { ...fields, unreadable: odd } : fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
