/**
 * Charges that are known within bounds: the least and the most that was charged up to a time, in millionths. What status
 * shows is the least, and how much more it may be. Pure.
 */
import { type AccruingCost, charged, type RatePeriod } from "../base/cost.ts";

/** Millionths an hour. */
export interface RateBounds {
  least: number;
  most: number;
}

export interface Metered {
  least: number;
  most: number;
  /** Up to here, in milliseconds. */
  since: number;
}

/** How the numbers of the API are to be read. */
export interface RateReading {
  /** Absent: the user has not said. */
  currency?: string | undefined;
  usagePeriod: RatePeriod;
  storagePeriod: RatePeriod;
  /** The user has said all of this. */
  isConfirmed: boolean;
  /** A session may be charged as a whole number of these; 0: never. */
  incrementMs: number;
}

/** No rate by the hour is higher: what is, is no rate. */
const HIGHEST_RATE = 1e6;

export function meteredOf({ settled, unknown, since }: AccruingCost): Metered {
  return { least: settled, most: settled + unknown, since: Date.parse(since) };
}

/** Up to `to`, at this rate. What lies behind is not charged again; its overlap may have been charged wrongly. */
export function meteredTo(metered: Metered, to: number, { least, most }: RateBounds): Metered {
  const ms = to - metered.since;
  if (ms <= 0) return metered;
  return {
    least: metered.least + charged(least, ms),
    most: metered.most + charged(most, ms),
    since: to,
  };
}

/** So that what is shown is never more than the least, nor with `unknown` less than the most. */
export function shownCharges({ least, most, since }: Metered): Omit<AccruingCost, "rate"> {
  const settled = Math.floor(least);
  return { settled, unknown: Math.ceil(most) - settled, since: new Date(since).toISOString() };
}

/** A rate as the API shows it; undefined where that is none. */
export function readRate(rate: number | null | undefined): number | undefined {
  return rate && rate > 0 && rate <= HIGHEST_RATE ? rate : undefined;
}
