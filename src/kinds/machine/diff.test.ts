import { describe, expect, it } from "vitest";
import type { Machine } from "./api.ts";
import { immutableDrift, settingsDrift } from "./diff.ts";
import { SPEC } from "./spec.fixture.ts";
import type { MachineSpec } from "./types.ts";

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
  it("does not manage what the spec leaves out, whatever somebody set in the console", () => {
    const there = machine({ autoShutdownEnabled: true, autoShutdownTimeout: 5, autoSnapshotEnabled: true });
    expect(settingsDrift(spec(), there).changes).toEqual([]);
  });

  it("names field, old and new value, and sends only what differs", () => {
    const wanted = spec({ name: "new", autoShutdown: { enabled: true, timeoutHours: 8 } });
    const drift = settingsDrift(wanted, machine({ autoShutdownEnabled: true, autoShutdownTimeout: 168 }));
    expect(drift.settings).toEqual({ name: "new", autoShutdownTimeout: 8 });
    expect(drift.changes).toEqual([
      { field: "name", from: "box-1", to: "new" },
      { field: "autoShutdown.timeoutHours", from: 168, to: 8 },
    ]);
  });

  it("does not compare the details of what is switched off: they read null and would be put back for ever", () => {
    const wanted = spec({ autoShutdown: { enabled: false, timeoutHours: 8, force: true } });
    const there = machine({ autoShutdownEnabled: false, autoShutdownTimeout: null, autoShutdownForce: null });
    expect(settingsDrift(wanted, there).changes).toEqual([]);
  });

  it("takes null for a value that is not there, so that switching on is seen", () => {
    const wanted = spec({ autoSnapshot: { enabled: true, frequency: "daily", saveCount: 3 } });
    const there = machine({
      autoSnapshotEnabled: false,
      autoSnapshotFrequency: null,
      autoSnapshotSaveCount: null,
    });
    expect(settingsDrift(wanted, there).settings).toEqual({
      autoSnapshotEnabled: true,
      autoSnapshotFrequency: "daily",
      autoSnapshotSaveCount: 3,
    });
  });
});

describe("immutableDrift", () => {
  it("takes the vendor's several spellings for one, since its own pages use them all", () => {
    const there = machine({ machineType: "a4000", region: "East Coast (NY2)" });
    expect(immutableDrift(spec(), there)).toEqual([]);
  });

  it("names every difference that no update can mend", () => {
    const there = machine({ storageTotal: 100 * 1024 ** 3, region: "ams1" });
    expect(immutableDrift(spec(), there).map(({ field }) => field)).toEqual(["region", "diskSize"]);
  });

  it("knows nothing against a fresh machine whose region is still null", () => {
    expect(immutableDrift(spec(), machine({ machineType: "", region: null }))).toEqual([]);
  });
});
