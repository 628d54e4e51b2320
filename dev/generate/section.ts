/** A generated part of a page that is written by hand: what stands between two marks. Pure. */

/** The page with `content` on lines of its own between the marks, which stay. Throws where one is missing. */
export function withSection(page: string, [begin, end]: readonly [string, string], content: string): string {
  const start = page.indexOf(begin);
  const stop = page.indexOf(end, start + begin.length);
  if (start < 0 || stop < 0) throw new Error(`the page lacks the mark ${start < 0 ? begin : end}`);
  return `${page.slice(0, start + begin.length)}\n${content}\n${page.slice(stop)}`;
}
