/** How deep JSON may be nested: what walks a value recursively must not run out of stack. */

/** Levels of arrays and objects within one value. */
export const MOST_DEPTH = 64;

/** Whether arrays and objects are nested deeper in this JSON text; of another text the answer means nothing. */
export function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at);
        break;
      case "[":
      case "{":
        if (++depth > MOST_DEPTH) return true;
        break;
      case "]":
      case "}":
        depth--;
    }
  }
  return false;
}

/** Index of the quote that ends the string which begins here, or behind the text. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '"') return at;
    if (char === "\\") at++;
  }
  return text.length;
}
