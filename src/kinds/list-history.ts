/**
 * Names and ids of the last two complete lists: enough to find what a create made whose answer was lost, and to be sure
 * that it made nothing (docs/design.md, Create).
 */
import type { Moment } from "../base/clock.ts";
import { isReadable, type Unreadable } from "../paperspace/answers.ts";

interface CompleteList {
  /** When its first request began. */
  began: Moment;
  idsByName: Map<string, string[]>;
  /** Items without a readable id, and with one but without a readable name: any of them may be the one looked for. */
  withoutId: number;
  withoutName: number;
}

/** Whether a list began late enough for a question. */
export type BeganLate = (began: Moment) => boolean;

const anyTime: BeganLate = () => true;

export class ListHistory {
  #lists: CompleteList[] = [];
  /** By id: monotonic time at which it was created, for what the newest list may lack. */
  readonly #created = new Map<string, number>();

  /** `skipped`: how many further items the list has that have no readable id. */
  add(
    began: Moment,
    items: readonly ({ id: string; name: string } & Unreadable)[],
    { skipped = 0 }: { skipped?: number } = {},
  ): void {
    const idsByName = new Map<string, string[]>();
    for (const { id, name } of items) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    const withoutName = items.filter((item) => !isReadable(item, "name")).length;
    this.#lists = [...this.#lists.slice(-1), { began, idsByName, withoutId: skipped, withoutName }];
    for (const [id, at] of this.#created) if (at < began.monotonic) this.#created.delete(id);
  }

  /** What was created at this monotonic time counts until a list began later. */
  recordCreated(id: string, at: number): void {
    this.#created.set(id, at);
  }

  /** How many items the account has, as of the newest list; undefined before there is one. */
  get count(): number | undefined {
    const newest = this.#lists.at(-1);
    if (!newest) return undefined;
    const listed = new Set([...newest.idsByName.values()].flat());
    return listed.size + newest.withoutId + [...this.#created.keys()].filter((id) => !listed.has(id)).length;
  }

  /** Monotonic time at which the newest one began; undefined before there is any. */
  get newest(): number | undefined {
    return this.#lists.at(-1)?.began.monotonic;
  }

  /** Ids of the items of this name in any of the lists that began late enough. */
  idsNamed(name: string, isLate = anyTime): string[] {
    const ids = this.#lists
      .filter(({ began }) => isLate(began))
      .flatMap(({ idsByName }) => idsByName.get(name) ?? []);
    return [...new Set(ids)];
  }

  /** Ids of the items of this name in the newest list. */
  newestIdsNamed(name: string): readonly string[] {
    return this.#lists.at(-1)?.idsByName.get(name) ?? [];
  }

  /** How many complete lists that began late enough surely have no item of this name. */
  countWithout(name: string, isLate = anyTime): number {
    return this.#lists.filter(
      (list) => isLate(list.began) && nameless(list) === 0 && !list.idsByName.has(name),
    ).length;
  }

  /** How many items of the newest list have no readable name, or no readable id. */
  get nameless(): number {
    const newest = this.#lists.at(-1);
    return newest ? nameless(newest) : 0;
  }
}

function nameless({ withoutId, withoutName }: CompleteList): number {
  return withoutId + withoutName;
}
