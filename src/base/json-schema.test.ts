import { Type as Typebox } from "typebox";
import { describe, expect, it } from "vitest";
import { Type } from "./json-schema.ts";

type Builder = typeof Type;

/** One of each, in what the schemas of the operator do with them. */
const SCHEMAS: Readonly<Record<string, (type: Builder) => object>> = {
  boolean: (t) => t.Boolean({ default: true }),
  integer: (t) => t.Integer({ minimum: 1, description: "one" }),
  null: (t) => t.Null(),
  number: (t) => t.Number(),
  string: (t) => t.String({ pattern: "^a", maxLength: 9 }),
  unknown: (t) => t.Unknown({ description: "any" }),
  never: (t) => t.Never(),
  array: (t) => t.Array(t.String(), { maxItems: 3 }),
  tuple: (t) => t.Tuple([t.String(), t.Null()]),
  union: (t) => t.Union([t.String(), t.Null()], { description: "or" }),
  record: (t) => t.Record(t.String(), t.Unknown(), { maxProperties: 4 }),
  unsafe: (t) => t.Unsafe<"a">({ type: "string", enum: ["a"] }),
  "nothing required": (t) => t.Object({ a: t.Optional(t.String()) }),
  "an empty object": (t) => t.Object({}),
  "an object": (t) =>
    t.Object(
      { a: t.Optional(t.String({ description: "a" })), b: t.Array(t.Object({ c: t.Integer() })) },
      { description: "both", "x-kubernetes-validations": [] },
    ),
  "an optional one of any type": (t) => t.Object({ a: t.Optional(t.Unsafe<string>(t.Never())), b: t.Null() }),
  "one of any type that is optional": (t) => t.Object({ a: t.Unsafe<string>(t.Optional(t.String())) }),
  "the same optional and required": (t) => {
    const text = t.String();
    return t.Object({ a: t.Optional(text), b: text });
  },
};

/** All that is in it at any depth, what is hidden included. */
function notesIn(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const parts = Object.entries(Object.getOwnPropertyDescriptors(value));
  return Object.fromEntries(parts.map(([name, { value: part }]) => [name, notesIn(part)]));
}

describe.each(Object.entries(SCHEMAS))("%s", (_, make) => {
  it("is what typebox builds, to the order of its fields: CRDs and readers of answers are made of it", () => {
    expect(JSON.stringify(make(Type))).toBe(JSON.stringify(make(Typebox as unknown as Builder)));
  });

  it("has what typebox notes beside that, so that its tools work on it", () => {
    expect(notesIn(make(Type))).toEqual(notesIn(make(Typebox as unknown as Builder)));
  });
});

it("builds each kind of schema that it offers in one of the cases above", () => {
  const used = new Set<string>();
  const watched = new Proxy(Type, {
    get(target, name) {
      used.add(String(name));
      return Reflect.get(target, name);
    },
  });
  for (const make of Object.values(SCHEMAS)) make(watched);
  expect([...used].sort()).toEqual(Object.keys(Type).sort());
});
