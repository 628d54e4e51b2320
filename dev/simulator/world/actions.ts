/**
 * What may be requested of machines, and what is refused: the rules of machines.md sections 3, 4 and 7. Each function
 * either throws an ApiError and changes nothing, or starts a transition of lifecycle.ts and returns.
 */

import { changeAddress, claimStatic } from "./addresses.ts";
import { findMachineType, NVLINK_TYPES } from "./catalogue.ts";
import {
  checkCapacity,
  checkNetwork,
  checkQuota,
  checkRestorePoint,
  checkStanding,
  imageOf,
  machineTypeOf,
  refuseWhileDeleting,
  regionOf,
  scriptNamed,
  userOf,
  wrongState,
} from "./checks.ts";
import { ApiError, notFound } from "./errors.ts";
import * as life from "./lifecycle.ts";
import { osTemplateOf } from "./lookups.ts";
import { moveToNetwork } from "./networks.ts";
import { type EventRecord, isOn, type MachineRecord, type MachineSettings, type Team } from "./records.ts";
import { attachScript } from "./scripts.ts";
import { changeSettings } from "./stale.ts";
import type { World } from "./world.ts";

/** Body of PUT /machines/{id} (machines.md section 4). */
export interface UpdateInput extends Partial<Omit<MachineSettings, "autoSnapshotFrequency">> {
  machineType?: string;
  diskSize?: number;
  networkId?: string;
  autoSnapshotFrequency?: "hourly" | "daily" | "weekly" | "monthly";
}

/** Body of POST /machines (machines.md section 3). */
export interface CreateInput extends Omit<UpdateInput, "restorePointSnapshotId"> {
  name: string;
  machineType: string;
  templateId: string;
  diskSize: number;
  region: string;
  startOnCreate?: boolean;
  startupScriptId?: string;
  accessorIds?: string[];
  emailPassword?: boolean;
  enableNvlink?: boolean;
  takeInitialSnapshot?: boolean;
}

export interface Outcome {
  machine: MachineRecord;
  event: EventRecord;
}

export function createMachine(world: World, team: Team, input: CreateInput): Outcome {
  const { behaviour } = world;
  const region = regionOf(world, input.region);
  const image = imageOf(world, team, input.templateId, region);
  const machineType = machineTypeOf(world, input.machineType, image);
  if (input.enableNvlink && !NVLINK_TYPES.includes(machineType)) {
    throw new ApiError(
      behaviour.invalidMachineTypeCode,
      `NVLink is not available for machine type ${machineType}`,
    );
  }
  if (input.networkId !== undefined) checkNetwork(world, team, input.networkId, region);
  const script =
    input.startupScriptId === undefined ? undefined : scriptNamed(world, team, input.startupScriptId);
  const accessors = (input.accessorIds ?? []).map((id) => ({
    user: userOf(world, team, id),
    dtDeleted: null,
  }));
  const startOnCreate = input.startOnCreate ?? behaviour.startOnCreateDefault;
  checkStanding(world, team);
  checkQuota(world, team);
  if (startOnCreate) checkCapacity(world, machineType, region);

  const machine = newMachine(world, team, { ...input, region, machineType });
  machine.accessors = accessors;
  machine.holdsSlot = startOnCreate && world.hasCapacity(machineType, region);
  world.holdNext = null;
  world.machines.set(machine.id, machine);
  if (input.publicIpType === "static" && behaviour.staticAddressAt === "create") {
    machine.publicIp = claimStatic(world, machine);
  }
  if (script) attachScript(world, script, machine);
  return { machine, event: life.beginCreate(world, machine, startOnCreate) };
}

/** A machine that has just been requested: it has nothing yet but the content of the request. */
function newMachine(world: World, team: Team, input: CreateInput): MachineRecord {
  return {
    ...world.born(team.id, "ps"),
    settings: firstSettings(world, input),
    machineType: input.machineType,
    diskSize: input.diskSize,
    region: input.region,
    templateId: input.templateId,
    networkId: input.networkId ?? null,
    state: "provisioning",
    detailed: false,
    privateIp: null,
    publicIp: null,
    accessors: [],
    writeOnly: {
      startupScriptId: input.startupScriptId,
      emailPassword: input.emailPassword ?? true,
      enableNvlink: input.enableNvlink,
    },
    snapshotDue: input.takeInitialSnapshot ?? false,
    holdsSlot: false,
    deleting: null,
    nextRestart: null,
    holdAt: world.holdNext,
    stale: null,
    desktopRenewals: 0,
    restoredFrom: null,
    dtModified: world.iso(),
    pending: new Set(),
  };
}

/** Settings hold at once and without an event; hardware changes need the machine off (machines.md section 4). */
export function updateMachine(world: World, team: Team, machine: MachineRecord, input: UpdateInput) {
  const { machineType, diskSize, networkId, ...settings } = input;
  refuseWhileDeleting(world, machine);
  const hardware = hardwareChange(world, machine, machineType, diskSize);
  const move = networkId !== undefined && networkId !== machine.networkId ? networkId : undefined;
  if (move !== undefined) checkNetwork(world, team, move, machine.region);
  const { restorePointSnapshotId } = settings;
  if (typeof restorePointSnapshotId === "string") checkRestorePoint(world, machine, restorePointSnapshotId);
  if (hardware) checkUpgrade(world, team, machine);

  changeSettings(world, machine, () => {
    const ipTypeBefore = machine.settings.publicIpType;
    Object.assign(machine.settings, settings);
    if (machine.settings.publicIpType !== ipTypeBefore) changeAddress(world, machine);
  });
  let event = move === undefined ? undefined : moveToNetwork(world, machine, move);
  if (hardware) event = life.beginUpgrade(world, machine, hardware);
  return { machine, event };
}

