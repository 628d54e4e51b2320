/**
 * How many machines the team has and how many it may have: the first by the lists that the inventory makes anyway, the
 * second by the session of its key. Waiting for a higher quota costs one read of each in a resync.
 */
import type { Clock } from "../../base/clock.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import type { Fact, FactSubject } from "../facts.ts";
import type { Inventory } from "../inventory.ts";
import { Lookup, UNUSED_TURNS } from "../lookup.ts";
import type { Machine } from "./api.ts";
import type { Related } from "./observation.ts";
import type { RelatedApi } from "./related-api.ts";

export interface QuotaOptions {
  clock: Clock;
  resyncMs: number;
  inventory: Pick<Inventory<Machine>, "lists" | "listError" | "refreshAnyList" | "reloadList">;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

export interface QuotaSubject extends FactSubject {
  /** Undefined before there is a machine: only then the quota matters. */
  machineId: string | undefined;
}

/** `readAt`: monotonic time at which the read of the session began. */
export interface SessionQuota {
  maxMachines: number;
  readAt: number;
}

type Machines = NonNullable<Related["machines"]>;

/** So soon after the probe of a key its session is as good as one that is read for the quota. */
const PROBED_MS = 60_000;
/** There is one quota in each team. */
const TEAM = "";

export class Quota implements Fact<QuotaSubject, Machines> {
  readonly #options: QuotaOptions;
  readonly #most: Lookup<number>;
  /** Of the newest session that was noted. */
  #notedAt = Number.NEGATIVE_INFINITY;

  constructor(options: QuotaOptions, api: () => Pick<RelatedApi, "maxMachines">) {
    const { clock, enqueue, resyncMs } = options;
    this.#options = options;
    this.#most = new Lookup<number>({
      clock,
      enqueue,
      read: () => api().maxMachines(),
      staleTimeMs: () => STALE_FRACTION * resyncMs,
      gcTimeMs: UNUSED_TURNS * resyncMs,
    });
  }

  /** Each session counts once: what was dropped since is not brought back. */
  note({ maxMachines, readAt }: SessionQuota): void {
    if (readAt <= this.#notedAt) return;
    this.#notedAt = readAt;
    if (this.#options.clock.monotonic() - readAt < PROBED_MS) this.#most.set(TEAM, maxMachines, readAt);
  }

  /** A hint like the others: where one of the two cannot be read, the attempt decides. */
  data(): Machines | undefined {
    const { lists, listError } = this.#options.inventory;
    const most = this.#most.get(TEAM) ?? (this.#hasFailed ? Number.POSITIVE_INFINITY : undefined);
    if (most === undefined) return undefined;
    const { count } = lists;
    if (most === Number.POSITIVE_INFINITY || (count === undefined && listError !== undefined))
      return { count: 0, most };
    if (count === undefined) return undefined;
    // What speaks against a create must be of this resync; all else may be old, since the API decides in the end.
    const isUsable = count < most || ((this.#hasFailed || !this.#isMostStale) && !this.#isCountStale);
    return isUsable ? { count, most } : undefined;
  }

  fetch({ key }: QuotaSubject): void {
    this.#most.fetchIfStale(TEAM, key);
    if (this.#isCountStale) this.#options.inventory.refreshAnyList(key);
  }

  reload({ key, machineId }: QuotaSubject): void {
    if (machineId !== undefined) return;
    this.#most.invalidate(TEAM);
    this.#most.fetch(TEAM, key);
    this.#options.inventory.reloadList(key);
  }

  invalidate(id: string): void {
    if (id === TEAM) this.#most.invalidate(TEAM);
  }

  get #hasFailed(): boolean {
    return this.#most.error(TEAM) !== undefined;
  }

  get #isMostStale(): boolean {
    return this.#most.isStale(TEAM);
  }

  /** Later than the next regular list, which is made wherever the team has a machine with an object. */
  get #isCountStale(): boolean {
    const { clock, resyncMs, inventory } = this.#options;
    const { newest } = inventory.lists;
    return newest === undefined || clock.monotonic() - newest >= resyncMs / STALE_FRACTION;
  }
}
