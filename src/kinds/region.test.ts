import { expect, it } from "vitest";
import { regionCode, sameLabel, sameRegion } from "./region.ts";

it("treats the vendor's several spellings of a region as one, since its own pages use them all", () => {
  for (const name of ["ny2", "NY2", "East Coast (NY2)", "East Coast (NY2) "]) {
    expect(regionCode(name)).toBe("ny2");
    expect(sameRegion(name, "ny2")).toBe(true);
  }
  expect(sameRegion("East Coast (NY2)", "ams1")).toBe(false);
});

it("treats a label in any letter case as the same", () => {
  expect(sameLabel("A100-80G", "a100-80g")).toBe(true);
  expect(sameLabel("A100", "A100-80G")).toBe(false);
});
