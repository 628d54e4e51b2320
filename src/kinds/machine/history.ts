/**
 * The machine's events in Paperspace as status and Kubernetes Events show them, including what other actors did in the
 * console. Pure.
 */
import { cut } from "../../base/text.ts";
import type { EventNote } from "../../reconcile/event-notes.ts";
import { apiTime } from "../time.ts";
import type { MachineEvent } from "./api.ts";
import { eventFact } from "./operation.ts";
import type { MachineStatus } from "./types.ts";

export type Shown = NonNullable<MachineStatus["lastEvents"]>;

/** Events that status keeps. */
const KEPT = 10;

/** The newest of what was shown and what is known, newest first. */
export function lastEvents(before: Shown, known: readonly MachineEvent[]): Shown {
  const byId = new Map(before.map((event) => [event.id, event]));
  // An invalid date could not be written to the API server.
  for (const event of known.filter(({ dtCreated }) => apiTime(dtCreated))) byId.set(event.id, shown(event));
  return [...byId.values()].sort(newestFirst).slice(0, KEPT);
}

/** The events in status, in the API's form again: after a restart they are all that is known. */
export function remembered(events: Shown, machineId: string): MachineEvent[] {
  return events.map(({ id, name, state, error, createdAt, finishedAt }) => ({
    id,
    name,
    state,
    machineId,
    error: error ?? null,
    dtCreated: createdAt,
    dtFinished: finishedAt ?? null,
  }));
}

/**
 * Each event of Paperspace once, when it has ended. Events from before the object first observed its machine are not
 * reported. `before` undefined: nothing was shown yet.
 */
export function historyNotes(before: Shown | undefined, after: Shown | undefined): EventNote[] {
  if (!before || !after) return [];
  const known = new Map(before.map((event) => [event.id, event]));
  const oldest = before.at(-1);
  return after
    .filter((event) => hasEnded(event) && !hasEnded(known.get(event.id)))
    .filter((event) => known.has(event.id) || !oldest || newestFirst(event, oldest) < 0)
    .reverse()
    .map(({ id, name, state, error }) => ({
      id: `paperspace/${id}`,
      type: state.toLowerCase() === "done" ? "Normal" : "Warning",
      reason: state.toLowerCase() === "done" ? (REASON_OF.get(name) ?? "MachineEvent") : "MachineEventFailed",
      note: `Paperspace: ${name} ${state}${error ? `: ${error}` : ""} (event ${id})`,
    }));
}

/** Whether an event has failed that was not shown as failed before. */
export function failedAnew(before: Shown | undefined, after: Shown | undefined): boolean {
  const known = new Set(before?.filter(hasFailed).map(({ id }) => id));
  return after?.some((event) => hasFailed(event) && !known.has(event.id)) ?? false;
}

/**
 * How many events of one name failed in a row, up to the newest one that failed; `withinMs`: those that lie further apart
 * have nothing to do with each other. By the dates of the server alone.
 */
export function failuresInRow(newestFirst: readonly MachineEvent[], withinMs: number): number {
  const isFailed = (event: MachineEvent) => eventFact(event).state === "failed";
  const newest = newestFirst.find(isFailed);
  let failures = 0;
  let next = newest;
  for (const event of newestFirst) {
    if (event.name !== newest?.name) continue;
    const apart = Date.parse(next?.dtCreated ?? "") - Date.parse(event.dtCreated);
    if (!isFailed(event) || !(apart <= withinMs)) break;
    failures++;
    next = event;
  }
  return failures;
}

function hasFailed(event: Shown[number]): boolean {
  return eventFact({ ...event, dtCreated: "" }).state === "failed";
}

/** For `kubectl get events`: one reason for each known name (machines.md section 8). */
const REASON_OF: ReadonlyMap<string, string> = new Map([
  ["create", "MachineCreated"],
  ["start", "MachineStarted"],
  ["stop", "MachineStopped"],
  ["restart", "MachineRestarted"],
  ["deactivate", "MachineDeleted"],
  ["vm-upgrade", "MachineResized"],
  ["vm-migrate", "MachineMigrated"],
  ["vm-shutdown-force", "MachineShutDown"],
  ["snapshot-create", "SnapshotCreated"],
  ["snapshot-delete", "SnapshotDeleted"],
  ["snapshot-restore", "SnapshotRestored"],
]);

function shown({ id, name, state, error, dtCreated, dtFinished }: MachineEvent): Shown[number] {
  return {
    id,
    name,
    state,
    ...(error && { error: cut(error, 4096) }),
    createdAt: apiTime(dtCreated) ?? dtCreated,
    ...(apiTime(dtFinished) && { finishedAt: apiTime(dtFinished) }),
  };
}

function hasEnded(event: { id: string; name: string; state: string } | undefined): boolean {
  return event !== undefined && eventFact({ ...event, dtCreated: "" }).state !== "pending";
}

function newestFirst(a: Shown[number], b: Shown[number]): number {
  return Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.id < b.id ? -1 : 1);
}
