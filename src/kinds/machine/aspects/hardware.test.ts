import { describe, expect, it } from "vitest";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import type { Machine } from "../api.ts";
import type { MachineSpec } from "../types.ts";
import { hardware, hardwareDrift, immutableDrift } from "./hardware.ts";

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

describe("hardwareDrift", () => {
  const GIB = 1024 ** 3;

  it("compares the disk in whatever unit it comes: it is documented nowhere, and putting it back without end would stop machines", () => {
    for (const size of [50, 100, 250, 500, 1000, 2000])
      for (const storageTotal of [size * GIB, size * 1000 ** 3, size])
        expect(hardwareDrift(spec({ diskSize: size }), machine({ storageTotal }))).toEqual({
          changes: [],
          hardware: {},
        });
  });

  it("distinguishes each size from the next, in each of these units", () => {
    const sizes = [50, 100, 250, 500, 1000, 2000];
    for (const size of sizes)
      for (const other of sizes.filter((another) => another !== size))
        for (const storageTotal of [size * GIB, size * 1000 ** 3, size]) {
          const { changes, tooLarge } = hardwareDrift(spec({ diskSize: other }), machine({ storageTotal }));
          expect([changes.length, tooLarge !== undefined]).toEqual(other > size ? [1, false] : [0, true]);
        }
  });

  it("compares exactly what was set by us, however it shows: a disk that is a little smaller than declared is too small", () => {
    for (const shown of [1000 * GIB, 1000 * 1000 ** 3, 0.98 * 1000 * GIB]) {
      const there = machine({ storageTotal: shown });
      const { disk } = hardware.remember?.({ disk: { size: 1000 } }, there) ?? {};
      expect(hardwareDrift(spec({ diskSize: 1000 }), there, disk).changes).toEqual([]);
      for (const larger of [1001, 1074, 1075])
        expect(hardwareDrift(spec({ diskSize: larger }), there, disk).changes).toEqual([
          { field: "diskSize", from: 1000, to: larger },
        ]);
    }
  });

  it("does not learn what a size shows as from what was there before it was set, nor from something else", () => {
    const before = { disk: { size: 1075, former: 1000 * GIB } };
    expect(hardware.remember?.(before, machine({ storageTotal: 1000 * GIB }))).toEqual(before);
    expect(hardware.remember?.(before, machine({ storageTotal: 2000 * GIB }))).toEqual(before);
    const after = hardware.remember?.(before, machine({ storageTotal: 1075 * GIB }));
    expect(after).toEqual({ disk: { unit: GIB } });
  });

  it("grows a disk, and never sends a smaller one: that cannot be changed, only reported", () => {
    const there = machine({ storageTotal: 100 * GIB, machineType: "A4000" });
    expect(hardwareDrift(spec({ diskSize: 250 }), there)).toEqual({
      changes: [{ field: "diskSize", from: 100, to: 250 }],
      hardware: { diskSize: 250 },
    });
    expect(hardwareDrift(spec({ diskSize: 50, machineType: "H100" }), there)).toEqual({
      changes: [{ field: "machineType", from: "A4000", to: "H100" }],
      hardware: { machineType: "H100" },
      tooLarge: { field: "diskSize", from: 100, to: 50 },
    });
  });

  it("sends type and disk in one change, so that the machine is stopped once", () => {
    const drift = hardwareDrift(
      spec({ diskSize: 100, machineType: "H100" }),
      machine({ storageTotal: 50 * GIB, machineType: "A4000" }),
    );
    expect(drift.hardware).toEqual({ machineType: "H100", diskSize: 100 });
  });

  it("takes a type in any letter case for the same: the vendor's own pages write it both ways", () => {
    expect(
      hardwareDrift(spec({ machineType: "A100-80G" }), machine({ machineType: "a100-80g" })).changes,
    ).toEqual([]);
  });

  it("sees no difference in what a fresh machine does not show, nor in what the spec does not give", () => {
    for (const empty of [{ machineType: "", storageTotal: 0 }, { machineType: null, storageTotal: null }, {}])
      expect(hardwareDrift(spec({ machineType: "H100", diskSize: 100 }), machine(empty)).changes).toEqual([]);
    expect(hardwareDrift(spec({ diskSize: undefined }), machine({ storageTotal: 9 * GIB })).changes).toEqual(
      [],
    );
  });
});

describe("immutableDrift", () => {
  it("takes the vendor's several spellings for one, since its own pages use them all", () => {
    const there = machine({ machineType: "a4000", region: "East Coast (NY2)" });
    expect(immutableDrift(spec(), there)).toEqual([]);
  });

  it("names every difference that no step can change", () => {
    const there = machine({ storageTotal: 100 * 1024 ** 3, region: "ams1" });
    expect(immutableDrift(spec(), there).map(({ field }) => field)).toEqual(["region", "diskSize"]);
  });

  it("finds no difference in a fresh machine whose region is still null", () => {
    expect(immutableDrift(spec(), machine({ machineType: "", region: null }))).toEqual([]);
  });
});
