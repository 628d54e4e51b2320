import fc from "fast-check";
import { expect, it } from "vitest";
import { codeInBrackets } from "./region.ts";

it("is what an expression finds that takes quadratic time", () => {
  const names = fc.string({ unit: fc.constantFrom("(", ")", " ", "a") });
  const property = fc.property(names, (name) => {
    expect(codeInBrackets(name)).toBe(/\(([^)]+)\)\s*$/.exec(name)?.[1] ?? name);
  });
  fc.assert(property, { numRuns: 1_000 });
});

it("comes to an end with any name", () => {
  for (const part of ["(", ")", " ", "()", "( "]) {
    const name = part.repeat(1_000_000);
    expect(codeInBrackets(`${name}a`)).toBe(`${name}a`);
  }
});
