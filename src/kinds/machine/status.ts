/**
 * What the object reports of its machine: the status and its conditions, from the observation. Pure: equal observations
 * give an equal status, so that an idle machine costs no write.
 */
import { isDeepStrictEqual } from "node:util";
import { plainReason } from "../../base/plain-text.ts";
import { shellWord } from "../../base/shell-command.ts";
import { toTime } from "../../kube/objects.ts";
import type { Change } from "../../reconcile/change.ts";
import type { DesiredCondition } from "../../reconcile/conditions.ts";
import { ageOfTime } from "../../reconcile/decision.ts";
import type { EventNote } from "../../reconcile/event-notes.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { ReconcileContext } from "../../reconcile/kind.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import { kept, managedStatus, syncedCondition } from "../../reconcile/status.ts";
import { apiTime } from "../time.ts";
import type { Machine } from "./api.ts";
import { immutableDrift } from "./aspects/hardware.ts";
import { missingFacts, specDrift, unreadableFields } from "./aspects/list.ts";
import { storedOtherwise } from "./aspects/stored-as.ts";
import { machineCost } from "./cost/cost.ts";
import { lookOf } from "./cost/evidence.ts";
import { failedAnew, historyNotes, lastEvents } from "./history.ts";
import {
  AWAIT_CAPACITY,
  type MachineMemory,
  type MachineObservation,
  SNAPSHOT,
  TO_RESIZE,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { nextInOrder } from "./placement/ladder.ts";
import { RATE_EXCEEDED, rateCondition, tooDear } from "./placement/rates.ts";
import { planOf } from "./plan.ts";
import { REASON } from "./reasons.ts";
import type { MachineStatus, PaperspaceMachine } from "./types.ts";

type KnownContext = ReconcileContext<PaperspaceMachine, { team: string }>;

export function machineStatus(
  observation: MachineObservation,
  memory: MachineMemory,
  outcome: ReportedOutcome,
  context: KnownContext,
): MachineStatus {
  const { object, record } = context;
  const { resource, observes } = observation;
  const isShown = record !== undefined || observes === true;
  const seen = resource.state === "present" && isShown ? resource.machine : undefined;
  const gone = resource.state === "absent" && resource.certain;
  const facts = gone || !isShown ? {} : factsOf(observation, seen, memory, object.status);
  return managedStatus(observation, outcome, context, {
    facts: {
      ...facts,
      ...(observation.leaks.length > 0 && { leaks: [...observation.leaks] }),
      ...(observation.halted?.reason === REASON.DryRun && { plan: planOf(observation) }),
    },
    memory: {
      ...memory,
      ...shownPlacement(observation, memory, facts.usageRate, object.status),
      ...shownQueue(observation, memory, object.status),
      ...shownCost(observation, context),
    },
    conditions: [
      ...synced(observation, seen),
      ...runningCondition(seen, outcome),
      ...(seen ? rateCondition(observation, seen) : []),
      ...expiryCondition(observation),
    ],
    refreshedWhilePaused: ["Running", RATE_EXCEEDED],
  });
}

/** Whatever else is reported of the machine, what it has cost goes on. */
function shownCost(
  { cost, resource, identity, history, now }: MachineObservation,
  { object, record }: KnownContext,
): Pick<MachineStatus, "cost"> {
  const before = object.status?.cost;
  const shown = cost
    ? machineCost(before, {
        ...cost,
        machineId: idOf(identity),
        isOwn: record !== undefined && record.name !== "",
        isGone: resource.state === "absent" && resource.certain,
        ...(resource.state === "present" && { look: lookOf(resource.machine, cost) }),
        history,
        now,
      })
    : before;
  return shown ? { cost: shown } : {};
}

const MINUTE_MS = 60_000;

/** With the position in the queue, which may change with every other object: it is written at most once a minute. */
function shownQueue(
  { related, now }: MachineObservation,
  { capacity }: MachineMemory,
  before: MachineStatus | undefined,
): Pick<MachineStatus, "capacity"> {
  const { queue } = related;
  if (!capacity || !queue) return capacity ? { capacity } : {};
  const shown = before?.capacity;
  const isSame = isDeepStrictEqual(shown, { ...shown, ...queue });
  const isKept = shown?.shownAt !== undefined && (isSame || ageOfTime(shown.shownAt, now) < MINUTE_MS);
  return { capacity: isKept ? { ...shown, ...capacity } : { ...capacity, ...queue, shownAt: toTime(now) } };
}

/** With what comes next and what is not tried, while the machine was never on, and the rate that the machine shows. */
function shownPlacement(
  observation: MachineObservation,
  memory: MachineMemory,
  rate: number | undefined,
  before: MachineStatus | undefined,
): Pick<MachineStatus, "placement"> {
  const { placement } = memory;
  if (!observation.spec.placement) return {};
  const isSettled = placement?.chosen !== undefined && placement.attempt === undefined;
  const isPlaced = isSettled && observation.identity.state === "ours";
  const next = isPlaced ? undefined : nextInOrder({ ...observation, memory });
  // Rates that were not read anew say nothing else.
  const dear = observation.related.rates ? tooDear(observation) : (before?.placement?.tooDear ?? []);
  const isDear = !isPlaced && dear.length > 0;
  if (!placement && !next && !isDear) return {};
  // While its machine is removed it stays as it was remembered before the delete was sent.
  const shown = placement?.attempt?.removing === undefined ? rate : undefined;
  const chosen = placement?.chosen && { ...placement.chosen, ...(shown && { rate: shown }) };
  return {
    placement: {
      ...placement,
      ...(chosen && { chosen }),
      ...(next && { next }),
      ...(isDear && { tooDear: dear }),
    },
  };
}

/**
 * While a change is under way, details trickle in one by one; they are shown with the next state, so that a change
 * costs a handful of writes and not one for each address and size.
 */
function factsOf(
  { history }: MachineObservation,
  seen: Machine | undefined,
  { operation }: MachineMemory,
  before: MachineStatus | undefined,
): Partial<MachineStatus> {
  // Waiting for hardware changes nothing, and may take for days.
  const changing = operation !== undefined && operation.intent !== AWAIT_CAPACITY;
  const sameState = changing && before?.state !== undefined && before.state === seen?.state;
  // An empty history may not have been read yet: then it is left out.
  const shown = before?.lastEvents ?? (history.length > 0 ? [] : undefined);
  const events = shown && lastEvents(shown, history);
  // A failure is reported at once.
  if (!seen || (sameState && !failedAnew(shown, events))) return kept(before, FACTS);
  return { ...described(seen), ...(events && { lastEvents: events }) };
}

/** Empty values of a fresh machine (null, 0, "") are left out rather than shown as facts (machines.md section 7). */
function described(machine: Machine): Partial<MachineStatus> {
  const { accelerators } = machine;
  const fields = {
    name: machine.name,
    state: machine.state,
    machineType: machine.machineType,
    region: machine.region,
    os: machine.os,
    agentType: machine.agentType,
    cpus: machine.cpus,
    // Whole numbers in our schema; a fraction would make the API server refuse the whole status.
    ram: whole(machine.ram),
    storageTotal: whole(machine.storageTotal),
    networkId: machine.networkId,
    privateIp: machine.privateIp,
    publicIp: machine.publicIp,
    publicIpType: machine.publicIpType,
    restorePointSnapshotId: machine.restorePointSnapshotId,
    updatesPending: machine.updatesPending || undefined,
    reservation: reservationOf(machine),
    usageRate: machine.usageRate,
    storageRate: machine.storageRate,
    createdAt: apiTime(machine.dtCreated),
    accelerators: accelerators?.length
      ? accelerators.map(({ name, count, memory }) => ({
          name,
          count,
          ...(memory && { memory: Math.round(memory) }),
        }))
      : undefined,
  };
  const full = Object.entries(fields).filter(
    ([, value]) => value !== null && value !== undefined && value !== "" && value !== 0,
  );
  return Object.fromEntries(full) as Partial<MachineStatus>;
}

function whole(value: number | null | undefined): number | undefined {
  return value ? Math.round(value) : undefined;
}

function reservationOf({ reservation }: Machine): MachineStatus["reservation"] {
  const { id, name, isActive, dtStarted, dtFinished } = reservation ?? {};
  const [startedAt, finishedAt] = [apiTime(dtStarted), apiTime(dtFinished)];
  if (!id || !startedAt || !finishedAt) return undefined;
  return { id, name: name ?? "", isActive: isActive ?? false, startedAt, finishedAt };
}

/** What is shown of the machine itself. */
const FACTS = [
  "name",
  "state",
  "machineType",
  "region",
  "os",
  "agentType",
  "cpus",
  "ram",
  "storageTotal",
  "accelerators",
  "networkId",
  "privateIp",
  "publicIp",
  "publicIpType",
  "restorePointSnapshotId",
  "updatesPending",
  "reservation",
  "usageRate",
  "storageRate",
  "createdAt",
  "lastEvents",
] as const satisfies readonly (keyof MachineStatus)[];

function synced(observation: MachineObservation, machine: Machine | undefined): DesiredCondition[] {
  if (!machine) return [];
  const changes = [...specDrift(observation, machine), ...unmanagedDrift(observation, machine)];
  const unknown = missingFacts(observation);
  if (changes.length > 0 || unknown.length === 0)
    return [
      syncedCondition(
        changes,
        `the settings are as declared${storedOtherwise(observation.memory.storedAs)}`,
        unreadableFields(observation, machine),
      ),
    ];
  const message = `not looked at yet: ${unknown.join(", ")}; all else is as declared`;
  return [{ type: "Synced", status: "Unknown", reason: "NotLookedAt", message }];
}

/** Of what is managed, Running shows the power, and what is in another region was never adopted. */
function unmanagedDrift({ observes, spec }: MachineObservation, machine: Machine): Change[] {
  if (!observes) return [];
  const { powerState } = spec;
  const { state } = machine;
  const isOther = powerOf(state) === (powerState === "Running" ? "off" : "ready");
  const region = immutableDrift(spec, machine).filter(({ field }) => field === "region");
  return [...region, ...(isOther ? [{ field: "powerState", from: state, to: powerState }] : [])];
}

/** What Running names as well, of a machine that is off. */
const OFF_REASONS: ReadonlySet<string> = new Set([
  REASON.AutoShutdown,
  REASON.ScheduledOff,
  REASON.LifetimeStopped,
]);

function runningCondition(machine: Machine | undefined, outcome: ReportedOutcome): DesiredCondition[] {
  if (!machine && outcome.reason === REASON.Expired)
    return [{ type: "Running", status: "False", reason: REASON.Expired, message: "there is no machine" }];
  if (!machine) return [];
  const running = powerOf(machine.state) === "ready";
  const isAtRest = powerOf(machine.state) === "off" && OFF_REASONS.has(outcome.reason);
  const reason = running ? "On" : isAtRest ? outcome.reason : stateReason(machine.state);
  return [
    {
      type: "Running",
      status: running ? "True" : "False",
      reason,
      message: `Paperspace reports ${machine.state}`,
    },
  ];
}

/** Present only while it is near, or over and held. */
function expiryCondition({ lifetime }: MachineObservation): DesiredCondition[] {
  const message = lifetime?.warning;
  return message === undefined
    ? []
    : [{ type: REASON.ExpiresSoon, status: "True", reason: REASON.ExpiresSoon, message }];
}

/** A reason must be CamelCase; a state of the API, even one not known yet, becomes one. */
function stateReason(state: string): string {
  const letters = plainReason(state.replace(/[^A-Za-z0-9]/g, ""));
  return `${letters.charAt(0).toUpperCase()}${letters.slice(1)}`;
}

/** The events of a change of status, beyond those of its conditions. */
export function machineEventNotes(before: MachineStatus, after: MachineStatus): EventNote[] {
  const events = historyNotes(before.lastEvents, after.lastEvents);
  if (before.operation?.intent === AWAIT_CAPACITY && needsHardware(after.operation))
    events.push({
      type: "Normal",
      reason: REASON.CapacityAvailable,
      note: `hardware is free again, after waiting since ${before.operation?.requestedAt}`,
    });
  const expiring = after.conditions?.find(({ type }) => type === REASON.ExpiresSoon);
  if (expiring && !before.conditions?.some(({ type }) => type === REASON.ExpiresSoon))
    events.push({
      id: `expires/${after.lifetime?.warnedAt}`,
      type: "Warning",
      reason: REASON.ExpiresSoon,
      note: expiring.message,
    });
  for (const id of after.leaks ?? [])
    if (!before.leaks?.includes(id))
      events.push({
        id: `leak/${id}`,
        type: "Warning",
        reason: REASON.MachineLeaked,
        note: `machine ${id} was made by a create of this object whose answer never came, or was given up as gone and shows up again; it belongs to nobody and costs money. Delete it in the Paperspace console, or adopt it by another object (spec.adoptId: ${shellWord({ id })})`,
      });
  return events;
}

/** What is sent only once hardware is free: something else may come in between while it is waited for. */
function needsHardware({ intent, target }: Partial<Operation> = {}): boolean {
  return ["Create", "Start", "Resize", SNAPSHOT].includes(intent ?? "") || target === TO_RESIZE;
}
