import { expect, it } from "vitest";
import { cut, withoutTrailing } from "./text.ts";

it("takes the characters off the end only, and comes to an end with any text", () => {
  expect(withoutTrailing("/a//", "/")).toBe("/a");
  expect(withoutTrailing("a.-.", ".-")).toBe("a");
  expect(withoutTrailing("//", "/")).toBe("");
  const many = `${"/".repeat(2_000_000)}a`;
  expect(withoutTrailing(many, "/")).toBe(many);
});

it("cuts a text between characters", () => {
  expect([cut("a😀", 1), cut("a😀", 2), cut("a😀", 3), cut("ab", 9), cut("ab", 0)]).toEqual([
    "a",
    "a",
    "a😀",
    "ab",
    "",
  ]);
});
