/**
 * When what is charged (ledger.ts): from the state of a machine, its disk, the addresses of a team and the instances of
 * deployments.
 */

import { GIB, storageRate } from "./catalogue.ts";
import type { InstanceRecord } from "./deployment-records.ts";
import type { BillingRule } from "./ledger.ts";
import { hourlyRate } from "./lookups.ts";
import type { MachineRecord, MachineState, StaticAddress } from "./records.ts";
import type { World } from "./world.ts";

/** US dollars a month. */
export const ADDRESS_RATE = 3;

/** To be called after each change of state, type, disk or price. */
export function meterMachine(world: World, machine: MachineRecord): void {
  const { id, machineType, diskSize, dtDeleted } = machine;
  const { ledger } = world;
  const usage = { payer: id, what: machineType, rate: hourlyRate(world, machineType) };
  for (const from of ["dtStarted", "dtFinished"] as const) {
    const isOn = dtDeleted === null && isBilled(world, machine, from);
    ledger.charge("usage", id, isOn ? usage : undefined, from);
  }
  const storage = { payer: id, what: `${diskSize * GIB}`, rate: storageRate(diskSize) };
  ledger.charge("storage", id, dtDeleted === null ? storage : undefined);
}

/** `null`: it was released. */
export function meterAddress(world: World, ip: string, address: StaticAddress | null): void {
  const charge = address && { payer: address.machineId, what: address.region, rate: ADDRESS_RATE };
  world.ledger.charge("address", ip, charge ?? undefined);
}

export function meterInstance(world: World, { id, slot }: InstanceRecord, deploymentId: string): void {
  const charge = slot && {
    payer: deploymentId,
    what: slot.machineType,
    rate: hourlyRate(world, slot.machineType),
  };
  world.ledger.charge("instance", id, charge ?? undefined);
}

/** What is on is charged at the new price from now on. */
export function meterPrice(world: World): void {
  for (const machine of world.machines.values()) meterMachine(world, machine);
  for (const { id, runs } of world.deployments.values())
    for (const { instances } of runs) for (const instance of instances) meterInstance(world, instance, id);
}

const FROM_START: ReadonlySet<MachineState> = new Set(["starting", "serviceready", "ready", "restarting"]);
/** Ways on which a session that was open goes on until they end. */
const ON_ITS_WAY: ReadonlySet<MachineState> = new Set(["stopping", "restarting", "upgrading"]);

function isBilled(world: World, { id, state }: MachineRecord, from: BillingRule["from"]): boolean {
  if (from === "dtStarted") return FROM_START.has(state);
  return state === "ready" || (ON_ITS_WAY.has(state) && world.ledger.isCharged("usage", id, from));
}
