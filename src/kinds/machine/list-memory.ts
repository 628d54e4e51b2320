/**
 * What the last two complete lists held, by name: enough to find the machine of an attempt, and to say that surely none
 * was made (DESIGN section 5).
 */
interface CompleteList {
  /** Wall clock at which its first request began, in milliseconds. */
  beganAt: number;
  idsByName: Map<string, string[]>;
}

export class ListMemory {
  #lists: CompleteList[] = [];

  add(beganAt: number, machines: readonly { id: string; name: string }[]): void {
    const idsByName = new Map<string, string[]>();
    for (const { id, name } of machines) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    this.#lists = [...this.#lists.slice(-1), { beganAt, idsByName }];
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
