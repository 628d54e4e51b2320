import { expect, test } from "vitest";
import { compareVersions, keyOf, splitKey, toMicroTime, toTime } from "./objects.ts";

test("splitKey reverses keyOf, with and without a namespace", () => {
  for (const metadata of [
    { namespace: "ns", name: "a.b" },
    { namespace: "", name: "cluster-wide" },
  ]) {
    expect(splitKey(keyOf({ metadata }))).toEqual(metadata);
  }
  expect(keyOf({ metadata: { name: "a" } })).toBe("a");
});

test("resourceVersions compare as numbers beyond 2^53, and an absent one is the oldest", () => {
  const versions = ["18446744073709551616", undefined, "99", "100", "9007199254740993", "9007199254740992"];
  expect(versions.toSorted(compareVersions).filter(Boolean)).toEqual([
    "99",
    "100",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551616",
  ]);
  expect(compareVersions(undefined, "1")).toBeLessThan(0);
  expect(compareVersions("7", "7")).toBe(0);
});

test("times are written as the API server reads them: whole seconds, or exactly six digits", () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 67);
  expect(toTime(ms)).toBe("2026-01-02T03:04:05Z");
  expect(toMicroTime(ms)).toBe("2026-01-02T03:04:05.067000Z");
});
