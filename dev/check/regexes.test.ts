import { describe, expect, it } from "vitest";
import { slowExpressions } from "./regexes.ts";

const problems = (text: string) => slowExpressions([{ path: "a.ts", text }]);

describe("a regular expression in the source", () => {
  it.each([
    ["that begins anew at each character", String.raw`const code = /\(([^)]+)\)\s*$/;`],
    ["that ends where it cannot", String.raw`export const f = (a: string): string => a.replace(/\/+$/, "");`],
    ["with a string sequence that has no end", String.raw`text.match(/[\x9d\x90][^\x07]*\x07/g);`],
    ["two parts of which take the same", String.raw`if (/^\d+\.?\d*x/.test(text)) f();`],
    ["that repeats a repetition", "type A = 1; const x = { a: /^(a+)+$/ };"],
    ["in a template", "const x = `a $" + "{/\\s+$/.test(a)} b`;"],
    ["that is put together while running", "const x = new RegExp(parts.join(''));"],
  ])("is refused: one %s", (_, text) => {
    expect(problems(text)).toHaveLength(1);
  });

  it.each([
    String.raw`const code = /^\(([^)]+)\)\s*$/;`,
    String.raw`text.replace(/[\s\x00]+/g, " ");`,
    "// /\\s+$/\nconst text = '/\\\\s+$/'; const y = a / b + c / d;",
  ])("passes where its time is linear, or it is none: %s", (text) => {
    expect(problems(text)).toEqual([]);
  });
});
