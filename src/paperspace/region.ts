/** The code of a region in one of the vendor's spellings. */

/**
 * What is in brackets at the end of a region's name, such as ny2 of "East Coast (ny2)", else the name itself
 * (observed-in-the-field.md 12). In time that grows with the length of the name alone.
 */
export function codeInBrackets(region: string): string {
  const name = region.trimEnd();
  if (!name.endsWith(")")) return region;
  const end = name.length - 1;
  const open = name.indexOf("(", name.lastIndexOf(")", end - 1) + 1);
  return open < 0 || open + 1 === end ? region : name.slice(open + 1, end);
}
