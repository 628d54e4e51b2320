/**
 * Names and ids of the last two complete lists: enough to find what a create made whose answer was lost, and to be sure
 * that it made nothing (docs/design.md, Create).
 */
interface CompleteList {
  /** Wall clock at which its first request began, in milliseconds. */
  beganAt: number;
  idsByName: Map<string, string[]>;
}

export class ListHistory {
  #lists: CompleteList[] = [];
  /** By id: wall clock at which it was created, for what the newest list may lack. */
  readonly #created = new Map<string, number>();

  add(beganAt: number, items: readonly { id: string; name: string }[]): void {
    const idsByName = new Map<string, string[]>();
    for (const { id, name } of items) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    this.#lists = [...this.#lists.slice(-1), { beganAt, idsByName }];
    for (const [id, at] of this.#created) if (at < beganAt) this.#created.delete(id);
  }

  /** What was created at this wall clock time counts until a list began later. */
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

  /** Wall clock at which the newest one began; 0 before there is any. */
  get newest(): number {
    return this.#lists.at(-1)?.beganAt ?? 0;
  }

  /** Ids of the items of this name in any of the lists begun at `since` or later. */
  idsNamed(name: string, since: number): string[] {
    const ids = this.#lists
      .filter((list) => list.beganAt >= since)
      .flatMap((list) => list.idsByName.get(name) ?? []);
    return [...new Set(ids)];
  }

  /** How many complete lists begun at `since` or later have no item of this name. */
  countWithout(name: string, since: number): number {
    return this.#lists.filter((list) => list.beganAt >= since && !list.idsByName.has(name)).length;
  }
}
