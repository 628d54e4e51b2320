import { describe, expect, it } from "vitest";
import { ADA, EVE, GIB, MINUTE, NOW, scene } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import type { EventFact, MachineObservation, Related } from "./observation.ts";
import { planOf } from "./plan.ts";
import type { MachineSpec } from "./types.ts";

function observation(
  spec: Partial<MachineSpec>,
  over: Partial<MachineObservation> = {},
  related: Partial<Related> = {},
): MachineObservation {
  const made = scene();
  Object.assign(made.spec, spec);
  Object.assign(made.related, related);
  return Object.assign(made.observation, over);
}

function seen(state: string, over: object = {}): Pick<MachineObservation, "resource"> {
  return { resource: { state: "present", machine: { ...scene().machine, state, ...over } } };
}

const GONE = { resource: { state: "absent", certain: true } } as const;
const actions = (plan: ReturnType<typeof planOf>) => plan.map(({ action }) => action);

describe("planOf", () => {
  it("is empty where nothing would be done, so that silence means it", () => {
    expect(planOf(observation({}))).toEqual([]);
    expect(planOf(observation({ powerState: "Stopped" }, seen("off")))).toEqual([]);
    expect(planOf(observation({}, { resource: { state: "unknown" } }))).toEqual([]);
    expect(planOf(observation({}, { resource: { state: "absent", certain: false } }))).toEqual([]);
  });

  it("names what needs the machine off, which users must be prepared for", () => {
    const desired = { machineType: "H100", diskSize: 100, resizePolicy: "StopAndResize" } as const;
    expect(planOf(observation(desired))).toEqual([
      {
        action: "Resize",
        field: "machineType",
        from: '"A4000"',
        to: '"H100"',
        needsStop: true,
        losesData: false,
      },
      { action: "Resize", field: "diskSize", from: "50", to: "100", needsStop: true, losesData: false },
    ]);
    const off = planOf(observation({ ...desired, powerState: "Stopped" }, seen("off")));
    expect(off.map(({ needsStop }) => needsStop)).toEqual([false, false]);
  });

  it("does not plan a resize that waits for the user to stop the machine", () => {
    const desired = { machineType: "H100", resizePolicy: "WhenStopped" } as const;
    expect(planOf(observation(desired))).toEqual([]);
    expect(actions(planOf(observation(desired, seen("off"))))).toEqual(["Resize", "Start"]);
    expect(actions(planOf(observation({ ...desired, powerState: "Stopped" })))).toEqual(["Stop", "Resize"]);
  });

  it("names what loses data: a restore point throws away what was written since, switching it off does not", () => {
    const loses = (spec: Partial<MachineSpec>, machine: object) =>
      planOf(observation(spec, seen("ready", machine))).map(({ losesData }) => losesData);
    expect(loses({ restorePoint: { enabled: true } }, { restorePointEnabled: false })).toEqual([true]);
    expect(loses({ restorePoint: { enabled: false } }, { restorePointEnabled: true })).toEqual([false]);
    const other = { restorePointEnabled: true, restorePointSnapshotId: "sn1" };
    expect(loses({ restorePoint: { enabled: true, snapshotId: "sn2" } }, other)).toEqual([true]);
    const harmless = { name: "another", diskSize: 100, resizePolicy: "StopAndResize" } as const;
    expect(loses(harmless, {})).toEqual([false, false]);
  });

  it("reports that a deletion loses the disk, and no deletion where nothing is owned, kept or left", () => {
    const deleting = { deleting: true } as const;
    expect(planOf(observation({}, deleting))).toEqual([
      { action: "Delete", needsStop: false, losesData: true },
    ]);
    expect(planOf(observation({}, { ...deleting, deletionPolicy: "Orphan" }))).toEqual([]);
    expect(planOf(observation({}, { ...deleting, identity: { state: "none" } }))).toEqual([]);
    expect(planOf(observation({}, { ...deleting, ...GONE }))).toEqual([]);
  });

  it("shows a create with all it would be made of, and none of our own policies", () => {
    const plan = planOf(
      observation({ startupScriptId: "s1", resizePolicy: "StopAndResize" }, { identity: { state: "none" } }),
    );
    expect(plan[0]).toEqual({ action: "Create", needsStop: false, losesData: false });
    expect(plan.slice(1).every(({ action }) => action === "Create")).toBe(true);
    expect(Object.fromEntries(plan.slice(1).map(({ field, to }) => [field, to]))).toEqual({
      machineType: '"A4000"',
      region: '"ny2"',
      templateId: '"t0nspur5"',
      diskSize: "50",
      powerState: '"Running"',
      startupScriptId: '"s1"',
      emailPassword: "false",
    });
  });

  it("plans another machine for one that is gone only where that is declared", () => {
    expect(planOf(observation({}, GONE))).toEqual([]);
    expect(actions(planOf(observation({ onExternalDeletion: "Recreate" }, GONE)))[0]).toBe("Create");
  });

  it("plans nothing where the decision does nothing: what is to be adopted is not there, another's, or does not fit", () => {
    const adopts = { identity: { state: "adopt", id: "ps9" } } as const;
    const spec = { onExternalDeletion: "Recreate" } as const;
    expect(planOf(observation(spec, { ...adopts, ...GONE }))).toEqual([]);
    expect(planOf(observation({ name: "another" }, { ...adopts, ownedBy: "default/other" }))).toEqual([]);
    expect(planOf(observation({ name: "another", region: "ams1" }, adopts))).toEqual([]);
    expect(actions(planOf(observation({ name: "another" }, adopts)))).toEqual(["Update"]);
    const keyless = { account: { state: "invalid", message: "no key" } } as const;
    expect(planOf(observation(spec, { ...keyless, ...GONE }))).toEqual([]);
    expect(planOf(observation({}, { ...keyless, deleting: true }))).toEqual([]);
  });

  it("plans the deletion of what was not observed yet: the halt of a deletion is reported at once", () => {
    const unseen = { deleting: true, resource: { state: "unknown" } } as const;
    expect(actions(planOf(observation({}, unseen)))).toEqual(["Delete"]);
  });

  it("plans nothing where the ownership is in conflict: nothing would be done", () => {
    const conflict = { state: "conflict", message: "a copy" } as const;
    for (const deleting of [false, true])
      expect(planOf(observation({ name: "another" }, { identity: conflict, deleting }))).toEqual([]);
  });

  it("does not plan to revoke access while an address is not resolved", () => {
    const accessors = { userIds: [ADA.id], emails: ["bob@example.org"] };
    const facts = { accessors: [EVE] };
    expect(actions(planOf(observation({ accessors }, {}, facts)))).toEqual(["Grant"]);
    expect(actions(planOf(observation({ accessors }, {}, { ...facts, users: [ADA] })))).toEqual([
      "Grant",
      "Revoke",
    ]);
  });

  it("does not plan to start what shut itself down, until that is requested", () => {
    const rests = { ...seen("off", { autoShutdownEnabled: true }), memory: { power: "Running" } } as const;
    expect(planOf(observation({}, rests))).toEqual([]);
    expect(actions(planOf(observation({}, { ...rests, requests: { start: "s1" } })))).toEqual(["Start"]);
    expect(actions(planOf(observation({}, seen("off", { autoShutdownEnabled: true }))))).toEqual(["Start"]);
  });

  it("does not guess where a machine on its way will end", () => {
    for (const state of ["starting", "stopping", "upgrading", "a-state-of-tomorrow"])
      for (const powerState of ["Running", "Stopped"] as const)
        expect(planOf(observation({ powerState }, seen(state)))).toEqual([]);
    expect(planOf(observation({}, seen("serviceready")))).toEqual([]);
    expect(actions(planOf(observation({ powerState: "Stopped" }, seen("serviceready"))))).toEqual(["Stop"]);
  });

  it("does not plan what cannot be done: no disk shrinks", () => {
    expect(planOf(observation({}, seen("ready", { storageTotal: 100 * GIB })))).toEqual([]);
  });

  it("plans a restart that is requested, since it interrupts the machine", () => {
    expect(actions(planOf(observation({}, { requests: { restart: "r1" } })))).toEqual(["Restart"]);
    expect(actions(planOf(observation({}, { ...seen("off"), requests: { restart: "r1" } })))).toEqual([
      "Start",
    ]);
    expect(planOf(observation({}, { requests: { start: "s1" } }))).toEqual([]);
  });

  it("does not plan once more what is in flight, but what comes once that has failed", () => {
    const operation = {
      intent: "Start",
      target: "Running",
      requestedAt: toTime(NOW),
      deadline: toTime(NOW + MINUTE),
    };
    const starting = (event: EventFact) =>
      actions(planOf(observation({ name: "another" }, { ...seen("off"), memory: { operation }, event })));
    expect(starting({ state: "pending" })).toEqual(["Update"]);
    expect(starting({ state: "failed", message: "no" })).toEqual(["Update", "Start"]);
  });

  it("follows a change of autoShutdown, which decides whether a machine that is off is started", () => {
    const off = (autoShutdownEnabled: boolean) =>
      ({ ...seen("off", { autoShutdownEnabled }), memory: { power: "Running" } }) as const;
    const plan = (enabled: boolean) => planOf(observation({ autoShutdown: { enabled } }, off(!enabled)));
    expect(actions(plan(true))).toEqual(["Update"]);
    expect(actions(plan(false))).toEqual(["Update", "Start"]);
  });

  it("does not plan what the account is refused", () => {
    const bad = { standing: { good: false, messages: [] } };
    expect(planOf(observation({}, seen("off"), bad))).toEqual([]);
    expect(planOf(observation({}, { identity: { state: "none" } }, bad))).toEqual([]);
    const full = { machines: { count: 10, most: 10 } };
    expect(planOf(observation({}, { identity: { state: "none" } }, full))).toEqual([]);
  });

  it("plans a delete that is in flight only where it is to be sent again", () => {
    const operation = { intent: "Delete", requestedAt: toTime(NOW), deadline: toTime(NOW + MINUTE) };
    const deleting = (event: EventFact) =>
      actions(planOf(observation({}, { deleting: true, memory: { operation }, event })));
    expect(deleting({ state: "pending" })).toEqual([]);
    expect(deleting({ state: "failed", message: "no" })).toEqual(["Delete"]);
  });
});
