/**
 * The body of the create of a machine, from its spec.
 */
import type { CreateMachine } from "./api.ts";
import type { MachineSpec } from "./types.ts";

/**
 * machines.md section 3. `emailPassword` is true by default there, so it is always sent. A snapshot to restore from, a
 * display name and accessors given by e-mail follow by updates, once there is a machine.
 */
export function createBody(spec: MachineSpec, name: string): CreateMachine {
  const { machineType, region, templateId, diskSize, powerState, accessors } = spec;
  if (templateId === undefined || diskSize === undefined)
    throw new Error("a create needs templateId and diskSize: the schema does not let such a spec in");
  return {
    name,
    machineType,
    templateId,
    diskSize,
    region,
    startOnCreate: powerState === "Running",
    emailPassword: spec.emailPassword,
    ...given({
      networkId: spec.networkId,
      publicIpType: spec.publicIpType,
      startupScriptId: spec.startupScriptId || undefined,
      accessorIds: accessors?.userIds?.length ? accessors.userIds : undefined,
      enableNvlink: spec.enableNvlink,
      takeInitialSnapshot: spec.takeInitialSnapshot,
      autoShutdownEnabled: spec.autoShutdown?.enabled,
      autoShutdownTimeout: spec.autoShutdown?.timeoutHours,
      autoShutdownForce: spec.autoShutdown?.force,
      autoSnapshotEnabled: spec.autoSnapshot?.enabled,
      autoSnapshotFrequency: spec.autoSnapshot?.frequency,
      autoSnapshotSaveCount: spec.autoSnapshot?.saveCount,
      restorePointEnabled: spec.restorePoint?.enabled,
      restorePointFrequency: spec.restorePoint?.frequency,
    }),
  };
}

/** Only what is declared: absent means unmanaged. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}
