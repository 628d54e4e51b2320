/**
 * What a request must meet before anything happens, whatever it is about: names of things that exist, regions, quota,
 * capacity, standing. Each either returns what was requested or throws an ApiError; none changes anything.
 */

import { findMachineType, type OsTemplate, regionCode } from "./catalogue.ts";
import { ApiError, type ErrorCode } from "./errors.ts";
import { osTemplateOf } from "./lookups.ts";
import type { MachineRecord, Owned, ScriptRecord, Team, User } from "./records.ts";
import type { World } from "./world.ts";

export const wrongState = (world: World, message: string) =>
  new ApiError(world.behaviour.wrongStateCode, message);

export const invalid = (code: ErrorCode, path: string, message: string) =>
  new ApiError(code, message, [{ path: `/${path}`, message }]);

/** Nothing is done any more to what is on its way out. */
export function refuseWhileDeleting(world: World, machine: MachineRecord): void {
  if (machine.deleting) throw wrongState(world, "Machine is being deleted");
}

/** The short code of a region. */
export function regionOf(world: World, spelling: string): string {
  const region = regionCode(spelling);
  if (region) return region;
  if (world.behaviour.unknownRegion === "accept") return spelling;
  throw invalid(world.behaviour.invalidRegionCode, "region", `Region ${spelling} does not exist`);
}

/** The operating system behind a template that a machine can be made from: the vendor's, or the team's own. */
export function imageOf(world: World, team: Team, templateId: string, region: string): OsTemplate {
  const { invalidTemplateCode, unfinishedTemplate } = world.behaviour;
  const custom = own(team, world.templates.get(templateId));
  const image = custom || !world.templates.has(templateId) ? osTemplateOf(world, templateId) : undefined;
  if (!image) throw invalid(invalidTemplateCode, "templateId", `Template ${templateId} not found`);
  if (custom && custom.region !== region) {
    throw invalid(invalidTemplateCode, "templateId", `Template ${templateId} is in ${custom.region}`);
  }
  if (custom && !custom.isReady && unfinishedTemplate === "error") {
    throw wrongState(world, `Template ${templateId} is still being created`);
  }
  return image;
}

/** The label, checked against the template that lists it (machines.md section 3). */
export function machineTypeOf(world: World, label: string, image: OsTemplate | undefined): string {
  const type = findMachineType(label, world.behaviour.machineTypeCase === "exact");
  if (!type || image?.unavailable.includes(type.label)) {
    const message = `Machine type ${label} is not available for template ${image?.id}`;
    throw invalid(world.behaviour.invalidMachineTypeCode, "machineType", message);
  }
  return type.label;
}

export function userOf(world: World, team: Team, userId: string): User {
  const user = team.users.find((u) => u.id === userId);
  if (!user) throw invalid(world.behaviour.invalidUserCode, "userId", `User ${userId} is not in the team`);
  return user;
}

/** A machine that a body names; one that is being deleted counts as there, but not as free for anything. */
export function machineNamed(world: World, team: Team, machineId: string): MachineRecord {
  const machine = own(team, world.machines.get(machineId));
  if (!machine) {
    throw invalid(world.behaviour.invalidMachineCode, "machineId", `Machine ${machineId} not found`);
  }
  refuseWhileDeleting(world, machine);
  return machine;
}

export function scriptNamed(world: World, team: Team, scriptId: string): ScriptRecord {
  const script = own(team, world.scripts.get(scriptId));
  if (script) return script;
  const { invalidScriptCode } = world.behaviour;
  throw invalid(invalidScriptCode, "startupScriptId", `Startup script ${scriptId} not found`);
}

/** A network that a machine of this region can be in. */
export function checkNetwork(world: World, team: Team, networkId: string, region: string): void {
  const { invalidNetworkCode, networkOfOtherRegion, unknownNetwork } = world.behaviour;
  const network = own(team, world.networks.get(networkId));
  if (!network && unknownNetwork === "error") {
    throw invalid(invalidNetworkCode, "networkId", `Network ${networkId} not found`);
  }
  if (network && network.region !== region && networkOfOtherRegion === "error") {
    throw invalid(invalidNetworkCode, "networkId", `Network ${networkId} is in ${network.region}`);
  }
}

/** A restore point is a snapshot of the machine itself. */
export function checkRestorePoint(world: World, machine: MachineRecord, snapshotId: string): void {
  const snapshot = world.snapshots.get(snapshotId);
  if (snapshot?.machineId === machine.id && !snapshot.deleting) return;
  const message = `Snapshot ${snapshotId} is not one of machine ${machine.id}`;
  throw invalid(world.behaviour.invalidSnapshotCode, "restorePointSnapshotId", message);
}

export function checkStanding(world: World, team: Team): void {
  if (!team.goodStanding) {
    throw new ApiError(world.behaviour.badStandingCode, "Your account is not in good standing");
  }
}

export function checkQuota(world: World, team: Team): void {
  let count = 0;
  for (const m of world.machines.values()) if (m.teamId === team.id && !m.dtDeleted) count++;
  if (count >= team.maxMachines) {
    throw new ApiError(world.behaviour.quotaCode, `Your team may have ${team.maxMachines} machines at most`);
  }
}

export function checkCapacity(world: World, machineType: string, region: string): void {
  if (world.behaviour.capacityShortage !== "refuse" || world.hasCapacity(machineType, region)) return;
  throw new ApiError(world.behaviour.capacityCode, `There is no capacity for ${machineType} in ${region}`);
}

/** What is the team's and not deleted: a body can name nothing else. */
function own<R extends Owned>(team: Team, record: R | undefined): R | undefined {
  return record?.teamId === team.id && !record.dtDeleted ? record : undefined;
}
