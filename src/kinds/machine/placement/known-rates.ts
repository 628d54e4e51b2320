/**
 * What is known of hourly rates in a team: what its machines show, of those that are gone as they showed it last, and else
 * what the price list says, or where that has changed since. It only reads.
 */
import { setNewest } from "../../../base/bounded-map.ts";
import type { Fact, FactSubject } from "../../facts.ts";
import type { Inventory } from "../../inventory.ts";
import type { Machine } from "../api.ts";
import type { PaperspaceMachine } from "../types.ts";
import { type Place, placeKey } from "./candidates.ts";
import type { PriceList } from "./price-list.ts";
import { rateKey, shownRate, usesRates } from "./rates.ts";

export interface RateSubject extends FactSubject {
  object: PaperspaceMachine;
  candidates: readonly Place[];
}

export interface KnownRatesOptions {
  inventory: Pick<Inventory<Machine>, "lists" | "listError" | "refreshAnyList">;
  priceList: PriceList | undefined;
}

/** The rates of the candidates, by `placeKey`: those that are known. */
type Rates = Readonly<Record<string, number>>;
type Shown = Pick<Machine, "machineType" | "region" | "usageRate">;

/** `price`: what the price list said then. */
interface ShownRate {
  rate: number;
  price: number | undefined;
}

const MOST_PLACES = 512;

export class KnownRates implements Fact<RateSubject, Rates> {
  readonly #options: KnownRatesOptions;
  /** By `rateKey`; the one that was noted longest ago first. */
  readonly #shown = new Map<string, ShownRate>();
  /** The same of what was noted since the last complete list. */
  #sinceList = new Map<string, ShownRate>();
  /** By `rateKey`: where the team had a machine at its last complete list. */
  #listed: ReadonlySet<string> = new Set();

  constructor(options: KnownRatesOptions) {
    this.#options = options;
  }

  /** Where machines of one place differ, such as by a discount, the lowest rate counts. */
  note(machine: Shown): void {
    const { machineType, region } = machine;
    const rate = shownRate(machine);
    if (rate === undefined || !machineType || !region) return;
    const key = rateKey({ machineType, region });
    const shown = { rate, price: this.#options.priceList?.rates?.get(key) };
    for (const rates of [this.#shown, this.#sinceList])
      if (rate < (rates.get(key)?.rate ?? Number.POSITIVE_INFINITY))
        setNewest(rates, key, shown, MOST_PLACES);
  }

  /** All machines of the team were noted: a rate may have gone up since the list before. */
  endList(): void {
    for (const [key, shown] of this.#sinceList) setNewest(this.#shown, key, shown, MOST_PLACES);
    this.#listed = new Set(this.#sinceList.keys());
    this.#sinceList = new Map();
  }

  /** Missing until the team was listed and the price list was read once. Where one cannot be read, the other does. */
  data({ object, candidates }: RateSubject): Rates | undefined {
    const { priceList } = this.#options;
    if (candidates.length === 0) return undefined;
    if (usesRates(object.spec) && (this.#isUnlisted || priceList?.isUnread)) return undefined;
    const known = candidates.flatMap((place) => {
      const rate = this.#rateAt(rateKey(place));
      return rate === undefined ? [] : [[placeKey(place), rate] as const];
    });
    return Object.fromEntries(known);
  }

  /** Of a machine that is gone nothing newer may come: the user corrects what is remembered of it by the price list. */
  #rateAt(key: string): number | undefined {
    const price = this.#options.priceList?.rates?.get(key);
    const shown = this.#shown.get(key);
    if (!shown) return price;
    const isThere = this.#listed.has(key) || this.#sinceList.has(key);
    return isThere || price === undefined || price === shown.price ? shown.rate : price;
  }

  fetch({ key }: RateSubject): void {
    if (this.#isUnlisted) this.#options.inventory.refreshAnyList(key);
    this.#options.priceList?.fetchIfStale(key);
  }

  refetch({ key, object }: RateSubject): void {
    if (usesRates(object.spec)) this.#options.priceList?.fetchIfStale(key);
  }

  get #isUnlisted(): boolean {
    const { lists, listError } = this.#options.inventory;
    return lists.count === undefined && listError === undefined;
  }
}
