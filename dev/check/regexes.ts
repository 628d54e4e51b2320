/**
 * Regular expressions of src that take more than linear time on some text, such as `\(([^)]+)\)$` on many "(": a vendor or a
 * user may send that text. Pure; finds literals only, so an expression must be one.
 */
import { stripTypeScriptTypes } from "node:module";
import { tokenizer, tokTypes } from "acorn";
import { analyse } from "scslre";
import type { SourceFile } from "./sources.ts";

interface Expression {
  pattern: string;
  flags: string;
}

const HOW = {
  Trade: "two parts of it take the same text",
  Self: "a repetition of it repeats what it takes",
  Move: "it begins anew at each character that it has read already",
};

/** Each of them, and each that is put together while running, as a line. */
export function slowExpressions(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => [
    ...(/\bRegExp\(/.test(text) ? [`${path}: RegExp(...): write a literal, which can be checked`] : []),
    ...literalsIn(text).flatMap((literal) => problemsOf(literal).map((problem) => `${path}: ${problem}`)),
  ]);
}

function literalsIn(text: string): Expression[] {
  const tokens = tokenizer(stripTypeScriptTypes(text), { ecmaVersion: "latest", sourceType: "module" });
  // The types of the library lack the value.
  return [...tokens].flatMap((token) =>
    token.type === tokTypes.regexp ? [(token as unknown as { value: Expression }).value] : [],
  );
}

function problemsOf({ pattern, flags }: Expression): string[] {
  const { reports } = analyse({ source: pattern, flags });
  return reports.map(({ type }) => `/${pattern}/${flags} takes more than linear time: ${HOW[type]}`);
}
