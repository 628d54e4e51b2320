/**
 * Reads lists of items: complete ones, which alone are evidence of absence, and single pages. What a page shows is handed
 * on as soon as it is read. Nothing is cached here but on which page each item was shown.
 */
import { type Clock, type Moment, momentOf } from "../base/clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import type { CredentialSource } from "./credential-sources.ts";
import type { Item, ItemPage, ListFrom } from "./source.ts";

export interface ListReaderOptions<T extends Item> {
  /** What is read, for errors: "machines". */
  name: string;
  clock: Clock;
  /** The namespace of all objects that a list is for; empty where they are of several. */
  group(): string;
  /** Still shown, and yet no more. */
  isGone(item: T): boolean;
  isSubscribed(id: string): boolean;
  /** To be confirmed by a read of its own before it is believed. */
  isDoubtful(item: T): boolean;
  /** Takes what each page shows. */
  paged?(items: readonly T[]): void;
  /** Takes what a page shows of a subscribed item without a doubt. */
  shown(item: T, beganAt: number): void;
}

/** A list that was read from its beginning to its end. */
export interface CompleteRead {
  began: Moment;
  /** The identities alone: the list may be of any length. */
  items: readonly Item[];
  /** How many further items it has that have no readable id. */
  skipped: number;
  /** Monotonic time of the last answer. */
  endedAt: number;
  /** Ids of subscribed items that it shows in doubt. */
  doubted: ReadonlySet<string>;
}

/** One page of a list; `ids` of the subscribed items that it shows without a doubt. */
export interface PageRead {
  isLast: boolean;
  ids: ReadonlySet<string>;
}

/** Of the ids and names that are kept of a list; those of 100,000 items have a third of them at most. */
const LIST_CHARACTERS = 16 * 1024 * 1024;

export class ListReader<T extends Item> {
  readonly #options: ListReaderOptions<T>;

  constructor(options: ListReaderOptions<T>) {
    this.#options = options;
  }

  /** Throws where the list does not complete. */
  async readAll(entry: CredentialSource<T>): Promise<CompleteRead> {
    const { clock, group, isGone, name } = this.#options;
    const began = momentOf(clock);
    const items: Item[] = [];
    const doubted = new Set<string>();
    let skipped = 0;
    let characters = 0;
    let after: string | undefined;
    for await (const page of entry.source.list(group())) {
      skipped += page.skipped ?? 0;
      for (const item of page.items) {
        if (isGone(item)) continue;
        characters += item.id.length + item.name.length;
        if (characters > LIST_CHARACTERS) throw tooLong(name);
        items.push(identityOf(item));
      }
      for (const id of this.#takePage(entry, after, page).doubted) doubted.add(id);
      after = page.next;
    }
    return { began, items, skipped, endedAt: clock.monotonic(), doubted };
  }

  /** Those of the items that pages have shown, read page by page while one has two of them or more. */
  async readPagesOf(entry: CredentialSource<T>, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { pages } = entry;
    const unread = new Set(ids);
    const shown = new Set<string>();
    const read = new Set<string>();
    for (let page = pages.fullest(unread, read); page !== undefined; page = pages.fullest(unread, read)) {
      read.add(page);
      const { ids: found } = await this.readPage(entry, page);
      for (const id of found) if (unread.delete(id)) shown.add(id);
    }
    return shown;
  }

  /** Reads one page of the list again. */
  async readPage(
    entry: CredentialSource<T>,
    page: string,
    options: Pick<ListFrom, "class"> = {},
  ): Promise<PageRead> {
    const after = page || undefined;
    try {
      for await (const one of entry.source.list(this.#options.group(), { ...options, after })) {
        const { shown, doubted } = this.#takePage(entry, after, one);
        return { isLast: one.next === undefined, ids: new Set([...shown].filter((id) => !doubted.has(id))) };
      }
    } catch (error) {
      if (isRefusal(error)) entry.pages.reset();
      throw error;
    }
    return { isLast: true, ids: new Set() };
  }

  /** Hands on what the page at `after` shows of subscribed items; returns those that it shows, and those it leaves in doubt. */
  #takePage(entry: CredentialSource<T>, after: string | undefined, { items, beganAt, next }: ItemPage<T>) {
    const { isGone, isSubscribed, isDoubtful, paged } = this.#options;
    paged?.(items);
    const shown = new Set<string>();
    const doubted = new Set<string>();
    for (const item of items) {
      if (isGone(item) || !isSubscribed(item.id)) continue;
      shown.add(item.id);
      if (isDoubtful(item)) doubted.add(item.id);
      else this.#options.shown(item, beganAt);
    }
    entry.pages.add(after, shown, next);
    return { shown, doubted };
  }
}

/** The API does not know the cursor any more. */
function isRefusal(error: unknown): boolean {
  return error instanceof PaperspaceError && (error.code === "PS_REFUSED" || error.code === "PS_NOT_FOUND");
}

function tooLong(what: string): PaperspaceError {
  const message = `the list of ${what} has ids and names of more than ${LIST_CHARACTERS} characters, so that it is not read on`;
  return new PaperspaceError("PS_UNEXPECTED", message, { effect: "none" });
}

function identityOf({ id, name, unreadable }: Item): Item {
  return unreadable === undefined ? { id, name } : { id, name, unreadable };
}
