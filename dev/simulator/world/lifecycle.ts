/**
 * What happens to a machine once something was accepted: states, events and their times, after machines.md section 7.
 * Whether it is accepted is decided in actions.ts. A state changes here and in console.ts only.
 */

import { detachAddress, renewAddress } from "./addresses.ts";
import { meterMachine } from "./metering.ts";
import { between } from "./random.ts";
import { type EventName, type EventRecord, isOn, type MachineRecord, type MachineState } from "./records.ts";
import { detachScripts } from "./scripts.ts";
import { applyRestorePoint, dropSnapshots, takeInitialSnapshot } from "./snapshots.ts";
import { freeze } from "./stale.ts";
import type { World } from "./world.ts";

const NO_CAPACITY = "There is currently no capacity for this machine type in this region";

/** provisioning → starting → serviceready → ready, or → off; the create event ends before the machine is up. */
export function beginCreate(world: World, machine: MachineRecord, startOnCreate: boolean): EventRecord {
  const { behaviour } = world;
  const event = world.openEvent(machine, "create");
  meterMachine(world, machine);
  world.plan(machine, behaviour.detailsMs, () => fillDetails(world, machine));
  world.plan(machine, behaviour.createMs - behaviour.startLeadMs, () => {
    fillDetails(world, machine);
    // "In provisioning" is where a machine stays whose create failed: there is no failed state.
    if (world.failureOf(event))
      return world.plan(machine, behaviour.startLeadMs, () => void world.finishEvent(event));
    const silent = !machine.holdsSlot && behaviour.capacityShortage !== "eventError";
    if (!startOnCreate || silent) {
      return world.plan(machine, behaviour.startLeadMs, () => {
        world.finishEvent(event);
        enter(world, machine, "off");
      });
    }
    // The start event is there just before the create event ends (machines.md section 7, calibration).
    world.later(behaviour.startLeadMs, () => void world.finishEvent(event));
    const start = world.openEvent(machine, "start");
    enter(world, machine, "starting");
    bringUp(world, machine, start);
  });
  return event;
}

/** off → starting → serviceready → ready, or back to off when there is no capacity. */
export function beginStart(world: World, machine: MachineRecord): EventRecord {
  const { behaviour } = world;
  const event = takeOver(world, machine, "start");
  machine.holdsSlot = world.hasCapacity(machine.machineType, machine.region);
  if (!machine.holdsSlot && behaviour.capacityShortage !== "eventError") {
    // No error is reported and the machine stays off: observed-in-the-field 8.
    world.plan(machine, behaviour.noCapacityMs, () => void world.finishEvent(event));
    return event;
  }
  accept(world, machine, "starting");
  renewDesktopAtStart(world, machine);
  bringUp(world, machine, event);
  return event;
}

/** on → stopping → off. `name` null: without an event, as with autoShutdownEvent `none`. */
export function beginStop(world: World, machine: MachineRecord, name: EventName | null = "stop") {
  const before = machine.state;
  const event = takeOver(world, machine, name);
  accept(world, machine, "stopping");
  world.plan(machine, world.behaviour.stopMs, () => {
    if (event && !world.finishEvent(event)) return fallBack(world, machine, before);
    goOff(world, machine);
    applyRestorePoint(world, machine);
    if (world.behaviour.billingEvents) world.finishEvent(world.openEvent(machine, "bill-sessions"));
  });
  return event;
}

/** on → restarting → ready; a dynamic address is a new one afterwards (machines.md section 6). */
export function beginRestart(world: World, machine: MachineRecord, asked?: EventRecord): EventRecord {
  const { behaviour } = world;
  const event = asked ?? (takeOver(world, machine, "restart") as EventRecord);
  accept(world, machine, "restarting");
  renewDesktopAtStart(world, machine);
  world.plan(machine, behaviour.restartMs / 2, () => renewAddress(world, machine));
  world.plan(machine, behaviour.restartMs, () => {
    if (!world.finishEvent(event)) return goOff(world, machine);
    comeUp(world, machine);
  });
  return event;
}

/**
 * off → upgrading → off; the new type and disk hold once the event is done. Capacity does not bind an upgrade, only the
 * start after it, be it the one that an upgrade of a running machine ends with.
 */
export function beginUpgrade(
  world: World,
  machine: MachineRecord,
  change: { machineType?: string; diskSize?: number },
): EventRecord {
  const { behaviour } = world;
  const wasOn = isOn(machine);
  const event = takeOver(world, machine, "vm-upgrade");
  accept(world, machine, "upgrading");
  world.plan(machine, behaviour.upgradeMs, () => {
    if (world.finishEvent(event)) Object.assign(machine, change);
    machine.holdsSlot = false;
    const comesBack = wasOn && behaviour.upgradeEndsIn === "previous";
    if (!comesBack || !world.hasCapacity(machine.machineType, machine.region)) return goOff(world, machine);
    renewAddress(world, machine);
    comeUp(world, machine);
  });
  return event;
}

