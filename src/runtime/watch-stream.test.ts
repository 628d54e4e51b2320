import fc from "fast-check";
import { expect, test } from "vitest";
import { BadLineError, lines } from "./watch-stream.ts";

test("any split of the bytes into chunks gives the same lines, also inside characters and for long lines", async () => {
  const text = fc.array(
    fc.string({ unit: "grapheme", maxLength: 40 }).map((s) => s.replaceAll("\n", "")),
    {
      maxLength: 8,
    },
  );
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat({ max: 60 }), { maxLength: 30 }), async (expected, cuts) => {
      const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(""));
      async function* chunks() {
        let at = 0;
        for (const cut of cuts) {
          yield bytes.subarray(at, at + cut);
          at += cut;
        }
        yield bytes.subarray(at);
        yield Buffer.from("half a li");
      }
      const read: string[] = [];
      for await (const line of lines(chunks())) read.push(line);
      expect(read).toEqual(expected.filter((line) => line.trim() !== ""));
    }),
    { numRuns: 200 },
  );
});

test("a line of megabytes in small chunks is joined once, not once per chunk", async () => {
  const huge = "x".repeat(4_000_000);
  async function* chunks() {
    const bytes = Buffer.from(`${huge}\n`);
    for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
  }
  for await (const line of lines(chunks())) expect(line.length).toBe(huge.length);
});

test("a line without end is not gathered for ever", async () => {
  let sent = 0;
  async function* chunks() {
    for (const chunk = Buffer.alloc(1024 * 1024, "x"); sent < 100; sent++) yield chunk;
  }
  const read = async () => {
    for await (const line of lines(chunks())) expect(line).toBeUndefined();
  };
  await expect(read()).rejects.toThrow(BadLineError);
  expect(sent).toBe(16);
});
