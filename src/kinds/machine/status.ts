/**
 * What the object says about its machine: the status and its conditions, from what is known. Pure: equal knowledge
 * gives an equal status, so that an idle machine costs no write.
 */
import { type Condition, toTime } from "../../kube/objects.ts";
import { type Claim, type ConditionFacts, conditions, progressClaims } from "../../reconcile/conditions.ts";
import type { Subject } from "../../reconcile/kind.ts";
import type { Telling } from "../../reconcile/outcome.ts";
import type { Machine } from "./api.ts";
import type { MachineMemory, MachineView } from "./decide.ts";
import { describe, settingsDrift } from "./diff.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";
import type { MachineStatus, PaperspaceMachine } from "./types.ts";

type Known = Subject<PaperspaceMachine, { team: string }>;

export function machineStatus(
  view: MachineView,
  memory: MachineMemory,
  outcome: Telling,
  { object, record, account }: Known,
): MachineStatus {
  const before = object.status;
  const generation = object.metadata.generation ?? 0;
  const seen = view.sighting.state === "present" && record ? view.sighting.machine : undefined;
  const gone = view.sighting.state === "absent" && view.sighting.certain;
  const teamId = record?.team ?? account?.team ?? before?.teamId;
  if (view.identity.state === "conflict" && before) {
    // What is at odds stays as it is: written anew it would no longer be, and a second machine would be made.
    const previous = before.conditions ?? [];
    const conditions = conditionsOf(view, outcome, seen, { previous, generation, now: toTime(view.now) });
    return { ...before, observedGeneration: generation, conditions };
  }
  return {
    // A spec that we are kept from looking at has not been observed: nobody may take it for done.
    observedGeneration: outcome.kind === "Halted" ? (before?.observedGeneration ?? -1) : generation,
    ...(record && { id: record.id }),
    ...(teamId !== undefined && { teamId }),
    ...(object.metadata.uid !== undefined && { uid: object.metadata.uid }),
    ...(gone || !record ? {} : factsOf(seen, memory, before)),
    ...(memory.power !== undefined && { power: memory.power }),
    ...(memory.operation && { operation: memory.operation }),
    conditions: conditionsOf(view, outcome, seen, {
      previous: before?.conditions ?? [],
      generation,
      now: toTime(view.now),
    }),
  };
}

/**
 * While a change is under way, details trickle in one by one; they are shown with the next state, so that a change
 * costs a handful of writes and not one for each address and size.
 */
function factsOf(
  seen: Machine | undefined,
  { operation }: MachineMemory,
  before: MachineStatus | undefined,
): Partial<MachineStatus> {
  const sameState = operation !== undefined && before?.state !== undefined && before.state === seen?.state;
  if (seen && !sameState) return described(seen);
  return before ? remembered(before) : {};
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
    ram: machine.ram,
    storageTotal: machine.storageTotal,
    networkId: machine.networkId,
    privateIp: machine.privateIp,
    publicIp: machine.publicIp,
    publicIpType: machine.publicIpType,
    usageRate: machine.usageRate,
    storageRate: machine.storageRate,
    createdAt: machine.dtCreated,
    accelerators: accelerators?.length
      ? accelerators.map(({ name, count, memory }) => ({ name, count, ...(memory && { memory }) }))
      : undefined,
  };
  const full = Object.entries(fields).filter(
    ([, value]) => value !== null && value !== undefined && value !== "" && value !== 0,
  );
  return Object.fromEntries(full) as Partial<MachineStatus>;
}

/** While the machine cannot be seen, what was last known stays: it is all there is. */
function remembered(before: MachineStatus): Partial<MachineStatus> {
  const {
    observedGeneration: _,
    id: _id,
    teamId: _team,
    uid: _uid,
    power: _power,
    operation: _op,
    conditions: _c,
    ...facts
  } = before;
  return facts;
}

function conditionsOf(
  view: MachineView,
  outcome: Telling,
  machine: Machine | undefined,
  facts: ConditionFacts,
): Condition[] {
  const paused: Claim[] = view.halted ? [{ type: "Paused", status: "True", ...view.halted }] : [];
  const running = runningClaim(machine, outcome);
  if (outcome.kind === "Halted") {
    // Only what can be seen without acting is said anew; the rest stands as it was when we were halted.
    const kept = facts.previous.filter(({ type }) => type !== "Paused" && type !== "Running");
    return [...kept, ...conditions([...running, ...paused], facts)];
  }
  const claims = [
    ...progressClaims(outcome, view.deleting),
    ...syncedClaim(view, machine),
    ...running,
    ...paused,
  ];
  return conditions(claims, facts);
}

function syncedClaim({ spec }: MachineView, machine: Machine | undefined): Claim[] {
  if (!machine) return [];
  const { changes } = settingsDrift(spec, machine);
  return changes.length === 0
    ? [{ type: "Synced", status: "True", reason: "Synced", message: "the settings are as declared" }]
    : [{ type: "Synced", status: "False", reason: "Drifted", message: describe(changes) }];
}

function runningClaim(machine: Machine | undefined, outcome: Telling): Claim[] {
  if (!machine) return [];
  const running = powerOf(machine.state) === "ready";
  const shutDown = !running && outcome.reason === REASON.AutoShutdown;
  const reason = running ? "On" : shutDown ? REASON.AutoShutdown : stateReason(machine.state);
  return [
    {
      type: "Running",
      status: running ? "True" : "False",
      reason,
      message: `Paperspace reports ${machine.state}`,
    },
  ];
}

/** A reason must be CamelCase; a state of the API, even one not known yet, becomes one. */
function stateReason(state: string): string {
  const letters = state.replace(/[^A-Za-z0-9]/g, "");
  return letters ? `${letters.charAt(0).toUpperCase()}${letters.slice(1)}` : "Unknown";
}
