/**
 * Reads values by a schema. A schema is made into functions once, since each page of a list is read by it again: the schema
 * library would look at every keyword of every field each time. It knows the keywords that schemas of answers use, and
 * refuses a schema with another one, so that none is passed over.
 */
import type { TProperties, TSchema } from "../base/json-schema.ts";
import { shorten } from "../base/plain-text.ts";

/** Characters of a text of which the schema states no maximum. */
export const MOST_TEXT = 1_024;
/**
 * Characters of what the schema states nothing of, such as a stored configuration: it is kept for each object, which may
 * itself be as large in Kubernetes.
 */
export const MOST_JSON = 1024 * 1024;
/** Entries of an array of which the schema states no maximum. */
export const MOST_ENTRIES = 10_000;

/** Undefined, which no JSON is, is a value that does not fit. */
export interface ValueReader {
  /** What the schema names of a value that fits whole, in the order of the schema: two readings of the same are equal texts. */
  strict(value: unknown): unknown;
  /** The same of a value that does not fit whole, without the fields that do not, whose paths are added to `unreadable`. */
  lenient(
    value: unknown,
    path: readonly string[],
    unreadable: Set<string>,
    dropped: readonly string[],
  ): unknown;
  /** The first misfit of a value that does not fit, for a message; it quotes nothing of the value. */
  misfit(value: unknown, path?: string): string;
}

/** What a path can carry as one segment. */
export const ONE_SEGMENT = /^(?!\.{1,2}$)[!-.0-[\]-~]+$/;
/** Patterns of schemas, each compiled once. */
const PATTERNS: ReadonlyMap<string, RegExp> = new Map([[ONE_SEGMENT.source, ONE_SEGMENT]]);

/** The keywords that are read, and those that say nothing about what fits. */
const KNOWN_KEYWORDS: ReadonlySet<string> = new Set([
  ...["type", "enum", "anyOf", "not", "items", "minItems", "maxItems", "properties", "required"],
  ...["patternProperties", "minLength", "maxLength", "pattern", "cutAt"],
  ...["needed", "default", "title", "description"],
]);

interface AnswerSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly TSchema[];
  readonly not?: object;
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: TProperties;
  readonly patternProperties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly cutAt?: number;
  readonly needed?: readonly string[];
  readonly default?: unknown;
}

const readers = new WeakMap<TSchema, ValueReader>();

export function readerOf(schema: TSchema): ValueReader {
  const known = readers.get(schema) ?? compiled(schema);
  readers.set(schema, known);
  return known;
}

/** `dropped`: names of fields that the value had and that are not in it, since they could not be read. */
export function readValue(
  reader: ValueReader,
  value: unknown,
  path: readonly string[],
  unreadable: Set<string>,
  dropped: readonly string[] = [],
): unknown {
  const whole = dropped.length === 0 ? reader.strict(value) : undefined;
  return whole === undefined ? reader.lenient(value, path, unreadable, dropped) : whole;
}

/** Throws where the schema has a keyword that is not read. */
function compiled(schema: TSchema): ValueReader {
  const unknown = Object.keys(schema).find((keyword) => !KNOWN_KEYWORDS.has(keyword));
  if (unknown !== undefined)
    throw new Error(`a schema of answers has the keyword ${unknown}, which is not read`);
  const { anyOf, not, type, patternProperties } = schema as AnswerSchema;
  if (anyOf) return unionReader(anyOf.map(readerOf));
  if (not) return fieldReader("must not be", () => undefined);
  switch (type) {
    case undefined:
      return fieldReader("must be", (value) => (typeof value === "string" ? value.toWellFormed() : value));
    case "string":
      return stringReader(schema as AnswerSchema);
    case "number":
      return fieldReader("must be number", (value) => (Number.isFinite(value) ? value : undefined));
    case "integer":
      return fieldReader("must be integer", (value) => (Number.isInteger(value) ? value : undefined));
    case "boolean":
      return fieldReader("must be boolean", (value) => (typeof value === "boolean" ? value : undefined));
    case "null":
      return fieldReader("must be null", (value) => (value === null ? value : undefined));
    case "array":
      return arrayReader(schema as AnswerSchema);
    case "object":
      if (!patternProperties) return objectReader(schema as AnswerSchema);
      // A Record of anything.
      if (Object.values(patternProperties).some((of) => Object.keys(of).length > 0)) break;
      return fieldReader("must be object", (value) => (isObject(value) ? value : undefined));
  }
  throw new Error(`a schema of answers is of the type ${type}, which is not read`);
}

/** Of what fits or does not, without anything in between. */
function fieldReader(expected: string, strict: (value: unknown) => unknown): ValueReader {
  return {
    strict,
    lenient: () => undefined,
    misfit: (_, path = "") => `${path || "the answer"} ${expected}`,
  };
}

function stringReader(schema: AnswerSchema): ValueReader {
  const { minLength = 0, maxLength = MOST_TEXT, cutAt, enum: words } = schema;
  const pattern = PATTERNS.get(schema.pattern ?? "");
  if (schema.pattern !== undefined && !pattern)
    throw new Error(
      `a schema of answers has the pattern ${schema.pattern}, which is not among those that are compiled`,
    );
  const strict = (value: unknown) => {
    if (typeof value !== "string" || (words && !words.includes(value))) return undefined;
    if (value.length > maxLength && lengthOf(value) > maxLength) return undefined;
    if (minLength > 0 && lengthOf(value) < minLength) return undefined;
    if (pattern && !pattern.test(value)) return undefined;
    // Half a character, as an escape in JSON can be, would be stored as another one by the API server.
    return shorten(value, cutAt ?? value.length).toWellFormed();
  };
  return {
    ...fieldReader("must be string", strict),
    misfit: (value, path = "") =>
      `${path || "the answer"} ${typeof value === "string" ? "is too long, or not as such a text is written" : "must be string"}`,
  };
}

