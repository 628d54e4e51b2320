/**
 * Private networks (other-resources.md): made and deleted at once, without events, and machines that move into one. Which
 * machine is in which network is the machine's own fact.
 */

import { checkStanding, regionOf, wrongState } from "./checks.ts";
import type { EventRecord, MachineRecord, NetworkRecord, Team } from "./records.ts";
import { changeSettings } from "./stale.ts";
import type { World } from "./world.ts";

/** Body of POST /private-networks. */
export interface NetworkInput {
  name: string;
  region: string;
  migrateMachines?: boolean;
}

export function createNetwork(world: World, team: Team, input: NetworkInput): NetworkRecord {
  const region = regionOf(world, input.region);
  checkStanding(world, team);
  const network = { ...world.born(team.id, "n"), name: input.name, region, ...world.nextPrefix() };
  world.networks.set(network.id, network);
  if (!input.migrateMachines) return network;
  // "Moves all machines that are in no private network"; a network ends at its region.
  for (const machine of livingMachines(world, team)) {
    const free = machine.networkId === null && machine.region === region && !machine.deleting;
    if (free) moveToNetwork(world, machine, network.id);
  }
  return network;
}

/** At once, or under an event of its own where networkChange specifies it; the state does not change. */
export function moveToNetwork(
  world: World,
  machine: MachineRecord,
  networkId: string,
): EventRecord | undefined {
  const move = () =>
    changeSettings(world, machine, () => {
      machine.networkId = networkId;
    });
  if (world.behaviour.networkChange === "settings") {
    move();
    return undefined;
  }
  const event = world.openEvent(machine, "vm-migrate");
  world.later(world.behaviour.migrateMs, () => {
    if (world.networks.get(networkId)?.dtDeleted) world.failEvent(event, "The network was deleted");
    else if (world.finishEvent(event)) move();
  });
  return event;
}

/** One that machines are in is kept, or they are in none afterwards. */
export function deleteNetwork(world: World, team: Team, network: NetworkRecord): void {
  const { deleteUsedNetwork, networkOfDeleting } = world.behaviour;
  const machines = livingMachines(world, team).filter((m) => m.networkId === network.id);
  const holding = machines.filter((m) => !m.deleting || networkOfDeleting === "held");
  if (holding.length > 0 && deleteUsedNetwork === "refuse") {
    throw wrongState(world, `Network ${network.id} still has ${holding.length} machines`);
  }
  network.dtDeleted = world.iso();
  for (const machine of machines) {
    changeSettings(world, machine, () => {
      machine.networkId = null;
    });
  }
}

function livingMachines(world: World, team: Team): MachineRecord[] {
  return [...world.machines.values()].filter((m) => m.teamId === team.id && !m.dtDeleted);
}
