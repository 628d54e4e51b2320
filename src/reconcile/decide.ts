/**
 * The frame of every kind's `decide`: ownership first, then whether the thing is there, then its life or its end. What
 * each of these means beyond what all kinds share, the kind says. Pure.
 */
import { act, noStep, withoutOperation } from "./decision.ts";
import {
  type AbsenceInput,
  absence,
  adoption,
  type DeleteStep,
  deletion,
  type ResourceState,
} from "./existence.ts";
import type { Decision, ManagedObject, Operation, Step } from "./kind.ts";
import type { ReadError } from "./outcome.ts";
import { decideOwnership, type OwnershipFacts, type OwnershipStep } from "./ownership.ts";

/** What every kind's view says; `P` is what its thing is like. */
export interface Observation<M = { operation?: Operation }, P = unknown> extends OwnershipFacts {
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
  resource: ResourceState<P>;
  /** The last look failed: what to say instead of deciding on old knowledge. */
  readError?: ReadError;
  memory: M;
  /** Wall clock. */
  now: number;
  /** In milliseconds: how often to look while waiting, and to try again what is late. */
  limits: { lookMs: number; slowMs: number };
}

type Present<V extends Observation> = Extract<V["resource"], { state: "present" }>;

/** Where a kind has nothing to add, a phase is what it is for every kind. */
export interface Phases<V extends Observation, S extends Step> {
  /** MUST come to `adoption` of existence.ts. */
  adopt?(observation: V, id: string): OwnershipStep;
  create?(observation: V): Decision<S, V["memory"]>;
  release?(observation: V, step: OwnershipStep & { do: "release" }): Decision<S, V["memory"]>;
  /** MUST come to `absence` of existence.ts. */
  absent?(observation: V, certain: boolean): Decision<S, V["memory"]>;
  /** Names of facts to be looked up while the object is halted: what a plan needs. */
  missingFacts?(observation: V): readonly string[];
  deleting?(observation: V, resource: Present<V>): Decision<S, V["memory"]>;
  /** It is there, shall stay, and nobody has halted us. */
  present(observation: V, resource: Present<V>): Decision<S, V["memory"]>;
}

export function decide<V extends Observation, S extends Step>(
  observation: V,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, V["memory"]> {
  const { memory, resource, readError } = observation;
  const owned = decideOwnership(observation);
  if (owned) return owning(observation, owned, phases);
  if (readError) return noStep(readError, memory);
  switch (resource.state) {
    case "unknown":
      return noStep({ kind: "Unknown" }, memory);
    case "absent":
      if (phases.absent) return phases.absent(observation, resource.certain);
      return absence(observation as AbsenceInput<V["memory"]>, resource.certain, withoutOperation(memory));
    case "present":
      if (observation.deleting)
        return phases.deleting?.(observation, resource as Present<V>) ?? deletion<V["memory"]>(observation);
      return halted(observation, phases) ?? phases.present(observation, resource as Present<V>);
  }
}

function halted<V extends Observation, S extends Step>(
  observation: V,
  { missingFacts }: Phases<V, S>,
): Decision<S, V["memory"]> | undefined {
  const { halted: why, memory, recheckMs } = observation;
  if (!why) return undefined;
  return {
    ...noStep({ kind: "Halted", ...why, recheckMs }, memory),
    ...(missingFacts && { needs: missingFacts(observation) }),
  };
}

function owning<V extends Observation, S extends Step>(
  observation: V,
  owned: OwnershipStep,
  phases: Phases<V, S>,
): Decision<S, V["memory"]> {
  const { memory, resource, readError } = observation;
  switch (owned.do) {
    case "adopt": {
      const seen = { state: resource.state, ...(readError && { readError }), changes: [] };
      return act(phases.adopt?.(observation, owned.id) ?? adoption(owned.id, seen, observation), memory);
    }
    case "create":
      return phases.create?.(observation) ?? act(owned, withoutOperation(memory));
    case "release":
      return phases.release?.(observation, owned) ?? act(owned, memory);
    default:
      return act(owned, memory);
  }
}
