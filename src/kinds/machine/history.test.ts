import { describe, expect, it } from "vitest";
import type { MachineEvent } from "./api.ts";
import { failedAnew, failuresInRow, historyNotes, lastEvents, remembered } from "./history.ts";

/** `at`: minutes of an hour, by the server's clock. */
function event(id: string, at: number, over: Partial<MachineEvent> = {}): MachineEvent {
  const dtCreated = `2026-06-01T10:${String(at).padStart(2, "0")}:00.000Z`;
  return { id, name: "start", state: "done", machineId: "ps1", error: null, dtCreated, ...over };
}

const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id);
/** The notes for a change from one list to the other. */
function events(before: readonly MachineEvent[], after: readonly MachineEvent[]) {
  const shown = lastEvents([], before);
  return historyNotes(shown, lastEvents(shown, after));
}

describe("lastEvents", () => {
  it("keeps ten, the newest first, whatever order they arrive in", () => {
    const events = Array.from({ length: 14 }, (_, n) => event(`e${n}`, n));
    const shown = lastEvents(lastEvents([], events.slice(0, 7)), events.slice(7).toReversed());
    expect(ids(shown)).toEqual(Array.from({ length: 10 }, (_, n) => `e${13 - n}`));
  });

  it("orders events of one moment in one way, so that the status of an idle machine does not alternate", () => {
    const [a, b] = [event("a", 1), event("b", 1)];
    expect(ids(lastEvents([], [a, b]))).toEqual(ids(lastEvents([], [b, a])));
    expect(lastEvents(lastEvents([], [a, b]), [b, a])).toEqual(lastEvents([], [a, b]));
  });

  it("shows an event that changed in place as it is now", () => {
    const before = lastEvents([], [event("e1", 1, { state: "in progress" })]);
    const failed = event("e1", 1, { state: "error", error: "no", dtFinished: "2026-06-01T10:02:00Z" });
    expect(lastEvents(before, [failed])).toEqual([
      {
        id: "e1",
        name: "start",
        state: "error",
        error: "no",
        createdAt: "2026-06-01T10:01:00.000Z",
        finishedAt: "2026-06-01T10:02:00Z",
      },
    ]);
  });

  it("leaves out an invalid date: the API server would refuse the whole status for it", () => {
    expect(
      lastEvents([], [event("e1", 1, { dtCreated: "soon" }), event("e2", 1, { dtCreated: "" })]),
    ).toEqual([]);
    const odd = lastEvents([], [event("e1", 1, { dtFinished: "later" })]);
    expect(odd[0]).not.toHaveProperty("finishedAt");
  });

  it("converts a date to the form that the API server accepts", () => {
    expect(lastEvents([], [event("e1", 1, { dtCreated: "2026-06-01" })])[0]?.createdAt).toMatch(/T00:00:00/);
  });

  it("forgets nothing of what it has shown because less is cached after a restart", () => {
    const shown = lastEvents([], [event("e1", 1), event("e2", 2, { state: "error", error: "no" })]);
    expect(lastEvents(shown, [])).toEqual(shown);
    expect(lastEvents(shown, remembered(shown, "ps1"))).toEqual(shown);
  });
});

describe("historyNotes", () => {
  it("reports each event once, when it has ended, in the order in which they happened", () => {
    const [e1, e2] = [event("e1", 1, { name: "stop" }), event("e2", 2, { name: "vm-upgrade" })];
    const begun = [event("e0", 0)];
    expect(events(begun, [e2, e1])).toEqual([
      {
        id: "paperspace/e1",
        type: "Normal",
        reason: "MachineStopped",
        note: "Paperspace: stop done (event e1)",
      },
      {
        id: "paperspace/e2",
        type: "Normal",
        reason: "MachineResized",
        note: "Paperspace: vm-upgrade done (event e2)",
      },
    ]);
    expect(events([...begun, e1, e2], [e1, e2])).toEqual([]);
  });

  it("waits for the end of an event that is under way", () => {
    const begun = event("e1", 1, { state: "in progress" });
    expect(events([event("e0", 0)], [begun])).toEqual([]);
    expect(events([event("e0", 0), begun], [event("e1", 1)])).toHaveLength(1);
  });

  it("warns of a failure with the API's own message", () => {
    const failed = event("e1", 1, { state: "error", error: "the host is on fire" });
    expect(events([event("e0", 0)], [failed])).toMatchObject([
      { type: "Warning", reason: "MachineEventFailed", note: expect.stringContaining("the host is on fire") },
    ]);
    expect(events([event("e0", 0)], [event("e1", 1, { state: "cancelled" })])).toMatchObject([
      { type: "Warning" },
    ]);
  });

  it("does not report the past of a machine that was adopted: it is not of this object", () => {
    const past = lastEvents([], [event("e1", 1), event("e2", 2)]);
    expect(historyNotes(undefined, past)).toEqual([]);
    expect(events([event("e2", 2)], [event("e1", 1)])).toEqual([]);
    expect(events([event("e2", 2)], [event("e1", 1, { state: "error" }), event("e3", 3)])).toHaveLength(1);
  });

  it("does not report the ninth once more when the tenth pushes it out and in", () => {
    const all = Array.from({ length: 12 }, (_, n) => event(`e${n}`, n));
    const shown = lastEvents([], all);
    expect(historyNotes(shown, lastEvents(shown, all.slice(0, 4)))).toEqual([]);
  });

  it("reports an event of an unknown name, too, with a generic reason", () => {
    for (const name of ["snapshot-restore-deluxe", "", "constructor"])
      expect(events([event("e0", 0)], [event("e1", 1, { name })])).toMatchObject([
        { reason: "MachineEvent" },
      ]);
  });

  it("reports nothing where nothing is shown", () => {
    expect(historyNotes([], undefined)).toEqual([]);
    expect(historyNotes(undefined, undefined)).toEqual([]);
  });
});

describe("failedAnew", () => {
  it("is true only for a failure that was not shown as one: each causes a status write at once", () => {
    const pending = lastEvents([], [event("e1", 1, { state: "new" })]);
    const failed = lastEvents([], [event("e1", 1, { state: "error" })]);
    expect(failedAnew(pending, failed)).toBe(true);
    expect(failedAnew(undefined, failed)).toBe(true);
    expect(failedAnew(failed, failed)).toBe(false);
    expect(failedAnew(pending, pending)).toBe(false);
    expect(failedAnew(failed, undefined)).toBe(false);
  });
});

describe("failuresInRow", () => {
  const MINUTE = 60_000;
  const failed = (at: number, over: Partial<MachineEvent> = {}) =>
    event(`e${at}`, at, { state: "error", ...over });

  it("counts failures of one name up to the newest, whatever else happened between them", () => {
    const stops = [
      failed(20),
      event("x", 15, { name: "stop" }),
      failed(10, { state: "cancelled" }),
      failed(5),
    ];
    expect(failuresInRow(stops, 30 * MINUTE)).toBe(3);
    expect(failuresInRow([], 30 * MINUTE)).toBe(0);
    expect(failuresInRow([event("e1", 1)], 30 * MINUTE)).toBe(0);
  });

  it("ends with one that went well, and with a pause: what failed long ago is another matter", () => {
    expect(failuresInRow([failed(20), event("e10", 10), failed(5)], 30 * MINUTE)).toBe(1);
    expect(failuresInRow([failed(50), failed(40), failed(5)], 30 * MINUTE)).toBe(2);
    expect(failuresInRow([failed(50, { dtCreated: "soon" }), failed(40)], 30 * MINUTE)).toBe(0);
  });
});
