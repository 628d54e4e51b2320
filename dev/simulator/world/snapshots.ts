/**
 * Snapshots (other-resources.md): made, deleted and put back under events of their machine, beside its own course. They
 * have no state: only the event shows the progress of one, and one whose making failed is gone.
 */

import { checkStanding, machineNamed, refuseWhileDeleting, wrongState } from "./checks.ts";
import { notFound } from "./errors.ts";
import type { EventRecord, MachineRecord, SnapshotRecord, Team } from "./records.ts";
import type { World } from "./world.ts";

export interface SnapshotOutcome {
  snapshot: SnapshotRecord;
  event: EventRecord;
}

/** POST /snapshots. The machine's state does not matter: no source names one that is needed. */
export function createSnapshot(world: World, team: Team, input: { name: string; machineId: string }) {
  const machine = machineNamed(world, team, input.machineId);
  checkStanding(world, team);
  return takeSnapshot(world, machine, { name: input.name });
}

/** DELETE /snapshots/{id}. */
export function deleteSnapshot(world: World, snapshot: SnapshotRecord): SnapshotOutcome {
  const { deleteWhileDeleting, deleteRestorePoint } = world.behaviour;
  if (snapshot.deleting) {
    if (deleteWhileDeleting === "notFound") throw notFound();
    if (deleteWhileDeleting === "error") throw wrongState(world, "Snapshot is being deleted");
    return { snapshot, event: snapshot.deleting };
  }
  const machine = machineOf(world, snapshot);
  if (machine.settings.restorePointSnapshotId === snapshot.id && deleteRestorePoint === "refuse") {
    throw wrongState(world, `Snapshot ${snapshot.id} is the restore point of machine ${machine.id}`);
  }
  return { snapshot, event: beginDeletion(world, snapshot) };
}

/** POST /snapshots/{id}/restore: back to its own machine, with a snapshot of the present disk first, if requested. */
export function restoreSnapshot(
  world: World,
  team: Team,
  snapshot: SnapshotRecord,
  input: { createSnapshotBeforeRestore?: boolean },
): SnapshotOutcome {
  const machine = machineNamed(world, team, snapshot.machineId);
  if (snapshot.deleting) throw wrongState(world, "Snapshot is being deleted");
  if (world.behaviour.restoreNeeds === "off" && machine.state !== "off") {
    throw wrongState(world, `Machine must be off to be restored, it is ${machine.state}`);
  }
  checkStanding(world, team);
  if (!input.createSnapshotBeforeRestore) return { snapshot, event: beginRestore(world, machine, snapshot) };
  const event = world.openEvent(machine, "snapshot-restore");
  takeSnapshot(world, machine, {
    name: `before ${snapshot.name}`,
    made: () => putBack(world, machine, snapshot, event),
    failed: () => world.failEvent(event, "The snapshot before it failed"),
  });
  return { snapshot, event };
}

/** What the cloud does by itself at the requested frequency; the oldest goes when there are too many. */
export function autoSnapshot(world: World, machine: MachineRecord): SnapshotRecord {
  refuseWhileDeleting(world, machine);
  const dropOldest = () => {
    const kept = snapshotsOf(world, machine).filter((s) => s.isAutoSnapshot && !s.deleting);
    const tooMany = kept.length - (machine.settings.autoSnapshotSaveCount ?? kept.length);
    for (const oldest of kept.slice(0, Math.max(0, tooMany))) beginDeletion(world, oldest);
  };
  const name = `auto-${world.iso()}`;
  return takeSnapshot(world, machine, { name, isAutoSnapshot: true, made: dropOldest }).snapshot;
}

/** The first boot's snapshot, and the restore point that may rest on it (machines.md section 3). */
export function takeInitialSnapshot(world: World, machine: MachineRecord): void {
  const { snapshot } = takeSnapshot(world, machine, {
    name: "initial",
    made() {
      const { settings } = machine;
      // It may have been deleted while it was being made.
      const isThere = world.snapshots.has(snapshot.id);
      if (settings.restorePointEnabled && isThere) settings.restorePointSnapshotId ??= snapshot.id;
      machine.dtModified = world.iso();
    },
  });
}

/** After a shutdown the disk goes back to the restore point, where there is one for that. */
export function applyRestorePoint(world: World, machine: MachineRecord): void {
  const { restorePointEnabled, restorePointFrequency, restorePointSnapshotId } = machine.settings;
  if (!restorePointEnabled || restorePointFrequency !== "shutdown") return;
  const snapshot = world.snapshots.get(restorePointSnapshotId ?? "");
  if (snapshot) beginRestore(world, machine, snapshot);
}

/** A machine that is gone takes its snapshots along (legacy: destroying a machine deletes them). */
export function dropSnapshots(world: World, machine: MachineRecord): void {
  for (const snapshot of snapshotsOf(world, machine)) {
    // What its end has just cancelled was never there, or stays after all.
    snapshot.deleting = null;
    if (world.behaviour.snapshotsOfDeleted === "gone") drop(world, snapshot);
  }
}

/** `made` comes once it is there, `failed` when it never will be. */
function takeSnapshot(
  world: World,
  machine: MachineRecord,
  order: { name: string; isAutoSnapshot?: boolean; made?: () => void; failed?: () => void },
): SnapshotOutcome {
  const snapshot: SnapshotRecord = {
    ...world.born(machine.teamId, "sn"),
    name: order.name,
    machineId: machine.id,
    isAutoSnapshot: order.isAutoSnapshot ?? false,
    deleting: null,
  };
  world.snapshots.set(snapshot.id, snapshot);
  const event = world.openEvent(machine, "snapshot-create");
  world.later(world.behaviour.snapshotCreateMs, () => {
    if (world.finishEvent(event)) return order.made?.();
    drop(world, snapshot);
    order.failed?.();
  });
  return { snapshot, event };
}

function beginDeletion(world: World, snapshot: SnapshotRecord): EventRecord {
  const event = world.openEvent(machineOf(world, snapshot), "snapshot-delete");
  snapshot.deleting = event;
  world.later(world.behaviour.snapshotDeleteMs, () => {
    // Another deletion may have replaced one that was cancelled.
    if (snapshot.deleting === event) snapshot.deleting = null;
    if (world.finishEvent(event)) drop(world, snapshot);
  });
  return event;
}

function beginRestore(world: World, machine: MachineRecord, snapshot: SnapshotRecord): EventRecord {
  const event = world.openEvent(machine, "snapshot-restore");
  putBack(world, machine, snapshot, event);
  return event;
}

function putBack(world: World, machine: MachineRecord, snapshot: SnapshotRecord, event: EventRecord): void {
  world.later(world.behaviour.snapshotRestoreMs, () => {
    if (!world.finishEvent(event)) return;
    machine.restoredFrom = snapshot.id;
    machine.dtModified = world.iso();
  });
}

/** Removes a deleted snapshot from all restore points. */
function drop(world: World, snapshot: SnapshotRecord): void {
  world.snapshots.delete(snapshot.id);
  const { settings } = machineOf(world, snapshot);
  if (settings.restorePointSnapshotId === snapshot.id) settings.restorePointSnapshotId = null;
}

/** Oldest first. */
function snapshotsOf(world: World, machine: MachineRecord): SnapshotRecord[] {
  return [...world.snapshots.values()].filter((s) => s.machineId === machine.id);
}

function machineOf(world: World, snapshot: SnapshotRecord): MachineRecord {
  const machine = world.machines.get(snapshot.machineId);
  if (!machine) throw new Error(`snapshot ${snapshot.id} is of no machine`);
  return machine;
}
