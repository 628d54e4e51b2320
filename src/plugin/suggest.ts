/** What a mistyped word may have meant. Pure. */

/** `; did you mean "list"?`, or nothing where no word is near. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const ranked = known
    .map((word) => ({ word, distance: distanceOf(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance }) => distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0] ? `; did you mean "${ranked[0].word}"?` : "";
}

/** Words longer than this are no typing errors of ours. */
const LONGEST = 40;

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  if (a.length > LONGEST) return LONGEST;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1);
      row.push(least);
    }
  }
  return at(a.length, b.length);
}
