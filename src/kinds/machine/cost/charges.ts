/**
 * The charges of one machine while its events and looks are gone through in order: what it was charged for, up to when, and
 * at which rates.
 */
import { charged, hourlyMillionths } from "../../../base/cost.ts";
import { type Metered, meteredTo, type RateBounds, type RateReading } from "../../cost-meter.ts";
import type { Caveat } from "../../cost-schema.ts";
import type { BilledPower, Rates } from "./facts.ts";

/** What a stretch of time is charged for. `Ending`: perhaps for nothing at all. */
export type Use = "Running" | "Stopped" | "Unknown" | "Ending";

/** In millionths an hour, undefined where it is not known. Between the times it may have been either. */
export interface RateChange {
  before: number | undefined;
  after: number | undefined;
  from: number;
  to: number;
}

/** `fixed`: of what is charged whether it is on or off. */
export type RateChanges = Record<"usage" | "fixed", RateChange>;

export function changeOf(
  before: number | undefined,
  after: number | undefined,
  { from, to }: { from: number; to: number },
): RateChange {
  return before === after ? { before, after, from: 0, to: 0 } : { before, after, from, to };
}

export function unchanged(rates: Rates, reading: RateReading): RateChanges {
  const same = (rate: number | undefined) => changeOf(rate, rate, { from: 0, to: 0 });
  return { usage: same(usageOf(rates, reading)), fixed: same(fixedOf(rates, reading)) };
}

export function usageOf({ usageRate }: Rates, { usagePeriod }: RateReading): number | undefined {
  return usageRate && hourlyMillionths(usageRate, usagePeriod);
}

export function fixedOf(
  { storageRate, addressRate = 0 }: Rates,
  { storagePeriod }: RateReading,
): number | undefined {
  return storageRate && hourlyMillionths(storageRate, storagePeriod) + hourlyMillionths(addressRate, "hour");
}

export class Charges {
  metered: Metered;
  power: BilledPower;
  /** Server time of the end of the last event that is accounted for. */
  through: number;
  readonly caveats: Set<Caveat>;
  readonly #changes: RateChanges;
  readonly #incrementMs: number;

  constructor(
    begin: { metered: Metered; power: BilledPower; through: number; caveats: Iterable<Caveat> },
    changes: RateChanges,
    incrementMs: number,
  ) {
    this.metered = begin.metered;
    this.power = begin.power;
    this.through = begin.through;
    this.caveats = new Set(begin.caveats);
    this.#changes = changes;
    this.#incrementMs = incrementMs;
  }

  /** As it is believed to have been. */
  get use(): Use {
    return this.power === "Running" || this.power === "Stopped" ? this.power : "Unknown";
  }

  /** Charges for the time up to `to`, at the rates of each part of it. */
  charge(to: number, use: Use): void {
    const { usage, fixed } = this.#changes;
    const cuts = [usage.from, usage.to, fixed.from, fixed.to].sort((a, b) => a - b);
    for (const cut of [...cuts.filter((cut) => cut < to), to])
      this.metered = meteredTo(this.metered, cut, this.#bounds(use));
  }

  /** A session begins, or may have ended and begun: it may be charged for longer than it lasted. */
  round(): void {
    const { most } = boundsAt(this.#changes.usage, this.metered.since);
    this.metered = { ...this.metered, most: this.metered.most + charged(most, this.#incrementMs) };
  }

  /** Charges until the new rates hold for certain; whether they changed. */
  finishChanges(): boolean {
    const { usage, fixed } = this.#changes;
    const until = Math.max(usage.to, fixed.to);
    if (until <= this.metered.since) return false;
    this.charge(until, this.use);
    return true;
  }

  /** The new rates, as far as they hold for certain. */
  adopted(before: Rates, after: Rates): Rates {
    const { usage, fixed } = this.#changes;
    const since = (change: RateChange) => (this.metered.since >= change.to ? after : before);
    const { machineType, usageRate } = since(usage);
    const { storageRate, addressRate } = since(fixed);
    return { machineType, usageRate, storageRate, addressRate };
  }

  /** At the rates that hold from `since` on. */
  #bounds(use: Use): RateBounds {
    const { since } = this.metered;
    const fixed = boundsAt(this.#changes.fixed, since);
    const usage = boundsAt(this.#changes.usage, since);
    const least = fixed.least + (use === "Running" ? usage.least : 0);
    return { least: use === "Ending" ? 0 : least, most: fixed.most + (use === "Stopped" ? 0 : usage.most) };
  }
}

/** What was not known before may have been as it is shown since. */
function boundsAt({ before, after = before ?? 0, from, to }: RateChange, time: number): RateBounds {
  if (time >= to) return { least: after, most: after };
  const former = before ?? 0;
  if (time >= from || before === undefined)
    return { least: Math.min(former, after), most: Math.max(former, after) };
  return { least: former, most: former };
}
