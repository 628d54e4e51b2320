/**
 * The edges of a schedule: when it starts a machine and when it stops it. Croner walks the calendar without a zone, and the
 * zone is put on here: a local time that is skipped counts right after the gap, one that comes twice counts once. Pure.
 */
import { Cron } from "croner";
import { setNewest } from "../../../base/bounded-map.ts";
import { memoized } from "../../../base/memoized.ts";
import { parseDuration } from "../../../base/options.ts";
import type { MachineSpec, PowerState } from "../types.ts";
import { type Zone, zoneNamed } from "./zone.ts";

export type Schedule = NonNullable<MachineSpec["schedule"]>;

/** Times in milliseconds since the epoch. */
export interface Edge {
  state: PowerState;
  /** From when on it counts: a start by so much earlier as `startAhead` says. */
  at: number;
}

export interface Edges {
  last?: Edge;
  next?: Edge;
}

/** What is wrong with the schedule; empty where it can be kept. */
export function scheduleFaults({ timeZone, start, stop }: Schedule): string[] {
  const faults: string[] = [];
  if (!zoneNamed(timeZone))
    faults.push(
      `spec.schedule.timeZone ${JSON.stringify(timeZone)} is no time zone: give one such as Europe/Berlin`,
    );
  for (const [field, line] of Object.entries({ start, stop })) {
    const fault = line === undefined ? undefined : lineFault(line);
    if (fault) faults.push(`spec.schedule.${field} ${JSON.stringify(line)} ${fault}`);
  }
  return faults;
}

/** A day at which every line is looked at, so that the result does not depend on the time. */
const ANY_DAY = new Date("2024-01-01T00:00:00Z");

/** What any cron takes, and not the letters by which Croner knows last days and workdays. */
const WORDS: ReadonlySet<string> = new Set([
  ...["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  ...["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
]);

/** "" where there is none. */
const lineFault = memoized((line: string): string => {
  const remedy = `give minute, hour, day of the month, month and day of the week, such as "0 8 * * 1-5"`;
  const odd = line.match(/[a-z]+/gi)?.find((word) => !WORDS.has(word.toUpperCase()));
  if (odd !== undefined) return `cannot be read (${odd} is no month or day of the week): ${remedy}`;
  try {
    return calendarOf(line).nextRun(ANY_DAY) ? "" : `names a day that never comes: ${remedy}`;
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace(/^CronPattern: /, "");
    return `cannot be read (${why}): ${remedy}`;
  }
});

/** On UTC, where no hour is skipped and none comes twice. */
const calendarOf = memoized(
  (line: string) => new Cron(line, { timezone: "UTC", paused: true, mode: "5-part" }),
);

interface Span extends Edges {
  from: number;
  to: number;
}

/** By schedule: its edges around the time that was asked for last. Between two edges nothing changes. */
const spans = new Map<string, Span>();
const MOST_SPANS = 1_000;

const MOST_AHEAD_MS = 12 * 3_600_000;

/** The edges around `now`. The schedule MUST have no faults. */
export function edgesOf(schedule: Schedule, now: number): Edges {
  const { timeZone, start = "", stop = "", startAhead = "" } = schedule;
  const key = [timeZone, start, stop, startAhead].join("|");
  const known = spans.get(key);
  if (known && known.from <= now && now < known.to) return known;
  const span = spanOf(schedule, now);
  setNewest(spans, key, span, MOST_SPANS);
  return span;
}

function spanOf({ timeZone, start, stop, startAhead = "" }: Schedule, now: number): Span {
  const zone = zoneNamed(timeZone);
  if (!zone) throw new Error(`no time zone ${timeZone}`);
  const ahead = Math.min(parseDuration(startAhead) ?? 0, MOST_AHEAD_MS);
  const starts = start === undefined ? {} : around(start, zone, now + ahead);
  const stops = stop === undefined ? {} : around(stop, zone, now);
  const started = edge("Running", starts.last, ahead);
  const stopped = edge("Stopped", stops.last);
  // By the times that are written: what starts a machine ahead of time is not undone by a stop before that time.
  const isOn = (starts.last ?? Number.NEGATIVE_INFINITY) >= (stops.last ?? Number.NEGATIVE_INFINITY);
  const last = isOn ? started : stopped;
  const [next] = [edge("Running", starts.next, ahead), edge("Stopped", stops.next)]
    .filter((one) => one !== undefined)
    .toSorted((a, b) => a.at - b.at);
  const from = Math.max(started?.at ?? Number.NEGATIVE_INFINITY, stopped?.at ?? Number.NEGATIVE_INFINITY);
  return {
    ...(last && { last }),
    ...(next && { next }),
    from: from === Number.NEGATIVE_INFINITY ? now : from,
    to: next?.at ?? now,
  };
}

function edge(state: PowerState, time: number | undefined, ahead = 0): Edge | undefined {
  return time === undefined ? undefined : { state, at: time - ahead };
}

/** The last instant of a line up to `now`, and the first one after it. */
function around(line: string, zone: Zone, now: number): { last?: number; next?: number } {
  const calendar = calendarOf(line);
  // Local times after it may have been shown before `now`, where the clock was put back.
  let local = zone.latestLocal(now);
  let last: number | undefined;
  for (
    let before = previousRun(calendar, local + 1_000);
    before !== undefined;
    before = previousRun(calendar, before)
  ) {
    last = zone.instantOf(before);
    if (last <= now) break;
    local = before - 1_000;
    last = undefined;
  }
  let next: number | undefined;
  for (let after = nextRun(calendar, local); after !== undefined; after = nextRun(calendar, after)) {
    next = zone.instantOf(after);
    if (next > now) break;
  }
  return { ...(last !== undefined && { last }), ...(next !== undefined && { next }) };
}

function previousRun(calendar: Cron, before: number): number | undefined {
  return calendar.previousRuns(1, new Date(before))[0]?.getTime();
}

function nextRun(calendar: Cron, after: number): number | undefined {
  return calendar.nextRun(new Date(after))?.getTime();
}
