/**
 * On which page of the account's list each item was last shown, so that a few items are read without the other pages. The
 * list is oldest first: what is new is at its end. What a page does not show is no evidence of anything. No reads.
 */

/** The first page of a list has no cursor. */
const FIRST = "";

export class PageIndex {
  readonly #pageOf = new Map<string, string>();
  readonly #idsOn = new Map<string, ReadonlySet<string>>();
  #last = FIRST;
  #isRead = false;

  /** Whether any page has been read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** The page at `after`, as it was read; `next` is the cursor of the page behind it. */
  add(after: string | undefined, ids: ReadonlySet<string>, next: string | undefined): void {
    const page = after ?? FIRST;
    this.#isRead = true;
    for (const id of this.#idsOn.get(page) ?? [])
      if (!ids.has(id) && this.#pageOf.get(id) === page) this.#pageOf.delete(id);
    this.#idsOn.set(page, ids);
    for (const id of ids) this.#pageOf.set(id, page);
    if (next === undefined) this.#last = page;
    else if (page === this.#last) this.#last = next;
  }

  /** Where to look for the item: what no page has shown yet may be on the last one. */
  pageOf(id: string): string {
    return this.#pageOf.get(id) ?? this.#last;
  }

  /** The page that most of these items are on, and at least two, among those that are not in `except`. */
  fullest(ids: Iterable<string>, except: ReadonlySet<string>): string | undefined {
    const counts = new Map<string, number>();
    for (const id of ids) {
      const page = this.pageOf(id);
      if (!except.has(page)) counts.set(page, (counts.get(page) ?? 0) + 1);
    }
    let fullest: string | undefined;
    let most = 1;
    for (const [page, count] of counts) if (count > most) [fullest, most] = [page, count];
    return fullest;
  }

  forget(id: string): void {
    this.#pageOf.delete(id);
  }

  /** A cursor is not valid any more: the list is read from its beginning. */
  reset(): void {
    this.#pageOf.clear();
    this.#idsOn.clear();
    this.#last = FIRST;
    this.#isRead = false;
  }
}
