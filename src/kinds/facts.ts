/**
 * The facts that a kind's decisions use beside the resource itself, each declared once: its name, its id, its read
 * function and its stale time, in the terms of TanStack query-core. What an observation shows, what is fetched for a
 * decision, what is refetched when it is stale and what is invalidated all follow from that one declaration
 * (docs/design.md, Background facts).
 */
import type { Clock } from "../base/clock.ts";
import type { Decision } from "../reconcile/decision.ts";
import { atLeast, type ReadError } from "../reconcile/outcome.ts";
import { Lookup, UNUSED_TURNS } from "./lookup.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** What a fact is about: the object of a pass, and whatever of it the facts of its kind depend on. */
export interface FactSubject {
  /** Queued when a read has ended. */
  key: string;
}

/** `D` is what an observation shows. `data` and `error` begin no read. */
export interface Fact<S extends FactSubject, D> {
  /**
   * Undefined where it is missing, or too old to decide on. `since`: the monotonic time since which the key waits for its
   * facts and for its turn: what was read later is good for that turn, whenever it comes. Infinite where it does not wait.
   */
  data(subject: S, since: number): D | undefined;
  /** Why the last read failed, and the milliseconds until the next is made; undefined once one succeeds. */
  error?(subject: S): { error: unknown; retryInMs: number } | undefined;
  /** A decision needs it, by its name or by "name/parameter". */
  fetch(subject: S, parameter: string): void;
  /** Begins the reads that are due without a decision's need. */
  refetch?(subject: S): void;
  /** At the user's request: drops what is cached for this subject, and reads again what was shown. */
  reload?(subject: S): void;
  /** Drops what is cached under this id. */
  invalidate?(id: string): void;
}

/** By name: a fact of the observation that is not declared does not compile, nor does one that is none. */
export type FactTable<S extends FactSubject, D extends object> = {
  readonly [N in keyof D]-?: Fact<S, NonNullable<D[N]>>;
};

/** How decisions name the facts that `D` shows; one that is no fact of `D`, or is left out, does not compile. */
export type FactNames<D extends object> = {
  readonly [N in keyof D & string]-?: N | ((parameter: string) => `${N}/${string}`);
};

export interface FactsOptions {
  clock: Pick<Clock, "monotonic">;
  readErrorOf(error: unknown): ReadError;
}

export class Facts<S extends FactSubject, D extends object> {
  readonly #facts: ReadonlyMap<string, Fact<S, unknown>>;
  readonly #options: FactsOptions;
  /** By key: the monotonic time since which it waits. */
  readonly #waiting = new Map<string, number>();

  constructor(facts: FactTable<S, D>, options: FactsOptions) {
    this.#facts = new Map(Object.entries<Fact<S, unknown>>(facts));
    this.#options = options;
  }

