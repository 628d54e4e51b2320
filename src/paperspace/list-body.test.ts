import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FRAME_BYTES, ListBody, type ListBodyOptions } from "./list-body.ts";
import { MOST_VALUES } from "./nesting.ts";
import { BodyError } from "./wire.ts";

interface Read {
  items: unknown[];
  frame: unknown;
}

/** What is read of a text that comes in chunks of these sizes, over and over. */
function read(
  text: string,
  sizes: readonly number[] = [65_536],
  options: Partial<ListBodyOptions> = {},
): Read {
  const bytes = Buffer.from(text);
  const items: unknown[] = [];
  const body = new ListBody({
    maxBytes: 1e6,
    overflow: "fail",
    item: (item) => items.push(item),
    ...options,
  });
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    if (!body.push(bytes.subarray(at, at + size))) break;
    at += size;
  }
  return { items, frame: JSON.parse(body.end()) };
}

/** The same, and "broken" where it is none. */
function outcome(text: string, sizes: readonly number[]): Read | "broken" {
  try {
    return read(text, sizes);
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof BodyError && error.kind === "broken"))
      return "broken";
    throw error;
  }
}

/** What JSON.parse makes of it. */
function expected(text: string): Read | "broken" {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "broken";
  }
  const isList =
    typeof value === "object" && value !== null && "items" in value && Array.isArray(value.items);
  return isList
    ? { items: (value as { items: unknown[] }).items, frame: Object.assign({}, value, { items: [] }) }
    : { items: [], frame: value };
}

const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
/** With the text that could be taken for the structure. */
const strings = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(...'[]{},:"\\ é€😀') }),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    strings,
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(strings, fc.constant("items")), tie("value"), { maxKeys: 4 }),
  ),
})).value;
const page = fc.record({ before: json, items: fc.array(json, { maxLength: 4 }), hasMore: json });
const spaced = fc.constantFrom(undefined, 1, "\t", "\n ");

describe("the items of a page", () => {
  it("are those of JSON.parse, for any page, any space and any chunks", () => {
    const property = fc.property(fc.oneof(page, json), spaced, sizes, (value, space, chunks) => {
      const text = JSON.stringify(value, null, space);
      expect(outcome(text, chunks)).toEqual(expected(text));
    });
    fc.assert(property, { numRuns: 300 });
  });

  it("are those of JSON.parse, or none, where bytes were lost, added or changed", () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      lost: fc.nat(3),
      added: fc.string({ unit: fc.constantFrom(...'[]{},:"\\ 1ntrue'), maxLength: 3 }),
    });
    const property = fc.property(page, change, sizes, (value, { at, lost, added }, chunks) => {
      const whole = JSON.stringify(value);
      const from = Math.floor(at * whole.length);
      // Bytes hold no half of a character.
      const text = (whole.slice(0, from) + added + whole.slice(from + lost)).toWellFormed();
      // Of two fields of this name JSON.parse takes the last one.
      fc.pre((text.match(/"items"/g) ?? []).length < 2);
      expect(outcome(text, chunks)).toEqual(expected(text));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("have the fields that are asked for, in any chunks", () => {
    const property = fc.property(fc.array(page), sizes, (items, chunks) => {
      const text = JSON.stringify({ items });
      const kept = JSON.parse(text).items.map(({ hasMore }: Record<string, unknown>) => ({ hasMore }));
      expect(read(text, chunks, { fields: new Set(["hasMore"]) }).items).toEqual(kept);
    });
    fc.assert(property);
  });

  it.each([
    '{"items":[:]}',
    '{"items":[:{"id":1}]}',
    '{"items":[{"id":1}:,{"id":2}]}',
    '{"items":[{:"id":1}]}',
    '{"items":[{"id":1,:"b":2}]}',
    '{"items":[{"id":1}],"items":[]}',
    '{"items":[],"it\\u0065ms":[{"id":1}]}',
  ])("are none of %s", (text) => {
    expect(() => read(text)).toThrow(BodyError);
  });

  it("are found where the names are written with escapes", () => {
    expect(read('{"it\\u0065ms":[{"\\u0069d":1,"b":2}]}', [3], { fields: new Set(["id"]) })).toEqual({
      items: [{ id: 1 }],
      frame: { items: [] },
    });
  });
});

describe("what is held", () => {
  it("is no more than what is kept of the items, and a chunk", () => {
    const chunk = Buffer.from(`{"id":"a","padding":"${"x".repeat(50_000)}"},`);
    const body = new ListBody({ fields: new Set(["id"]), maxBytes: 1e6, overflow: "fail", item: () => {} });
    body.push(Buffer.from('{"items":['));
    for (let n = 1; n <= 1_000; n++) {
      body.push(chunk);
      expect(body.held).toBeLessThan(50 + 20 * n);
    }
  });

  it("of the frame ends the reading where it is too large", () => {
    const body = new ListBody({ maxBytes: 1e6, overflow: "fail", item: () => {} });
    expect(body.push(Buffer.from(`{"a":"${"x".repeat(FRAME_BYTES)}`))).toBe(false);
  });

  it("has no more values than can be parsed at once: the field that has them is dropped", () => {
    const many = (count: number) => `{"id":"a","many":[${"{},".repeat(count)}0],"z":1}`;
    const text = `{"items":[${many(MOST_VALUES / 3)},${many(MOST_VALUES)},{"id":"b"}]}`;
    const dropped: unknown[] = [];
    const item = (value: unknown, names: readonly string[]) =>
      dropped.push([Object.keys(value as object), names]);
    expect(() => read(text)).toThrow(`its items have more than ${MOST_VALUES} values`);
    read(text, [65_536], { overflow: "drop", item });
    expect(dropped).toEqual([
      [["id", "many", "z"], []],
      [["id", "z"], ["many"]],
      [["id"], []],
    ]);
  });

  it("fails beyond its bound, or drops the field that does not fit, whatever comes after it", () => {
    const items = [
      { id: "a", big: "x".repeat(100), z: 1 },
      "y".repeat(200),
      { big: "x".repeat(200), id: "b" },
    ];
    const text = JSON.stringify({ items, hasMore: true });
    const dropped: unknown[] = [];
    const item = (value: unknown, names: readonly string[]) => dropped.push([value, names]);
    expect(() => read(text, [9], { maxBytes: 100 })).toThrow("its items are larger than 100 bytes");
    expect(read(text, [9], { maxBytes: 100, overflow: "drop", item }).frame).toEqual({
      items: [],
      hasMore: true,
    });
    expect(dropped).toEqual([
      [{ id: "a", z: 1 }, ["big"]],
      [null, []],
      [{ id: "b" }, ["big"]],
    ]);
  });
});
