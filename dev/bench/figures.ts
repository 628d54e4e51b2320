/** What a scenario measures: figures with their goals, and counts of calls; and how they are written. */
import type { Narrator } from "../demo/demo-env.ts";

export type Unit = "s" | "ms" | "MiB" | "×" | "%" | "";

/** A bound that a figure should keep. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  readonly goal?: Goal;
}

/** How often each of some things was done, such as each kind of call. */
export type Counts = Readonly<Record<string, number>>;

export interface Measurement {
  readonly figures: readonly Figure[];
  /** By their titles. */
  readonly tables?: Readonly<Record<string, Counts>>;
}

export function figureOf(what: string, value: number, unit: Unit, goal?: Goal): Figure {
  return { what, value, unit, ...(goal && { goal }) };
}

/** Undefined where it has no goal, or was not measured. */
export function isMissed({ value, goal }: Figure): boolean | undefined {
  if (!goal || Number.isNaN(value)) return undefined;
  return "atMost" in goal ? value > goal.atMost : value < goal.atLeast;
}

export function valueText({ value, unit }: Pick<Figure, "value" | "unit">): string {
  if (Number.isNaN(value)) return "–";
  const digits =
    unit === "×" ? 2 : Math.abs(value) >= 100 || (Number.isInteger(value) && unit === "") ? 0 : 1;
  const number = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "" ? number : `${number} ${unit}`;
}

export function goalText({ goal, unit }: Pick<Figure, "goal" | "unit">): string {
  if (!goal) return "";
  return "atMost" in goal
    ? `≤ ${valueText({ value: goal.atMost, unit })}`
    : `≥ ${valueText({ value: goal.atLeast, unit })}`;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** `share`: 0.5 is the median, 0.99 what all but one in a hundred keep. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, one) => sum + one, 0);
}

/** Nothing of the steps is shown: the figures are. */
export const quiet: Narrator = { step: (_, work) => work(), detail: () => {} };
