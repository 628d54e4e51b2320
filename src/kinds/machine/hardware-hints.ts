/**
 * Whether hardware of a machine type is free in a region, and which object goes for what became free after a shortage:
 * it may be a single machine. All of it are hints (machines.md section 5.5); where the API gives none, the attempt
 * decides.
 */
import type { Clock } from "../../base/clock.ts";
import type { Fact, FactSubject } from "../facts.ts";
import { Lookup, UNUSED_TURNS } from "../lookup.ts";
import { regionCode } from "../region.ts";
import type { Capacity, QueuePosition } from "./observation.ts";
import { atPlace, type Place, placeKey } from "./placement/candidates.ts";
import { CapacityQueue, type PriorityBounds, type Waiter } from "./placement/queue.ts";
import { type Failure, ScarcityMemory } from "./placement/scarcity.ts";
import type { RelatedApi } from "./related-api.ts";

export interface HardwareSubject extends FactSubject {
  /** Of the machine, or of the one that is to be created. */
  region: string;
  /** Machine types that the object may have on next. */
  machineTypes: readonly string[];
  /** Of its placement, by order of preference. */
  candidates: readonly Place[];
  /** As it stands in the queue for scarce hardware, or would. */
  waiter: Waiter;
}

export interface HardwareHintsOptions {
  clock: Clock;
  resyncMs: number;
  /** By namespace: the highest priority that counts between namespaces. */
  priorities: PriorityBounds;
  enqueue(key: string): void;
}

const MINUTE_MS = 60_000;
/** How long hardware that is free counts as free. */
const FREE_MS = 15_000;
const SHORT_BASE_MS = 15_000;
const SHORT_MAX_MS = 5 * MINUTE_MS;
/** For so long after a shortage one object at a time goes for what is free. */
const SCARCE_MS = 10 * MINUTE_MS;
/** Regions that all sources name (machines.md section 3); of another one the API must decide whether it exists. */
const REGIONS: ReadonlySet<string> = new Set(["ny2", "ca1", "ams1"]);
/** Machine types are read for all at once. */
const ALL = "";

type Hint = Capacity["hint"];
type Capacities = Readonly<Record<string, Capacity>>;

export class HardwareHints implements Fact<HardwareSubject, Capacities> {
  readonly #clock: Clock;
  readonly #api: () => Pick<RelatedApi, "available">;
  /** By region and machine type. */
  readonly #hints: Lookup<Hint>;
  /** Null where the API does not list them. */
  readonly #types: Lookup<string[] | null>;
  /** By region and machine type: the key that goes for what became free of it. */
  readonly #takers = new Map<string, string>();
  /** By what came to nothing. */
  readonly #scarcity: ScarcityMemory;
  readonly #queue: CapacityQueue;
  readonly #enqueue: (key: string) => void;
  /** By region and machine type: monotonic time of the last shortage. */
  readonly #shortages = new Map<string, number>();

