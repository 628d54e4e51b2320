/**
 * How deep JSON may be nested, since what walks a value recursively must not run out of stack, and how many values it may
 * have, since parsing them stops all else meanwhile.
 */

/** Levels of arrays and objects within one value. */
export const MOST_DEPTH = 64;
/** Arrays, objects, and what is in them. */
export const MOST_VALUES = 100_000;

/** Why this JSON text is not to be parsed; of another text the answer means nothing. */
export function parseRefusal(text: string, mostValues: number): string | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = stringEnd(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MOST_DEPTH) return "it is nested too deep";
        values++;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2c: // ,
        values++;
    }
    if (values > mostValues) return `it has more than ${mostValues} values`;
  }
  return undefined;
}

/** Index of the quote that ends the string which begins here, or behind the text. */
function stringEnd(text: string, from: number): number {
  // A string may have megabytes, through which indexOf goes many times as fast.
  for (let begin = from + 1; ; ) {
    const at = text.indexOf('"', begin);
    if (at < 0) return text.length;
    let unescaped = at;
    while (unescaped > begin && text.charCodeAt(unescaped - 1) === 0x5c) unescaped--;
    if ((at - unescaped) % 2 === 0) return at;
    begin = at + 1;
  }
}