/** any → gone; what was at work is cancelled, and users are out at once (machines.md section 7). */
export function beginDelete(world: World, machine: MachineRecord): EventRecord {
  const before = machine.state;
  const event = takeOver(world, machine, "deactivate");
  machine.deleting = event;
  if (isOn(machine) && world.behaviour.stateWhileDeleting === "stopping") accept(world, machine, "stopping");
  world.plan(machine, world.behaviour.deleteMs, () => {
    if (world.finishEvent(event)) return vanish(world, machine);
    machine.deleting = null;
    fallBack(world, machine, before);
  });
  return event;
}

/** After a change that failed: back to where it stood, or, where it was on its way, to the end of that way. */
function fallBack(world: World, machine: MachineRecord, before: MachineState): void {
  if (before === "off" || before === "ready") enter(world, machine, before);
  else comeUp(world, machine);
}

/** Takes a machine out of the world, and out of whatever it was part of. */
export function vanish(world: World, machine: MachineRecord): void {
  world.dropPlans(machine);
  world.cancelEvents(machine, true);
  goOff(world, machine);
  machine.deleting = null;
  machine.dtDeleted = world.iso();
  meterMachine(world, machine);
  detachAddress(world, machine);
  detachScripts(world, machine);
  dropSnapshots(world, machine);
}

/** Changes the state for good: nothing stale is read any more. */
export function enter(world: World, machine: MachineRecord, state: MachineState): void {
  machine.state = state;
  machine.stale = null;
  machine.dtModified = world.iso();
  meterMachine(world, machine);
  if (machine.holdAt === state) world.dropPlans(machine);
}

function bringUp(world: World, machine: MachineRecord, event: EventRecord): void {
  const { addressMs, serviceReadyMs, startMs, readyLagMs, noCapacityMs } = world.behaviour;
  if (!machine.holdsSlot) {
    world.plan(machine, noCapacityMs, () => {
      world.failEvent(event, NO_CAPACITY);
      goOff(world, machine);
    });
    return;
  }
  // Looked at then: what kind of address it wants may change on the way up.
  world.plan(machine, addressMs, () => {
    if (machine.settings.publicIpType !== "none" && !machine.publicIp) renewAddress(world, machine);
  });
  world.plan(machine, serviceReadyMs, () => {
    enter(world, machine, "serviceready");
    world.plan(machine, startMs - serviceReadyMs, () => {
      if (!world.finishEvent(event)) return goOff(world, machine);
      world.plan(machine, readyLagMs, () => comeUp(world, machine));
    });
  });
}

function comeUp(world: World, machine: MachineRecord): void {
  machine.holdsSlot = true;
  enter(world, machine, "ready");
  if (machine.snapshotDue) {
    machine.snapshotDue = false;
    takeInitialSnapshot(world, machine);
  }
  const next = machine.nextRestart;
  machine.nextRestart = null;
  if (next) beginRestart(world, machine, next);
}

function goOff(world: World, machine: MachineRecord): void {
  world.dropPlans(machine);
  machine.holdsSlot = false;
  // "publicIp is null while off" holds for dynamic ones (machines.md section 6).
  if (machine.settings.publicIpType !== "static") machine.publicIp = null;
  enter(world, machine, "off");
}

function renewDesktopAtStart(world: World, machine: MachineRecord): void {
  if (world.behaviour.desktopPasswordRenewed === "start") machine.desktopRenewals++;
}

/** A new request replaces the pending steps and frees a machine that is stuck. */
function takeOver<N extends EventName | null>(world: World, machine: MachineRecord, name: N) {
  world.dropPlans(machine);
  world.cancelEvents(machine);
  if (machine.holdAt === machine.state) machine.holdAt = null;
  machine.nextRestart = null;
  return (name === null ? null : world.openEvent(machine, name)) as N extends null ? null : EventRecord;
}

/** Changes the state, which for some seconds still reads as before (observed-in-the-field 6). */
function accept(world: World, machine: MachineRecord, state: MachineState): void {
  freeze(world, machine, world.behaviour.staleStateMs);
  machine.state = state;
  machine.dtModified = world.iso();
  meterMachine(world, machine);
}

export function fillDetails(world: World, machine: MachineRecord): void {
  if (machine.detailed) return;
  machine.detailed = true;
  machine.privateIp = `10.${between(world.random, 0, 255)}.${between(world.random, 0, 255)}.${between(world.random, 2, 254)}`;
  machine.dtModified = world.iso();
}
