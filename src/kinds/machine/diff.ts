/**
 * What of the spec the machine does not have yet. Pure. Only what the API returns can be compared; a field that the
 * spec does not give is not managed, whatever the machine says.
 */
import type { Change } from "../../reconcile/change.ts";
import { sameLabel, sameRegion } from "../region.ts";
import type { Machine, MachineHardware, MachineSettings } from "./api.ts";
import type { MachineSpec } from "./types.ts";

export interface Drift {
  changes: Change[];
  settings: MachineSettings;
}

/** Settings that a PUT mends, whatever the machine does (machines.md section 4). */
export function settingsDrift(spec: MachineSpec, machine: Machine): Drift {
  const drift: Drift = { changes: [], settings: {} };
  const fresh = !isDetailed(machine);
  const compare = <K extends keyof MachineSettings>(
    field: string,
    key: K,
    desired: MachineSettings[K] | undefined,
  ) => {
    const actual = machine[key] ?? undefined;
    if (desired === undefined || desired === actual) return;
    // Null, 0 and "" of a fresh machine say nothing yet (machines.md section 7).
    if (fresh && (actual === undefined || actual === 0 || actual === "")) return;
    drift.changes.push({ field, from: actual, to: desired });
    drift.settings[key] = desired;
  };
  const { autoShutdown, autoSnapshot, restorePoint } = spec;
  compare("name", "name", spec.name);
  compare("publicIpType", "publicIpType", spec.publicIpType);
  compare("networkId", "networkId", spec.networkId);
  compare("autoShutdown.enabled", "autoShutdownEnabled", autoShutdown?.enabled);
  // The details of something switched off may read null: comparing them would be a war without an end.
  if (autoShutdown?.enabled) {
    compare("autoShutdown.timeoutHours", "autoShutdownTimeout", autoShutdown.timeoutHours);
    compare("autoShutdown.force", "autoShutdownForce", autoShutdown.force);
  }
  compare("autoSnapshot.enabled", "autoSnapshotEnabled", autoSnapshot?.enabled);
  if (autoSnapshot?.enabled) {
    compare("autoSnapshot.frequency", "autoSnapshotFrequency", autoSnapshot.frequency);
    compare("autoSnapshot.saveCount", "autoSnapshotSaveCount", autoSnapshot.saveCount);
  }
  compare("restorePoint.enabled", "restorePointEnabled", restorePoint?.enabled);
  if (restorePoint?.enabled) {
    compare("restorePoint.frequency", "restorePointFrequency", restorePoint.frequency);
    compare("restorePoint.snapshotId", "restorePointSnapshotId", restorePoint.snapshotId);
  }
  return drift;
}

/** Whether the facts of the hardware are in: right after a create they are null, 0 or "" (machines.md section 7). */
function isDetailed({ ram, storageTotal }: Machine): boolean {
  return Boolean(ram || storageTotal);
}

export interface HardwareDrift {
  changes: Change[];
  hardware: MachineHardware;
  /** The disk is larger than declared, which nothing can mend. */
  tooLarge?: Change;
}

/** Machine type and disk: changed with the machine off only (machines.md section 4). */
export function hardwareDrift(spec: MachineSpec, machine: Machine): HardwareDrift {
  const drift: HardwareDrift = { changes: [], hardware: {} };
  if (machine.machineType && !sameLabel(machine.machineType, spec.machineType)) {
    drift.changes.push({ field: "machineType", from: machine.machineType, to: spec.machineType });
    drift.hardware.machineType = spec.machineType;
  }
  const actual = diskGib(machine);
  const { diskSize } = spec;
  if (actual === undefined || diskSize === undefined || isSameDisk(actual, diskSize)) return drift;
  const change = { field: "diskSize", from: Math.round(actual), to: diskSize };
  if (diskSize < actual) return { ...drift, tooLarge: change };
  drift.changes.push(change);
  drift.hardware.diskSize = diskSize;
  return drift;
}

const GIB = 1024 ** 3;

/** storageTotal is in bytes as far as anybody knows, its unit is documented nowhere (machines.md section 5.1). */
function diskGib({ storageTotal }: Machine): number | undefined {
  if (!storageTotal) return undefined;
  return storageTotal >= GIB ? storageTotal / GIB : storageTotal;
}

/** Sizes are far apart (50, 100, 250 …), and GB may be counted in 1000s: a few percent are no difference. */
function isSameDisk(actual: number, desired: number): boolean {
  return Math.abs(actual - desired) <= 0.08 * desired;
}

/** What no update can mend. */
export function immutableDrift(spec: MachineSpec, machine: Machine): Change[] {
  const changes: Change[] = [];
  if (machine.region && !sameRegion(machine.region, spec.region))
    changes.push({ field: "region", from: machine.region, to: spec.region });
  const { tooLarge } = hardwareDrift(spec, machine);
  if (tooLarge) changes.push(tooLarge);
  return changes;
}
