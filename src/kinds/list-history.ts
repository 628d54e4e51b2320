/**
 * Names and ids of the last two complete lists: enough to find what a create made whose answer was lost, and to be sure
 * that it made nothing (docs/design.md, Create).
 */
import type { Moment } from "../base/clock.ts";
import { isReadable, type Unreadable } from "../paperspace/answers.ts";

export interface CompleteList {
  /** When its first request began. */
  began: Moment;
  /** Monotonic time of its last answer. */
  endedAt: number;
  ids: ReadonlySet<string>;
  idsByName: IdsByName;
  /** By what is equal for names that count as one. */
  idsByAlike: IdsByName;
  /** Items without a readable id, and with one but without a readable name: any of them may be the one looked for. */
  withoutId: number;
  withoutName: number;
}

/** Where no list completes: the count is a hint, which may be too low then. */
const MOST_KEPT = 1_000;

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
  /** Each pass asks for it: it is counted again only once something has changed. */
  #count: number | undefined;

  /** `sameName` returns equal texts for names that count as one. Default: only a name itself does. */
  constructor(sameName: (name: string) => string = (name) => name) {
    this.#sameName = sameName;
  }

  /** `skipped`: how many further items the list has that have no readable id; `endedAt`: monotonic, of its last answer. */
  add(
    began: Moment,
    items: readonly ({ id: string; name: string } & Unreadable)[],
    { skipped = 0, endedAt = began.monotonic }: { skipped?: number; endedAt?: number } = {},
  ): CompleteList {
    const idsByName = idsBy(items, (name) => name);
    const idsByAlike = idsBy(items, this.#sameName);
    const withoutName = items.filter((item) => !isReadable(item, "name")).length;
    const ids = new Set(items.map(({ id }) => id));
    const list = { began, endedAt, ids, idsByName, idsByAlike, withoutId: skipped, withoutName };
    this.append(list);
    return list;
  }

  /** A list that another history has as well. */
  append(list: CompleteList): void {
    this.#count = undefined;
    this.#lists = [...this.#lists.slice(-1), list];
    for (const known of [this.#created, this.#gone])
      for (const [id, at] of known) if (at < list.began.monotonic) known.delete(id);
  }

  /** What was created at this monotonic time counts until a list began later. */
  recordCreated(id: string, at: number): void {
    this.#count = undefined;
    keepNewest(this.#created, id, at);
  }

  /** What a read that began at this monotonic time did not find counts no more until a list began later. */
  recordGone(id: string, at: number): void {
    this.#count = undefined;
    keepNewest(this.#gone, id, at);
  }

  /** How many items the account has, as of the newest list; undefined before there is one. */
  get count(): number | undefined {
    const { newestList } = this;
    if (!newestList) return undefined;
    this.#count ??= this.#known(newestList).size + newestList.withoutId;
    return this.#count;
  }

  #known({ ids }: CompleteList): ReadonlySet<string> {
    const known = new Set([...ids, ...this.#created.keys()]);
    for (const id of this.#gone.keys()) known.delete(id);
    return known;
  }

  get newestList(): CompleteList | undefined {
    return this.#lists.at(-1);
  }

  /** Monotonic time at which the newest one began; undefined before there is any. */
  get newest(): number | undefined {
    return this.newestList?.began.monotonic;
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
    return this.newestList ? nameless(this.newestList) : 0;
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

/** Where no list ever completes nothing else would drop the oldest. */
function keepNewest(times: Map<string, number>, id: string, at: number): void {
  times.set(id, at);
  const [oldest] = times.keys();
  if (times.size > MOST_KEPT && oldest !== undefined) times.delete(oldest);
}
