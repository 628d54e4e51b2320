/**
 * What a reader sees of a record: the shapes of machines.md section 5. Reading only, nothing here changes a record.
 */

import { findMachineType, GIB, OS_TEMPLATES, storageRate } from "./catalogue.ts";
import type { EventRecord, EventView, MachineRecord, MachineView } from "./records.ts";
import type { World } from "./world.ts";

/** A machine as it is now. */
export function machineView(world: World, machine: MachineRecord): MachineView {
  return {
    id: machine.id,
    name: machine.settings.name,
    state: machine.state,
    ...hardware(world, machine),
    machineType: machine.machineType,
    publicIp: machine.publicIp,
    publicIpType: machine.settings.publicIpType,
    autoShutdownEnabled: machine.settings.autoShutdownEnabled,
    autoShutdownTimeout: machine.settings.autoShutdownTimeout,
    autoShutdownForce: machine.settings.autoShutdownForce,
    autoSnapshotEnabled: machine.settings.autoSnapshotEnabled,
    autoSnapshotFrequency: machine.settings.autoSnapshotFrequency,
    autoSnapshotSaveCount: machine.settings.autoSnapshotSaveCount,
    updatesPending: false,
    restorePointEnabled: machine.settings.restorePointEnabled,
    restorePointFrequency: machine.settings.restorePointFrequency,
    restorePointSnapshotId: machine.settings.restorePointSnapshotId,
    dtCreated: machine.dtCreated,
    dtModified: machine.dtModified,
    dtDeleted: machine.dtDeleted,
    reservation: null,
  };
}

/** A machine as it reads, which for some seconds after a write is as it was (observed-in-the-field 6). */
export function shownMachine(world: World, machine: MachineRecord): MachineView {
  const { stale } = machine;
  return stale && world.clock.monotonic() < stale.until ? stale.view : machineView(world, machine);
}

/** The facts of the hardware, or their placeholders (machines.md section 7, "right after create"). */
function hardware(world: World, machine: MachineRecord) {
  const type = findMachineType(machine.machineType, true);
  const template = OS_TEMPLATES.find((t) => t.id === machine.templateId);
  const rates = { usageRate: type?.usageRate ?? 0, storageRate: storageRate(machine.diskSize) };
  if (!machine.detailed) {
    const legacy = world.behaviour.createPlaceholders === "legacy";
    return {
      os: legacy ? null : "",
      agentType: "LinuxHeadless",
      cpus: 1,
      ram: legacy ? null : 0,
      storageTotal: legacy ? null : 0,
      storageUsed: legacy ? null : 0,
      accelerators: null,
      region: legacy ? null : machine.region,
      privateIp: null,
      networkId: null,
      ...rates,
    };
  }
  return {
    os: template?.operatingSystemLabel ?? "",
    agentType: template?.agentType ?? "LinuxHeadless",
    cpus: type?.cpus ?? 1,
    ram: (type?.ramGib ?? 0) * GIB,
    storageTotal: machine.diskSize * GIB,
    storageUsed: Math.min(machine.diskSize, 8) * GIB,
    accelerators: type?.gpu
      ? [{ name: type.gpu.name, memory: type.gpu.memoryGib * GIB, count: type.gpu.count }]
      : null,
    region: machine.region,
    privateIp: machine.privateIp,
    networkId: machine.networkId,
    ...rates,
  };
}

/** An event as it is now (machines.md section 5.2); events change in place. */
export function eventView(event: EventRecord): EventView {
  const { id, name, state, machineId, error, dtCreated, dtStarted, dtFinished } = event;
  return { id, name, state, machineId, error, dtCreated, dtStarted, dtFinished };
}

/** A user inside an accessor (machines.md section 5.3). */
export function accessorView(accessor: MachineRecord["accessors"][number]) {
  const { id, email, firstName, lastName } = accessor.user;
  return {
    user: { id, email, firstName, lastName, publicProfileImageUrl: null },
    dtDeleted: accessor.dtDeleted,
  };
}
