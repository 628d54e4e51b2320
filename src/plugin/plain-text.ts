/**
 * Makes foreign text safe for a terminal: sequences that move the cursor, set the title or the clipboard are removed.
 * Strings in, strings out.
 */
import { withoutHidden } from "../base/plain-text.ts";

const ESC = 0x1b;
const BEL = 0x07;
/** One C1 character in place of ESC and a letter (ECMA-48). */
const CSI = 0x9b;
const ST = 0x9c;
/** OSC, DCS, SOS, PM, APC: what follows them is content, up to BEL or ST. */
const STRINGS = "\x9d\x90\x98\x9e\x9f";
/** The letters that follow an ESC in place of them. */
const STRING_LETTERS = "]PX^_";
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOUR = /^\x1b\[[0-9;:]*m$/;
const RESET = "\x1b[0m";

/**
 * One line of text, tabs and colours only; colours are reset at its end. Reads each character a constant number of times,
 * whatever the text.
 */
export function terminalLine(text: string): string {
  const sequences = new Sequences(text);
  let line = "";
  let coloured = false;
  let shown = "";
  const flush = () => {
    line += withoutHidden(shown, "\t");
    shown = "";
  };
  for (let at = 0; at < text.length; ) {
    const end = sequences.endOf(at);
    if (end === at) {
      shown += text[at];
      at++;
      continue;
    }
    const sequence = text.slice(at, end);
    if (COLOUR.test(sequence)) {
      coloured = true;
      flush();
      line += sequence;
    }
    at = end;
  }
  flush();
  return coloured && !line.endsWith(RESET) ? line + RESET : line;
}

/** Where control sequences (ECMA-48) of a text end; positions must be asked for in ascending order. */
class Sequences {
  readonly #text: string;
  /** Of what ends the content of a string sequence, the next one that is known. */
  #stop = -1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Index behind the sequence that begins here; the given index where none does. */
  endOf(at: number): number {
    const code = this.#text.charCodeAt(at);
    if (code === ESC) return this.#endOfEscape(at);
    if (code === CSI) return this.#endOfControl(at + 1) ?? at;
    return code > ESC && STRINGS.includes(this.#text[at] as string) ? (this.#endOfString(at + 1) ?? at) : at;
  }

  /** Everything that begins with ESC is a sequence, though it may be incomplete. */
  #endOfEscape(at: number): number {
    const letter = this.#text[at + 1];
    if (letter === undefined) return at + 1;
    const end =
      letter === "["
        ? this.#endOfControl(at + 2)
        : STRING_LETTERS.includes(letter)
          ? this.#endOfString(at + 2)
          : undefined;
    if (end !== undefined) return end;
    const last = this.#skip(at + 1, 0x20, 0x2f);
    const code = this.#text.charCodeAt(last);
    return code >= 0x30 && code <= 0x7e ? last + 1 : last;
  }

  /** Parameters, intermediates, a final character. */
  #endOfControl(from: number): number | undefined {
    const final = this.#skip(this.#skip(from, 0x30, 0x3f), 0x20, 0x2f);
    const code = this.#text.charCodeAt(final);
    return code >= 0x40 && code <= 0x7e ? final + 1 : undefined;
  }

  #endOfString(from: number): number | undefined {
    if (this.#stop < from) {
      this.#stop = from;
      while (this.#stop < this.#text.length && !this.#isStop(this.#stop)) this.#stop++;
    }
    if (this.#stop >= this.#text.length) return undefined;
    if (this.#text.charCodeAt(this.#stop) !== ESC) return this.#stop + 1;
    return this.#text[this.#stop + 1] === "\\" ? this.#stop + 2 : undefined;
  }

  #isStop(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code === BEL || code === ESC || code === ST;
  }

  /** Index of the first character from here on that is not between these. */
  #skip(from: number, low: number, high: number): number {
    let at = from;
    for (let code = this.#text.charCodeAt(at); code >= low && code <= high; code = this.#text.charCodeAt(at))
      at++;
    return at;
  }
}

/** The lines of a text; a carriage return, as progress bars use it, ends one too. */
export function linesOf(text: string): string[] {
  return text.replace(/(?:\r?\n|\r)$/, "").split(/\r\n|\n|\r/);
}
