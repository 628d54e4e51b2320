/**
 * The credentials with which a team's items are read, and what each of them has listed. Another credential of the team may
 * see less, so what an item's absence rests on is kept by credential (docs/design.md, Deletion); all else is shared.
 */
import type { Clock } from "../base/clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import type { ItemRead } from "./item-cache.ts";
import type { CompleteList, ListHistory } from "./list-history.ts";
import { PageIndex } from "./page-index.ts";
import { nextBackoff } from "./read-failures.ts";
import type { Item, ListFailure, ReadBackoff, Source } from "./source.ts";

export interface CredentialSource<T extends Item> {
  readonly credential: string;
  source: Source<T>;
  /** Its complete lists. */
  readonly lists: ListHistory;
  /** Of its lists: another credential's may have other items on a page. */
  readonly pages: PageIndex;
  /** Its last list failed; undefined once one succeeds. */
  listFailure?: (ListFailure & ReadBackoff) | undefined;
  /** Monotonic time at which it was last handed in. */
  usedAt: number;
}

export interface CredentialSourceOptions {
  clock: Pick<Clock, "monotonic">;
  /** One that was not handed in for so many milliseconds is dropped. */
  gcTimeMs: number;
  newLists(): ListHistory;
}

export class CredentialSources<T extends Item> {
  readonly #options: CredentialSourceOptions;
  readonly #all = new Map<string, CredentialSource<T>>();
  #newest: CredentialSource<T>;
  #listFailure: ListFailure | undefined;

  constructor(options: CredentialSourceOptions, source: Source<T>, credential: string) {
    this.#options = options;
    this.#newest = this.use(source, credential);
  }

  get newest(): CredentialSource<T> {
    return this.#newest;
  }

  get credentials(): string[] {
    return [...this.#all.keys()];
  }

  /** Makes it the newest. */
  use(source: Source<T>, credential: string): CredentialSource<T> {
    const { clock, gcTimeMs, newLists } = this.#options;
    const usedAt = clock.monotonic();
    const known = this.#all.get(credential);
    const entry = known ?? { credential, source, lists: newLists(), pages: new PageIndex(), usedAt };
    Object.assign(entry, { source, usedAt });
    this.#newest = entry;
    if (known) return entry;
    this.#all.set(credential, entry);
    for (const [other, { usedAt: last }] of this.#all) if (usedAt - last > gcTimeMs) this.#all.delete(other);
    return entry;
  }

  /** Undefined where it was never handed in, or not for long. */
  get(credential: string): CredentialSource<T> | undefined {
    return this.#all.get(credential);
  }

  /** The last list with any credential failed; undefined once one succeeds. */
  get listFailure(): Readonly<ListFailure> | undefined {
    return this.#listFailure;
  }

  recordList(entry: CredentialSource<T>, list: CompleteList): void {
    entry.lists.append(list);
    entry.listFailure = undefined;
    this.#listFailure = undefined;
  }

  recordListFailure(entry: CredentialSource<T>, error: unknown): void {
    const { clock } = this.#options;
    const at = clock.monotonic();
    const { since = at } = entry.listFailure ?? {};
    this.#listFailure = { error, since: this.#listFailure?.since ?? at, at };
    entry.listFailure = { error, since, at, ...nextBackoff(clock, entry.listFailure) };
  }

  /** No object has the item any more. */
  forget(id: string): void {
    for (const { pages } of this.#all.values()) pages.forget(id);
  }

  /** The newest one where this is not known. */
  getOrNewest(credential: string | undefined): CredentialSource<T> {
    return (credential === undefined ? undefined : this.#all.get(credential)) ?? this.#newest;
  }

  /**
   * Reads an item with each of these credentials until one finds it: it is absent only where all of them miss it. Throws
   * where none finds it and one cannot be asked.
   */
  async find(id: string, credentials: readonly string[], group: string): Promise<ItemRead<T>> {
    const began = this.#options.clock.monotonic();
    const missed: string[] = [];
    let failure: { error: unknown } | undefined;
    const known = credentials.flatMap((credential) => this.#all.get(credential) ?? []);
    for (const { credential, source } of known.length > 0 ? known : [this.#newest]) {
      try {
        const { body, beganAt } = await source.get(id, group);
        if (!source.isGone?.(body)) return { item: body, beganAt };
      } catch (error) {
        const isMissing = error instanceof PaperspaceError && error.code === "PS_NOT_FOUND";
        if (!isMissing) failure ??= { error };
        if (!isMissing) continue;
      }
      missed.push(credential);
    }
    if (!failure) return { item: undefined, beganAt: began, missed };
    // A withdrawn credential hides nothing from the others of the team.
    if (!isRefused(failure.error) || credentials.includes(this.#newest.credential)) throw failure.error;
    return this.#findWithNewest(id, failure.error, group);
  }

  /** That the newest one misses it proves nothing. */
  async #findWithNewest(id: string, failure: unknown, group: string): Promise<ItemRead<T>> {
    const { source } = this.#newest;
    const { body, beganAt } = await source.get(id, group).catch(() => {
      throw failure;
    });
    if (source.isGone?.(body)) throw failure;
    return { item: body, beganAt };
  }
}

function isRefused(error: unknown): boolean {
  return (
    error instanceof PaperspaceError && (error.code === "PS_UNAUTHORIZED" || error.code === "PS_FORBIDDEN")
  );
}
