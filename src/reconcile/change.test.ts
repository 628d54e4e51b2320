import { expect, it } from "vitest";
import { describe } from "./change.ts";

it("says in one line what a condition or an event has room for, nothing being null and not a word", () => {
  const changes = [
    { field: "name", from: undefined, to: "new" },
    { field: "diskSize", from: 50, to: 100 },
  ];
  expect(describe(changes)).toBe('name: null → "new", diskSize: 50 → 100');
  expect(describe([])).toBe("");
});
