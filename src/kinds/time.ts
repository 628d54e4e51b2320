/** Dates of the Paperspace API, in the form that the Kubernetes API accepts. Pure. */
import { millis } from "../reconcile/conditions.ts";

/** The only form of a time that the API server accepts. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/** A date of the API as RFC 3339; undefined where it cannot be parsed. */
export function apiTime(date: string | null | undefined): string | undefined {
  const ms = millis(date);
  if (!date || ms === undefined) return undefined;
  return RFC_3339.test(date) ? date : new Date(ms).toISOString();
}

/** Milliseconds since the epoch of a time that is written as RFC 3339; undefined for anything else. */
export function exactTime(text: string): number | undefined {
  return RFC_3339.test(text) ? millis(text) : undefined;
}
