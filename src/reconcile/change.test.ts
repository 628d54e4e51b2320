import { expect, it } from "vitest";
import { describe } from "./change.ts";

it("describes changes in one line, with null for an absent value, as conditions and events have room for", () => {
  const changes = [
    { field: "name", from: undefined, to: "new" },
    { field: "diskSize", from: 50, to: 100 },
  ];
  expect(describe(changes)).toBe('name: null → "new", diskSize: 50 → 100');
  expect(describe([])).toBe("");
});
