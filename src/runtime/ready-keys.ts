/**
 * The keys of a work queue that could leave now, and which of them is next: by priority, then by turns of their groups, as
 * far as the share of their account in the workers allows. It knows neither what a group nor what an account is.
 */
import { Heap, type HeapItem } from "../base/heap.ts";
import { goesBefore, type TurnItem, Turns } from "../base/turns.ts";

export interface ReadyItem extends TurnItem {
  /** What a pass of it may have to wait for, and others must not. */
  account: string;
}

/** The keys of one account. */
interface Account<T extends ReadyItem> extends HeapItem {
  readonly name: string;
  readonly ready: Heap<T>;
  processing: number;
}

export class ReadyKeys<T extends ReadyItem> {
  /** Passes that run at once. */
  readonly #workers: number;
  readonly #turns = new Turns();
  /** Those that have a key ready or in processing. */
  readonly #accounts = new Map<string, Account<T>>();
  /** Those with a key ready that are below their share, which `next` checks again: it shrinks when an account is added. */
  readonly #eligible = new Heap<Account<T>>((a, b) => goesBefore(a.ready.peek() as T, b.ready.peek() as T));
  /** Those with a key ready that have their share: never more than there are workers. */
  readonly #full = new Set<Account<T>>();
  #size = 0;

  constructor(workers: number) {
    this.#workers = workers;
  }

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const account = this.#accountOf(item);
    this.#turns.enter(item);
    account.ready.push(item);
    this.#size++;
    this.#place(account);
  }

  /** The item moves within the queue: behind what has this priority already. */
  reprioritize(item: T, priority: number): void {
    const account = this.#accountOf(item);
    account.ready.remove(item);
    this.#turns.withdrawn(item);
    item.priority = priority;
    this.#turns.enter(item);
    account.ready.push(item);
    this.#place(account);
  }

  /** Takes the next key, which counts for its account until `done`; undefined where none may leave. */
  next(): T | undefined {
    for (let account = this.#eligible.peek(); account; account = this.#eligible.peek()) {
      if (account.processing < this.#share) return this.#take(account);
      this.#place(account);
    }
    return undefined;
  }

  done(item: T): void {
    const account = this.#accounts.get(item.account);
    if (!account) return;
    account.processing--;
    if (account.processing > 0 || account.ready.size > 0) return this.#place(account);
    this.#accounts.delete(account.name);
    // The share of all others has grown.
    for (const other of [...this.#full]) this.#place(other);
  }

  /** One worker more than the accounts share is left: whoever comes next never waits for all the others. */
  get #share(): number {
    return Math.max(1, Math.floor((this.#workers - 1) / this.#accounts.size));
  }

  #take(account: Account<T>): T | undefined {
    const item = account.ready.pop();
    if (item) {
      this.#turns.served(item);
      this.#size--;
      account.processing++;
    }
    this.#place(account);
    return item;
  }

  #accountOf({ account: name }: T): Account<T> {
    const known = this.#accounts.get(name);
    if (known) return known;
    const account: Account<T> = { name, ready: new Heap<T>(goesBefore), processing: 0, slot: -1 };
    this.#accounts.set(name, account);
    return account;
  }

  /** To be called after anything of the account changed. */
  #place(account: Account<T>): void {
    if (account.slot >= 0) this.#eligible.remove(account);
    this.#full.delete(account);
    if (account.ready.size === 0) return;
    if (account.processing < this.#share) this.#eligible.push(account);
    else this.#full.add(account);
  }
}
