/**
 * Local time and instants of a time zone. A local time is written as the milliseconds since the epoch that a clock on UTC
 * would have to show it, so that a calendar without zones can be walked. Pure.
 */
import { memoized } from "../../../base/memoized.ts";

/** Undefined where there is no such zone. */
export const zoneNamed = memoized((name: string): Zone | null => {
  try {
    return new Zone(name);
  } catch {
    return null;
  }
}, 100);

const HOUR = 3_600_000;
/** Longer than any zone is away from UTC. */
const DAY = 24 * HOUR;

export class Zone {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...FIELDS });
  }

  /** The local time at an instant. */
  localOf(instant: number): number {
    const parts: Partial<Record<string, number>> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /** The first instant at which that local time is shown or, where it is skipped, the one right after the gap. */
  instantOf(local: number): number {
    const [before, after] = [local - this.#offset(local - DAY), local - this.#offset(local + DAY)];
    const shown = [before, after].filter((instant) => this.localOf(instant) === local);
    return shown.length > 0
      ? Math.min(...shown)
      : this.#endOfGap(Math.min(before, after), Math.max(before, after), local);
  }

  /** The greatest local time that was shown at an instant or up to a day before: where the clock was put back, that of before. */
  latestLocal(instant: number): number {
    return instant + Math.max(this.#offset(instant), this.#offset(instant - DAY));
  }

  #offset(instant: number): number {
    return this.localOf(instant) - Math.floor(instant / 1000) * 1000;
  }

  /** The gap is between the two: before it the clock shows less than `local`, after it more. */
  #endOfGap(before: number, after: number, local: number): number {
    let [early, late] = [before, after];
    while (late - early > 1) {
      const middle = Math.floor((early + late) / 2);
      if (this.localOf(middle) < local) early = middle;
      else late = middle;
    }
    return late;
  }
}

const FIELDS = {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
} as const;
