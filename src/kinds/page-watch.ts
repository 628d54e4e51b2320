/**
 * Watches items that are in flight by the pages of the list that they are on: one read shows 120 of them. While other
 * calls wait for the budget one page is read at a time, as often as the share of watching allows.
 */
import type { Clock } from "../base/clock.ts";
import { EarliestTimer } from "../base/earliest-timer.ts";

export interface PageWatchOptions {
  clock: Clock;
  /** The longest interval between two reads, in milliseconds. */
  slowestMs: number;
  /** Whether other calls wait for the budget. */
  isBusy(): boolean;
  pageOf(id: string): string;
  /** Reads this page with the share of watching; whether it is the last one, and the ids that it shows. */
  readPage(page: string): Promise<{ isLast: boolean; ids: ReadonlySet<string> }>;
  /** Nothing is watched any more. */
  idle(): void;
  failed(error: unknown): void;
}

interface Watched {
  readonly id: string;
  /** Monotonic time since which it is in flight. */
  readonly since: number;
  /** Monotonic time of the last read of its page. */
  readAt: number;
  /** The pages that should show it do not, or cannot be read. */
  isMissed: boolean;
}

/** Between two rounds, for each page of the last one. */
const QUICKEST_MS = 250;
/** Between two reads, the part of the time that what is watched usually takes. */
const SHARE_OF_AGE = 0.12;
/** The longest interval while reads fail, in intervals of the slowest pace. */
const MOST_SLOWER = 100;

export class PageWatch {
  readonly #options: PageWatchOptions;
  /** By key, those in flight for longest first. */
  readonly #watched = new Map<string, Watched>();
  readonly #byId = new Map<string, Watched>();
  /** How long the last ones were in flight, in milliseconds; 0 before any has ended. */
  #usualMs = 0;
  #failures = 0;
  /** That the last round has read. */
  #pages = 1;
  #turns = 0;
  readonly #timer: EarliestTimer;
  #isReading = false;
  #isStopped = false;

  constructor(options: PageWatchOptions) {
    this.#options = options;
    this.#timer = new EarliestTimer(options.clock, () => void this.#round());
  }

  /** How long what was watched lately was in flight, in milliseconds; 0 before any has ended. */
  get usualMs(): number {
    return this.#usualMs;
  }

  /** How long it was in flight, in milliseconds, when a page last showed that it still is; until now where none shows it. */
  shownAgeMs(key: string): number {
    const watched = this.#watched.get(key);
    if (!watched) return 0;
    return (watched.isMissed ? this.#options.clock.monotonic() : watched.readAt) - watched.since;
  }

  get isIdle(): boolean {
    return this.#watched.size === 0;
  }

  /** `ageMs`: how long it is in flight already. */
  track(key: string, id: string, ageMs: number): void {
    const known = this.#watched.get(key);
    if (known?.id === id) return;
    if (known) this.#byId.delete(known.id);
    const now = this.#options.clock.monotonic();
    const watched = { id, since: now - ageMs, readAt: now, isMissed: false };
    this.#watched.set(key, watched);
    this.#byId.set(id, watched);
    this.#arm();
  }

  /** It is in flight no more; `hasEnded`: what was awaited has come. */
  untrack(key: string, hasEnded = false): void {
    const watched = this.#watched.get(key);
    if (!watched) return;
    this.#watched.delete(key);
    this.#byId.delete(watched.id);
    if (hasEnded) {
      const tookMs = this.#options.clock.monotonic() - watched.since;
      this.#usualMs = this.#usualMs === 0 ? tookMs : 0.9 * this.#usualMs + 0.1 * tookMs;
    }
    if (this.#watched.size > 0) return;
    this.#timer.cancel();
    this.#options.idle();
  }

  /** Whether the next page will show it, as far as is known: else it is to be read by its id. */
  covers(id: string): boolean {
    return this.#byId.get(id)?.isMissed === false;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
    this.#watched.clear();
    this.#byId.clear();
  }

  #arm(): void {
    if (this.#isStopped || this.#isReading || this.#watched.size === 0) return;
    this.#timer.within(this.#intervalMs());
  }

  /** By the time that it usually takes; what takes longer is read ever more rarely. */
  #intervalMs(): number {
    const { clock, slowestMs } = this.#options;
    if (this.#failures > 0) return slowestMs * Math.min(2 ** (this.#failures - 1), MOST_SLOWER);
    const youngest = [...this.#watched.values()].reduce((last, { since }) => Math.max(last, since), 0);
    const ageMs = Math.max(this.#usualMs, clock.monotonic() - youngest);
    return Math.max(this.#pages * QUICKEST_MS, Math.min(ageMs * SHARE_OF_AGE, slowestMs));
  }

  /** All pages with something in flight, or a single one while others wait for the budget. */
  async #round(): Promise<void> {
    const { isBusy, pageOf, failed } = this.#options;
    this.#isReading = true;
    const read = new Set<string>();
    try {
      for (const { id } of this.#inOrder()) {
        const page = pageOf(id);
        if (read.has(page)) continue;
        read.add(page);
        await this.#read(page);
        if (isBusy()) break;
      }
      this.#failures = 0;
      this.#pages = read.size;
    } catch (error) {
      this.#failures++;
      for (const watched of this.#watched.values()) watched.isMissed = true;
      failed(error);
    }
    this.#isReading = false;
    this.#arm();
  }

  /**
   * Those in flight for longest first, since they are the next to be over. While others wait, every second turn is that of
   * the page that was not read for longest: what never ends hides no other.
   */
  #inOrder(): Watched[] {
    const by = this.#options.isBusy() && this.#turns++ % 2 === 1 ? "readAt" : "since";
    return [...this.#watched.values()].sort((a, b) => a[by] - b[by]);
  }

  async #read(page: string): Promise<void> {
    const { clock, pageOf, readPage } = this.#options;
    const beganAt = clock.monotonic();
    const expected = [...this.#watched.values()].filter(({ id }) => pageOf(id) === page);
    const { isLast, ids } = await readPage(page);
    for (const watched of expected) {
      watched.readAt = beganAt;
      if (ids.has(watched.id)) watched.isMissed = false;
      else if (isLast) watched.isMissed = true;
    }
  }
}
