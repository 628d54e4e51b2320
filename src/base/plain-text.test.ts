import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clip, escapeHidden, plainCopy, plainReason, printableJson, shorten, visible } from "./plain-text.ts";

/** One of each sort: C0, DEL, C1, separators, bidi, zero-width, ignorable, tag, private use, half a surrogate pair. */
const HIDDEN =
  "\0\x07\x1b\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200e\u061c\u200b\u200d\u2060\ufeff\u00ad\u3164\u034f\ufe0f\u{e0041}\ue000\ud83d";
const KINDS = [...HIDDEN].map((char) => [char.codePointAt(0)?.toString(16), char] as const);

describe.each(KINDS)("U+%s", (_, char) => {
  it("is in no line, in no text and in no JSON", () => {
    expect(clip(`a${char}b`)).toMatch(/^a ?b$/);
    expect(visible(`a${char}b`)).toMatch(/^a ?b$/);
    expect(escapeHidden(`a${char}b`)).toMatch(/^a(\\u[0-9a-f]{4})+b$/);
  });
});

it("leaves what is written in any language", () => {
  for (const text of ["héllo ✓", "日本語", "العربية", "עברית", "हिन्दी", "🙂 → …", "a=b; c|d"])
    expect(clip(text)).toBe(text);
});

it("makes one line of many, with one blank between words", () => {
  expect(clip(" a\r\n\tb\u2028c  d ")).toBe("a b c d");
  expect(visible("a  b\nc")).toBe("a  b c");
});

it("cuts at a whole character, and is the same when applied again", () => {
  expect(shorten("🙂🙂🙂", 4)).toBe("🙂…");
  const text = clip(`🙂${"x\u200b y".repeat(500)}`);
  expect(text.length).toBeLessThanOrEqual(300);
  expect(clip(text)).toBe(text);
});

it("takes time in proportion to the length, whatever the text is", () => {
  for (const char of ["\u009d", "\x1b[", "(", " ", "\u200b", "\n"]) {
    const text = char.repeat(1_000_000);
    expect(clip(text).length).toBeLessThanOrEqual(300);
  }
});

it("makes a reason that the API server and every tool take", () => {
  expect(plainReason("MachineReady")).toBe("MachineReady");
  expect(plainReason("9 \x1b[31mLost\u202e!")).toBe("mLost");
  expect(plainReason("\u200b")).toBe("Unknown");
  expect(plainReason("x".repeat(2_000))).toHaveLength(128);
});

it("copies a status with its texts plain at any depth, and the names of its fields", () => {
  const copy = plainCopy({
    a: [{ "b\u202e": "c\u200bd\ne" }],
    n: 1,
    f: false,
    none: null,
    long: "x".repeat(9_000),
  });
  expect(copy).toMatchObject({ a: [{ b: "cd e" }], n: 1, f: false, none: null });
  expect(copy.long).toHaveLength(4_096);
  expect(plainCopy({ ...copy })).toEqual(copy);
});

it("copies what JSON carries of a value, so that what is compared is what is written", () => {
  const json = fc.object({
    values: [
      fc.constant(undefined),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.string({ unit: "grapheme-ascii" }),
    ],
    key: fc.constantFrom("a", "b", "__proto__"),
  });
  fc.assert(
    fc.property(json, (value) => {
      expect(plainCopy(value)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

it("writes JSON that is the same value to who parses it, and shows all of it", () => {
  const value = { text: `${HIDDEN}\n\t`, [HIDDEN]: 1 };
  const text = printableJson(value, 2);
  expect(JSON.parse(text)).toEqual(value);
  expect(text.split("\n").map(visible).join("\n")).toBe(text);
});
