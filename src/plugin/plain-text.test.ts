import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linesOf, terminalLine } from "./plain-text.ts";

describe("terminalLine", () => {
  it.each([
    ["text stays", "héllo ✓ 日本", "héllo ✓ 日本"],
    ["tabs stay", "a\tb", "a\tb"],
    ["colours stay, and end with the line", "\x1b[1;31mred", "\x1b[1;31mred\x1b[0m"],
    ["colours with colons stay", "\x1b[38:5:9mred\x1b[m", "\x1b[38:5:9mred\x1b[m\x1b[0m"],
    ["the cursor does not move", "a\x1b[2J\x1b[H\x1b[3Ab", "ab"],
    ["nor by one C1 character", "a\x9b2Jb", "ab"],
    ["no title is set", "a\x1b]0;evil\x07b\x1b]2;evil\x1b\\c", "abc"],
    ["no clipboard is written", "a\x1b]52;c;aGk=\x07b", "ab"],
    ["no title without an end either", "a\x1b]0;evil", "a0;evil"],
    ["no strings for the terminal's own programs", "a\x1bP1$r0m\x1b\\b\x1b_x\x1b\\c", "abc"],
    ["no mode is switched", "\x1b[?1049h\x1b[?25la", "a"],
    ["no private sequence that ends like a colour", "\x1b[>4;1ma", "a"],
    ["no other alphabet, no reset", "\x1b(0a\x1bcb", "ab"],
    ["no bell, backspace, form feed, DEL", "a\x07\b\f\x7fb", "ab"],
    ["none that is put together by taking another out", "\x1b\x1b]0;x\x07[2Ja", "[2Ja"],
    ["none that a control character interrupts", "\x1b[3\x001ma\x1b[\x0731mb", "31ma31mb"],
    ["an escape at the end is gone", "a\x1b", "a"],
    ["no line is written from right to left", "a\u202eb\u2066c\u061c", "abc"],
    ["nothing has no width", "a\u200b\u200d\ufeff\u00ad\u{e0041}b", "ab"],
  ])("%s", (_, given, kept) => {
    expect(terminalLine(given)).toBe(kept);
  });
});

describe("terminalLine, for any text", () => {
  /** The same by one expression, which takes quadratic time. */
  const sequences = new RegExp(
    [
      "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
      "(?:\\x1b[\\]PX^_]|[\\x9d\\x90\\x98\\x9e\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)",
      "\\x1b[ -/]*[0-~]?",
    ].join("|"),
    "g",
  );
  function expected(text: string): string {
    const isColour = (sequence: string) => sequence.startsWith("\x1b[") && /^.\[[0-9;:]*m$/.test(sequence);
    const found = text.match(sequences) ?? [];
    const line = text
      .replace(sequences, (sequence) => (isColour(sequence) ? sequence : ""))
      .replace(/./gsu, (char) => (char !== "\t" && char !== "\x1b" && /\p{Cc}/u.test(char) ? "" : char));
    return found.some(isColour) ? `${line}\x1b[0m` : line;
  }

  it("removes whole sequences and all other control characters", () => {
    const parts = fc.constantFrom(..."\x1b\x1b[]P\\\x9b\x9c\x9d\x90\x07m019;: /@~aé\t\n");
    const property = fc.property(fc.string({ unit: parts }), (text) => {
      expect(terminalLine(text)).toBe(expected(text));
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it("comes to an end, since its time grows with the length of the text alone", () => {
    for (const part of ["\x9d", "\x1b]", "\x1b[", "\x9b0", "\x1b[0", "\x90\x1b"])
      expect(terminalLine(part.repeat(1_000_000)).length).toBeLessThanOrEqual(1_000_000);
  });
});

describe("linesOf", () => {
  it("makes a line of each update of a progress bar, and none of the last line end", () => {
    expect(linesOf("1%\r2%\r\ndone\n")).toEqual(["1%", "2%", "done"]);
    expect(linesOf("")).toEqual([""]);
    expect(linesOf("a\n\n")).toEqual(["a", ""]);
  });
});
