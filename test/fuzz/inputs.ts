/**
 * Inputs that an attacker could send: known texts with bytes lost, repeated and put in, JSON of any shape, strings that
 * repeat one part, and the chunks in which bytes come.
 */
import fc from "fast-check";

/** What a program that reads text may take for something else. */
const TOKENS = [
  ..."\0\t\n\r\x1b\"'\\/{}[]():,;&*#!|>%@`-.0",
  "\u009d",
  "\u202e",
  "\ud800",
  "\ufeff",
  "😀",
  "null",
  "true",
  "1e999",
  "-0",
  "__proto__",
  "constructor",
  "\\u0000",
  "\\ud800",
  "<<: *a",
  "&a [*a]",
  "items",
  "id",
  "\x1b[31m",
  "\x1b]0;",
];

const tokens = fc.constantFrom(...TOKENS);

/** One part over and over: what takes more than linear time does not come to an end. */
export const repeated: fc.Arbitrary<string> = fc
  .record({
    before: tokens,
    part: fc.array(tokens, { minLength: 1, maxLength: 3 }),
    after: tokens,
    times: fc.nat(20_000),
  })
  .map(({ before, part, after, times }) => before + part.join("").repeat(times) + after);

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.array(tokens, { maxLength: 40 }).map((parts) => parts.join("")), weight: 4 },
  { arbitrary: fc.string({ unit: "binary" }), weight: 4 },
  { arbitrary: repeated, weight: 1 },
);

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.nat(4), fc.nat(200)),
  kind: fc.constantFrom("lose", "repeat", "insert", "replace"),
  by: fc.oneof({ arbitrary: tokens, weight: 8 }, { arbitrary: hostileText, weight: 1 }),
  times: fc.nat(8),
});

/** One of these texts, with a few changes. */
export function mutated(texts: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...texts), fc.array(edit, { maxLength: 5 }))
    .map(([text, edits]) => edits.reduce((current, change) => apply(current, change), text));
}

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function apply(text: string, { at, length, kind, by, times }: Edit): string {
  const from = Math.floor(at * text.length);
  const part = text.slice(from, from + length);
  const rest = text.slice(from + length);
  switch (kind) {
    case "lose":
      return text.slice(0, from) + rest;
    case "repeat":
      return text.slice(0, from) + part.repeat(times) + rest;
    case "insert":
      return text.slice(0, from) + by + text.slice(from);
    default:
      return text.slice(0, from) + by + rest;
  }
}

/** Any JSON, with names and values that mean something to a reader of it. */
export function jsonWith(names: readonly string[], values: readonly unknown[]): fc.Arbitrary<unknown> {
  const name = fc.oneof(
    { arbitrary: fc.constantFrom(...names), weight: 6 },
    { arbitrary: tokens, weight: 1 },
  );
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      { arbitrary: fc.constantFrom(...values), weight: 3 },
      { arbitrary: hostileText, weight: 1 },
      { arbitrary: fc.double(), weight: 1 },
      { arbitrary: fc.array(tie("value"), { maxLength: 4 }), weight: 2 },
      {
        arbitrary: fc
          .uniqueArray(fc.tuple(name, tie("value")), { maxLength: 8, selector: ([key]) => key })
          .map((entries) => Object.fromEntries(entries)),
        weight: 4,
      },
    ),
  })).value;
}

/** Sizes of the chunks in which bytes come, over and over. */
export const chunkSizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 65_536 })),
  { minLength: 1, maxLength: 4 },
);

export function chunksOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (sizes[n % sizes.length] ?? 1);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}
