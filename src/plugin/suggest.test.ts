import { expect, it } from "vitest";
import { didYouMean } from "./suggest.ts";

const WORDS = ["list", "logs", "metrics", "release"];

it.each([
  ["lsit", "list"],
  ["LOGS", "logs"],
  ["metric", "metrics"],
  ["relaese", "release"],
])("offers for %s what a finger's slip away is", (typed, word) => {
  expect(didYouMean(typed, WORDS)).toBe(`; did you mean "${word}"?`);
});

it("offers nothing where nothing is near, so that no wrong word is suggested", () => {
  for (const typed of ["", "delete", "constructor", "x".repeat(10_000)])
    expect(didYouMean(typed, WORDS)).toBe("");
});
