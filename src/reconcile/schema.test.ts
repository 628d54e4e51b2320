import { expect, it } from "vitest";
import { visible } from "../base/plain-text.ts";
import { TEXT_RULES } from "./schema.ts";

/** The two expressions of the rule, as JavaScript has them: \\pC of RE2 has nothing of what is not assigned. */
const [form, unseen] = Array.from(TEXT_RULES.line.rule.matchAll(/matches\(r'(.*?)'\)/g), ([, source = ""]) =>
  source
    .replaceAll("\\pC", "\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}")
    .replaceAll("\\pZ", "\\p{Z}")
    .replaceAll("\\x{", "\\u{"),
).map((source) => new RegExp(source, "u"));

function accepts(text: string): boolean {
  return !!form?.test(text) && !unseen?.test(text);
}

it("a name holds no character that is removed where it is shown: two names that differ would look the same", () => {
  const hidden: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    const text = `a${String.fromCodePoint(code)}b`;
    if (visible(text) !== text && accepts(text)) hidden.push(code.toString(16));
  }
  expect(hidden).toEqual([]);
  for (const text of [
    "a",
    "Ada's \u00e4 x",
    "a/b:1",
    "\u65e5\u672c \u{1f642}",
    "\u0939\u093f\u0928\u094d\u0926\u0940",
  ])
    expect(accepts(text)).toBe(true);
  for (const blank of ["\u2800", "\u3164", "\u115f", "\u3000"]) expect(accepts(blank)).toBe(false);
});
