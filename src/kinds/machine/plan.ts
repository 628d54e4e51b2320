/**
 * What would be done if the object were not under dry-run: the steps that the decision itself takes, one after the other,
 * each from an observation in which the step before it has led to what it should. So the plan holds nothing that the
 * decision does not do, in the order in which it does it. Pure.
 */
import { millis } from "../../reconcile/conditions.ts";
import type { Phases } from "../../reconcile/decide.ts";
import { noStep } from "../../reconcile/decision.ts";
import { plannedStep } from "../../reconcile/plan.ts";
import { requestsWhere } from "../../reconcile/record.ts";
import type { Machine } from "./api.ts";
import { type PlannedChange, plannedChange, type StepEffect } from "./aspects/aspect.ts";
import { AT_ANY_POWER, effectOf, nextDecision } from "./aspects/list.ts";
import { typeOf } from "./capacity.ts";
import { converge, convergenceOf } from "./converge.ts";
import { machinePhases } from "./decide.ts";
import { machineDeletion } from "./deletion.ts";
import { settle } from "./in-flight.ts";
import {
  act,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type ShellEvidence,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { candidatesOf, placedSpec, placeKey, withCandidate } from "./placement/candidates.ts";
import { nextRung } from "./placement/ladder.ts";
import type { MachineSpec } from "./types.ts";

export type Plan = PlannedChange[];

/** Empty: nothing would be done, or not while the account is refused it. What is to be cleaned up is not in it. */
export function planOf(observation: MachineObservation): Plan {
  const { spec, related } = observation;
  const next = plannedStep(assumed(observation, spec.machineType), PHASES);
  switch (next?.step.do) {
    case "create":
      return creation(placedSpec(spec, next.observation.memory.placement?.chosen));
    case "delete":
      return [entry("Delete", true)];
    case "converge": {
      const { resource } = next.observation;
      const at = { ...next.observation, related };
      return resource.state === "present" ? changes(at, resource.machine) : [];
    }
    default:
      return [];
  }
}

/** Whether there is a machine to converge, to delete or to create; what is done about one that is there comes below. */
const PHASES: Phases<MachineObservation, MachineStep | { do: "converge" }> = {
  ...machinePhases,
  leftovers: (_observation, memory) => ({ memory }),
  deleting: (observation, { machine }) =>
    isDeletionSent(observation, machine)
      ? noStep({ kind: "Unknown" }, observation.memory)
      : act({ do: "delete" }, observation.memory),
  settle: ({ memory }) => ({ memory }),
  converge: ({ memory }) => ({ step: { do: "converge" }, memory }),
};

function isDeletionSent(observation: MachineObservation, machine: Machine): boolean {
  const { memory, event } = observation;
  if (memory.operation?.intent !== "Delete") return false;
  // Whether it arrived is not known without its event.
  if (event.state !== "pending" && event.state !== "done") return false;
  const { step } = machineDeletion(observation, machine);
  return step.do === "none" && step.outcome.kind === "RequeueAfter";
}

function creation(spec: MachineSpec): Plan {
  const fields = Object.entries(spec).filter(([field]) => CREATED_WITH.has(field));
  return [
    entry("Create", false),
    ...fields.map(([field, to]) => plannedChange("Create", { field, from: undefined, to })),
  ];
}

/** The policies and references of the spec are not the machine's. */
const CREATED_WITH: ReadonlySet<string> = new Set<keyof MachineSpec>([
  "name",
  "machineType",
  "region",
  "templateId",
  "diskSize",
  "powerState",
  "networkId",
  "publicIpType",
  "startupScriptId",
  "autoShutdown",
  "autoSnapshot",
  "restorePoint",
  "accessors",
  "enableNvlink",
  "takeInitialSnapshot",
  "emailPassword",
]);

/** More than any spec leads to: a step whose effect does not remove its cause must not keep the process busy. */
const MOST_STEPS = 1_000;

function changes(observation: MachineObservation, machine: Machine): Plan {
  const plan: Plan = [];
  const steps: MachineStep[] = [];
  // A failed step is tried again, so what backs off now is planned all the same.
  const memory = withoutAwaited(observation.memory);
  let current: Present = { observation: { ...observation, memory, backingOff: {} }, machine };
  while (steps.length < MOST_STEPS) {
    const next = nextInTime(current);
    if (next?.step.do === "replace") return [...plan, ...replacement(next)];
    const effect = next && effectOf(next.step, next.at.observation, next.at.machine, steps);
    if (!effect) break;
    plan.push(...(effect.entries ?? []));
    steps.push(next.step);
    current = after(next, effect);
  }
  return plan;
}

/** A machine without hardware makes way for the next candidate. */
function replacement({ at: { observation } }: Next & { at: Present }): Plan {
  const { memory, spec } = observation;
  const free = assumed(observation, spec.machineType);
  const next = nextRung(free, memory.placement?.chosen);
  return [entry("Delete", false), ...("go" in next ? creation(withCandidate(spec, next.go)) : [])];
}

/** What is sent once more in a while is planned. */
function withoutAwaited({ storedAs, ...memory }: MachineMemory): MachineMemory {
  const certain = storedAs?.filter(({ since }) => since === undefined) ?? [];
  return { ...memory, ...(certain.length > 0 && { storedAs: certain }) };
}

const SNAPSHOT_DONE = { id: "", name: "snapshot-create", state: "done", dtCreated: "" };

interface Present {
  observation: MachineObservation;
  machine: Machine;
}

interface Next {
  step: MachineStep;
  memory: MachineMemory;
}

/** The next step, `at` the time when it is taken: where something is waited for, once that is over. */
function nextInTime(current: Present): (Next & { at: Present }) | undefined {
  let at = current;
  for (let waits = 0, later: Present | undefined = current; later; later = afterWait(at, waits++)) {
    at = later;
    const next = nextStep(at);
    if (next) return { ...next, at };
  }
  const next = nextStep(withHardware(at));
  return next && { ...next, at };
}

/** The step that the decision takes. While a change of power is under way, it is looked for beyond its end. */
function nextStep({ observation, machine }: Present): Next | undefined {
  const settled = settle(observation, machine);
  if ("memory" in settled && powerOf(machine.state) !== "changing")
    return asNext(converge({ ...observation, memory: settled.memory }, machine));
  const next = "decision" in settled ? asNext(settled.decision) : undefined;
  return next ?? (isPowerOpen(observation, machine) ? atAnyPower(observation, machine) : undefined);
}

function asNext({ step, memory }: ReturnType<typeof converge>): Next | undefined {
  return step.do === "none" ? undefined : { step: step as MachineStep, memory };
}

/** Only what does not depend on where a change of power ends. */
function atAnyPower(observation: MachineObservation, machine: Machine): Next | undefined {
  const decision = nextDecision(convergenceOf(observation, machine, "ready"), AT_ANY_POWER);
  const next = decision && asNext(decision);
  return next && { step: next.step, memory: observation.memory };
}

/** Whether a change is under way that may end in any power state. */
function isPowerOpen({ event }: MachineObservation, { state }: Machine): boolean {
  const isUnderWay = event.state === "pending" || (event.state === "done" && event.unseen === true);
  return isUnderWay || !["off", "ready"].includes(powerOf(state));
}

/**
 * The observation once the operation in flight is sent again, or is past its deadline; undefined where more than time is
 * missing for it. A hint of free hardware does not hold for so long.
 */
function afterWait({ observation, machine }: Present, waits: number): Present | undefined {
  const { now, limits, related } = observation;
  const settled = settle(observation, machine);
  if (waits > 1 || !("decision" in settled) || isPowerOpen(observation, machine)) return undefined;
  const { memory } = settled.decision;
  const deadline = millis(memory.operation?.deadline) ?? 0;
  const later = waits === 0 ? now + limits.resendMs : Math.max(now, deadline) + limits.slowMs;
  // A snapshot whose answer was lost was taken.
  const snapshot = { id: "taken", events: [SNAPSHOT_DONE], ageMs: 0 };
  const unknown = { ...related, capacity: {}, snapshot, shell: assumedShell(observation) };
  const after = { memory, related: unknown, snapshotSettled: true, now: later };
  return { machine, observation: { ...observation, ...after } };
}

/** Hardware is free in the end, and an account of which nothing is known is in good standing. */
function withHardware({ observation, machine }: Present): Present {
  return { machine, observation: assumed(observation, typeOf(observation.spec, machine)) };
}

function assumed(observation: MachineObservation, type: string): MachineObservation {
  const { spec, related } = observation;
  const free = { hint: "free" } as const;
  return {
    ...observation,
    related: {
      ...related,
      standing: related.standing ?? { good: true, messages: [] },
      rates: related.rates ?? {},
      machines: related.machines ?? { count: 0, most: Number.POSITIVE_INFINITY },
      capacity: { [type]: free, [spec.machineType]: free },
      places: Object.fromEntries(candidatesOf(spec).map((place) => [placeKey(place), free])),
      shell: assumedShell(observation),
    },
  };
}

/** What is known of its events is all that there is. */
function assumedShell({ related, history }: MachineObservation): ShellEvidence {
  return { events: related.shell?.events ?? history, isSettled: true };
}

function after(
  { at: { observation, machine }, memory }: Next & { at: Present },
  effect: StepEffect,
): Present {
  const { requests, related } = observation;
  const { answers } = effect;
  return {
    machine: { ...machine, ...effect.machine },
    observation: {
      ...observation,
      memory: { ...memory, ...effect.memory },
      related: { ...related, ...effect.related },
      requests: requestsWhere(requests, (value, name) => value !== answers?.[name]),
    },
  };
}

function entry(action: string, losesData: boolean): PlannedChange {
  return { action, needsStop: false, losesData };
}
