/**
 * What the demo shows, and how: in a terminal one table that changes in place, elsewhere (a pipe, a CI log) only the
 * lines that changed. Independent of what is shown.
 */
import { styleText } from "node:util";
import { erased, fitting, unwrapped } from "../../src/plugin/live-lines.ts";

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

export function redrawing(out: Out, style: Terminal["style"]): Terminal {
  let live: string[] = [];
  const draw = (printed: readonly string[], next: string[]) => {
    const lines = [...printed.map((line) => `${line}\n`), ...next.map(unwrapped)];
    out.write(erased(live.length) + lines.join(""));
    live = next;
  };
  return {
    style,
    print: (...lines) => draw(lines, live),
    show(lines) {
      const texts = lines.map(({ text }) => text);
      draw([], fitting(texts, out.rows));
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
