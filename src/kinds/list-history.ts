/**
 * Names and ids of the last two complete lists: enough to find what a create made whose answer was lost, and to be sure
 * that it made nothing (docs/design.md, Create).
 */
import type { Moment } from "../base/clock.ts";

interface CompleteList {
  /** When its first request began. */
  began: Moment;
  idsByName: Map<string, string[]>;
}

/** Whether a list began late enough for a question. */
export type BeganLate = (began: Moment) => boolean;

const anyTime: BeganLate = () => true;

export class ListHistory {
  #lists: CompleteList[] = [];
  /** By id: monotonic time at which it was created, for what the newest list may lack. */
  readonly #created = new Map<string, number>();

  add(began: Moment, items: readonly { id: string; name: string }[]): void {
    const idsByName = new Map<string, string[]>();
    for (const { id, name } of items) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    this.#lists = [...this.#lists.slice(-1), { began, idsByName }];
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
    return listed.size + [...this.#created.keys()].filter((id) => !listed.has(id)).length;
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

  /** How many complete lists that began late enough have no item of this name. */
  countWithout(name: string, isLate = anyTime): number {
    return this.#lists.filter(({ began, idsByName }) => isLate(began) && !idsByName.has(name)).length;
  }
}
