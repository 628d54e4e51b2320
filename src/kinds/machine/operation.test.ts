import { describe, expect, it } from "vitest";
import { DEADLINE_MS, LIMITS, MINUTE, NOW, STATES } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import type { Operation } from "../../reconcile/managed.ts";
import { type EventFact, TO_DELETE, TO_RESIZE } from "./observation.ts";
import { eventFact, isBelieved, judge, leadsToOff, powerOf, underWay } from "./operation.ts";

const YOUNG = 1_000;
const OLD = MINUTE;
const LATE = DEADLINE_MS;

const DONE: EventFact = { state: "done" };
const UNSEEN: EventFact = { state: "done", unseen: true };
const NONE: EventFact = { state: "none" };
const PENDING: EventFact = { state: "pending" };
const FAILED: EventFact = { state: "failed", message: "no" };
const VANISHED: EventFact = { state: "vanished" };
const UNREADABLE: EventFact = { state: "unreadable", message: "403" };

function operation(intent: string, age: number, target?: string): Operation {
  const requestedAt = toTime(NOW - age);
  return { intent, requestedAt, deadline: toTime(NOW - age + DEADLINE_MS), ...(target && { target }) };
}

function verdict(of: Operation, state: string, event: EventFact) {
  return judge(of, state, event, NOW, LIMITS.resendMs);
}

const start = (age: number) => operation("Start", age, "Running");
const stop = (age: number) => operation("Stop", age, "Stopped");
const restart = (age: number) => operation("Restart", age, "Running");
const create = (age: number, target = "Running") => operation("Create", age, target);

describe("powerOf", () => {
  it("treats an unknown state as changing: nothing is done to a machine whose state is not understood", () => {
    const resting = STATES.filter((state) => powerOf(state) !== "changing");
    expect(resting).toEqual(["off", "serviceready", "ready"]);
    expect(powerOf("")).toBe("changing");
    expect(powerOf("READY")).toBe("ready");
  });
});

describe("eventFact", () => {
  const event = (state: string, error: string | null = null) =>
    eventFact({ id: "e1", name: "start", state, error, dtCreated: "" });

  it("treats an event as pending until it has certainly ended, whatever its state is called meanwhile", () => {
    for (const state of ["new", "in progress", "queued", ""]) expect(event(state)).toEqual(PENDING);
    expect(event("DONE")).toEqual(DONE);
  });

  it("reports which event failed and the API's message, since there is no other source", () => {
    expect(event("error", "the host is on fire")).toEqual({
      state: "failed",
      message: "event e1 (start) ended in error: the host is on fire",
    });
    expect(event("cancelled")).toMatchObject({
      state: "failed",
      message: "event e1 (start) ended in cancelled",
    });
  });
});

describe("isBelieved", () => {
  it("accepts a state only where it can be newer than the change: the old one is read for seconds", () => {
    expect([DONE, FAILED, VANISHED].map((event) => isBelieved(event, false))).toEqual([true, true, true]);
    expect([PENDING, UNSEEN, NONE].map((event) => isBelieved(event, false))).toEqual([false, false, false]);
  });

  it("relies on elapsed time where the answer of the write was lost or no event can be read, and nowhere else", () => {
    expect([NONE, UNREADABLE].map((event) => isBelieved(event, false))).toEqual([false, false]);
    const old = [NONE, UNREADABLE, PENDING, UNSEEN].map((event) => isBelieved(event, true));
    expect(old).toEqual([true, true, false, false]);
  });
});

