/**
 * Tables as kubectl prints them: columns three blanks apart, an absent value as <none>, ages in short. It knows
 * nothing of what the cells mean.
 */
import { clip } from "../base/plain-text.ts";

const GAP = 3;
const NONE = "<none>";

/** Lines, each with its line end. A cell is one printable line: an absent or empty one is <none>. */
export function table(header: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => clip(cell ?? "") || NONE))];
  const widths = header.map((_, column) => most(cells, (row) => length(row[column] ?? "")));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - length(cell) + GAP))
      .join("")
      .trimEnd();
  return cells.map((row) => `${line(row)}\n`).join("");
}

/** Math.max takes no more arguments than the stack has room for. */
function most<T>(items: readonly T[], size: (item: T) => number): number {
  return items.reduce((max, item) => Math.max(max, size(item)), 0);
}

const UNITS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** `3d`, `5h`, `12m`, `7s` since an RFC 3339 time; undefined where it is none. `now` in milliseconds since the epoch. */
export function age(time: unknown, now: number): string | undefined {
  const passed = typeof time === "string" ? now - Date.parse(time) : Number.NaN;
  if (Number.isNaN(passed)) return undefined;
  const [unit, ms] = UNITS.find(([, ms]) => passed >= ms) ?? ["s", 1_000];
  return `${Math.max(0, Math.floor(passed / ms))}${unit}`;
}

/** Number of characters, each one column wide on most terminals. */
function length(text: string): number {
  return [...text].length;
}
