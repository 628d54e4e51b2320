/**
 * What a reader sees of a record: the shapes of machines.md section 5 and of other-resources.md. Reading only, nothing
 * here changes a record.
 */

import { findMachineType, GIB, MACHINE_TYPES, type OsTemplate, storageRate } from "./catalogue.ts";
import { hourlyRate, osTemplateOf } from "./lookups.ts";
import type {
  EventRecord,
  EventView,
  MachineRecord,
  MachineView,
  NetworkRecord,
  ProjectRecord,
  RegistryRecord,
  ScriptRecord,
  SecretRecord,
  SnapshotRecord,
  StaticAddress,
  TemplateRecord,
} from "./records.ts";
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
  const template = osTemplateOf(world, machine.templateId);
  const rates = {
    usageRate: hourlyRate(world, machine.machineType),
    storageRate: storageRate(machine.diskSize),
  };
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

export function networkView(world: World, network: NetworkRecord) {
  const { id, name, region, network: prefix, netmask, dtCreated } = network;
  return { id, name, region, network: prefix, netmask, dtCreated, ...deletion(world, network) };
}

/** One that no machine has is shown without assignedMachineId, which is declared optional and no null. */
export function addressView({ ip, region, machineId, dtCreated }: StaticAddress) {
  return { ip, region, ...(machineId !== null && { assignedMachineId: machineId }), dtCreated };
}

/** No date, size or state: only the event shows the progress of a snapshot. */
export function snapshotView({ id, name, machineId, isAutoSnapshot }: SnapshotRecord) {
  return { id, name, machineId, isAutoSnapshot };
}

/** Never the text. The description cannot be set. */
export function scriptView(script: ScriptRecord) {
  const { id, name, isEnabled, isRunOnce, dtCreated, dtDeleted } = script;
  const assignedMachineIds = [...script.assignedMachineIds];
  return { id, name, description: null, isEnabled, isRunOnce, assignedMachineIds, dtCreated, dtDeleted };
}

export function templateView(world: World, template: TemplateRecord) {
  const { id, name, region, defaultSizeGb, parentMachineId, dtCreated } = template;
  const image = osTemplateOf(world, id);
  return {
    id,
    name,
    agentType: image?.agentType ?? "LinuxHeadless",
    operatingSystemLabel: image?.operatingSystemLabel ?? "",
    region,
    defaultSizeGb,
    availableMachineTypes: availableTypes(image),
    parentMachineId,
    dtCreated,
    ...deletion(world, template),
  };
}

/** Tied to no repository: nothing in the API could do that. */
export function projectView({ id, name, dtCreated, dtDeleted }: ProjectRecord) {
  return { id, name, dtCreated, dtDeleted, repoNodeId: null, repoName: null, repoUrl: null };
}

export function tagView({ id, name, dtCreated }: ProjectRecord["tags"][number]) {
  return { id, name, dtCreated };
}

/** One that is removed is taken out, so that none has a date of it. */
export function collaboratorView({ user, dtCreated }: ProjectRecord["collaborators"][number]) {
  const { id, email, firstName, lastName } = user;
  return {
    user: { id, email, firstName, lastName, publicProfileImageUrl: null },
    dtCreated,
    dtDeleted: null,
  };
}

/** Never the value. Only reads show whether deployments name it, writes do not. */
export function secretView({ name, dtCreated, dtModified }: SecretRecord) {
  return { name, dtCreated, dtModified };
}

/** Never the password. */
export function registryView({ id, settings, dtCreated, dtModified }: RegistryRecord) {
  const { password: _, ...shown } = settings;
  return { id, ...shown, dtCreated, dtModified };
}

/** Every machine type, and whether the template can run on it. */
export function availableTypes(image: OsTemplate | undefined) {
  return MACHINE_TYPES.map(({ label }) => ({
    machineTypeLabel: label,
    isAvailable: !image?.unavailable.includes(label),
  }));
}

/** dtDeleted where the documents and their samples are at odds. */
export function deletion(world: World, { dtDeleted }: { dtDeleted: string | null }) {
  const { liveDtDeleted } = world.behaviour;
  if (dtDeleted !== null || liveDtDeleted === "null") return { dtDeleted };
  return liveDtDeleted === "absent" ? {} : { dtDeleted: {} };
}