/** As JSON Schema counts, where a text is of many code points and of few characters. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function unionReader(variants: readonly ValueReader[]): ValueReader {
  return {
    strict: (value) => firstOf(variants, (variant) => variant.strict(value)),
    lenient: (value, path, unreadable) =>
      firstOf(variants, (variant) => readValue(variant, value, path, unreadable)),
    misfit: (value, path) => variants[0]?.misfit(value, path) ?? "",
  };
}

function firstOf(variants: readonly ValueReader[], readBy: (variant: ValueReader) => unknown): unknown {
  for (const variant of variants) {
    const one = readBy(variant);
    if (one !== undefined) return one;
  }
  return undefined;
}

function arrayReader({ items, minItems = 0, maxItems = MOST_ENTRIES }: AnswerSchema): ValueReader {
  if (!items) throw new Error("a schema of answers has an array without items");
  const item = readerOf(items);
  const all = (value: unknown, read: (one: unknown) => unknown) => {
    if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return undefined;
    const found: unknown[] = [];
    for (const one of value) {
      const known = read(one);
      if (known === undefined) return undefined;
      found.push(known);
    }
    return found;
  };
  return {
    strict: (value) => all(value, (one) => item.strict(one)),
    lenient: (value, path, unreadable) => all(value, (one) => readValue(item, one, path, unreadable)),
    misfit: (value, path = "") => {
      const n = Array.isArray(value) ? value.findIndex((one) => !isReadBy(item, one)) : -1;
      if (n < 0) return `${path || "the answer"} must be array of ${minItems} to ${maxItems} items`;
      return item.misfit((value as unknown[])[n], `${path}/${n}`);
    },
  };
}

function isReadBy(reader: ValueReader, value: unknown): boolean {
  return readValue(reader, value, [], new Set()) !== undefined;
}

interface Field {
  readonly name: string;
  readonly reader: ValueReader;
  readonly isRequired: boolean;
  readonly isNeeded: boolean;
  /** Of a field that may be anything: the size of what it is has a bound all the same. */
  readonly isAnything: boolean;
  readonly default: unknown;
}

function objectReader({ properties = {}, required = [], needed }: AnswerSchema): ValueReader {
  const fields = Object.entries(properties).map(([name, schema]): Field => {
    const isAnything = Object.keys(schema).every(
      (keyword) => keyword !== "type" && keyword !== "anyOf" && keyword !== "not",
    );
    return {
      name,
      reader: readerOf(schema),
      isRequired: required.includes(name),
      isNeeded: needed?.includes(name) ?? true,
      isAnything,
      default: (schema as AnswerSchema).default,
    };
  });
  return {
    strict: (value) => (isObject(value) ? strictFields(fields, value) : undefined),
    lenient: (value, path, unreadable, dropped) =>
      isObject(value) ? lenientFields(fields, value, path, unreadable, dropped) : undefined,
    misfit: (value, path = "") => {
      if (!isObject(value)) return `${path || "the answer"} must be object`;
      for (const { name, reader, isRequired, isNeeded } of fields) {
        if (!isNeeded) continue;
        if (Object.hasOwn(value, name)) {
          if (!isReadBy(reader, value[name])) return reader.misfit(value[name], `${path}/${name}`);
        } else if (isRequired) return `${path || "the answer"} must have the field ${name}`;
      }
      return `${path || "the answer"} has a field that could not be read`;
    },
  };
}

function strictFields(fields: readonly Field[], value: Record<string, unknown>): object | undefined {
  const kept: Record<string, unknown> = {};
  for (const { name, reader, isRequired, isAnything } of fields) {
    if (!Object.hasOwn(value, name)) {
      if (isRequired) return undefined;
      continue;
    }
    const one = isAnything && sizeOf(value[name]) > MOST_JSON ? undefined : reader.strict(value[name]);
    if (one === undefined) return undefined;
    kept[name] = one;
  }
  return kept;
}

function lenientFields(
  fields: readonly Field[],
  value: Record<string, unknown>,
  path: readonly string[],
  unreadable: Set<string>,
  dropped: readonly string[],
): object | undefined {
  const kept: Record<string, unknown> = {};
  const odd: string[] = [];
  for (const { name, reader, isRequired, isNeeded, isAnything, default: instead } of fields) {
    if (name === "unreadable") continue;
    const isGiven = Object.hasOwn(value, name);
    if (!isGiven && !dropped.includes(name) && !isRequired) continue;
    const isKept = isGiven && !(isAnything && sizeOf(value[name]) > MOST_JSON);
    const one = isKept ? readValue(reader, value[name], [...path, name], unreadable) : undefined;
    if (one !== undefined) {
      kept[name] = one;
      continue;
    }
    if (isNeeded) return undefined;
    if (instead !== undefined) kept[name] = instead;
    odd.push(name);
    unreadable.add([...path, name].join("."));
  }
  return odd.length > 0 ? { ...kept, unreadable: odd } : kept;
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
