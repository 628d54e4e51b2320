/** What the reads of a probe make of a question: in words for the user, and as values of the simulator's switches. */

import type { Behaviour } from "../simulator/world/behaviour.ts";
import type { Json } from "./client.ts";

export interface Answer {
  /** Without ids, names and addresses. */
  text: string;
  /** The values that the simulator's switches should have. */
  switches?: Partial<Behaviour>;
}

/** In place of an answer: what the account lacks for one. */
export interface Unanswered {
  missing: string;
}

export const missing = (what: string): Unanswered => ({ missing: what });

/** Words of the vendor's own, such as states and labels: short and plain. Whatever else is there is only counted. */
export function words(values: readonly unknown[]): string {
  const counts = new Map<string, number>();
  for (const value of values) {
    const word = typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9 .+()_-]{0,39}$/.test(value);
    const shown = word ? value : `(${kindOf(value)})`;
    counts.set(shown, (counts.get(shown) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([value, times]) => `${value} (${times})`).join(", ");
}

/** What a value is, and never what it says. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "{}" : "an object";
  if (value === "") return '""';
  return typeof value === "string" ? "a text" : `a ${typeof value}`;
}

export const fieldsOf = (items: readonly Json[], name: string): unknown[] => items.map((item) => item[name]);
