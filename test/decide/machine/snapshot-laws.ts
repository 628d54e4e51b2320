/** What must hold of the snapshot before a resize, and the axes of what can be observed of it. */

import { hardwareDrift } from "../../../src/kinds/machine/aspects/hardware.ts";
import {
  type MachineObservation,
  type Related,
  type ResizeSnapshot,
  SNAPSHOT,
} from "../../../src/kinds/machine/observation.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { isOff, machineOf, mayRunOn, shutItselfDown } from "./facts.ts";
import { isSame, law, type MachineLaw } from "./laws.ts";
import { type Axis, axis, ID, MINUTE, NOW } from "./situations.ts";

/** Whether a snapshot comes before a resize, and what is there of one. */
export const SNAPSHOTS = axis(
  ["not wanted", "none", "Requested", "unanswered", "Lost", "Done", "Outdated", "another machine's"] as const,
  ({ spec, memory }, which) => {
    delete spec.snapshotBeforeResize;
    delete memory.resizeSnapshot;
    if (which === "not wanted") return;
    spec.snapshotBeforeResize = true;
    if (which === "another machine's") memory.resizeSnapshot = snapshot("Done", "ps2");
    else if (which === "unanswered") memory.resizeSnapshot = { ...snapshot("Requested"), id: undefined };
    else if (which !== "none") memory.resizeSnapshot = snapshot(which);
  },
);

export function snapshot(state: ResizeSnapshot["state"], machineId = ID): ResizeSnapshot {
  const [requestedAt, deadline] = [toTime(NOW - MINUTE), toTime(NOW + MINUTE)];
  return { name: "box-snapshot", id: "sn1", machineId, requestedAt, deadline, state };
}

const SNAPSHOT_EVENT = { id: "e9", name: "snapshot-create", dtCreated: toTime(NOW) };
const FOUND: readonly Related["snapshot"][] = [
  undefined,
  { events: [], ageMs: 0 },
  ...[[], ["done"], ["done", "in progress"], ["done", "error"]].map((states) => ({
    id: "sn1",
    events: states.map((state) => ({ ...SNAPSHOT_EVENT, state })),
    ageMs: 0,
  })),
];
/** What was found of a snapshot whose event is not known, and whether it could still arrive. */
export const FOUND_SNAPSHOT: readonly Axis[] = [
  axis(FOUND, ({ related }, found) => {
    related.snapshot = found;
  }),
  axis([false, true], ({ observation }, settled) => {
    observation.snapshotSettled = settled;
  }),
];

export const SNAPSHOT_LAWS: readonly MachineLaw[] = [
  law(
    ["snapshot"],
    "a snapshot is taken of what is off, where one is wanted and none is good",
    (observation) => {
      return isOff(observation) && observation.spec.snapshotBeforeResize === true && !isSaved(observation);
    },
  ),
  law(
    ["snapshot"],
    "a snapshot comes before a real resize only: one in vain costs money, and time that the machine is off",
    (observation, { changes }) => {
      const machine = machineOf(observation);
      const drift = machine && hardwareDrift(observation.spec, machine);
      const runs = observation.spec.powerState === "Running" && !shutItselfDown(observation);
      const isFree = !runs || mayRunOn(observation, observation.spec.machineType);
      return drift !== undefined && drift.changes.length > 0 && isSame(drift.changes, changes) && isFree;
    },
  ),
  law(
    { choices: ["snapshot"], when: ({ memory }) => memory.operation?.intent === SNAPSHOT },
    "a second snapshot is taken only where the first one failed or never arrived, for certain",
    ({ event, memory, related, snapshotSettled }) => {
      const isGone = snapshotSettled === true && related.snapshot !== undefined && !related.snapshot.id;
      const isWorthless = memory.resizeSnapshot?.state === "Outdated" || !memory.resizeSnapshot;
      return event.state === "failed" || isWorthless || isGone || memory.resizeSnapshot?.machineId !== ID;
    },
  ),
  law(
    { choices: ["resize"], when: ({ spec }) => spec.snapshotBeforeResize === true },
    "nothing is resized before its snapshot is known to be done",
    isSaved,
  ),
];

/** A snapshot of this machine is done, and the machine was not on since. */
function isSaved({ memory, event, related, snapshotSettled }: MachineObservation): boolean {
  const { resizeSnapshot, operation } = memory;
  if (resizeSnapshot?.machineId !== ID || resizeSnapshot.state === "Outdated") return false;
  if (operation?.intent !== SNAPSHOT) return resizeSnapshot.state === "Done";
  if (event.state === "pending" || event.state === "failed") return false;
  const events = related.snapshot?.events ?? [];
  const isFound = snapshotSettled === true && related.snapshot?.id !== undefined && events.length > 0;
  return event.state === "done" || (isFound && events.every(({ state }) => state === "done"));
}
