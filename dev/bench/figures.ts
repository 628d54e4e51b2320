/** How the benchmarks print what they measured. */
import type { Narrator } from "../demo/demo-env.ts";

/** Nothing of the steps is shown: the figures are. */
export const quiet: Narrator = { step: (_, work) => work(), detail: () => {} };

export function title(text: string): void {
  console.log(`\n${text}`);
}

export function figure(what: string, value: string): void {
  console.log(`  ${what.padEnd(44)} ${value}`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
