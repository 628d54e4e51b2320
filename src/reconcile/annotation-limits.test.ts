import { describe, expect, it } from "vitest";
import { annotationFault } from "./annotation-limits.ts";
import { ANNOTATION, keptValue, openRequests, parseRecord, requestsIn } from "./record.ts";

const meta = (annotations: Record<string, string>) => ({ name: "box", annotations });
const LONG = "x".repeat(257);

describe("annotationFault", () => {
  it.each([
    ANNOTATION.adopt,
    ANNOTATION.reconcileRequestedAt,
    ANNOTATION.restartRequestedAt,
    ANNOTATION.startRequestedAt,
  ])("refuses %s of more than 256 characters", (name) => {
    expect(annotationFault(meta({ [name]: LONG.slice(1) }))).toBeUndefined();
    expect(annotationFault(meta({ [name]: LONG }))).toContain(`${name} has 257 characters`);
  });

  it("refuses annotations, of whomever, that leave no room for the record", () => {
    const room = 256 * 1024 - 4 * 1024;
    expect(annotationFault(meta({ a: "é".repeat(room / 2 - 1) }))).toBeUndefined();
    expect(annotationFault(meta({ a: "é".repeat(room / 2) }))).toContain("leaves no room");
    expect(annotationFault(meta({ a: "x".repeat(room - 1), [ANNOTATION.record]: LONG }))).toBeUndefined();
  });
});

describe("annotations and finalizers of an object", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `example.com/${i}`);

  it("are refused in numbers of which the API server takes too long for a write: others would wait for it", () => {
    const annotated = (count: number) => meta(Object.fromEntries(names(count).map((name) => [name, ""])));
    expect(annotationFault(annotated(1_000))).toBeUndefined();
    expect(annotationFault(annotated(1_001))).toContain("has 1001 annotations");
    expect(annotationFault({ name: "box", finalizers: names(1_000) })).toBeUndefined();
    expect(annotationFault({ name: "box", finalizers: names(1_001) })).toContain("has 1001 finalizers");
  });
});

describe("what is kept of a request", () => {
  it.each(["2026-01-31T08:00:00Z", "1", "sha256:00"])("is %j itself, which is short", (value) => {
    expect(keptValue(value)).toBe(value);
  });

  it.each([LONG.slice(1), "x".repeat(65), "two words", "", "\u202ehidden\u200b", "日本", "a\nb"])(
    "is the hash of %j alone",
    (value) => {
      expect(keptValue(value)).toMatch(/^sha256:[0-9a-f]{32}$/);
      expect(keptValue(keptValue(value))).toBe(keptValue(value));
      expect(keptValue(`${value}!`)).not.toBe(keptValue(value));
    },
  );

  it("distinguishes a handled one from a new one, whichever operator recorded it", () => {
    const value = "by ann, for the demo";
    const metadata = meta({ [ANNOTATION.restartRequestedAt]: value });
    const requested = requestsIn(metadata);
    expect(requested).toEqual({ restart: keptValue(value) });
    expect(openRequests(metadata, {})).toEqual(requested);
    for (const restart of [value, keptValue(value)]) {
      const record = JSON.stringify({ id: "ps1", team: "t", name: "", uid: "u", restart });
      const parsed = parseRecord(meta({ [ANNOTATION.record]: record }));
      expect(openRequests(metadata, parsed.state === "read" ? parsed.value : {})).toEqual({});
    }
  });

  it("is nothing of a record that no operator has written: it is too long", () => {
    const record = JSON.stringify({ id: "ps1", team: "t", name: "", uid: "u", restart: "x".repeat(5_000) });
    expect(parseRecord(meta({ [ANNOTATION.record]: record })).state).toBe("unreadable");
  });
});
