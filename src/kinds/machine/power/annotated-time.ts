/**
 * A time that an annotation gives, such as awake-until. What comes of it is settled when a value is seen first, so that one too
 * far ahead does not count later. Pure.
 */
import { toTime } from "../../../kube/objects.ts";
import { keptValue } from "../../../reconcile/record.ts";
import { exactTime } from "../../time.ts";

export interface AnnotatedTime {
  /** As it is kept. */
  value: string;
  /** Absent: not acted upon. */
  until?: string;
}

export function annotatedTime(
  text: string | undefined,
  known: AnnotatedTime | undefined,
  { now, mostMs }: { now: number; mostMs: number },
): AnnotatedTime | undefined {
  if (!text) return undefined;
  const value = keptValue(text);
  if (known?.value === value) return known;
  const until = exactTime(value);
  const isTaken = until !== undefined && until - now <= mostMs;
  return { value, ...(isTaken && { until: toTime(until) }) };
}

/** Why the time is not acted upon. `flag`: which bounds it. */
export function annotatedTimeFault(
  annotation: string,
  time: AnnotatedTime | undefined,
  { flag, mostMs }: { flag: string; mostMs: number },
): string | undefined {
  if (!time || time.until !== undefined) return undefined;
  const hours = mostMs / 3_600_000;
  const why =
    exactTime(time.value) === undefined
      ? "is no time such as 2026-01-31T20:00:00Z"
      : `was more than ${hours} h ahead when it was set (${flag})`;
  return `the annotation ${annotation} ${why}, and is not acted upon: give a time within ${hours} h, or remove it`;
}
