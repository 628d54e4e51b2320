/**
 * Public addresses (machines.md section 6; other-resources.md, public-ips): which one a machine has, and the static ones
 * of the account, which are claimed, moved from machine to machine, and billed until they are released.
 */

import { checkStanding, invalid, machineNamed, regionOf, wrongState } from "./checks.ts";
import { notFound } from "./errors.ts";
import { meterAddress } from "./metering.ts";
import { isOn, type MachineRecord, type StaticAddress, type Team } from "./records.ts";
import { changeSettings } from "./stale.ts";
import type { World } from "./world.ts";

/** POST /public-ips: an address that no machine has yet. */
export function claimAddress(world: World, team: Team, input: { region: string }): StaticAddress {
  const region = regionOf(world, input.region);
  checkStanding(world, team);
  return newStatic(world, team, region, null);
}

/** PUT /public-ips/{ip}: null takes the address away from its machine; a machine's id moves it there. */
export function assignAddress(world: World, team: Team, ip: string, machineId: string | null): StaticAddress {
  const address = addressOf(team, ip);
  const machine = machineId === null ? undefined : machineNamed(world, team, machineId);
  if (machine && machine.region !== address.region && world.behaviour.addressOfOtherRegion === "error") {
    const message = `Address ${ip} is in ${address.region}, machine ${machine.id} is in ${machine.region}`;
    throw invalid(world.behaviour.invalidMachineCode, "machineId", message);
  }
  if (machine && address.machineId === machine.id) return address;
  takeAway(world, address);
  if (machine) give(world, address, machine);
  return address;
}

/** DELETE /public-ips/{ip}: from now on the address belongs to another team. */
export function releaseAddress(world: World, team: Team, ip: string): StaticAddress {
  const address = addressOf(team, ip);
  if (address.machineId !== null && world.behaviour.releaseUsedAddress === "refuse") {
    throw wrongState(world, `Address ${ip} is assigned to machine ${address.machineId}`);
  }
  takeAway(world, address);
  team.staticAddresses = team.staticAddresses.filter((a) => a !== address);
  meterAddress(world, ip, null);
  return address;
}

/** Gives a machine an address of its publicIpType; a dynamic one is new each time. */
export function renewAddress(world: World, machine: MachineRecord): void {
  const kind = machine.settings.publicIpType;
  if (kind === "static") machine.publicIp = claimStatic(world, machine);
  else machine.publicIp = kind === "dynamic" ? world.nextPublicAddress() : null;
  machine.dtModified = world.iso();
}

/** What create and publicIpType `static` do: an address of the account, kept until it is released. */
export function claimStatic(world: World, machine: MachineRecord): string {
  const team = world.teams.get(machine.teamId);
  const held = team?.staticAddresses.find((a) => a.machineId === machine.id);
  if (held || !team) return held?.ip ?? world.nextPublicAddress();
  return newStatic(world, team, machine.region, machine.id).ip;
}

/** After a change of publicIpType: a static address stays with the account, a dynamic one is there only while on. */
export function changeAddress(world: World, machine: MachineRecord): void {
  detachAddress(world, machine);
  if (isOn(machine) || machine.settings.publicIpType === "static") renewAddress(world, machine);
  else machine.publicIp = null;
}

/** A static address outlives its machine, and its machine's request for it (observed-in-the-field 11). */
export function detachAddress(world: World, machine: MachineRecord): void {
  for (const address of world.teams.get(machine.teamId)?.staticAddresses ?? []) {
    if (address.machineId !== machine.id) continue;
    address.machineId = null;
    meterAddress(world, address.ip, address);
  }
}

function addressOf(team: Team, ip: string): StaticAddress {
  const address = team.staticAddresses.find((a) => a.ip === ip);
  if (!address) throw notFound();
  return address;
}

function newStatic(world: World, team: Team, region: string, machineId: string | null): StaticAddress {
  const address: StaticAddress = {
    ip: world.nextPublicAddress(),
    seq: world.nextSeq(),
    region,
    machineId,
    dtCreated: world.iso(),
  };
  team.staticAddresses.push(address);
  meterAddress(world, address.ip, address);
  return address;
}

/** The machine is static from now on; another static address that it had stays with the account. */
function give(world: World, address: StaticAddress, machine: MachineRecord): void {
  changeSettings(world, machine, () => {
    detachAddress(world, machine);
    address.machineId = machine.id;
    meterAddress(world, address.ip, address);
    machine.settings.publicIpType = "static";
    machine.publicIp = address.ip;
  });
}

function takeAway(world: World, address: StaticAddress): void {
  const machine = address.machineId === null ? undefined : world.machines.get(address.machineId);
  address.machineId = null;
  meterAddress(world, address.ip, address);
  if (!machine) return;
  changeSettings(world, machine, () => {
    machine.settings.publicIpType = world.behaviour.typeAfterUnassign;
    changeAddress(world, machine);
  });
}
