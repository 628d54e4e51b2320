/**
 * What may be asked of machines, and what is refused: the rules of machines.md sections 3, 4 and 7. Each function
 * either throws an ApiError and changes nothing, or starts a transition of lifecycle.ts and returns.
 */

import { findMachineType, NVLINK_TYPES, OS_TEMPLATES, regionCode } from "./catalogue.ts";
import { ApiError, type ErrorCode } from "./errors.ts";
import * as life from "./lifecycle.ts";
import type { EventRecord, MachineRecord, MachineSettings, Team } from "./records.ts";
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
  const machineType = machineTypeOf(world, input.machineType, input.templateId);
  if (input.enableNvlink && !NVLINK_TYPES.includes(machineType)) {
    throw new ApiError(
      behaviour.invalidMachineTypeCode,
      `NVLink is not available for machine type ${machineType}`,
    );
  }
  if (input.networkId !== undefined) checkNetwork(world, team, input.networkId);
  const accessors = (input.accessorIds ?? []).map((id) => ({
    user: userOf(world, team, id),
    dtDeleted: null,
  }));
  const startOnCreate = input.startOnCreate ?? behaviour.startOnCreateDefault;
  checkStanding(world, team);
  checkQuota(world, team);
  if (startOnCreate) checkCapacity(world, machineType, region);

  const machine: MachineRecord = {
    id: world.id("ps"),
    seq: world.nextSeq(),
    teamId: team.id,
    settings: firstSettings(world, input),
    machineType,
    diskSize: input.diskSize,
    region,
    templateId: input.templateId,
    networkId: input.networkId ?? null,
    state: "provisioning",
    detailed: false,
    privateIp: null,
    publicIp: null,
    accessors,
    writeOnly: {
      startupScriptId: input.startupScriptId,
      emailPassword: input.emailPassword ?? true,
      enableNvlink: input.enableNvlink,
    },
    snapshotDue: input.takeInitialSnapshot ?? false,
    holdsSlot: startOnCreate && world.hasCapacity(machineType, region),
    deleting: null,
    nextRestart: null,
    holdAt: world.holdNext,
    stale: null,
    createdAt: world.clock.monotonic(),
    dtCreated: world.iso(),
    dtModified: world.iso(),
    dtDeleted: null,
    pending: new Set(),
  };
  world.holdNext = null;
  world.machines.set(machine.id, machine);
  if (input.publicIpType === "static" && behaviour.staticAddressAt === "create") {
    machine.publicIp = life.claimStatic(world, machine);
  }
  return { machine, event: life.beginCreate(world, machine, startOnCreate) };
}

/** Settings hold at once and without an event; hardware changes need the machine off (machines.md section 4). */
export function updateMachine(world: World, team: Team, machine: MachineRecord, input: UpdateInput) {
  const { behaviour } = world;
  const { machineType, diskSize, networkId, ...settings } = input;
  if (machine.deleting) throw wrongState(world, "Machine is being deleted");
  const hardware = hardwareChange(world, machine, machineType, diskSize);
  const move = networkId !== undefined && networkId !== machine.networkId ? networkId : undefined;
  if (move !== undefined) checkNetwork(world, team, move);
  if (hardware) {
    const allowed =
      machine.state === "off" || (behaviour.updateWhileRunning === "accept" && life.isOn(machine));
    if (!allowed) throw wrongState(world, `Machine must be off to be resized, it is ${machine.state}`);
    checkStanding(world, team);
  }

  life.freeze(world, machine, behaviour.staleSettingsMs);
  const ipTypeBefore = machine.settings.publicIpType;
  Object.assign(machine.settings, settings);
  machine.dtModified = world.iso();
  // Only the state lags behind a write (observed 6); settings do so when staleSettingsMs says so.
  if (machine.stale && behaviour.staleSettingsMs <= 0) Object.assign(machine.stale.view, settings);
  if (machine.settings.publicIpType !== ipTypeBefore) changeAddress(world, machine);
  let event: EventRecord | undefined;
  if (move !== undefined && behaviour.networkChange === "migrateEvent") {
    event = life.beginMigrate(world, machine, move);
  } else if (move !== undefined) {
    machine.networkId = move;
  }
  if (hardware) event = life.beginUpgrade(world, machine, hardware);
  return { machine, event };
}

export function startMachine(world: World, team: Team, machine: MachineRecord): Outcome {
  const { behaviour } = world;
  refuseWhileDeleting(world, machine);
  if (life.isOn(machine))
    return doneOr(world, machine, "start", behaviour.startWhenOn, "Machine is already started");
  if (machine.state !== "off") {
    const onItsWay = ["starting", "provisioning", "restarting"].includes(machine.state);
    const rule = onItsWay ? behaviour.startWhileStarting : "error";
    return doneOr(world, machine, "start", rule, `Machine is currently ${machine.state}`);
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
    return doneOr(world, machine, "stop", behaviour.stopWhileStopping, "Machine is currently stopping");
  }
  const cancels =
    behaviour.stopWhileStarting === "accept" && (state === "starting" || state === "restarting");
  if (!life.isOn(machine) && !cancels) throw wrongState(world, `Machine is currently ${state}`);
  return { machine, event: life.beginStop(world, machine) as EventRecord };
}

