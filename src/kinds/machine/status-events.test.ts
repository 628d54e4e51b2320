import { describe, expect, it } from "vitest";
import { ADA, EVE, GIB, scene } from "../../../test/decide/machine/situations.ts";
import {
  condition,
  DONE,
  event,
  STALLED,
  START,
  status,
  WAITS,
} from "../../../test/decide/machine/status.ts";
import { EXTERNAL_CHANGE } from "../../reconcile/decision.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import { AWAIT_CAPACITY, TO_RESIZE } from "./observation.ts";
import { REASON } from "./reasons.ts";
import { machineEventNotes } from "./status.ts";
import type { MachineStatus } from "./types.ts";

describe("the conditions of a machine", () => {
  it("names what differs, in the scripts and the accessors, too", () => {
    const spec = { name: "new", diskSize: 100, startupScriptId: "s1", accessors: { userIds: [ADA.id] } };
    const related = { ...scene().related, scripts: ["s2"], accessors: [EVE] };
    const synced = condition(status({ spec, observation: { related }, outcome: STALLED }), "Synced");
    expect(synced).toMatchObject({ status: "False", reason: "Drifted" });
    for (const part of [
      'name: "box-1" → "new"',
      "diskSize: 50 → 100",
      'startupScriptId: "s2" → "s1"',
      'accessors: "u3" → "u1"',
    ])
      expect(synced?.message).toContain(part);
    expect(condition(status({ machine: { storageTotal: 250 * GIB } }), "Synced")?.status).toBe("False");
  });

  it("does not report as synced what it has not read", () => {
    const spec = { startupScriptId: "s1", accessors: { emails: ["nobody@example.org"] } };
    expect(condition(status({ spec }), "Synced")?.status).toBe("Unknown");
    const related = { ...scene().related, scripts: ["s1"], accessors: [], users: [ADA] };
    expect(condition(status({ spec, observation: { related } }), "Synced")).toMatchObject({
      status: "False",
      message: expect.stringContaining("nobody@example.org"),
    });
  });

  it("reports whether it runs, with a reason that Kubernetes accepts, also in a state that is added later", () => {
    const running = (state: string, outcome = DONE) =>
      condition(status({ machine: { state }, outcome }), "Running");
    expect(running("ready")).toMatchObject({ status: "True", reason: "On" });
    expect(running("serviceready")).toMatchObject({ status: "False", reason: "Serviceready" });
    expect(running("a-state of.tomorrow")?.reason).toBe("Astateoftomorrow");
    expect(running("")?.reason).toBe("Unknown");
    expect(running("off", { ...DONE, reason: REASON.AutoShutdown })).toMatchObject({
      reason: REASON.AutoShutdown,
    });
  });

  it("never sets Reconciling and Stalled together, and sets neither when all is healthy", () => {
    const types = (outcome: ReportedOutcome, deleting = false) =>
      status({ outcome, observation: { deleting } }).conditions?.map(({ type }) => type);
    expect(types(DONE)).toEqual(["Ready", "Synced", "Running"]);
    expect(types(WAITS)).toEqual(["Ready", "Reconciling", "Synced", "Running"]);
    expect(types(STALLED, true)).toEqual(["Ready", "Stalled", "Synced", "Running"]);
  });
});

describe("machineEventNotes", () => {
  const waiting: MachineStatus = { observedGeneration: 1, operation: { ...START, intent: AWAIT_CAPACITY } };
  const reasons = (after: Partial<MachineStatus>, before: MachineStatus = waiting) =>
    machineEventNotes(before, { observedGeneration: 1, ...after }).map(({ reason }) => reason);

  it("reports that hardware is free again, once something was begun that needs it", () => {
    for (const operation of [
      START,
      { ...START, intent: "Create" },
      { ...START, intent: "Resize" },
      { ...START, intent: "Stop", target: TO_RESIZE },
    ])
      expect(reasons({ operation })).toEqual([REASON.CapacityAvailable]);
  });

  it("does not report it after a wait that was given up, or that something else interrupted", () => {
    for (const intent of ["Delete", "Update", "Restart", "Stop", EXTERNAL_CHANGE, AWAIT_CAPACITY])
      expect(reasons({ operation: { ...START, intent, target: "Stopped" } })).toEqual([]);
    expect(reasons({})).toEqual([]);
    expect(reasons({ operation: START }, { observedGeneration: 1 })).toEqual([]);
  });

  it("warns of each machine that costs money and has no owner, once, with what to do", () => {
    const before = { observedGeneration: 1, leaks: ["ps7"] };
    const events = machineEventNotes(before, { ...before, leaks: ["ps7", "ps8"] });
    expect(events).toMatchObject([{ id: "leak/ps8", type: "Warning", reason: REASON.MachineLeaked }]);
    expect(events[0]?.note).toMatch(/ps8.*costs money.*adoptId: ps8/);
    expect(machineEventNotes(before, before)).toEqual([]);
    expect(status({ observation: { leaks: ["ps8"] } }).leaks).toEqual(["ps8"]);
    expect(status()).not.toHaveProperty("leaks");
  });

  it("reports what happened in Paperspace as soon as it is shown", () => {
    const before = status({ observation: { history: [event("e1", "done")] } });
    const history = [event("e2", "error", "11:00:00"), event("e1", "done")];
    const after = status({ before, observation: { history } });
    expect(machineEventNotes(before, after)).toMatchObject([{ id: "paperspace/e2", type: "Warning" }]);
    expect(machineEventNotes(after, after)).toEqual([]);
  });
});
