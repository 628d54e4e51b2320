import { expect, it } from "vitest";
import { setNewest } from "./bounded-map.ts";

it("drops the key that was set longest ago, and not one that was set again since: it is still in use", () => {
  const map = new Map<string, number>();
  for (const key of ["a", "b", "a", "c"]) setNewest(map, key, map.size, 2);
  expect([...map]).toEqual([
    ["a", 2],
    ["c", 2],
  ]);
});
