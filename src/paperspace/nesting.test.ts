import fc from "fast-check";
import { expect, it } from "vitest";
import { MOST_DEPTH, parseRefusal } from "./nesting.ts";

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

const nested = (levels: number, inside: unknown) => {
  let value = inside;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

it("counts the levels of any JSON, whatever its strings hold", () => {
  const value = fc.tuple(fc.integer({ min: MOST_DEPTH - 6, max: MOST_DEPTH }), fc.jsonValue({ maxDepth: 4 }));
  const property = fc.property(
    value,
    fc.string({ unit: fc.constantFrom("[", "{", '"', "\\", "]") }),
    ([levels, inside], text) => {
      const whole = nested(levels, [text, inside]);
      expect(parseRefusal(JSON.stringify(whole), 1e6) !== undefined).toBe(depthOf(whole) > MOST_DEPTH);
    },
  );
  fc.assert(property);
});

it("counts the values of any JSON, whatever its strings hold", () => {
  const property = fc.property(fc.jsonValue(), fc.nat(20), (value, most) => {
    // Each array and each object, and what separates its entries.
    const count = (one: unknown): number =>
      typeof one !== "object" || one === null
        ? 0
        : Object.values(one).reduce<number>(
            (sum, entry) => sum + count(entry),
            Math.max(1, Object.keys(one).length),
          );
    expect(parseRefusal(JSON.stringify(value), most) !== undefined).toBe(count(value) > most);
  });
  fc.assert(property);
});
