/**
 * When each machine was last seen as its cost has it, and from when on its events are needed: by these a change that has no
 * event is bounded. In memory alone, since status shows nothing that moves by itself. It only reads.
 */
import type { Clock } from "../../../base/clock.ts";
import { withoutUndefined } from "../../../base/without-undefined.ts";
import { millis } from "../../../reconcile/conditions.ts";
import { idOf } from "../../../reconcile/identity.ts";
import type { RateReading } from "../../cost-meter.ts";
import type { MachineInventory } from "../inventory.ts";
import type { MachineObservation } from "../observation.ts";
import { type PriceList, PUBLIC_IP } from "../placement/price-list.ts";
import { rateKey } from "../placement/rates.ts";
import type { PaperspaceMachine } from "../types.ts";
import { agrees, billingEvents, costKey, lookOf } from "./evidence.ts";
import type { CostFacts } from "./facts.ts";

export interface CostLooksOptions {
  clock: Pick<Clock, "now" | "monotonic">;
  settings: { resyncMs: number; rates: RateReading };
  priceList?: PriceList | undefined;
  /** Wall time of the end of the term before this one, as far as it is known. */
  formerTermEnd(): number | undefined;
}

interface Seen extends Pick<CostFacts, "agreedAt" | "disagreed"> {
  machineId: string;
  neededSince: number;
}

interface Subject {
  key: string;
  object: PaperspaceMachine;
}

/** What an earlier process saw is so many resyncs older than its end, at most. */
const FORMER_TURNS = 3;
/** An event that ended later than another one may have begun so much earlier. */
const LONGEST_EVENT_MS = 30 * 60_000;

export class CostLooks {
  readonly #options: CostLooksOptions;
  /** By key. */
  readonly #seen = new Map<string, Seen>();

  constructor(options: CostLooksOptions) {
    this.#options = options;
  }

  facts(
    { resource, spec, identity }: MachineObservation,
    { key }: Pick<Subject, "key">,
    inventory: Pick<MachineInventory, "get" | "events">,
  ): CostFacts {
    const { settings, priceList } = this.#options;
    const id = idOf(identity);
    const reading = settings.rates;
    if (id === undefined) return { reading };
    const shown = resource.state === "present" ? resource.machine.region : undefined;
    const place = { machineType: PUBLIC_IP, region: shown ?? spec.region };
    const beganAt = inventory.get(id)?.beganAt;
    // Whole milliseconds, as status keeps them: what is a fraction later would be news for ever.
    const lookedAt = beganAt === undefined ? undefined : this.#wallOf(beganAt);
    const seen = this.#seen.get(key);
    const { neededSince, agreedAt, disagreed } = seen?.machineId === id ? seen : {};
    return {
      reading,
      ...withoutUndefined({
        addressRate: priceList?.rates?.get(rateKey(place)),
        lookedAt,
        wholeSince: inventory.events.wholeSince(id),
        neededSince,
        agreedAt,
        disagreed,
      }),
    };
  }

  /** The events that a cost rests on are read once nothing is under way: while it is, they are read anyway. */
  track(
    { resource, cost, identity, history, now }: MachineObservation,
    { key, object }: Subject,
    inventory: Pick<MachineInventory, "get" | "events" | "creates">,
    isUnderWay: boolean,
  ): void {
    const id = idOf(identity);
    const { events, creates } = inventory;
    if (id === undefined || !cost) return;
    const { status } = object;
    const look = resource.state === "present" ? lookOf(resource.machine, cost) : undefined;
    const known = status?.cost?.meter.machineId === id ? status.cost : undefined;
    const isOwn = identity.state === "ours" && identity.record.name !== "";
    const begin = millis(known?.meter.eventsThrough) ?? (isOwn ? look?.createdAt : undefined) ?? look?.at;
    if (begin === undefined) return;
    const before = this.#seen.get(key);
    const seen = before?.machineId === id ? before : this.#first(status, id, begin, known !== undefined);
    this.#seen.set(key, seen);
    const costNow = known && costKey(known);
    if (seen.disagreed && seen.disagreed.with !== costNow) delete seen.disagreed;
    const isAgreed = known && look && agrees(known, look);
    // What an event says that is not accounted for yet is of before this look.
    const isSettled = billingEvents(history, begin, now).events.length === 0 && !seen.disagreed;
    if (isAgreed && isSettled && this.#isUneventful(id, seen, inventory)) seen.agreedAt = look.at;
    if (isAgreed === false && look && costNow) seen.disagreed ??= { at: look.at, with: costNow };
    const needed = Math.max(seen.neededSince, begin);
    // A machine has no events of before its creation.
    events.need(id, Math.max(needed - LONGEST_EVENT_MS, look?.createdAt ?? 0));
    // Once the creates of the team have come to rest, one poll reads the events of all of them.
    if (!isUnderWay && creates.isIdle) events.catchUpFor(id);
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }

  clear(): void {
    this.#seen.clear();
  }

  /** Whether all is known that happened before the last look: the machine is as it was, or events were read since it changed. */
  #isUneventful(
    id: string,
    { agreedAt = 0 }: Seen,
    inventory: Pick<MachineInventory, "get" | "events">,
  ): boolean {
    const { sameSince = 0 } = inventory.get(id) ?? {};
    if (inventory.events.wholeSince(id) === undefined) return false;
    return agreedAt >= this.#wallOf(sameSince) || inventory.events.polledAt >= sameSince;
  }

  #wallOf(monotonic: number): number {
    const { clock } = this.#options;
    return Math.floor(clock.now() - (clock.monotonic() - monotonic));
  }

  /** After a restart: where the object was as declared, an earlier process had seen all until shortly before its end. */
  #first(
    status: PaperspaceMachine["status"],
    machineId: string,
    neededSince: number,
    isKnown: boolean,
  ): Seen {
    const isAtRest = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    const end = this.#options.formerTermEnd();
    if (!isKnown || !isAtRest || end === undefined) return { machineId, neededSince };
    const observedUntil = end - FORMER_TURNS * this.#options.settings.resyncMs;
    if (observedUntil <= neededSince) return { machineId, neededSince };
    return { machineId, neededSince: observedUntil, agreedAt: observedUntil };
  }
}
