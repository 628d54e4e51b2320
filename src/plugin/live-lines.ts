/**
 * Lines of a terminal that are rewritten in place: the control sequences, and how many lines there is room for. Pure.
 */

/** Cursor up, and everything below away. */
export const erased = (lines: number) => (lines === 0 ? "" : `\x1b[${lines}A\r\x1b[J`);

/** A line that is too wide is cut by the terminal itself while it does not wrap: else counting lines would go wrong. */
export const unwrapped = (line: string) => `\x1b[?7l${line}\n\x1b[?7h`;

const USUAL_ROWS = 24;
/** The line of the prompt, and one to spare. */
const KEPT_FREE = 2;

/** As many as there is room for, since the cursor cannot go back beyond the top; the last one says how many are left out. */
export function fitting(lines: readonly string[], rows: number | undefined): string[] {
  const room = Math.max(1, (rows || USUAL_ROWS) - KEPT_FREE);
  if (lines.length <= room) return [...lines];
  return [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more lines`];
}
