import { describe, expect, it } from "vitest";
import { apiTime } from "./time.ts";

describe("apiTime", () => {
  it("takes what is no date for none: the API server would refuse a whole status for it", () => {
    for (const date of [null, undefined, "", "x", "2026-13-01T00:00:00Z"])
      expect(apiTime(date)).toBeUndefined();
  });

  it("gives a date in the form in which the API server takes it, and as it is where it has that", () => {
    expect(apiTime("2026-06-01T10:01:00.000Z")).toBe("2026-06-01T10:01:00.000Z");
    expect(apiTime("2026-06-01T10:01:00+02:00")).toBe("2026-06-01T10:01:00+02:00");
    expect(apiTime("2026-06-01")).toBe("2026-06-01T00:00:00.000Z");
    expect(apiTime("2026-06-01 10:01Z")).toBe("2026-06-01T10:01:00.000Z");
  });
});
