/**
 * What a team can see: its own machines, events and other resources, minus what is not there yet or no longer. Reading
 * only.
 */

import { findMachineType, OS_TEMPLATES, type OsTemplate } from "./catalogue.ts";
import { ApiError, notFound } from "./errors.ts";
import type { EventRecord, MachineRecord, Owned, Team } from "./records.ts";
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
  return writable(world, team, world.machines, id);
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

/** A network, snapshot, project or the like as GET by id shows it; undefined when there is none to see. */
export function seen<R extends Owned>(
  world: World,
  team: Team,
  records: ReadonlyMap<string, R>,
  id: string,
): R | undefined {
  const record = records.get(id);
  if (!record || !isOwn(world, team, record)) return undefined;
  if (record.dtDeleted && world.behaviour.deletedResources === "gone") return undefined;
  return world.isWithin(record.createdAt, world.behaviour.getAfterCreateMissMs) ? undefined : record;
}

/** The same, where there must be one. Throws NOT_FOUND. */
export function readable<R extends Owned>(
  world: World,
  team: Team,
  records: ReadonlyMap<string, R>,
  id: string,
): R {
  const record = seen(world, team, records, id);
  if (!record) throw notFound();
  return record;
}

/** One that a write may touch: deleted ones are gone for all writes. Throws NOT_FOUND. */
export function writable<R extends Owned>(
  world: World,
  team: Team,
  records: ReadonlyMap<string, R>,
  id: string,
): R {
  const record = own(world, team, records.get(id));
  if (record.dtDeleted) throw notFound();
  return record;
}

/** The team's records as lists show them, in order of creation. */
export function listed<R extends Owned>(world: World, team: Team, records: ReadonlyMap<string, R>): R[] {
  const { deletedResources, listAfterCreateMissMs } = world.behaviour;
  return [...records.values()].filter(
    (r) =>
      r.teamId === team.id &&
      (!r.dtDeleted || deletedResources === "dtDeleted") &&
      !world.isWithin(r.createdAt, listAfterCreateMissMs),
  );
}

/**
 * The team that a path names, which is the one of the key or not found. The schema requires its id, and the CLI gives
 * its namespace where `byNamespace` (other-resources.md, secrets).
 */
export function ownTeam(world: World, team: Team, named: string, byNamespace = false): Team {
  const isMeant = (t: Team) => t.id === named || (byNamespace && t.namespace === named);
  if (isMeant(team)) return team;
  const isKnown = [...world.teams.values()].some(isMeant);
  if (!isKnown || world.behaviour.foreignTeams === "notFound") throw notFound();
  throw new ApiError("FORBIDDEN", "You do not have access to this team");
}

/** The vendor's template at the root of any template, which stays known when a custom one is deleted. */
export function osTemplateOf(world: World, templateId: string): OsTemplate | undefined {
  const root = world.templates.get(templateId)?.osTemplateId ?? templateId;
  return OS_TEMPLATES.find((t) => t.id === root);
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
  if (!record || !isOwn(world, team, record)) throw notFound();
  return record;
}

/** False for another team's, which may be FORBIDDEN instead. */
function isOwn(world: World, team: Team, record: { teamId: string }): boolean {
  if (record.teamId === team.id) return true;
  if (world.behaviour.foreignMachines === "notFound") return false;
  throw new ApiError("FORBIDDEN", "You do not have access to this resource");
}

/** US dollars an hour. */
export function hourlyRate(world: World, machineType: string): number {
  return world.prices.get(machineType) ?? findMachineType(machineType, true)?.usageRate ?? 0;
}
