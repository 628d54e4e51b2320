/**
 * The terms in which what an account has is read: an item, where it is read, and what is cached of it. No behaviour.
 */
import type { Unreadable } from "../paperspace/answers.ts";

/** All that is relied on of what is listed. */
export interface Item extends Unreadable {
  id: string;
  /** "" where it is unreadable. */
  name: string;
}

/** Where the items are read. */
export interface Source<T extends Item> {
  /**
   * Oldest first, from the page with this cursor on. A list counts as complete only when it is read from its beginning, and
   * the iteration ends without an error. Groups take turns in the throttle.
   */
  list(group: string, from?: ListFrom): AsyncIterable<ItemPage<T>>;
  /** Throws PS_NOT_FOUND where there is no such item. */
  get(id: string, group: string): Promise<{ body: T; beganAt: number }>;
  /** Still shown, and yet no more. */
  isGone?(item: T): boolean;
}

export interface ListFrom {
  /** Cursor of a page, as an earlier one had it; undefined for the first page. */
  after?: string | undefined;
  /** Read with the share of the budget that is there to watch. */
  class?: "watch" | undefined;
}

export interface ItemPage<T> {
  items: T[];
  beganAt: number;
  /** How many further items the page has that have no readable id. */
  skipped?: number;
  /** Cursor of the next page; undefined where this is the last one. */
  next?: string | undefined;
}

export interface CachedItem<T> {
  /** Absent: the API answered 404 by id, or showed it as gone. */
  item?: T;
  /** Monotonic time at which the request that read it began; for the answer of a write, at which it came. */
  beganAt: number;
  /** Since when every read has shown it absent. */
  absentSince?: number;
  /** By credential: the reads by id that found none, since one last found it. */
  misses?: ReadonlyMap<string, Misses>;
  /** Since when every read has shown it exactly so. */
  sameSince: number;
  /** Nothing was known of it before: a reader of it waits for the first time, as after a start. */
  isFirst?: boolean;
}

/** Monotonic times: when the first of the reads in a row that found nothing was answered, and when the last began. */
export interface Misses {
  since: number;
  at: number;
}

/** Monotonic times: of the first of the lists that failed in a row, and of the last. */
export interface ListFailure {
  error: unknown;
  since: number;
  at: number;
}

/** Monotonic time before which what has failed is not read again, and how often in a row it has. */
export interface ReadBackoff {
  failures: number;
  notBefore: number;
}