/** Hardware changes while the machine is off, or takes a running one down. Not bound by capacity: its start is. */
function checkUpgrade(world: World, team: Team, machine: MachineRecord): void {
  const takesDown = world.behaviour.updateWhileRunning === "accept" && isOn(machine);
  if (machine.state !== "off" && !takesDown) {
    throw wrongState(world, `Machine must be off to be resized, it is ${machine.state}`);
  }
  checkStanding(world, team);
}

export function startMachine(world: World, team: Team, machine: MachineRecord): Outcome {
  const { behaviour } = world;
  refuseWhileDeleting(world, machine);
  if (isOn(machine))
    return doneOr(world, machine, "start", behaviour.startWhenOn, "Machine is already started");
  if (machine.state !== "off") {
    const onItsWay = ["starting", "provisioning", "restarting"].includes(machine.state);
    const rule = onItsWay ? behaviour.startWhileStarting : "error";
    return doneOr(world, machine, "start", rule, `This machine is currently ${machine.state}.`);
  }
  checkStanding(world, team);
  checkCapacity(world, machine.machineType, machine.region);
  return { machine, event: life.beginStart(world, machine) };
}

export function stopMachine(world: World, machine: MachineRecord): Outcome {
  const { behaviour } = world;
  refuseWhileDeleting(world, machine);
  const { state } = machine;
  if (state === "off") return doneOr(world, machine, "stop", behaviour.stopWhenOff, "Machine is already off");
  if (state === "stopping") {
    return doneOr(world, machine, "stop", behaviour.stopWhileStopping, "This machine is currently stopping.");
  }
  const cancels =
    behaviour.stopWhileStarting === "accept" && (state === "starting" || state === "restarting");
  if (!isOn(machine) && !cancels) throw wrongState(world, `This machine is currently ${state}.`);
  return { machine, event: life.beginStop(world, machine) as EventRecord };
}

export function restartMachine(world: World, team: Team, machine: MachineRecord): Outcome {
  const { behaviour } = world;
  refuseWhileDeleting(world, machine);
  if (isOn(machine)) return { machine, event: life.beginRestart(world, machine) };
  if (machine.state === "restarting" && behaviour.restartWhileRestarting === "another") {
    machine.nextRestart ??= world.openEvent(machine, "restart");
    return { machine, event: machine.nextRestart };
  }
  if (machine.state === "off" && behaviour.restartWhenOff === "start")
    return startMachine(world, team, machine);
  throw wrongState(world, `This machine is currently ${machine.state}.`);
}

/** Accepted from any state, running or not (observed-in-the-field 10), unless deleteWhenOn wants it off first. */
export function deleteMachine(world: World, machine: MachineRecord): Outcome {
  if (machine.deleting) {
    const rule = world.behaviour.deleteWhileDeleting;
    if (rule === "notFound") throw notFound();
    if (rule === "error") throw wrongState(world, "Machine is being deleted");
    return { machine, event: machine.deleting };
  }
  // One that never came up cannot be stopped either, and must go somehow.
  const isDown = machine.state === "off" || machine.state === "provisioning";
  if (!isDown && world.behaviour.deleteWhenOn === "error") {
    throw wrongState(world, `Machine must be off to be deleted, it is ${machine.state}`);
  }
  return { machine, event: life.beginDelete(world, machine) };
}

/** Defaults of what a create leaves out (machines.md sections 3 and 7). */
function firstSettings(world: World, input: CreateInput): MachineSettings {
  const legacy = world.behaviour.autoShutdownDefaults === "legacy";
  return {
    name: input.name,
    publicIpType: input.publicIpType ?? "dynamic",
    autoShutdownEnabled: input.autoShutdownEnabled ?? false,
    autoShutdownTimeout: input.autoShutdownTimeout ?? (legacy ? 168 : null),
    autoShutdownForce: input.autoShutdownForce ?? (legacy ? false : null),
    autoSnapshotEnabled: input.autoSnapshotEnabled ?? false,
    autoSnapshotFrequency: input.autoSnapshotFrequency ?? null,
    autoSnapshotSaveCount: input.autoSnapshotSaveCount ?? null,
    restorePointEnabled: input.restorePointEnabled ?? false,
    restorePointFrequency: input.restorePointFrequency ?? null,
    restorePointSnapshotId: null,
  };
}

/** The part of an update that needs machine work; undefined when nothing differs. */
function hardwareChange(world: World, machine: MachineRecord, machineType?: string, diskSize?: number) {
  const change: { machineType?: string; diskSize?: number } = {};
  if (machineType !== undefined) {
    const label = machineTypeOf(world, machineType, osTemplateOf(world, machine.templateId));
    const [from, to] = [findMachineType(machine.machineType, true), findMachineType(label, true)];
    if (from?.group !== to?.group) {
      throw new ApiError(
        world.behaviour.invalidMachineTypeCode,
        `A ${machine.machineType} cannot become a ${label}: another type group`,
      );
    }
    if (label !== machine.machineType) change.machineType = label;
  }
  if (diskSize !== undefined && diskSize < machine.diskSize) {
    throw new ApiError(world.behaviour.invalidDiskSizeCode, "A disk can only grow");
  }
  if (diskSize !== undefined && diskSize !== machine.diskSize) change.diskSize = diskSize;
  return Object.keys(change).length > 0 ? change : undefined;
}

/** Either an event that is done already, or a refusal: what a switch chose for a call that changes nothing. */
function doneOr(
  world: World,
  machine: MachineRecord,
  name: "start" | "stop",
  rule: "doneEvent" | "error",
  why: string,
): Outcome {
  if (rule === "error") throw wrongState(world, why);
  const event = world.openEvent(machine, name);
  world.finishEvent(event);
  return { machine, event };
}
