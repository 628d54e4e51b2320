import { describe, expect, it } from "vitest";
import { type Edge, edgesOf, type Schedule, scheduleFaults } from "./schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ms = (time: string) => Date.parse(time);
const shown = (edge: Edge | undefined) => edge && `${edge.state} ${new Date(edge.at).toISOString()}`;
const WORKDAYS: Schedule = { timeZone: "Europe/Berlin", start: "0 8 * * 1-5", stop: "0 18 * * 1-5" };

function edges(schedule: Schedule, now: string) {
  const { last, next } = edgesOf(schedule, ms(now));
  return [shown(last), shown(next)];
}

describe("the edges around a time", () => {
  it("are of local time, and the last one counts from its very instant on", () => {
    expect(edges(WORKDAYS, "2026-07-01T16:00:00Z")).toEqual([
      "Stopped 2026-07-01T16:00:00.000Z",
      "Running 2026-07-02T06:00:00.000Z",
    ]);
    expect(edges(WORKDAYS, "2026-07-01T15:59:59.999Z")).toEqual([
      "Running 2026-07-01T06:00:00.000Z",
      "Stopped 2026-07-01T16:00:00.000Z",
    ]);
  });

  it("are those of days ago after a weekend: what was missed counts at its own time", () => {
    expect(edges(WORKDAYS, "2026-01-05T06:00:00Z")).toEqual([
      "Stopped 2026-01-02T17:00:00.000Z",
      "Running 2026-01-05T07:00:00.000Z",
    ]);
  });

  it("may be of one kind alone", () => {
    const { start: _none, ...onlyStop } = WORKDAYS;
    expect(edges(onlyStop, "2026-07-01T12:00:00Z")).toEqual([
      "Stopped 2026-06-30T16:00:00.000Z",
      "Stopped 2026-07-01T16:00:00.000Z",
    ]);
  });

  it("start ahead of time, so that hardware is there when it is needed, and a stop before that time does not undo it", () => {
    const ahead = { ...WORKDAYS, startAhead: "15m" };
    expect(edges(ahead, "2026-07-01T05:45:00Z")[0]).toBe("Running 2026-07-01T05:45:00.000Z");
    expect(edges(ahead, "2026-07-01T05:44:59Z")[1]).toBe("Running 2026-07-01T05:45:00.000Z");
    const late = { ...ahead, stop: "55 7 * * 1-5" };
    expect(edges(late, "2026-07-01T05:56:00Z")[0]).toBe("Running 2026-07-01T05:45:00.000Z");
  });

  it("count a start and a stop of the same minute as a start", () => {
    expect(edges({ ...WORKDAYS, stop: "0 8 * * *" }, "2026-07-01T06:00:00Z")[0]).toBe(
      "Running 2026-07-01T06:00:00.000Z",
    );
  });

  it("where the clock skips an hour, come right after it, and on no other day", () => {
    const night: Schedule = { timeZone: "Europe/Berlin", start: "30 2 * * *", stop: "0 1 * * *" };
    expect(edges(night, "2026-03-29T00:30:00Z")).toEqual([
      "Stopped 2026-03-29T00:00:00.000Z",
      "Running 2026-03-29T01:00:00.000Z",
    ]);
  });

  it("where an hour comes twice, come once", () => {
    const night: Schedule = { timeZone: "Europe/Berlin", start: "30 2 * * *", stop: "45 2 * * *" };
    expect(edges(night, "2026-10-25T01:35:00Z")).toEqual([
      "Stopped 2026-10-25T00:45:00.000Z",
      "Running 2026-10-26T01:30:00.000Z",
    ]);
  });
});

