/**
 * What the demo shows, and how: in a terminal one table that changes in place, elsewhere (a pipe, a CI log) only the
 * lines that changed. Independent of what is shown.
 */
import { styleText } from "node:util";

export interface LiveLine {
  text: string;
  /** Where nothing can be redrawn, the line is printed when this has changed: a clock in the text must not count. Empty: never. */
  news: string;
}

export interface Terminal {
  /** Prints lines that stay. */
  print(...lines: string[]): void;
  /** Shows lines that the next call replaces, below everything that was printed. */
  show(lines: readonly LiveLine[]): void;
  /** Colours where the output supports them. */
  style(format: Style, text: string): string;
}

export type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan";

type Out = Pick<NodeJS.WriteStream, "write" | "isTTY" | "rows">;

export function terminalOf(out: NodeJS.WriteStream): Terminal {
  const style: Terminal["style"] = (format, text) =>
    styleText(format, text, { stream: out, validateStream: true });
  return out.isTTY ? redrawing(out, style) : appending(out, style);
}

/** Cursor up, and everything below away. */
const BACK = (lines: number) => (lines === 0 ? "" : `\x1b[${lines}A\r\x1b[J`);
/** Lines that are too wide are cut by the terminal itself while it does not wrap: else counting them would go wrong. */
const CUT = (text: string) => `\x1b[?7l${text}\x1b[?7h`;

export function redrawing(out: Out, style: Terminal["style"]): Terminal {
  let live: string[] = [];
  const draw = (printed: readonly string[], next: string[]) => {
    const lines = [...printed.map((line) => `${line}\n`), ...next.map((line) => CUT(`${line}\n`))];
    out.write(BACK(live.length) + lines.join(""));
    live = next;
  };
  return {
    style,
    print: (...lines) => draw(lines, live),
    show(lines) {
      const fitting = lines.slice(0, Math.max(1, (out.rows || 24) - 2));
      draw(
        [],
        fitting.map(({ text }) => text),
      );
    },
  };
}

export function appending(out: Out, style: Terminal["style"]): Terminal {
  let printed = new Set<string>();
  return {
    style,
    print: (...lines) => void out.write(lines.map((line) => `${line}\n`).join("")),
    show(lines) {
      for (const { text, news } of lines) if (news !== "" && !printed.has(news)) out.write(`${text}\n`);
      printed = new Set(lines.map(({ news }) => news));
    },
  };
}
