/**
 * The caches of one kind, account by account. Those that no object uses any more are dropped, and with them the API keys that
 * they read with.
 */
import type { Clock } from "../base/clock.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import type { PaperspaceAccount } from "./account.ts";
import type { Inventory } from "./inventory.ts";
import type { Item, Source } from "./source.ts";

/** The caches of one account, or of a part of one. */
export class AccountCache<T extends Item, I extends Inventory<T> = Inventory<T>> {
  readonly inventory: I;
  readonly #sourceOf: (api: PaperspaceApi) => Source<T>;

  constructor(inventory: I, sourceOf: (api: PaperspaceApi) => Source<T>) {
    this.inventory = inventory;
    this.#sourceOf = sourceOf;
  }

  /** A valid credential of the team: the newest serves the shared reads, an object's own those about its resource. */
  use({ api, fingerprint }: PaperspaceAccount): void {
    this.inventory.use(this.#sourceOf(api), fingerprint);
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    this.inventory.unsubscribe(key);
  }

  stop(): void {
    this.inventory.stop();
  }
}

export interface AccountCachesOptions<K> {
  clock: Pick<Clock, "monotonic">;
  /** After how long without use a cache is dropped, and how often that is checked, in milliseconds. */
  unusedMs: number;
  sweepMs: number;
  /** Called once for each account, and each part of one that is needed. */
  make(account: PaperspaceAccount, part: string): K;
}

export class AccountCaches<K extends AccountCache<Item>> {
  readonly #options: AccountCachesOptions<K>;
  readonly #caches = new Map<string, { cache: K; usedAt: number }>();
  /** Monotonic time of the last removal of caches that are not used any more. */
  #sweptAt = 0;

  constructor(options: AccountCachesOptions<K>) {
    this.#options = options;
  }

  /** That of a part of this account; it is made where there is none. */
  at(account: PaperspaceAccount, part: string): K {
    this.sweep();
    const usedAt = this.#options.clock.monotonic();
    const place = placeOf(account.team, part);
    const existing = this.#caches.get(place);
    if (existing) {
      existing.usedAt = usedAt;
      existing.cache.use(account);
      return existing.cache;
    }
    const cache = this.#options.make(account, part);
    cache.use(account);
    this.#caches.set(place, { cache, usedAt });
    return cache;
  }

  /** Undefined where no key of the team was used in this process. */
  get(team: string, part: string): K | undefined {
    return this.#caches.get(placeOf(team, part))?.cache;
  }

  all(): readonly K[] {
    return Array.from(this.#caches.values(), ({ cache }) => cache);
  }

  /** Of accounts, and parts of them, that no object has: their API keys are kept no longer either. */
  sweep(): void {
    const { clock, unusedMs, sweepMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const [place, { cache, usedAt }] of this.#caches) {
      if (cache.inventory.isUsed || now - usedAt < unusedMs) continue;
      cache.stop();
      this.#caches.delete(place);
    }
  }

  /** Drops all of them, and stops their timers. */
  reset(): void {
    for (const cache of this.all()) cache.stop();
    this.#caches.clear();
  }
}

function placeOf(team: string, part: string): string {
  return `${team}/${part}`;
}
