/** What is done with texts of any length in time that grows with their length alone, where an expression would not. */

/** At most so many characters; none of them is half a pair, which the API server would store as another one. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const isHalf = /[\ud800-\udbff]/.test(text[length - 1] ?? "");
  return text.slice(0, isHalf ? length - 1 : length);
}

/** Without any of these characters at its end. */
export function withoutTrailing(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1] as string)) end--;
  return text.slice(0, end);
}
