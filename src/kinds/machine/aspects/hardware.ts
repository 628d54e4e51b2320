/**
 * Machine type and disk. They change with the machine off only; it is stopped for that where the policy allows it. Pure.
 */
import { toTime } from "../../../kube/objects.ts";
import { isReadable } from "../../../paperspace/answers.ts";
import { type Change, describe } from "../../../reconcile/change.ts";
import { ageOfTime, withoutOperation } from "../../../reconcile/decision.ts";
import { sameLabel, sameRegion } from "../../region.ts";
import type { Machine, MachineHardware } from "../api.ts";
import { whenFree } from "../capacity.ts";
import {
  act,
  type MachineDecision,
  type MachineMemory,
  type MachineStep,
  TO_RESIZE,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import { needsSnapshot, restoreAdvice, snapshotRefusal, spent } from "../resize-snapshot.ts";
import type { MachineSpec } from "../types.ts";
import {
  type Aspect,
  type Convergence,
  isStoppedToResize,
  plannedChange,
  unlessBackingOff,
} from "./aspect.ts";
import { RELEASES } from "./held.ts";
import { shutItselfDown } from "./power.ts";

export const hardware: Aspect = {
  drift({ spec, memory }, machine) {
    const { changes, tooLarge } = hardwareDrift(spec, machine, memory.disk);
    return tooLarge ? [...changes, tooLarge] : changes;
  },
  unreadable: ({ spec }, machine) => [
    ...(isReadable(machine, "machineType") ? [] : ["machineType"]),
    ...(spec.diskSize === undefined || isReadable(machine, "storageTotal") ? [] : ["diskSize"]),
  ],
  remember: (memory, machine) => rememberUnit(memory, machine),
  next: resize,
  effect(step, { memory }, machine, before) {
    if (step.do !== "resize" && step.do !== "snapshot") return undefined;
    const needsStop = isStoppedToResize(before, before.length);
    if (step.do === "snapshot") {
      const resizeSnapshot = { ...ASSUMED_SNAPSHOT, machineId: machine.id };
      return {
        entries: [{ action: "Snapshot", needsStop, losesData: false }],
        memory: { operation: undefined, resizeSnapshot },
      };
    }
    const { machineType, diskSize } = step.hardware;
    return {
      entries: step.changes.map((change) => plannedChange("Resize", change, { needsStop })),
      machine: {
        ...(machineType && { machineType }),
        ...(diskSize && { storageTotal: diskSize * (memory.disk?.unit ?? GIB) }),
      },
      memory: { operation: undefined },
    };
  },
};

function resize(convergence: Convergence): MachineDecision | undefined {
  const { observation, machine, power, userErrors } = convergence;
  const { spec } = observation;
  const { changes, hardware, tooLarge } = hardwareDrift(spec, machine, convergence.memory.disk);
  if (tooLarge)
    userErrors.push({
      reason: REASON.DiskCannotShrink,
      message: `the disk has ${tooLarge.from} GiB and cannot shrink to ${spec.diskSize}: set diskSize to ${tooLarge.from}`,
    });
  if (changes.length === 0) {
    const { resizeRefusal: _over, ...memory } = convergence.memory;
    convergence.memory = spent(memory);
    return undefined;
  }
  if (isRefused(convergence)) return undefined;
  if (power === "off" && convergence.memory.adoptedOff?.hardware) {
    const message = `${describe(changes)}: the machine was off when it was adopted, and is not resized before this object says so: ${RELEASES}`;
    userErrors.push({ reason: REASON.HeldAsAdopted, message });
    return undefined;
  }
  if (power === "off") return whileOff(convergence, { do: "resize", hardware, changes });
  // Where it is to be off anyway, the desired power state stops it first.
  if (spec.powerState === "Stopped") return undefined;
  if (spec.resizePolicy === "StopAndResize") {
    const stop: MachineStep = { do: "stop", target: TO_RESIZE };
    const decision = whenItMayRun(convergence, (memory) => act(stop, memory));
    return decision.step.do === "none" ? meanwhile(convergence, decision) : decision;
  }
  userErrors.push({
    reason: REASON.ResizeNeedsStop,
    message: `${describe(changes)} needs the machine off, and it is on. It is changed the next time it is off; set powerState to Stopped for that, or resizePolicy to StopAndResize`,
  });
  return undefined;
}

/** The disk is saved while nothing can write to it, and right before the resize: what is not resized now needs no snapshot. */
function whileOff(
  convergence: Convergence,
  resizing: MachineStep & { do: "resize" },
): MachineDecision | undefined {
  const { observation, memory } = convergence;
  if (!needsSnapshot(observation, memory)) return whenItMayRun(convergence, (ready) => act(resizing, ready));
  if (observation.backingOff.resize) return unlessBackingOff(convergence, resizing);
  const { resizeSnapshot: last } = memory;
  const deadline = last?.state === "Lost" && { deadline: last.deadline };
  const step: MachineStep = { do: "snapshot", changes: resizing.changes, ...deadline };
  return whenItMayRun(convergence, (ready) => act(step, ready));
}

/** What is to run afterwards is not changed to hardware that is short. */
function whenItMayRun(
  convergence: Convergence,
  go: (memory: MachineMemory) => MachineDecision,
): MachineDecision {
  const { observation, memory } = convergence;
  const { spec } = observation;
  const runsNext = spec.powerState === "Running" && !shutItselfDown(convergence);
  return runsNext ? whenFree(observation, spec.machineType, memory, go) : go(withoutOperation(memory));
}

/** It runs until it can be resized, which may take without end: the pass goes on, and the waiting is reported at its end. */
function meanwhile(convergence: Convergence, waiting: MachineDecision): undefined {
  if (waiting.needs) convergence.needs.push(...waiting.needs);
  else convergence.waiting = waiting;
}

/** Whether this very change was refused before and is not to be tried now. */
function isRefused({ observation, machine, memory, power, userErrors }: Convergence): boolean {
  const { spec, limits, now, asked } = observation;
  const refusal = memory.resizeRefusal;
  if (!refusal || refusal.asked !== asked) return false;
  if (refusal.machineType !== spec.machineType || refusal.diskSize !== spec.diskSize) return false;
  if (refusal.snapshot && spec.snapshotBeforeResize !== true) return false;
  // Whether one that is not confirmed was taken is not known: another is taken at the user's word only.
  const isKnown = refusal.snapshot !== "Unconfirmed";
  if (power === "off" && isKnown && ageOfTime(refusal.at, now) >= limits.slowMs) return false;
  if (refusal.snapshot) {
    const reason = refusal.snapshot === "Failed" ? REASON.SnapshotFailed : REASON.SnapshotUnconfirmed;
    userErrors.push({ reason, message: snapshotRefusal(refusal) });
    return true;
  }
  userErrors.push({
    reason: REASON.ResizeRefused,
    message: `${refusal.message}. The machine stays as it is: correct machineType or diskSize, or put the old value back; a new value of the annotation paperspace.com/reconcile-requested-at tries it again${restoreAdvice(memory, machine)}`,
  });
  return true;
}

/** What a plan assumes that a snapshot leads to. */
const ASSUMED_SNAPSHOT = {
  name: "",
  requestedAt: toTime(0),
  deadline: toTime(0),
  state: "Done",
} as const;

interface HardwareDrift {
  changes: Change[];
  hardware: MachineHardware;
  /** The disk is larger than declared, which nothing can change. */
  tooLarge?: Change;
}

/** Machine type and disk: changed with the machine off only (machines.md section 4). */
export function hardwareDrift(
  spec: MachineSpec,
  machine: Machine,
  disk?: MachineMemory["disk"],
): HardwareDrift {
  const drift: HardwareDrift = { changes: [], hardware: {} };
  if (machine.machineType && !sameLabel(machine.machineType, spec.machineType)) {
    drift.changes.push({ field: "machineType", from: machine.machineType, to: spec.machineType });
    drift.hardware.machineType = spec.machineType;
  }
  const { storageTotal } = machine;
  const { diskSize } = spec;
  const unit = unitOf(disk, machine);
  if (!storageTotal || diskSize === undefined || isSameDisk(storageTotal, diskSize, unit)) return drift;
  const actual = storageTotal / (unit ?? likelyUnit(storageTotal));
  const change = { field: "diskSize", from: Math.round(actual), to: diskSize };
  if (diskSize < actual) return { ...drift, tooLarge: change };
  drift.changes.push(change);
  drift.hardware.diskSize = diskSize;
  return drift;
}

const GIB = 1024 ** 3;

const GB = 1000 ** 3;
/** Rounding of a size that we did not set. */
const SLACK = 0.005;

/** storageTotal seems to be in bytes; its unit is documented nowhere (machines.md section 5.1). */
function likelyUnit(storageTotal: number): number {
  return storageTotal >= GIB ? GIB : 1;
}

/**
 * What the API shows for each GiB of a size: exact where a size that this object sent shows. Undefined where none did, so
 * that GB and GiB of one label are not told apart.
 */
function unitOf(disk: MachineMemory["disk"], { storageTotal }: Machine): number | undefined {
  const { unit, size, former } = disk ?? {};
  if (unit !== undefined || size === undefined || !storageTotal || Math.round(storageTotal) === former)
    return unit;
  return isBetween(storageTotal, size) ? storageTotal / size : undefined;
}

function rememberUnit(memory: MachineMemory, machine: Machine): MachineMemory {
  const unit = unitOf(memory.disk, machine);
  return unit === undefined || unit === memory.disk?.unit ? memory : { ...memory, disk: { unit } };
}

function isSameDisk(storageTotal: number, size: number, unit: number | undefined): boolean {
  return unit === undefined ? isBetween(storageTotal, size) : Math.abs(storageTotal / unit - size) < 0.5;
}

/** From so many GB to so many GiB, or the number itself. */
function isBetween(storageTotal: number, size: number): boolean {
  const likely = likelyUnit(storageTotal);
  const least = likely === GIB ? GB : 1;
  return storageTotal >= size * least * (1 - SLACK) && storageTotal <= size * likely * (1 + SLACK);
}

/** What no step can change: a machine with such a difference is not adopted. */
export function immutableDrift(spec: MachineSpec, machine: Machine): Change[] {
  const changes: Change[] = [];
  if (machine.region && !sameRegion(machine.region, spec.region))
    changes.push({ field: "region", from: machine.region, to: spec.region });
  const { tooLarge } = hardwareDrift(spec, machine);
  if (tooLarge) changes.push(tooLarge);
  return changes;
}
