import { describe, expect, it } from "vitest";
import { scene } from "../../../../test/decide/machine/situations.ts";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import type { Failed } from "../../../reconcile/outcome.ts";
import type { Machine } from "../api.ts";
import { convergenceOf } from "../converge.ts";
import type { MachineObservation } from "../observation.ts";
import type { MachineSpec } from "../types.ts";
import { settings, settingsDrift } from "./settings.ts";

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

  it("takes null for false, since the API has no other way to say it: a switch would be put back for ever", () => {
    const desired = spec({ autoShutdown: { enabled: true, timeoutHours: 8, force: false } });
    const there = machine({ autoShutdownEnabled: true, autoShutdownTimeout: 8, autoShutdownForce: null });
    expect(settingsDrift(desired, there).changes).toEqual([]);
    expect(settingsDrift(desired, { ...there, autoShutdownForce: true }).settings).toEqual({
      autoShutdownForce: false,
    });
  });

  it("does not compare what cannot be read, which is not null: it would be put back for ever", () => {
    const desired = spec({ name: "box-1", autoShutdown: { enabled: true, timeoutHours: 8 } });
    const there = machine({ autoShutdownEnabled: true, unreadable: ["autoShutdownTimeout", "usageRate"] });
    expect(settingsDrift(desired, there).changes).toEqual([]);
    expect(settings.unreadable?.({ spec: desired } as MachineObservation, there)).toEqual([
      "autoShutdown.timeoutHours",
    ]);
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

describe("the update", () => {
  const refused: Failed = { kind: "Terminal", reason: "Refused", message: "no such snapshot", recheckMs: 1 };
  const failed: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503" };
  const desired: Partial<MachineSpec> = {
    autoShutdown: { enabled: true, timeoutHours: 1 },
    restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "snnowhere" },
  };

  /** The next step, by its name, with the settings that it sends, and what is reported of what is held back. */
  function next(backingOff: Record<string, Failed>, over: Partial<MachineSpec> = desired) {
    const { observation, machine: there } = scene();
    Object.assign(observation, { spec: spec(over), backingOff });
    const convergence = convergenceOf(observation, there, "ready");
    const { step } = settings.next(convergence) ?? {};
    const { userErrors, retries } = convergence;
    const sent = step?.do === "update" ? Object.keys(step.settings) : [];
    const of = step?.do === "update" ? step.of : undefined;
    return { of, sent, held: [...userErrors, ...retries].map(({ reason }) => reason) };
  }
  const SHUTDOWN = ["autoShutdownEnabled", "autoShutdownTimeout"];
  const RESTORE = ["restorePointEnabled", "restorePointFrequency", "restorePointSnapshotId"];

  it("is one for all that differs, since each costs a write", () => {
    expect(next({})).toEqual({ of: undefined, sent: [...SHUTDOWN, ...RESTORE], held: [] });
  });

  it("goes field by field once all together is refused: one of them may be good", () => {
    const first = next({ update: refused });
    expect(first).toEqual({ of: "autoShutdown", sent: SHUTDOWN, held: [] });
    expect(next({ update: refused, "update/autoShutdown": refused }).of).toBe("restorePoint");
    const all = { update: refused, "update/autoShutdown": refused, "update/restorePoint": refused };
    expect(next(all)).toEqual({ of: undefined, sent: [], held: ["Refused", "Refused"] });
  });

  it("sends a restore point whole: without its snapshot the disk would be put back to another one", () => {
    const { sent } = next({ update: refused, "update/autoShutdown": refused });
    expect(sent).toEqual(RESTORE);
  });

  it("waits where all together failed in a way that may pass: the fields would fail as well", () => {
    expect(next({ update: failed })).toEqual({ of: undefined, sent: [], held: ["ApiUnavailable"] });
  });

  it("puts back what another actor changes meanwhile, beside the field that is refused", () => {
    const held = { "update/restorePoint": refused };
    expect(next(held)).toEqual({ of: "autoShutdown", sent: SHUTDOWN, held: ["Refused"] });
    const three = next(held, { ...desired, name: "another" });
    expect(three).toEqual({ of: undefined, sent: ["name", ...SHUTDOWN], held: ["Refused"] });
  });
});
