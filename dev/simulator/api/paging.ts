/**
 * Pages as machines.md section 2 has them: `after`, `limit`, `orderBy`, `order` in, `hasMore`, `items`, `nextPage` out.
 */

import type { Behaviour } from "../world/behaviour.ts";
import { ApiError } from "../world/errors.ts";

export interface PageQuery {
  after?: string;
  limit?: string;
  order?: "asc" | "desc";
}

export interface Page<T> {
  hasMore: boolean;
  items: T[];
  nextPage?: string | null;
}

/** What a list is sorted by: the field first, then the order of creation, so that no two items are equal. */
export type SortKey = readonly [value: string | number, seq: string | number];

const MAX_LIMIT = 120;

/** Cuts one page out of `items`, which may come in any order. Throws BAD_REQUEST on a bad limit or cursor. */
export function pageOf<T>(
  items: readonly T[],
  query: PageQuery,
  key: (item: T) => SortKey,
  behaviour: Behaviour,
): Page<T> {
  const limit = limitOf(query.limit, behaviour);
  const direction = query.order === "asc" ? 1 : -1;
  const sorted = items
    .map((item) => ({ item, key: key(item) }))
    .sort((a, b) => direction * compare(a.key, b.key));
  const start = query.after === undefined || query.after === "" ? 0 : startOf(sorted, query.after, direction);
  const end = start + limit;
  const hasMore = end < sorted.length;
  const last = sorted[end - 1];
  const page: Page<T> = { hasMore, items: sorted.slice(start, end).map((s) => s.item) };
  if (hasMore && last) {
    page.nextPage = encode(behaviour.pageStability === "offset" ? end : last.key);
  } else if (behaviour.nextPageWhenLast !== "absent") {
    page.nextPage = behaviour.nextPageWhenLast === "null" ? null : "";
  }
  return page;
}

function startOf(sorted: readonly { key: SortKey }[], cursor: string, direction: number): number {
  const position = decode(cursor);
  if (typeof position === "number") return position;
  const next = sorted.findIndex((s) => direction * compare(s.key, position) > 0);
  return next < 0 ? sorted.length : next;
}

function compare(a: SortKey, b: SortKey): number {
  return compareValues(a[0], b[0]) || compareValues(a[1], b[1]);
}

const compareValues = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);

/** Limits outside 1 to 120 are refused or brought in, and none at all means an undocumented default. */
function limitOf(text: string | undefined, behaviour: Behaviour): number {
  if (text === undefined) return behaviour.defaultPageSize;
  const limit = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  if (behaviour.limitOutOfRange === "clamp" && !Number.isNaN(limit))
    return Math.min(MAX_LIMIT, Math.max(1, limit));
  const message = `limit must be a whole number from 1 to ${MAX_LIMIT}`;
  throw new ApiError("BAD_REQUEST", message, [{ path: "/limit", message }]);
}

/** The cursor of a page that goes on behind an item, for a list whose own cursors look different. */
export const cursorAfter = (key: SortKey) => encode(key);

const encode = (position: SortKey | number) => Buffer.from(JSON.stringify(position)).toString("base64url");

function decode(cursor: string): SortKey | number {
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Number.isSafeInteger(position)) return position as number;
    if (Array.isArray(position) && position.length === 2) return position as unknown as SortKey;
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new ApiError("BAD_REQUEST", "Invalid cursor", [{ path: "/after", message: "Invalid cursor" }]);
}
