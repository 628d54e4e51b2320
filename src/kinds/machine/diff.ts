/**
 * What of the spec the machine does not have yet. Pure. Only what the API returns can be compared; a field that the
 * spec does not give is not managed, whatever the machine says.
 */
import type { Machine, MachineSettings } from "./api.ts";
import type { MachineSpec } from "./types.ts";

export interface Change {
  /** Path below spec. */
  field: string;
  from: unknown;
  to: unknown;
}

export interface Drift {
  changes: Change[];
  settings: MachineSettings;
}

/** Settings that a PUT mends (machines.md section 4). */
export function settingsDrift(spec: MachineSpec, machine: Machine): Drift {
  const drift: Drift = { changes: [], settings: {} };
  const compare = <K extends keyof MachineSettings>(
    field: string,
    key: K,
    wanted: MachineSettings[K] | undefined,
  ) => {
    const actual = machine[key] ?? undefined;
    if (wanted === undefined || wanted === actual) return;
    drift.changes.push({ field, from: actual, to: wanted });
    drift.settings[key] = wanted;
  };
  const { autoShutdown, autoSnapshot } = spec;
  compare("name", "name", spec.name);
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
  return drift;
}

/** What no update can mend; letter case differs between the vendor's own pages (machines.md section 9, rows 9 and 22). */
export function immutableDrift(spec: MachineSpec, machine: Machine): Change[] {
  const changes: Change[] = [];
  if (machine.machineType && !sameLabel(machine.machineType, spec.machineType))
    changes.push({ field: "machineType", from: machine.machineType, to: spec.machineType });
  if (machine.region && !sameRegion(machine.region, spec.region))
    changes.push({ field: "region", from: machine.region, to: spec.region });
  return changes;
}

function sameLabel(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** "East Coast (NY2)" and "ny2" are one region (observed-in-the-field.md 12). */
function sameRegion(a: string, b: string): boolean {
  return regionCode(a) === regionCode(b);
}

function regionCode(region: string): string {
  return (/\(([^)]+)\)\s*$/.exec(region)?.[1] ?? region).toLowerCase();
}

/** "autoShutdown.enabled: false → true", for events and conditions. */
export function describe(changes: readonly Change[]): string {
  return changes
    .map(({ field, from, to }) => `${field}: ${JSON.stringify(from ?? null)} → ${JSON.stringify(to)}`)
    .join(", ");
}
