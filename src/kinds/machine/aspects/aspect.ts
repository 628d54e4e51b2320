/**
 * The terms of an aspect: one feature that the spec of a machine can declare. Each aspect answers which facts are
 * missing, what differs, what to do next, and what that leads to. Their order, and what is computed over all of them,
 * is in aspects/list.ts. Pure.
 */
import { printableJson } from "../../../base/plain-text.ts";
import type { Change } from "../../../reconcile/change.ts";
import { stepName } from "../../../reconcile/managed.ts";
import type { ReadError } from "../../../reconcile/outcome.ts";
import type { Requests } from "../../../reconcile/record.ts";
import type { Machine } from "../api.ts";
import {
  act,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type Power,
  type Related,
  TO_RESIZE,
} from "../observation.ts";
import type { MachineStatus } from "../types.ts";

/** What one pass over a machine at rest gathers on its way. */
export interface Convergence {
  readonly observation: MachineObservation;
  readonly machine: Machine;
  readonly power: Exclude<Power, "changing">;
  memory: MachineMemory;
  /** Facts that are missing: without them the machine cannot be reported as ready. */
  readonly needs: string[];
  /** What only the user can correct. */
  readonly userErrors: { reason: string; message: string }[];
  /** What failed in a way that may pass by itself. */
  readonly retries: ReadError[];
  /** What a running machine waits for before it is resized. */
  waiting?: MachineDecision;
}

/** An entry of status.plan. */
export type PlannedChange = NonNullable<MachineStatus["plan"]>[number];

/** What the plan assumes that a step leads to: the parts of the observation that are different afterwards. */
export interface StepEffect {
  /** Absent where the step changes nothing of the machine itself. */
  entries?: readonly PlannedChange[];
  machine?: Partial<Machine>;
  related?: Partial<Related>;
  memory?: Partial<MachineMemory>;
  /** Requests that the step answers. */
  answers?: Requests;
}

export interface Leftovers {
  memory: MachineMemory;
  /** What to do about them; absent when nothing is left. */
  decision?: MachineDecision;
}

export interface Aspect {
  /** Whether it takes the same steps wherever a change of power ends; its `next` MUST NOT read `power`. */
  readonly anyPower?: true;
  /** Facts without which it is not known whether the machine is as declared. */
  missingFacts?(observation: MachineObservation): readonly string[];
  /** Everything that is seen to differ from the spec, whether it can be changed or not. */
  drift?(observation: MachineObservation, machine: Machine): readonly Change[];
  /** Fields of the spec that cannot be compared, since what the API shows of them is not readable. */
  unreadable?(observation: MachineObservation, machine: Machine): readonly string[];
  /** What must be remembered before anything is done. */
  remember?(memory: MachineMemory, machine: Machine): MachineMemory;
  /** The next step; undefined where there is none, with what stands in its way noted in the convergence. */
  next(convergence: Convergence): MachineDecision | undefined;
  /** What is to be cleaned up once the machine is gone (`machine` is absent), or has no use for it. */
  leftovers?(observation: MachineObservation, memory: MachineMemory, machine?: Machine): Leftovers;
  /**
   * What the plan assumes of a step, after the steps `before`. MUST remove the cause of the step, or the plan would repeat
   * it. Undefined for the steps of other aspects.
   */
  effect(
    step: MachineStep,
    observation: MachineObservation,
    machine: Machine,
    before: readonly MachineStep[],
  ): StepEffect | undefined;
}

/** Whether the machine was stopped just for the resize, or the snapshot before it, that comes at `index` of the steps. */
export function isStoppedToResize(steps: readonly MachineStep[], index: number): boolean {
  const before = steps[index - 1];
  const stop = before?.do === "snapshot" ? steps[index - 2] : before;
  return stop?.do === "stop" && stop.target === TO_RESIZE;
}

/** The step, unless it backs off: then it is noted, and the pass goes on, since a failure must not keep a machine on. */
export function unlessBackingOff(convergence: Convergence, step: MachineStep): MachineDecision | undefined {
  const backingOff = convergence.observation.backingOff[stepName(step)];
  if (!backingOff) return act(step, convergence.memory);
  if (backingOff.kind === "Retry") convergence.retries.push(backingOff);
  else convergence.userErrors.push({ reason: backingOff.reason, message: backingOff.message });
  return undefined;
}

/** The step that cleans up after a machine that is still there. */
export function cleanUp(
  convergence: Convergence,
  leftovers: NonNullable<Aspect["leftovers"]>,
): MachineDecision | undefined {
  const { observation, machine } = convergence;
  const { memory, decision } = leftovers(observation, convergence.memory, machine);
  convergence.memory = memory;
  return decision;
}

export function plannedChange(
  action: string,
  { field, from, to }: Change,
  { needsStop = false, losesData = false }: Partial<PlannedChange> = {},
): PlannedChange {
  return {
    action,
    needsStop,
    losesData,
    field,
    ...(from !== undefined && { from: printableJson(from) }),
    ...(to !== undefined && { to: printableJson(to) }),
  };
}
