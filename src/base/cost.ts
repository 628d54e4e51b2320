/**
 * The arithmetic of costs: amounts in whole millionths of a currency, which a number holds exactly up to nine thousand
 * million units of it, and what has accrued of a cost by now. Pure; the operator and the kubectl plugin share it.
 */

/** Nothing of it moves by itself: what has accrued follows from it and the time. */
export interface AccruingCost {
  /** Millionths an hour. */
  rate: number;
  /** Millionths that were surely charged up to `since`. */
  settled: number;
  /** RFC 3339. */
  since: string;
  /** Millionths that may have been charged beside that. */
  unknown: number;
}

export const MILLIONTHS = 1e6;
const HOUR_MS = 3_600_000;

/** In milliseconds. A month is a twelfth of a year of 365 days, as vendors divide monthly prices. */
export const PERIOD_MS = { hour: HOUR_MS, day: 24 * HOUR_MS, month: 730 * HOUR_MS } as const;
export type RatePeriod = keyof typeof PERIOD_MS;

/** Millionths that `hourlyRate` (millionths an hour) comes to in so many milliseconds; a fraction. */
export function charged(hourlyRate: number, ms: number): number {
  return (hourlyRate * ms) / HOUR_MS;
}

/** Millionths an hour, not rounded, of a rate in the unit of a currency. */
export function hourlyMillionths(rate: number, period: RatePeriod): number {
  return (rate * MILLIONTHS * HOUR_MS) / PERIOD_MS[period];
}

/** Millionths that have surely been charged by now: at least this, and at most `unknown` more. */
export function accrued({ rate, settled, since }: AccruingCost, now: number): number {
  const ms = now - Date.parse(since);
  return ms > 0 ? settled + Math.floor(charged(rate, ms)) : settled;
}

/** Of each day (UTC) that something changed in, how it stood last; oldest first. */
export interface CostHistory {
  history?: readonly AccruingCost[];
}

export const KEPT_DAYS = 40;

/** `after` with what is kept of `before`, which it replaces. */
export function withHistory<C extends AccruingCost & CostHistory>(before: C | undefined, after: C): C {
  if (!before) return after;
  const { history = [], rate, settled, since, unknown } = before;
  const kept = history.filter((entry) => dayOf(entry) !== dayOf(before));
  const isSame = since === after.since;
  const next = isSame ? history : [...kept, { rate, settled, since, unknown }].slice(-KEPT_DAYS);
  return next.length > 0 ? { ...after, history: next } : after;
}

/**
 * What accrued from the beginning of the day (UTC) of `from` on until now, and what of that period is unknown. `since`: from
 * when on it is known; that is later where what was before is not kept any more.
 */
export function accruedSince(
  cost: AccruingCost & CostHistory,
  from: number,
  now: number,
): { spent: number; unknown: number; since: number } {
  const start = Date.parse(new Date(from).toISOString().slice(0, 10));
  const { history = [] } = cost;
  const states = [...history, cost];
  const at = states.findLastIndex(({ since }) => Date.parse(since) <= start);
  const state = states[at];
  const isWhole = history.length < KEPT_DAYS;
  if (!state && isWhole) return { spent: accrued(cost, now), unknown: cost.unknown, since: start };
  const base = state ?? (states[0] as AccruingCost);
  // The next one knows better what came of it.
  const most = states[at + 1]?.settled ?? Number.POSITIVE_INFINITY;
  const then = Math.min(state ? accrued(base, start) : base.settled, most);
  const since = state ? start : Date.parse(base.since);
  return { spent: accrued(cost, now) - then, unknown: cost.unknown - base.unknown, since };
}

function dayOf({ since }: AccruingCost): string {
  return since.slice(0, 10);
}

/** An object as far as its cost goes. A status that was written for another object, such as one in a backup, is not its own. */
export function ownCost<C>({
  metadata,
  status,
}: {
  metadata: { uid?: string };
  status?: { uid?: string; cost?: C };
}): C | undefined {
  const isOwn = status?.uid === undefined || status.uid === metadata.uid;
  return isOwn ? status?.cost : undefined;
}
