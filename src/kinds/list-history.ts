/**
 * Names and ids of the last two complete lists: enough to find what a create made whose answer was lost, and to be sure
 * that it made nothing (docs/design.md, Create).
 */
import type { Moment } from "../base/clock.ts";
import { isReadable, type Unreadable } from "../paperspace/answers.ts";

interface CompleteList {
  /** When its first request began. */
  began: Moment;
  idsByName: IdsByName;
  /** By what is equal for names that count as one. */
  idsByAlike: IdsByName;
  /** Items without a readable id, and with one but without a readable name: any of them may be the one looked for. */
  withoutId: number;
  withoutName: number;
}

type IdsByName = ReadonlyMap<string, readonly string[]>;

function idsBy(items: readonly { id: string; name: string }[], keyOf: (name: string) => string): IdsByName {
  return new Map(
    [...Map.groupBy(items, ({ name }) => keyOf(name))].map(([key, of]) => [key, of.map(({ id }) => id)]),
  );
}

/** Whether a list began late enough for a question. */
export type BeganLate = (began: Moment) => boolean;

const anyTime: BeganLate = () => true;

export class ListHistory {
  #lists: CompleteList[] = [];
  /** By id: monotonic time at which it was created, for what the newest list may lack. */
  readonly #created = new Map<string, number>();
  /** By id: monotonic time at which a read showed that it is gone, for what the newest list may still have. */
  readonly #gone = new Map<string, number>();
  readonly #sameName: (name: string) => string;

  /** `sameName` returns equal texts for names that count as one. Default: only a name itself does. */
  constructor(sameName: (name: string) => string = (name) => name) {
    this.#sameName = sameName;
  }

  /** `skipped`: how many further items the list has that have no readable id. */
  add(
    began: Moment,
    items: readonly ({ id: string; name: string } & Unreadable)[],
    { skipped = 0 }: { skipped?: number } = {},
  ): void {
    const idsByName = idsBy(items, (name) => name);
    const idsByAlike = idsBy(items, this.#sameName);
    const withoutName = items.filter((item) => !isReadable(item, "name")).length;
    this.#lists = [
      ...this.#lists.slice(-1),
      { began, idsByName, idsByAlike, withoutId: skipped, withoutName },
    ];
    for (const known of [this.#created, this.#gone])
      for (const [id, at] of known) if (at < began.monotonic) known.delete(id);
  }

  /** What was created at this monotonic time counts until a list began later. */
  recordCreated(id: string, at: number): void {
    this.#created.set(id, at);
  }

  /** What a read that began at this monotonic time did not find counts no more until a list began later. */
  recordGone(id: string, at: number): void {
    this.#gone.set(id, at);
  }

  /** How many items the account has, as of the newest list; undefined before there is one. */
  get count(): number | undefined {
    const newest = this.#lists.at(-1);
    if (!newest) return undefined;
    const known = new Set([...newest.idsByName.values()].flat());
    for (const id of this.#created.keys()) known.add(id);
    for (const id of this.#gone.keys()) known.delete(id);
    return known.size + newest.withoutId;
  }

  /** Monotonic time at which the newest one began; undefined before there is any. */
  get newest(): number | undefined {
    return this.#lists.at(-1)?.began.monotonic;
  }

  /**
   * Ids of the items of this name in any of the lists that began late enough; where none has exactly this one, of those
   * whose names count as the same.
   */
  idsNamed(name: string, isLate = anyTime): string[] {
    return this.#idsIn(
      this.#lists.filter(({ began }) => isLate(began)),
      name,
    );
  }

  /** The same of the newest list. */
  newestIdsNamed(name: string): readonly string[] {
    return this.#idsIn(this.#lists.slice(-1), name);
  }

  /** How many complete lists that began late enough surely have no item whose name counts as this one. */
  countWithout(name: string, isLate = anyTime): number {
    const same = this.#sameName(name);
    return this.#lists.filter(
      (list) => isLate(list.began) && nameless(list) === 0 && !list.idsByAlike.has(same),
    ).length;
  }

  /** How many items of the newest list have no readable name, or no readable id. */
  get nameless(): number {
    const newest = this.#lists.at(-1);
    return newest ? nameless(newest) : 0;
  }

  #idsIn(lists: readonly CompleteList[], name: string): string[] {
    const same = this.#sameName(name);
    const ids = lists.flatMap(({ idsByName }) => idsByName.get(name) ?? []);
    return [...new Set(ids.length > 0 ? ids : lists.flatMap(({ idsByAlike }) => idsByAlike.get(same) ?? []))];
  }
}

function nameless({ withoutId, withoutName }: CompleteList): number {
  return withoutId + withoutName;
}
