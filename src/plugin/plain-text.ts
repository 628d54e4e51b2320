/**
 * Makes foreign text safe for a terminal: sequences that move the cursor, set the title or the clipboard are removed.
 * Strings in, strings out.
 */

/** Control sequences (ECMA-48), whole: in the form of ESC and a letter, and in that of one C1 character. */
const SEQUENCES = new RegExp(
  [
    // CSI: parameters, intermediates, a final character.
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
    // OSC, DCS, SOS, PM, APC with their content, up to BEL or ST.
    "(?:\\x1b[\\]PX^_]|[\\x9d\\x90\\x98\\x9e\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)",
    // Everything else that begins with ESC, incomplete sequences included.
    "\\x1b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROLS = /[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOUR = /^\x1b\[[0-9;:]*m$/;
const RESET = "\x1b[0m";

/** One line of text, tabs and colours only; colours are reset at its end. */
export function terminalLine(text: string): string {
  let coloured = false;
  const kept = text.replace(SEQUENCES, (sequence) => {
    const isColour = COLOUR.test(sequence);
    coloured ||= isColour;
    return isColour ? sequence : "";
  });
  const line = kept.replace(CONTROLS, "");
  return coloured ? line + RESET : line;
}

/** The lines of a text; a carriage return, as progress bars use it, ends one too. */
export function linesOf(text: string): string[] {
  return text.replace(/(?:\r?\n|\r)$/, "").split(/\r\n|\n|\r/);
}

/** Indented JSON with all control characters escaped, also those that JSON.stringify leaves. */
export function printableJson(value: unknown): string {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, 2).replace(/[\x7f-\x9f]/g, escaped);
}
