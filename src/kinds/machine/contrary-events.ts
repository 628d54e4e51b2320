/**
 * What the events of a machine say against its absence: one that is under way, or that came after the machine was missed,
 * shows it alive, whatever a read by id says. Pure.
 */
import type { Contradiction } from "../absence.ts";
import type { EventLog } from "../event-log.ts";
import type { MachineEvent } from "./api.ts";
import { eventFact } from "./operation.ts";

/** Names of the events that a deleted machine has none of (machines.md section 8); unknown ones prove nothing. */
const ALIVE: ReadonlySet<string> = new Set([
  "create",
  "start",
  "stop",
  "restart",
  "vm-upgrade",
  "vm-migrate",
]);

/** `since`: monotonic time at which the machine was first missed. */
export function contraryEvent(
  events: Pick<EventLog<MachineEvent>, "of" | "updatedAt" | "vanished">,
  machineId: string,
  since: number,
): Contradiction | undefined {
  // The newest by the server's dates: what came before a deletion does not speak against it.
  const [newest] = events.of(machineId);
  if (!newest || !ALIVE.has(newest.name)) return undefined;
  // One that the API has no more went with its machine: it says nothing beyond the time at which it was read.
  const isUnderWay = eventFact(newest).state === "pending" && !events.vanished(newest.id);
  const until = isUnderWay ? Number.POSITIVE_INFINITY : events.updatedAt(newest.id);
  if (until <= since) return undefined;
  return { message: `its event ${newest.id} (${newest.name}) is ${newest.state}`, until };
}
