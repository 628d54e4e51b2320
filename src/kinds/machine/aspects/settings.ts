/**
 * The settings that an update changes, whatever state the machine is in. Pure. Only what the API returns can be
 * compared; a field that the spec does not give is not managed, whatever its value.
 */
import type { Change } from "../../../reconcile/change.ts";
import type { Machine, MachineSettings } from "../api.ts";
import type { MachineSpec } from "../types.ts";
import { type Aspect, plannedChange, unlessBackingOff } from "./aspect.ts";

export const settings: Aspect = {
  anyPower: true,
  drift: ({ spec }, machine) => settingsDrift(spec, machine).changes,
  next(convergence) {
    const { changes, settings } = settingsDrift(convergence.observation.spec, convergence.machine);
    return changes.length > 0
      ? unlessBackingOff(convergence, { do: "update", settings, changes })
      : undefined;
  },
  effect(step) {
    if (step.do !== "update") return undefined;
    const entries = step.changes.map((change) =>
      plannedChange("Update", change, { losesData: losesData(change) }),
    );
    return { entries, machine: step.settings };
  },
};

/** A restore point puts the disk back at every shutdown: what was written since then is gone. */
function losesData({ field, to }: Change): boolean {
  return field.startsWith("restorePoint.") && to !== false;
}

export interface SettingsDrift {
  changes: Change[];
  settings: MachineSettings;
}

/** machines.md section 4 lists what can be set. */
export function settingsDrift(spec: MachineSpec, machine: Machine): SettingsDrift {
  const drift: SettingsDrift = { changes: [], settings: {} };
  const fresh = !isDetailed(machine);
  const compare = <K extends keyof MachineSettings>(
    field: string,
    key: K,
    desired: MachineSettings[K] | undefined,
  ) => {
    const actual = machine[key] ?? undefined;
    if (desired === undefined || desired === actual) return;
    // Null, 0 and "" of a fresh machine are not values yet (machines.md section 7).
    if (fresh && (actual === undefined || actual === 0 || actual === "")) return;
    drift.changes.push({ field, from: actual, to: desired });
    drift.settings[key] = desired;
  };
  const { autoShutdown, autoSnapshot, restorePoint } = spec;
  compare("name", "name", spec.name);
  compare("publicIpType", "publicIpType", spec.publicIpType);
  compare("networkId", "networkId", spec.networkId);
  compare("autoShutdown.enabled", "autoShutdownEnabled", autoShutdown?.enabled);
  // The details of something switched off may read null: they would be put back without end.
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

/** Whether the machine shows its hardware: right after a create they are null, 0 or "" (machines.md section 7). */
function isDetailed({ ram, storageTotal }: Machine): boolean {
  return Boolean(ram || storageTotal);
}