describe("judge", () => {
  it("trusts the event before the state: a machine that is ready may not have started the change yet", () => {
    for (const of of [
      start(OLD),
      stop(OLD),
      restart(OLD),
      create(OLD, "Stopped"),
      operation("Resize", OLD),
      operation("Update", OLD),
    ])
      for (const state of STATES) expect(verdict(of, state, PENDING)).toBe("running");
  });

  it("trusts a new machine that is on, whatever was read of its events: it was never on before", () => {
    for (const event of [PENDING, DONE, NONE])
      for (const state of STATES)
        expect(verdict(create(0), state, event) === "reached").toBe(state === "ready");
  });

  it("treats a failed event as a failure in every state: the next decision finds out why", () => {
    for (const of of [
      start(OLD),
      stop(OLD),
      restart(OLD),
      create(OLD),
      operation("Resize", OLD),
      operation("Update", OLD),
    ])
      for (const state of STATES) expect(verdict(of, state, FAILED)).toBe("failed");
  });

  it("a start is over once the machine is ready, not when its event is done: the event ends long before", () => {
    expect(verdict(start(OLD), "starting", DONE)).toBe("running");
    expect(verdict(start(OLD), "serviceready", DONE)).toBe("running");
    expect(verdict(start(OLD), "ready", DONE)).toBe("reached");
  });

  it("a start that is done and left the machine off is not repeated: it found no hardware, which is reported at the deadline", () => {
    expect(verdict(start(OLD), "off", DONE)).toBe("running");
    expect(verdict(start(OLD), "off", VANISHED)).toBe("running");
    expect(verdict(start(OLD), "off", UNREADABLE)).toBe("running");
  });

  it("a start whose answer was lost is sent again once it is old enough never to have arrived", () => {
    expect(verdict(start(YOUNG), "off", NONE)).toBe("running");
    expect(verdict(start(OLD), "off", NONE)).toBe("unsent");
    expect(verdict(start(OLD), "starting", NONE)).toBe("running");
  });

  it("a stop that left the machine on is sent again, also where the agent never came up: it costs money", () => {
    for (const state of ["ready", "serviceready"])
      for (const event of [NONE, DONE, VANISHED, UNREADABLE]) {
        expect(verdict(stop(YOUNG), state, event)).toBe("running");
        expect(verdict(stop(OLD), state, event)).toBe("unsent");
      }
    expect(verdict(stop(OLD), "off", DONE)).toBe("reached");
  });

  it("a stop is not sent again before the machine was read after its event was done", () => {
    expect(verdict(stop(OLD), "ready", UNSEEN)).toBe("running");
  });

  it("a stop for a resize or a deletion leads to off like any other", () => {
    for (const target of ["Stopped", TO_RESIZE, TO_DELETE]) {
      expect(leadsToOff({ ...stop(OLD), target })).toBe(true);
      expect(verdict({ ...stop(OLD), target }, "off", DONE)).toBe("reached");
      expect(verdict({ ...stop(OLD), target }, "ready", DONE)).toBe("unsent");
    }
    expect(leadsToOff(start(OLD)) || leadsToOff(operation("Resize", OLD))).toBe(false);
  });

  it("a restart is never sent twice, not even where its answer was lost: each disconnects users", () => {
    for (const event of [NONE, DONE, VANISHED])
      for (const state of STATES)
        expect(["running", "reached"]).toContain(verdict(restart(OLD), state, event));
    expect(verdict(restart(YOUNG), "ready", NONE)).toBe("running");
    expect(verdict(restart(YOUNG), "ready", UNSEEN)).toBe("running");
    expect(verdict(restart(OLD), "ready", NONE)).toBe("reached");
    expect(verdict(restart(OLD), "off", DONE)).toBe("reached");
  });

  it("a resize is over wherever it ends, since the sources do not agree on where that is", () => {
    const resize = operation("Resize", OLD);
    expect(verdict(resize, "upgrading", DONE)).toBe("running");
    for (const state of ["off", "ready", "serviceready"])
      expect(verdict(resize, state, DONE)).toBe("reached");
    expect(verdict(operation("Resize", YOUNG), "off", NONE)).toBe("running");
  });

  it("an update is over with its event, whatever the machine does", () => {
    for (const state of STATES) expect(verdict(operation("Update", OLD), state, DONE)).toBe("reached");
    expect(verdict(operation("Update", YOUNG), "ready", UNSEEN)).toBe("running");
  });

  it("a create is never sent again by this, and one whose machine another actor changed since is over", () => {
    for (const event of [NONE, DONE, VANISHED]) expect(verdict(create(OLD), "off", event)).toBe("running");
    expect(verdict(create(OLD, "Stopped"), "ready", DONE)).toBe("overtaken");
    expect(verdict(create(OLD, "Stopped"), "off", DONE)).toBe("reached");
    expect(verdict(create(OLD), "provisioning", DONE)).toBe("running");
  });

  it("past its deadline all is late but a reached target, which still counts", () => {
    expect(verdict(start(LATE - 1_000), "starting", DONE)).toBe("running");
    expect(verdict(start(LATE), "starting", DONE)).toBe("late");
    expect(verdict(start(LATE), "off", FAILED)).toBe("late");
    expect(verdict(start(LATE), "off", NONE)).toBe("late");
    expect(verdict(start(LATE), "ready", PENDING)).toBe("late");
    expect(verdict(start(LATE), "ready", DONE)).toBe("reached");
    expect(verdict(create(LATE, "Stopped"), "ready", DONE)).toBe("overtaken");
  });

  it("treats times that cannot be parsed as long past, so that nothing waits for ever", () => {
    const broken = { ...start(YOUNG), requestedAt: "yesterday", deadline: "soon" };
    expect(verdict(broken, "starting", DONE)).toBe("late");
  });
});

describe("underWay", () => {
  it("names the event, for requests to Paperspace's support", () => {
    expect(underWay({ ...start(0), eventId: "e1" }, "starting")).toBe(
      "Start was asked for at 2026-06-01T00:00:00Z, event e1; the machine is starting",
    );
    expect(underWay(start(0), "off")).toBe("Start was asked for at 2026-06-01T00:00:00Z; the machine is off");
  });

  it("says that events cannot be read, since what has failed then shows only at the deadline", () => {
    expect(underWay(start(0), "off", UNREADABLE)).toBe(
      "Start was asked for at 2026-06-01T00:00:00Z; the machine is off. Its events cannot be read (403): its state alone decides",
    );
  });
});
