/**
 * Builds JSON Schemas with the types of typebox. The daemon needs what a schema states, and nothing that typebox does with
 * it: its 370 modules take 21 MiB and a tenth of a second. Its types cost nothing, and its checks are for tests and the
 * simulator. json-schema.test.ts compares what is built here with what typebox builds.
 */
import type { TProperties, TSchema, Type as Typebox } from "typebox";

export type { Static, TObject, TProperties, TSchema, TSchemaOptions, TString, TUnsafe } from "typebox";

type Kinds = "Boolean" | "Integer" | "Null" | "Number" | "String" | "Unknown" | "Never";
type Composed = "Array" | "Object" | "Optional" | "Record" | "Tuple" | "Union" | "Unsafe";

/** What typebox notes beside what JSON carries, so that its tools and schemas of both work together. */
type Note = "~kind" | "~optional" | "~unsafe";

function noted<S extends object>(schema: S, note: Note, value: unknown): S {
  return Object.defineProperty(schema, note, {
    value,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

const built = (kind: string, stated: object, options: object = {}) =>
  noted({ ...stated, ...options }, "~kind", kind);

const plain =
  (kind: string, stated: object = { type: kind.toLowerCase() }) =>
  (options?: object) =>
    built(kind, stated, options);

/** With its notes, which a spread leaves out. */
function copyOf<S extends TSchema>(schema: S): S {
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as S;
}

function requiredOf(properties: TProperties): { required?: string[] } {
  const required = Object.keys(properties).filter(
    (name) => !Object.hasOwn(properties[name] ?? {}, "~optional"),
  );
  return required.length > 0 ? { required } : {};
}

const builder = {
  Boolean: plain("Boolean"),
  Integer: plain("Integer"),
  Null: plain("Null"),
  Number: plain("Number"),
  String: plain("String"),
  Unknown: plain("Unknown", {}),
  Never: plain("Never", { not: {} }),
  Array: (items: TSchema, options?: object) => built("Array", { type: "array", items }, options),
  Object: (properties: TProperties, options?: object) =>
    built("Object", { type: "object", ...requiredOf(properties), properties }, options),
  Optional: (schema: TSchema) => noted(copyOf(schema), "~optional", true),
  Record: (_names: TSchema, values: TSchema, options?: object) =>
    built("Record", { type: "object", patternProperties: { "^.*$": values } }, options),
  Tuple: (items: readonly TSchema[], options?: object) =>
    built("Tuple", { type: "array", additionalItems: false, items, minItems: items.length }, options),
  Union: (anyOf: readonly TSchema[], options?: object) => built("Union", { anyOf }, options),
  Unsafe: (schema: TSchema) => noted(copyOf(schema), "~unsafe", null),
} satisfies Record<Kinds | Composed, unknown>;

/** As typebox types them: the static type of a schema follows from how it was built. */
export const Type = builder as unknown as Pick<typeof Typebox, Kinds | Composed>;
