import { describe, expect, it } from "vitest";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import type { Machine } from "../api.ts";
import type { MachineSpec } from "../types.ts";
import { settingsDrift } from "./settings.ts";

const spec = (over: Partial<MachineSpec> = {}): MachineSpec => ({
  ...SPEC,
  ...over,
});
const machine = (over: Partial<Machine> = {}): Machine => ({
  id: "ps1",
  name: "box-1",
  state: "ready",
  ram: 45 * 1024 ** 3,
  ...over,
});

describe("settingsDrift", () => {
  it("does not manage what the spec leaves out, whatever another actor set", () => {
    const there = machine({ autoShutdownEnabled: true, autoShutdownTimeout: 5, autoSnapshotEnabled: true });
    expect(settingsDrift(spec(), there).changes).toEqual([]);
  });

  it("names field, old and new value, and sends only what differs", () => {
    const desired = spec({ name: "new", autoShutdown: { enabled: true, timeoutHours: 8 } });
    const drift = settingsDrift(desired, machine({ autoShutdownEnabled: true, autoShutdownTimeout: 168 }));
    expect(drift.settings).toEqual({ name: "new", autoShutdownTimeout: 8 });
    expect(drift.changes).toEqual([
      { field: "name", from: "box-1", to: "new" },
      { field: "autoShutdown.timeoutHours", from: 168, to: 8 },
    ]);
  });

  it("does not compare the details of what is switched off: they read null and would be put back for ever", () => {
    const desired = spec({ autoShutdown: { enabled: false, timeoutHours: 8, force: true } });
    const there = machine({ autoShutdownEnabled: false, autoShutdownTimeout: null, autoShutdownForce: null });
    expect(settingsDrift(desired, there).changes).toEqual([]);
  });

  it("takes null for a value that is not there, so that switching on is seen", () => {
    const desired = spec({ autoSnapshot: { enabled: true, frequency: "daily", saveCount: 3 } });
    const there = machine({
      autoSnapshotEnabled: false,
      autoSnapshotFrequency: null,
      autoSnapshotSaveCount: null,
    });
    expect(settingsDrift(desired, there).settings).toEqual({
      autoSnapshotEnabled: true,
      autoSnapshotFrequency: "daily",
      autoSnapshotSaveCount: 3,
    });
  });
});

describe("settingsDrift of what else can be changed", () => {
  it("moves a machine to another network or kind of address, and names the old one", () => {
    const there = machine({ networkId: "n1", publicIpType: "static" });
    const drift = settingsDrift(spec({ networkId: "n2", publicIpType: "none" }), there);
    expect(drift.settings).toEqual({ publicIpType: "none", networkId: "n2" });
    expect(drift.changes).toContainEqual({ field: "networkId", from: "n1", to: "n2" });
    expect(settingsDrift(spec({ networkId: "n1", publicIpType: "static" }), there).changes).toEqual([]);
  });

  it("puts a machine into a network that has none, since null is a value once the details are in", () => {
    expect(settingsDrift(spec({ networkId: "n1" }), machine({ networkId: null })).settings).toEqual({
      networkId: "n1",
    });
  });

  it("compares the restore point in all its parts: it decides over what is on the disk", () => {
    const restorePoint = { enabled: true, frequency: "shutdown", snapshotId: "sn2" } as const;
    const there = machine({
      restorePointEnabled: true,
      restorePointFrequency: null,
      restorePointSnapshotId: "sn1",
    });
    expect(settingsDrift(spec({ restorePoint }), there).settings).toEqual({
      restorePointFrequency: "shutdown",
      restorePointSnapshotId: "sn2",
    });
  });

  it("leaves the snapshot of a restore point to the API where the spec names none", () => {
    const there = machine({ restorePointEnabled: true, restorePointSnapshotId: "initial" });
    expect(settingsDrift(spec({ restorePoint: { enabled: true } }), there).changes).toEqual([]);
  });

  it("does not put a restore point back that is switched off: its details would throw the disk away", () => {
    const restorePoint = { enabled: false, frequency: "shutdown", snapshotId: "sn2" } as const;
    expect(settingsDrift(spec({ restorePoint }), machine({ restorePointEnabled: false })).changes).toEqual(
      [],
    );
    expect(settingsDrift(spec({ restorePoint }), machine({ restorePointEnabled: true })).settings).toEqual({
      restorePointEnabled: false,
    });
  });

  it("sees nothing in the null, 0 and empty text of a fresh machine: they are no values yet", () => {
    const desired = spec({
      name: "new",
      networkId: "n1",
      publicIpType: "static",
      autoShutdown: { enabled: true, timeoutHours: 8, force: true },
      autoSnapshot: { enabled: true, frequency: "daily", saveCount: 3 },
      restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "sn1" },
    });
    const nothing = {
      name: "",
      ram: 0,
      storageTotal: 0,
      networkId: null,
      publicIpType: "",
      autoShutdownTimeout: 0,
    };
    expect(settingsDrift(desired, machine({ ...nothing, autoShutdownEnabled: null })).changes).toEqual([]);
    expect(settingsDrift(desired, machine({ ram: null, name: "", storageTotal: null })).changes).toEqual([]);
    // What it does show counts.
    expect(settingsDrift(desired, machine({ ...nothing, name: "box-1" })).settings).toEqual({ name: "new" });
  });

  it("takes false for a value, also of a fresh machine", () => {
    const fresh = machine({ ram: 0, autoShutdownEnabled: false });
    expect(settingsDrift(spec({ autoShutdown: { enabled: true } }), fresh).settings).toEqual({
      autoShutdownEnabled: true,
    });
  });
});
