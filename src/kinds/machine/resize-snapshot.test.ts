import { describe, expect, it } from "vitest";
import { GIB, ID, MINUTE, NOW, scene } from "../../../test/decide/machine/situations.ts";
import { snapshot } from "../../../test/decide/machine/snapshot-laws.ts";
import { toTime } from "../../kube/objects.ts";
import type { MachineEvent } from "./api.ts";
import { SNAPSHOT as INTENT, type ResizeSnapshot } from "./observation.ts";
import { asNow, restoreAdvice, settleSnapshot } from "./resize-snapshot.ts";

const { machine } = scene();
const off = { ...machine, state: "off" };
const done: ResizeSnapshot = { ...snapshot("Done"), eventId: "e2", storageTotal: 50 * GIB };

const event = (id: string, name: string): MachineEvent => ({ id, name, state: "done", dtCreated: "" });
const SNAPSHOT = event("e2", "snapshot-create");

describe("what a snapshot is worth later", () => {
  const stateAfter = (there: typeof machine, history: readonly MachineEvent[] = [SNAPSHOT]) =>
    asNow({ resizeSnapshot: done }, there, history).resizeSnapshot?.state;

  it("is the same while the machine stays off: nothing can have written to the disk", () => {
    for (const state of ["off", "stopping", "upgrading"])
      expect(
        stateAfter({ ...machine, state }, [event("e3", "vm-upgrade"), SNAPSHOT, event("e1", "start")]),
      ).toBe("Done");
  });

  it("is nothing once the machine was on, in whatever state that shows", () => {
    for (const state of ["ready", "serviceready", "starting", "restarting", "a-state-of-tomorrow"])
      expect(stateAfter({ ...machine, state })).toBe("Outdated");
  });

  it("is nothing where it was on between two reads, as someone in the console may have done", () => {
    for (const name of ["start", "restart"])
      expect(stateAfter(off, [event("e4", "stop"), event("e3", name), SNAPSHOT])).toBe("Outdated");
  });

  it("is nothing for another machine: the object may have a new one by then", () => {
    expect(asNow({ resizeSnapshot: done }, { ...off, id: "ps2" }, [])).toEqual({});
  });
});

describe("a snapshot whose event is not known", () => {
  const requestedAt = toTime(NOW - MINUTE);
  const operation = { intent: INTENT, requestedAt, deadline: toTime(NOW + MINUTE) };
  const settled = (states: readonly string[], snapshotSettled = true) => {
    const { observation } = scene();
    observation.spec.snapshotBeforeResize = true;
    observation.memory = { operation, resizeSnapshot: snapshot("Requested") };
    const events = states.map((state) => ({ ...SNAPSHOT, state }));
    observation.related = { ...observation.related, snapshot: { id: "sn1", events, ageMs: 0 } };
    return settleSnapshot({ ...observation, snapshotSettled }, operation);
  };

  it("is done once all snapshots of the machine are: one of them is it", () => {
    expect(settled(["done", "done"])).toMatchObject({ memory: { resizeSnapshot: { state: "Done" } } });
    for (const states of [[], ["done", "in progress"]]) expect(settled(states)).toHaveProperty("decision");
  });

  it("is not believed to be done by events that may be older than it", () => {
    expect(settled(["done"], false)).toHaveProperty("decision");
  });

  it("is reported where one of them failed, instead of being waited for: it may be that one", () => {
    expect(settled(["done", "error"])).toMatchObject({
      memory: { resizeRefusal: { snapshot: "Unconfirmed" } },
    });
  });
});

describe("the way back from a resize that failed", () => {
  const grown = { ...off, storageTotal: 100 * GIB };

  it("is a command that saves the disk as it is first, where its size is another", () => {
    const advice = restoreAdvice({ resizeSnapshot: done }, grown);
    expect(advice).toContain("was 53687091200 and is 107374182400");
    expect(advice).toContain("/snapshots/sn1/restore");
    expect(advice).toContain('{"createSnapshotBeforeRestore": true}');
  });

  it("is shown where the size cannot be read: that it is as before would be a guess", () => {
    expect(restoreAdvice({ resizeSnapshot: done }, { ...grown, storageTotal: null })).toContain("is unknown");
  });

  it("is not needed where the disk has its old size, and still there once the machine runs again", () => {
    for (const state of ["Done", "Outdated"] as const)
      expect(restoreAdvice({ resizeSnapshot: { ...done, state } }, off)).toContain(
        "The disk has its old size",
      );
  });

  it("does not name a snapshot that may not be done", () => {
    for (const resizeSnapshot of [snapshot("Requested"), snapshot("Lost"), undefined])
      expect(restoreAdvice({ ...(resizeSnapshot && { resizeSnapshot }) }, grown)).toBe("");
  });

  it("puts no text of the API into a command that a user pastes", () => {
    const resizeSnapshot = { ...done, id: "$(reboot)", machineId: ID };
    expect(restoreAdvice({ resizeSnapshot }, grown)).toContain("/snapshots/'<id>'/restore");
  });
});
