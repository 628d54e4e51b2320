/**
 * What a team can see: its own machines and events, minus what is not there yet or no longer. Reading only.
 */

import { ApiError, notFound } from "./errors.ts";
import type { EventRecord, MachineRecord, Team } from "./records.ts";
import type { World } from "./world.ts";

/** The machine that GET by id shows; deleted ones too, with deletedMachines `dtDeleted`. Throws NOT_FOUND. */
export function readableMachine(world: World, team: Team, id: string): MachineRecord {
  const machine = own(world, team, world.machines.get(id));
  if (machine.dtDeleted && world.behaviour.deletedMachines === "notFound") throw notFound();
  // errors-and-limits.md section 7: a GET right after create can miss.
  if (world.isWithin(machine.createdAt, world.behaviour.getAfterCreateMissMs)) throw notFound();
  return machine;
}

/** The machine that a write may touch: deleted ones are gone for all writes. Throws NOT_FOUND. */
export function writableMachine(world: World, team: Team, id: string): MachineRecord {
  const machine = own(world, team, world.machines.get(id));
  if (machine.dtDeleted) throw notFound();
  return machine;
}

/** The team's machines as lists show them, in no particular order. */
export function listedMachines(world: World, team: Team): MachineRecord[] {
  const { listDeleted, listAfterCreateMissMs } = world.behaviour;
  return [...world.machines.values()].filter(
    (m) =>
      m.teamId === team.id &&
      (listDeleted || !m.dtDeleted) &&
      !world.isWithin(m.createdAt, listAfterCreateMissMs),
  );
}

/** One event by id. Throws NOT_FOUND. */
export function readableEvent(world: World, team: Team, id: string): EventRecord {
  const event = own(world, team, world.events.get(id));
  if (!isKept(world, event) || world.isWithin(event.createdAt, world.behaviour.eventGetDelayMs))
    throw notFound();
  return event;
}

/** The team's events as lists show them, in no particular order. */
export function listedEvents(world: World, team: Team): EventRecord[] {
  return [...world.events.values()].filter(
    (e) =>
      e.teamId === team.id &&
      isKept(world, e) &&
      !world.isWithin(e.createdAt, world.behaviour.eventListDelayMs),
  );
}

function isKept(world: World, event: EventRecord): boolean {
  const { eventRetentionMs, eventsOfDeleted } = world.behaviour;
  if (eventRetentionMs > 0 && !world.isWithin(event.createdAt, eventRetentionMs)) return false;
  if (eventsOfDeleted === "kept" || event.machineId === null) return true;
  return !world.machines.get(event.machineId)?.dtDeleted;
}

function own<T extends { teamId: string }>(world: World, team: Team, record: T | undefined): T {
  if (!record) throw notFound();
  if (record.teamId === team.id) return record;
  if (world.behaviour.foreignMachines === "notFound") throw notFound();
  throw new ApiError("FORBIDDEN", "You do not have access to this resource");
}
