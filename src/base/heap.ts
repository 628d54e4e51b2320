/** A binary heap whose items hold their index, so that one in the middle can be removed or moved. */

export interface HeapItem {
  /** Index in the heap; -1 while outside. Only the heap writes it. */
  slot: number;
}

export class Heap<T extends HeapItem> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  /** `before(a, b)` is true when `a` must leave first. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#setSlot(item, this.#items.length);
    this.#up(item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first) this.remove(first);
    return first;
  }

  remove(item: T): void {
    const last = this.#items.pop();
    if (last && last !== item) {
      this.#setSlot(last, item.slot);
      this.moved(last);
    }
    item.slot = -1;
  }

  /** To be called after the order of an item inside changed. */
  moved(item: T): void {
    this.#up(item);
    this.#down(item);
  }

  #up(item: T): void {
    while (item.slot > 0) {
      const parent = this.#items[(item.slot - 1) >> 1] as T;
      if (!this.#before(item, parent)) return;
      this.#swap(item, parent);
    }
  }

  #down(item: T): void {
    for (;;) {
      const left = this.#items[2 * item.slot + 1];
      const right = this.#items[2 * item.slot + 2];
      const child = left && right && this.#before(right, left) ? right : left;
      if (!child || !this.#before(child, item)) return;
      this.#swap(item, child);
    }
  }

  #swap(a: T, b: T): void {
    const slot = a.slot;
    this.#setSlot(a, b.slot);
    this.#setSlot(b, slot);
  }

  #setSlot(item: T, slot: number): void {
    this.#items[slot] = item;
    item.slot = slot;
  }
}