export function restartMachine(world: World, team: Team, machine: MachineRecord): Outcome {
  const { behaviour } = world;
  refuseWhileDeleting(world, machine);
  if (life.isOn(machine)) return { machine, event: life.beginRestart(world, machine) };
  if (machine.state === "restarting" && behaviour.restartWhileRestarting === "another") {
    machine.nextRestart ??= world.openEvent(machine, "restart");
    return { machine, event: machine.nextRestart };
  }
  if (machine.state === "off" && behaviour.restartWhenOff === "start")
    return startMachine(world, team, machine);
  throw wrongState(world, `Machine is currently ${machine.state}`);
}

/** Accepted from any state, running or not (observed-in-the-field 10). */
export function deleteMachine(world: World, machine: MachineRecord): Outcome {
  if (machine.deleting) {
    const rule = world.behaviour.deleteWhileDeleting;
    if (rule === "notFound") throw new ApiError("NOT_FOUND", "Not found");
    if (rule === "error") throw wrongState(world, "Machine is being deleted");
    return { machine, event: machine.deleting };
  }
  return { machine, event: life.beginDelete(world, machine) };
}

/** Access for a user of the team (machines.md section 5.3). */
export function addAccessor(world: World, team: Team, machine: MachineRecord, userId: string) {
  const user = userOf(world, team, userId);
  const present = machine.accessors.find((a) => a.user.id === userId && !a.dtDeleted);
  if (present && world.behaviour.readdAccessor === "error") {
    throw new ApiError("CONFLICT", "User already has access to this machine");
  }
  if (present) return present;
  machine.accessors = machine.accessors.filter((a) => a.user.id !== userId);
  const accessor = { user, dtDeleted: null };
  machine.accessors.push(accessor);
  return accessor;
}

export function removeAccessor(world: World, machine: MachineRecord, userId: string) {
  const accessor = machine.accessors.find((a) => a.user.id === userId && !a.dtDeleted);
  if (!accessor) throw new ApiError("NOT_FOUND", "Not found");
  accessor.dtDeleted = world.iso();
  return accessor;
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
    const label = machineTypeOf(world, machineType, machine.templateId);
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

function changeAddress(world: World, machine: MachineRecord): void {
  for (const address of world.teams.get(machine.teamId)?.staticAddresses ?? []) {
    if (address.machineId === machine.id) address.machineId = null;
  }
  if (life.isOn(machine) || machine.settings.publicIpType === "static") life.renewAddress(world, machine);
  else machine.publicIp = null;
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

function regionOf(world: World, spelling: string): string {
  const region = regionCode(spelling);
  if (region) return region;
  if (world.behaviour.unknownRegion === "accept") return spelling;
  throw invalid(world.behaviour.invalidRegionCode, "region", `Region ${spelling} does not exist`);
}

/** The label, checked against the template that lists it (machines.md section 3). */
function machineTypeOf(world: World, label: string, templateId: string): string {
  const template = OS_TEMPLATES.find((t) => t.id === templateId);
  if (!template) {
    throw invalid(world.behaviour.invalidTemplateCode, "templateId", `Template ${templateId} not found`);
  }
  const type = findMachineType(label, world.behaviour.machineTypeCase === "exact");
  if (!type || template.unavailable.includes(type.label)) {
    const message = `Machine type ${label} is not available for template ${templateId}`;
    throw invalid(world.behaviour.invalidMachineTypeCode, "machineType", message);
  }
  return type.label;
}

function userOf(world: World, team: Team, userId: string) {
  const user = team.users.find((u) => u.id === userId);
  if (!user) throw invalid(world.behaviour.invalidUserCode, "userId", `User ${userId} is not in the team`);
  return user;
}

function checkNetwork(world: World, team: Team, networkId: string): void {
  if (team.networks.includes(networkId) || world.behaviour.unknownNetwork === "accept") return;
  throw invalid(world.behaviour.invalidNetworkCode, "networkId", `Network ${networkId} not found`);
}

function checkStanding(world: World, team: Team): void {
  if (!team.goodStanding) {
    throw new ApiError(world.behaviour.badStandingCode, "Your account is not in good standing");
  }
}

function checkQuota(world: World, team: Team): void {
  let count = 0;
  for (const m of world.machines.values()) if (m.teamId === team.id && !m.dtDeleted) count++;
  if (count >= team.maxMachines) {
    throw new ApiError(world.behaviour.quotaCode, `Your team may have ${team.maxMachines} machines at most`);
  }
}

function checkCapacity(world: World, machineType: string, region: string): void {
  if (world.behaviour.capacityShortage !== "refuse" || world.hasCapacity(machineType, region)) return;
  throw new ApiError(world.behaviour.capacityCode, `There is no capacity for ${machineType} in ${region}`);
}

/** Nothing is done any more to what is on its way out. */
export function refuseWhileDeleting(world: World, machine: MachineRecord): void {
  if (machine.deleting) throw wrongState(world, "Machine is being deleted");
}

const wrongState = (world: World, message: string) => new ApiError(world.behaviour.wrongStateCode, message);

const invalid = (code: ErrorCode, path: string, message: string) =>
  new ApiError(code, message, [{ path: `/${path}`, message }]);