  constructor(
    { clock, resyncMs, enqueue, priorities }: HardwareHintsOptions,
    api: () => Pick<RelatedApi, "available" | "machineTypes">,
  ) {
    this.#clock = clock;
    this.#enqueue = enqueue;
    this.#queue = new CapacityQueue(priorities);
    this.#scarcity = new ScarcityMemory(clock);
    this.#api = api;
    this.#types = new Lookup<string[] | null>({
      clock,
      enqueue,
      read: async () => (await api().machineTypes()) ?? null,
      staleTimeMs: (types) => (types ? 60 * MINUTE_MS : 0),
      gcTimeMs: 120 * MINUTE_MS,
    });
    this.#hints = new Lookup<Hint>({
      clock,
      enqueue,
      read: (place) => this.#read(place),
      staleTimeMs: (hint, repeats) => {
        if (hint === "free") return FREE_MS;
        if (hint === "unknown") return resyncMs;
        const full = Math.min(SHORT_MAX_MS, SHORT_BASE_MS * 2 ** Math.min(repeats, 10));
        return full * (1 - 0.2 * clock.random());
      },
      gcTimeMs: UNUSED_TURNS * resyncMs,
    });
  }

  data({ waiter, region, machineTypes }: HardwareSubject, since: number): Capacities {
    const known = machineTypes.flatMap((machineType) => {
      const capacity = this.#capacityOf(waiter, placeKey({ machineType, region }), since);
      return capacity ? [[machineType, capacity] as const] : [];
    });
    return Object.fromEntries(known);
  }

  fetch({ key, region }: HardwareSubject, machineType: string): void {
    this.#hints.fetch(placeKey({ machineType, region }), key);
  }

  /** The same by place, for the candidates of a placement. */
  readonly places: Fact<HardwareSubject, Capacities> = {
    data: ({ waiter, candidates }, since) => {
      const known = candidates.map(placeKey).flatMap((place) => {
        const capacity = this.#capacityOf(waiter, place, since);
        return capacity ? [[place, capacity] as const] : [];
      });
      return candidates.length > 0 ? Object.fromEntries(known) : undefined;
    },
    fetch: ({ key }, place) => this.#hints.fetch(place, key),
  };

  /** Its position in the queue. */
  readonly queue: Fact<HardwareSubject, QueuePosition> = {
    data: ({ key }) => {
      const found = this.#queue.position(key);
      return found && { ...atPlace(found.place), position: found.position, of: found.of };
    },
    // It is known whenever it is there.
    fetch: () => {},
  };

  #capacityOf(waiter: Waiter, place: string, since: number): Capacity | undefined {
    const { key } = waiter;
    const taker = this.#takers.get(place);
    if (taker !== undefined)
      return taker === key ? { hint: "free" } : { hint: "short", retryMs: SHORT_BASE_MS };
    const coolingMs = this.#scarcity.coolingMs(place, key);
    if (coolingMs > 0) return { hint: "short", retryMs: coolingMs };
    const hint = this.#hints.getFresh(place, since);
    if (!hint) return undefined;
    if (hint !== "short" && this.#queue.isBehind(place, waiter))
      return { hint: "short", retryMs: SHORT_BASE_MS };
    return hint === "short" ? { hint, retryMs: this.#hints.dueInMs(place) } : { hint };
  }

  /**
   * The object goes for hardware of this type now, and has it to itself until `release`. Where there was a shortage of
   * late, no other object is sent after what may be the only machine.
   */
  take({ key, namespace }: Pick<Waiter, "key" | "namespace">, at: Place): void {
    const place = placeKey(at);
    this.#queue.leave(key);
    this.#queue.go(place, namespace);
    const short = this.#shortages.get(place) ?? Number.NEGATIVE_INFINITY;
    const isShort = this.#clock.monotonic() - short < SCARCE_MS;
    const isScarce = isShort || this.#scarcity.isScarce(place) || this.#queue.head(place) !== undefined;
    if (isScarce) this.#takers.set(place, key);
    if (!isShort) this.#shortages.delete(place);
  }

  /** It waits for hardware at any of these places. Where some is free, the first in the queue is to have it. */
  wait(waiter: Waiter, places: readonly Place[]): void {
    const keys = places.map(placeKey);
    this.#queue.wait(waiter, keys);
    for (const place of keys) {
      const head = this.#queue.head(place);
      const hint = this.#hints.getFresh(place);
      const isOpen = hint !== undefined && hint !== "short" && !this.#takers.has(place);
      if (isOpen && head !== undefined && head !== waiter.key) this.#enqueue(head);
    }
  }

  /** See `CapacityQueue`. */
  recallTurn(place: Place, namespace: string, at: number): void {
    this.#queue.recallTurn(placeKey(place), namespace, at);
  }

  /** It does not wait, or is not to have any hardware now. */
  leaveQueue(key: string): void {
    this.#queue.leave(key);
  }

  /** Machines came to nothing, of any object of the team. */
  noteFailures(failures: readonly Failure[]): void {
    for (const failure of failures) this.#scarcity.note(failure);
  }

  /** A machine has just come up there. */
  noteSuccess(place: Place): void {
    this.#scarcity.forgive(placeKey(place));
  }

  /** The object has its hardware, or does not go for it: its step was not sent, or was refused. */
  release(key: string): void {
    for (const [place, taker] of this.#takers) {
      if (taker !== key) continue;
      this.#takers.delete(place);
      this.#hints.invalidate(place);
    }
  }

  /**
   * The API answers "not available" for a type or a region that does not exist as well. Then the attempt must decide, so
   * that what is misspelt is refused by its name and does not wait for ever.
   */
  async #read(place: string): Promise<Hint> {
    const { machineType, region } = atPlace(place);
    const available = await this.#api().available(machineType, region);
    if (available === undefined) return "unknown";
    if (available) return "free";
    if (!REGIONS.has(regionCode(region))) return "unknown";
    const types = await this.#types.ensure(ALL);
    if (!types?.includes(machineType.toLowerCase())) return "unknown";
    this.#recordShortage(place);
    this.#scarcity.forgive(place);
    return "short";
  }

  /** Places are named by users: those of long ago are dropped. */
  #recordShortage(place: string): void {
    const now = this.#clock.monotonic();
    for (const [other, at] of this.#shortages) if (now - at >= SCARCE_MS) this.#shortages.delete(other);
    this.#shortages.set(place, now);
  }
}
