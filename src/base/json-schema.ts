/**
 * Builds JSON Schemas with the types of typebox. The daemon needs what a schema states, and nothing that typebox does with
 * it: its 370 modules take 21 MiB and a tenth of a second. Its types cost nothing, and its checks are for tests and the
 * simulator. json-schema.test.ts compares what is built here with what typebox builds.
 */
import type { TSchema, Type as Typebox } from "typebox";

export type { Static, TObject, TProperties, TSchema, TSchemaOptions, TString, TUnsafe } from "typebox";

type Kinds = "Boolean" | "Integer" | "Null" | "Number" | "String" | "Unknown" | "Never";
type Composed = "Array" | "Object" | "Optional" | "Record" | "Tuple" | "Union" | "Unsafe";

/** Where typebox notes it: what is composed of both is right in either order. */
const OPTIONAL = "~optional";

const typed =
  (type: string) =>
  (options: object = {}) => ({ type, ...options });

/** With what is hidden in it, which a spread leaves out. */
function copyOf<T extends TSchema>(schema: T): T {
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as T;
}

function requiredOf(properties: Readonly<Record<string, object>>): { required?: string[] } {
  const required = Object.keys(properties).filter((name) => !Object.hasOwn(properties[name] ?? {}, OPTIONAL));
  return required.length > 0 ? { required } : {};
}

const builder = {
  Boolean: typed("boolean"),
  Integer: typed("integer"),
  Null: typed("null"),
  Number: typed("number"),
  String: typed("string"),
  Unknown: (options: object = {}) => ({ ...options }),
  Never: (options: object = {}) => ({ not: {}, ...options }),
  Array: (items: TSchema, options: object = {}) => ({ type: "array", items, ...options }),
  Object: (properties: Readonly<Record<string, object>>, options: object = {}) => ({
    type: "object",
    ...requiredOf(properties),
    properties,
    ...options,
  }),
  Optional: (schema: TSchema) => Object.defineProperty(copyOf(schema), OPTIONAL, { value: true }),
  Record: (_names: TSchema, values: TSchema, options: object = {}) => ({
    type: "object",
    patternProperties: { "^.*$": values },
    ...options,
  }),
  Tuple: (items: readonly TSchema[], options: object = {}) => ({
    type: "array",
    additionalItems: false,
    items,
    minItems: items.length,
    ...options,
  }),
  Union: (anyOf: readonly TSchema[], options: object = {}) => ({ anyOf, ...options }),
  Unsafe: copyOf,
} satisfies Record<Kinds | Composed, unknown>;

/** As typebox types them: the static type of a schema follows from how it was built. */
export const Type = builder as unknown as Pick<typeof Typebox, Kinds | Composed>;
