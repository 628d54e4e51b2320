/**
 * Text of others (answers of an API, specs and annotations, error messages) on its way into status, Events, logs and
 * terminals. Whatever it holds, it changes neither the text around it nor the program that shows it, and its length is
 * bounded. Each place that writes applies it to all that it writes; credentials are the matter of redact.ts.
 */
import { cut } from "./text.ts";

/**
 * Characters that are not shown, or that change how others are shown: controls, bidirectional formatting, zero-width and
 * other ignorable ones, line and paragraph separators, halves of surrogate pairs, private use.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Those that stand between words. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** Printable ASCII, which most texts are: nothing is to be removed. */
const PLAIN = /^[ -~]*$/;

/** How much longer than its limit a text may be with what is removed. */
const REMOVED_AT_MOST = 16;
/** Characters of a message that quotes the API. */
const LINE_LIMIT = 300;
/** Characters; the API server allows no longer one in an Event. */
const REASON_LIMIT = 128;
/** Characters of one text in a status. */
const FIELD_LIMIT = 4_096;

/**
 * One printable line of at most `limit` characters, 300 by default: what is hidden is removed, blanks and line ends are one
 * blank each.
 */
export function clip(text: string, limit: number = LINE_LIMIT): string {
  // What is far behind the limit is not looked at: a text may have megabytes.
  const most = REMOVED_AT_MOST * limit;
  const line = visible(text.slice(0, most)).replace(/\s+/g, " ").trim();
  return shorten(text.length > most ? `${line}…` : line, limit);
}

/** As `clip`, of a text in which blanks count: they stay as they are. */
export function visible(text: string): string {
  return PLAIN.test(text) ? text : withoutHidden(text.replace(BREAKS, " "));
}

/** Without hidden characters, but for those in `except`. */
export function withoutHidden(text: string, except = ""): string {
  return text.replace(HIDDEN, (hidden) => (except.includes(hidden) ? hidden : ""));
}

/** At most `limit` characters, the last of which shows where there were more. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${cut(text, limit - 1)}…`;
}

/** What every tool takes for the reason of a condition or an Event: letters, digits and _ only, a letter first, 128 at most. */
export function plainReason(text: string): string {
  return text.replace(/^[^A-Za-z]+|[^A-Za-z0-9_]/g, "").slice(0, REASON_LIMIT) || "Unknown";
}

/** Those that `plainCopy` made, which nothing changes. */
const COPIES = new WeakSet<object>();

/**
 * A copy as JSON carries it, in which every text, at any depth and in the names of fields, is visible and of at most 4096
 * characters. Of such a copy it is the copy itself.
 */
export function plainCopy<T extends object>(value: T): T {
  if (COPIES.has(value)) return value;
  const copy = copyOf(value) as T;
  COPIES.add(copy);
  return copy;
}

function copyOf(value: unknown): unknown {
  if (typeof value === "string") return shorten(visible(value), FIELD_LIMIT);
  // JSON has no -0.
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  if (Array.isArray(value)) return value.map((item) => copyOf(item) ?? null);
  if (typeof value !== "object" || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, field] of Object.entries(value))
    if (field !== undefined) fields.push([shorten(visible(name), LINE_LIMIT), copyOf(field)]);
  return Object.fromEntries(fields);
}

/** JSON in which hidden characters are escaped, also those that JSON.stringify leaves: the same value to who parses it. */
export function printableJson(value: unknown, indent?: number): string {
  return escapeHidden(String(JSON.stringify(value, null, indent)), "\n");
}

/** Hidden characters as JSON writes them (\u200b), but for `except`: two texts that differ are still different. */
export function escapeHidden(text: string, except = ""): string {
  return text.replace(HIDDEN, (hidden) => {
    if (hidden === except) return hidden;
    const units = Array.from({ length: hidden.length }, (_, i) => hidden.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}