  /** What an observation shows of them, by name. */
  data(subject: S): D {
    const since = this.#waiting.get(subject.key) ?? Number.POSITIVE_INFINITY;
    const shown = [...this.#facts].map(([name, fact]) => [name, fact.data(subject, since)] as const);
    return Object.fromEntries(shown.filter(([, data]) => data !== undefined)) as D;
  }

  /** Why the last read failed, by name. */
  readErrors(subject: S): Record<string, ReadError> {
    const readErrors: Record<string, ReadError> = {};
    for (const [name, fact] of this.#facts) {
      const failed = fact.error?.(subject);
      if (failed) readErrors[name] = atLeast(this.#options.readErrorOf(failed.error), failed.retryInMs);
    }
    return readErrors;
  }

  /**
   * Begins the reads that this decision needs, and those that are due; the subject's key is queued after each. Throws on a
   * need that no fact is declared for: nothing would ever fetch it.
   */
  track(subject: S, { needs = [], waits }: FactDecision): void {
    const { key } = subject;
    if (needs.length === 0 && !waits) this.#waiting.delete(key);
    else if (!this.#waiting.has(key)) this.#waiting.set(key, this.#options.clock.monotonic());
    for (const need of needs) {
      const [name = "", ...parameter] = need.split("/");
      const fact = this.#facts.get(name);
      if (!fact) throw new Error(`no fact is declared for what a decision needs: "${need}"`);
      fact.fetch(subject, parameter.join("/"));
    }
    for (const fact of this.#facts.values()) fact.refetch?.(subject);
  }

  /** No pass of this key uses them any more. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  reload(subject: S): void {
    for (const fact of this.#facts.values()) fact.reload?.(subject);
  }

  invalidate(id: string): void {
    for (const fact of this.#facts.values()) fact.invalidate?.(id);
  }
}

/** What a decision says about facts. */
export type FactDecision = Pick<Decision<never, never>, "needs" | "waits">;

export interface FactDeclaration<S extends FactSubject, T, D> {
  /** Whose fact it is: its key in the cache. Undefined where the subject has no use for it. */
  id(subject: S): string | undefined;
  /**
   * `group`: the namespace that it is read for, and that takes turns with others in the throttle. A fact that objects of
   * several share is read for none of them.
   */
  read(id: string, group: string): Promise<T>;
  /** After how long a value is stale, in milliseconds; `repeats`: how often in a row it was read equal before. */
  staleTimeMs(value: T, repeats: number): number;
  /** As of a Lookup. */
  budget?: MemoryBudget;
  /**
   * "show": a stale value is shown and refetched in the background. "hide": a stale value counts as missing, and is read
   * only for a decision.
   */
  whenStale: "show" | "hide";
  /** A stale value is not decided on even where the key has waited for its turn since it was read. */
  expires?: true;
  /** What an observation shows of a value; the value itself by default. `ageMs`: since the read of it began. */
  select?(value: T, subject: S, ageMs: number): D | undefined;
  /**
   * A value that is missing is read without a decision's need this many milliseconds after it was first missed, so that
   * the first reads of a fleet are spread. One that fails is repeated so much later: no decision waits for it. Absent: it is
   * read only for a decision.
   */
  firstReadMs?(): number;
}

export interface CachedFactOptions {
  clock: Clock;
  /** In milliseconds: every object has a pass in each of them. */
  resyncMs: number;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

/** A fact that is read over one request of its own. */
export class CachedFact<S extends FactSubject, T, D = T> implements Fact<S, D> {
  /** For those who write: the answer of a write is the newest value. */
  readonly cache: Lookup<T>;
  readonly #clock: Clock;
  readonly #declaration: FactDeclaration<S, T, D>;
  readonly #gcTimeMs: number;
  /** By id: monotonic time from which on a missing value is read. */
  readonly #firstReadAt = new Map<string, number>();

  constructor({ clock, enqueue, resyncMs }: CachedFactOptions, declaration: FactDeclaration<S, T, D>) {
    const { read, staleTimeMs, budget } = declaration;
    this.#clock = clock;
    this.#declaration = declaration;
    this.#gcTimeMs = UNUSED_TURNS * resyncMs;
    this.cache = new Lookup<T>({ clock, enqueue, read, staleTimeMs, gcTimeMs: this.#gcTimeMs, budget });
  }

  data(subject: S, since = Number.POSITIVE_INFINITY): D | undefined {
    const id = this.#declaration.id(subject);
    if (id === undefined) return undefined;
    const { whenStale, expires, select = (value: T) => value as unknown as D } = this.#declaration;
    const value =
      whenStale === "show" ? this.cache.get(id) : this.cache.getFresh(id, expires ? undefined : since);
    return value === undefined ? undefined : select(value, subject, this.cache.ageMs(id) ?? 0);
  }

  error(subject: S): { error: unknown; retryInMs: number } | undefined {
    const id = this.#declaration.id(subject);
    const error = id === undefined ? undefined : this.cache.error(id);
    if (id === undefined || error === undefined) return undefined;
    return { error, retryInMs: this.cache.retryInMs(id) };
  }

  fetch(subject: S): void {
    const id = this.#declaration.id(subject);
    if (id !== undefined) this.cache.fetch(id, subject.key);
  }

  refetch(subject: S): void {
    const id = this.#declaration.id(subject);
    if (id === undefined || this.#declaration.whenStale === "hide") return;
    if (this.cache.get(id) !== undefined) this.cache.fetchIfStale(id, subject.key);
    else if (this.#isFirstReadDue(id)) this.cache.fetch(id, subject.key);
  }

  reload(subject: S): void {
    const id = this.#declaration.id(subject);
    if (id === undefined) return;
    const { whenStale, firstReadMs } = this.#declaration;
    const isShown = whenStale === "show" && this.cache.get(id) !== undefined;
    this.cache.invalidate(id);
    if (firstReadMs) this.#firstReadAt.set(id, 0);
    if (isShown || firstReadMs) this.cache.fetch(id, subject.key);
  }

  invalidate(id: string): void {
    this.cache.invalidate(id);
    this.#firstReadAt.delete(id);
  }

  #isFirstReadDue(id: string): boolean {
    const { firstReadMs } = this.#declaration;
    if (!firstReadMs) return false;
    const now = this.#clock.monotonic();
    const planned = this.#firstReadAt.get(id);
    if (planned !== undefined && now < planned) return false;
    // Of ids that are not used any more; one that is, and was read, needs it no more.
    for (const [other, at] of this.#firstReadAt)
      if (now - at >= this.#gcTimeMs) this.#firstReadAt.delete(other);
    const next = now + firstReadMs();
    this.#firstReadAt.set(id, next);
    return planned !== undefined || now >= next;
  }
}
