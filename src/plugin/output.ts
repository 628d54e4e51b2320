/**
 * Where the plugin writes: results to standard output, notes and errors to standard error, the API key to neither.
 * What is printed is decided in the commands.
 */

import { clip } from "../base/plain-text.ts";
import { redactText } from "../base/redact.ts";
import { erased, fitting, unwrapped } from "./live-lines.ts";
import { terminalLine } from "./plain-text.ts";
import type { ProcessIO, Sink } from "./process-io.ts";

const DEFAULT_WIDTH = 80;
/** Characters. */
const LONGEST_NOTE = 4_000;
/** Shorter ones are not keys, and removing them would spoil the text around them. */
const SHORTEST_KEY = 6;

export class Output {
  /** Results go to a terminal. */
  readonly isTerminal: boolean;
  /** Whether to use our own colours: on a terminal, unless NO_COLOR (no-color.org) is set. */
  readonly colours: boolean;
  /** Characters a line: COLUMNS, else the terminal's, else 80. */
  readonly width: number;
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #hidden = new Set<string>();
  readonly #rows: () => number | undefined;
  #isFull = false;
  /** Lines that the next `rewrite` replaces. */
  #live = 0;

  constructor({ env, stdout, stderr }: Pick<ProcessIO, "env" | "stdout" | "stderr">) {
    this.#out = stdout;
    this.#err = stderr;
    this.isTerminal = stdout.isTTY === true;
    this.colours = this.isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
    this.#rows = () => stdout.rows;
    const requested = Number(env.COLUMNS);
    this.width = Number.isInteger(requested) && requested > 0 ? requested : stdout.columns || DEFAULT_WIDTH;
  }

  /** From now on this text is redacted everywhere, even where an application logs its own key. */
  hide(key: string): void {
    if (key.length >= SHORTEST_KEY) this.#hidden.add(key);
  }

  /** A part of the result, with its line ends. On a terminal, colours are all that it does but to show text. */
  print(text: string): void {
    const clean = this.#clean(text);
    const shown = this.isTerminal ? clean.split("\n").map(terminalLine).join("\n") : clean;
    this.#isFull = this.#out.write(shown) === false;
  }

  /** For a terminal: the whole result, in place of the one before. */
  rewrite(text: string): void {
    const lines = this.#clean(text).trimEnd().split("\n").map(terminalLine);
    const shown = fitting(lines, this.#rows());
    this.#out.write(erased(this.#live) + shown.map(unwrapped).join(""));
    this.#live = shown.length;
  }

  /** Resolves once the reader has taken what was printed: what is printed page by page is not held in memory. */
  async drained(): Promise<void> {
    const out = this.#out;
    if (!this.#isFull || !out.once) return;
    await new Promise<void>((resolve) => out.once?.("drain", resolve));
  }

  /** One plain line on standard error. */
  note(text: string): void {
    this.#err.write(`${clip(redactText(this.#clean(text)), LONGEST_NOTE)}\n`);
  }

  #clean(text: string): string {
    let clean = text;
    for (const key of this.#hidden) clean = clean.replaceAll(key, "[redacted]");
    return clean;
  }
}