describe("a schedule that cannot be kept", () => {
  it.each([
    [{ timeZone: "Mars/Base" }, /timeZone "Mars\/Base" is no time zone/],
    [{ start: "61 0 * * *" }, /start "61 0 \* \* \*" cannot be read \(.*minute.*give minute, hour/],
    [{ stop: "0 0 30 2 *" }, /stop .* names a day that never comes/],
    [{ stop: "0 18 L * *" }, /stop .* cannot be read \(L is no month/],
    [{ start: "0 8 * *" }, /start .* cannot be read/],
    [{ start: "0 0 8 * * *" }, /start .* cannot be read/],
  ])("is refused with its field and what to write instead: %j", (wrong, message) => {
    const faults = scheduleFaults({ ...WORKDAYS, ...wrong });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
    expect(scheduleFaults(WORKDAYS)).toEqual([]);
  });
});

/** A year, quarter hour by quarter hour, as a clock on the wall of that place shows it. */
function* wallClock(timeZone: string, year: number): Generator<{ at: number; wall: number }> {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  for (let at = Date.UTC(year - 1, 11, 1); at < Date.UTC(year + 1, 0, 2); at += 15 * MINUTE)
    yield { at, wall: Date.parse(`${format.format(at).replace(" ", "T")}Z`) };
}

interface Times {
  /** Minutes of the day. */
  at: readonly number[];
  /** 0 is Sunday; absent: every day. */
  weekdays?: readonly number[];
}

const isDue = ({ at, weekdays }: Times, wall: number) =>
  at.includes((wall % DAY) / MINUTE) && (!weekdays || weekdays.includes(new Date(wall).getUTCDay()));

/** Each quarter hour that the clock shows first, or has jumped over, counts where it is due. */
function instantsOf(times: Times, clock: readonly { at: number; wall: number }[]): number[] {
  const found: number[] = [];
  let shownUpTo = (clock[0]?.wall ?? 0) - 15 * MINUTE;
  for (const { at, wall } of clock) {
    let due = false;
    for (let quarter = shownUpTo + 15 * MINUTE; quarter <= wall; quarter += 15 * MINUTE)
      due ||= isDue(times, quarter);
    shownUpTo = Math.max(shownUpTo, wall);
    if (due) found.push(at);
  }
  return found;
}

const SCHEDULES: readonly { start: string; starts: Times; stop: string; stops: Times }[] = [
  {
    start: "0 8 * * 1-5",
    starts: { at: [8 * 60], weekdays: [1, 2, 3, 4, 5] },
    stop: "0 18 * * 1-5",
    stops: { at: [18 * 60], weekdays: [1, 2, 3, 4, 5] },
  },
  {
    start: "30 2 * * 0,6",
    starts: { at: [150], weekdays: [0, 6] },
    stop: "15 1,3 * * 0,6",
    stops: { at: [75, 195], weekdays: [0, 6] },
  },
  {
    start: "*/30 0-3 * * 0",
    starts: { at: [0, 30, 60, 90, 120, 150, 180, 210], weekdays: [0] },
    stop: "15,45 0-3 * * 0",
    stops: { at: [15, 45, 75, 105, 135, 165, 195, 225], weekdays: [0] },
  },
  {
    start: "0 0 * * SUN",
    starts: { at: [0], weekdays: [0] },
    stop: "45 23 * * 0",
    stops: { at: [1425], weekdays: [0] },
  },
];

/** Half an hour of summer time; one at midnight; one on the other half of the globe; and quarter hours. */
const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Pacific/Chatham",
];

describe("every schedule over a year", () => {
  it.each(ZONES)(
    "has the edges of a clock on the wall, also where that is put forward or back: %s",
    (timeZone) => {
      const clock = [...wallClock(timeZone, 2026)];
      for (const { start, starts, stop, stops } of SCHEDULES) {
        const expected = [
          ...instantsOf(starts, clock).map((at): Edge => ({ state: "Running", at })),
          ...instantsOf(stops, clock).map((at): Edge => ({ state: "Stopped", at })),
        ].toSorted((a, b) => a.at - b.at || (a.state === "Stopped" ? -1 : 1));
        const [from, to] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];
        const found: Edge[] = [];
        for (let now: number | undefined = from; now !== undefined && now < to; ) {
          const { last, next } = edgesOf({ timeZone, start, stop }, now);
          if (last) found.push(last);
          now = next?.at;
        }
        const within = ({ at }: Edge) => at > from && at < to;
        // Of two at the same instant the start counts.
        const merged = expected.filter((one, index) => within(one) && expected[index + 1]?.at !== one.at);
        expect(found.filter(within)).toEqual(merged);
      }
    },
  );
});
