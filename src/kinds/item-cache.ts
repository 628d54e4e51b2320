/** Items as they were last read, and since when each of them is so. No reads, and no lists. */
import type { Clock } from "../base/clock.ts";
import type { CachedItem, Item, Misses } from "./source.ts";

/** What a read of an item by id brought, or a page of a list. */
export interface ItemRead<T> {
  /** Absent: there is none. */
  item: T | undefined;
  /** Monotonic time at which its request began. */
  beganAt: number;
  /** The credentials that do not find it. */
  missed?: readonly string[] | undefined;
}

export class ItemCache<T extends Item> {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #items = new Map<string, CachedItem<T>>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#items.size;
  }

  get(id: string): CachedItem<T> | undefined {
    return this.#items.get(id);
  }

  delete(id: string): void {
    this.#items.delete(id);
  }

  /** The answer of a write: no read that began before it came replaces it. */
  set(id: string, item: T, answeredAt: number): void {
    this.#items.set(id, { item, beganAt: answeredAt, sameSince: answeredAt });
  }

  /** Whether what is cached is newer than what a read that began then brings: causality (docs/design.md, Informers). */
  isNewer(id: string, beganAt: number): boolean {
    return beganAt < (this.#items.get(id)?.beganAt ?? beganAt);
  }

  /** Caches what a read brought; whether it differs from what was cached. */
  update(id: string, { item, beganAt, missed = [] }: ItemRead<T>): boolean {
    const before = this.#items.get(id);
    const isEqual = JSON.stringify(before?.item) === JSON.stringify(item);
    const isSame = before !== undefined && isEqual;
    const isFirst = before === undefined;
    const seen = { beganAt, sameSince: isSame ? before.sameSince : beganAt, ...(isFirst && { isFirst }) };
    const absentSince = before?.absentSince ?? beganAt;
    const misses = this.#missesAfter(before?.misses, missed, beganAt);
    this.#items.set(id, item ? { item, ...seen } : { ...seen, absentSince, misses });
    return !isEqual;
  }

  #missesAfter(
    before: CachedItem<T>["misses"],
    missed: readonly string[],
    at: number,
  ): ReadonlyMap<string, Misses> {
    const answeredAt = this.#clock.monotonic();
    const since = (credential: string) => before?.get(credential)?.since ?? answeredAt;
    return new Map(missed.map((credential) => [credential, { since: since(credential), at }]));
  }
}
