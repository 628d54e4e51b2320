import { describe, expect, it } from "vitest";
import { apiTime } from "./time.ts";

describe("apiTime", () => {
  it("treats an invalid date as none: the API server would refuse a whole status for it", () => {
    for (const date of [null, undefined, "", "x", "2026-13-01T00:00:00Z"])
      expect(apiTime(date)).toBeUndefined();
  });

  it("converts a date to the form that the API server accepts, and keeps one that has that form", () => {
    expect(apiTime("2026-06-01T10:01:00.000Z")).toBe("2026-06-01T10:01:00.000Z");
    expect(apiTime("2026-06-01T10:01:00+02:00")).toBe("2026-06-01T10:01:00+02:00");
    expect(apiTime("2026-06-01")).toBe("2026-06-01T00:00:00.000Z");
    expect(apiTime("2026-06-01 10:01Z")).toBe("2026-06-01T10:01:00.000Z");
  });
});
