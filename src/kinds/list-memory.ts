/**
 * What the last two complete lists held, by name: enough to find the machine of an attempt, and to say that surely none
 * was made (docs/design.md, Create).
 */
interface CompleteList {
  /** Wall clock at which its first request began, in milliseconds. */
  beganAt: number;
  idsByName: Map<string, string[]>;
}

export class ListMemory {
  #lists: CompleteList[] = [];
  /** Ids of machines made since the newest list. */
  readonly #made = new Map<string, number>();

  add(beganAt: number, machines: readonly { id: string; name: string }[]): void {
    const idsByName = new Map<string, string[]>();
    for (const { id, name } of machines) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    this.#lists = [...this.#lists.slice(-1), { beganAt, idsByName }];
    for (const [id, at] of this.#made) if (at < beganAt) this.#made.delete(id);
  }

  /** A machine that was made at this wall clock time: the newest list may not know it yet. */
  made(id: string, at: number): void {
    this.#made.set(id, at);
  }

  /** How many machines the team has, as far as is known; undefined before there is a list. */
  get count(): number | undefined {
    const newest = this.#lists.at(-1);
    if (!newest) return undefined;
    const listed = new Set([...newest.idsByName.values()].flat());
    return listed.size + [...this.#made.keys()].filter((id) => !listed.has(id)).length;
  }

  /** Wall clock at which the newest one began; 0 before there is any. */
  get newest(): number {
    return this.#lists.at(-1)?.beganAt ?? 0;
  }

  /** Ids of the machines so named in any of the lists begun at `since` or later. */
  named(name: string, since: number): string[] {
    const ids = this.#lists
      .filter((list) => list.beganAt >= since)
      .flatMap((list) => list.idsByName.get(name) ?? []);
    return [...new Set(ids)];
  }

  /** How many complete lists begun at `since` or later lack the name. */
  lacking(name: string, since: number): number {
    return this.#lists.filter((list) => list.beganAt >= since && !list.idsByName.has(name)).length;
  }
}
