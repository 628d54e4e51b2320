import fc from "fast-check";
import { type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { deploymentSchema } from "../kinds/deployment/api.ts";
import { eventSchema, machineSchema } from "../kinds/machine/api.ts";
import { ONE_SEGMENT, readerOf } from "./answer-reader.ts";

const id = Type.String({ minLength: 2, maxLength: 4, pattern: ONE_SEGMENT.source });
const schema = Type.Object({
  id,
  word: Type.Unsafe<string>({ type: "string", enum: ["on", "off"] }),
  number: Type.Union([Type.Number(), Type.Null()]),
  whole: Type.Optional(Type.Integer()),
  flag: Type.Optional(Type.Boolean()),
  list: Type.Optional(Type.Array(Type.Union([id, Type.Object({ id })]), { minItems: 1, maxItems: 2 })),
  anything: Type.Optional(Type.Unknown()),
  record: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  nothing: Type.Optional(Type.Never()),
});

const text = fc.constantFrom("", "a", "ab", "abcd", "abcde", "a b", "on", "é😀");
const value = fc.oneof(
  text,
  fc.constantFrom(0, 1, 1.5, -1, true, null),
  fc.array(fc.oneof(text, fc.record({ id: text })), { maxLength: 3 }),
  fc.record({ id: text }),
);
const answered = fc.record(
  {
    id: fc.oneof({ weight: 4, arbitrary: fc.constant("ab") }, value),
    word: fc.oneof({ weight: 4, arbitrary: fc.constant("on") }, value),
    number: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(1, null) }, value),
    whole: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, value),
    flag: fc.oneof({ weight: 4, arbitrary: fc.boolean() }, value),
    list: fc.oneof({ weight: 4, arbitrary: fc.constant(["ab", { id: "ab" }]) }, value),
    anything: value,
    record: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, value),
    more: value,
  },
  { requiredKeys: ["id", "word", "number"] },
);

/** Rarely with what never fits. */
const answer = fc
  .tuple(answered, fc.option(value, { freq: 8, nil: undefined }))
  .map(([one, nothing]) => (nothing === 0 ? { ...one, nothing } : one));

describe("a reader that is made of a schema", () => {
  it("takes what the schema library takes, and nothing else: both hold the same schema", () => {
    let taken = 0;
    fc.assert(
      fc.property(answer, (one) => {
        const fits = Value.Check(schema, one);
        if (fits) taken++;
        expect(readerOf(schema).strict(one) !== undefined).toBe(fits);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each<[string, TSchema, object]>([
    ["machine", machineSchema, { id: "ps1", name: "n", state: "ready", machineType: "C1", ram: null }],
    ["event", eventSchema, { id: "e", name: "n", state: "done", dtCreated: "2026-01-01T00:00:00Z" }],
    ["deployment", deploymentSchema, { id: "d", name: "n" }],
  ])("is made of the schema of a %s", (_, of, one) => {
    expect(readerOf(of).strict(one) !== undefined).toBe(Value.Check(of, one));
  });

  it("is refused for a keyword that it does not read: values would pass that do not fit", () => {
    expect(() => readerOf(Type.Number({ minimum: 3 }))).toThrow("minimum");
    expect(() => readerOf(Type.String({ pattern: "^[a-z]+$" }))).toThrow("pattern");
    expect(() => readerOf(Type.Tuple([Type.String()]))).toThrow();
  });

  it("says where an answer does not fit, and nothing of what it says", () => {
    const { misfit } = readerOf(Type.Object({ data: Type.Object({ ids: Type.Array(id) }) }));
    expect(misfit({ data: { ids: ["ab", "secret"] } })).toBe(
      "/data/ids/1 is too long, or not as such a text is written",
    );
    expect(misfit({ data: { ids: [7] } })).toBe("/data/ids/0 must be string");
    expect(misfit({ data: {} })).toBe("/data must have the field ids");
    expect(misfit([])).toBe("the answer must be object");
  });
});
