/**
 * The decision of every kind, as one sequence of phases: ownership first, then whether the resource exists, then its
 * deletion or its convergence. A kind gives its phases as data; the order, and what all kinds share, is here. Pure.
 */
import type { Change } from "./change.ts";
import {
  type AbsentResource,
  act,
  ageOfTime,
  type Decision,
  done,
  isDeleteUnderWay,
  isLate,
  noStep,
  type Observation,
  requeueAfter,
  stalled,
  withoutOperation,
} from "./decision.ts";
import { absence, adoption, type DeleteStep, decideDeletion, deletionProtected } from "./existence.ts";
import type { Step } from "./managed.ts";
import { isReported } from "./outcome.ts";
import { decideOwnership, type OwnershipStep, tooLate, withoutAccount, wrongTeam } from "./ownership.ts";
import { REASON } from "./reasons.ts";

type MemoryOf<V extends Observation> = V["memory"];
type PresentResource<V extends Observation> = Extract<V["resource"], { state: "present" }>;

/** Result of settling the operation in flight: a decision about it, or the memory once none is in flight. */
export type Settled<D, M> = { decision: D } | { memory: M };

/** A phase that a kind leaves out has a generic default; only `converge` has none. */
export interface Phases<V extends Observation, S extends Step> {
  /** What differs from the spec and cannot be changed: such a resource is not adopted. */
  immutable?(observation: V, resource: PresentResource<V>): readonly Change[];
  /** What is remembered of a resource from its adoption on. Default: nothing more. */
  adopted?(observation: V, resource: PresentResource<V>): MemoryOf<V>;
  /** Why the object is to own nothing now: nothing is adopted, and nothing created. Default: it always is to. */
  nothingToOwn?(observation: V): Decision<S, MemoryOf<V>> | undefined;
  /** What must be ready before a create, or why a create would fail; undefined: it is sent. */
  beforeCreate?(observation: V): Decision<S, MemoryOf<V>> | undefined;
  /**
   * What the object left in the cloud besides its resource, once that is certainly gone, never was, or stays as an
   * orphan: a step to remove it, and what is remembered where nothing is left. Not performed while the object is halted.
   */
  leftovers?(
    observation: V,
    memory: MemoryOf<V>,
  ): { memory: MemoryOf<V>; decision?: Decision<S, MemoryOf<V>> };
  /**
   * What is remembered of a resource that is certainly gone because the operator deleted it to make another one; undefined
   * where it did not. Default: no kind does.
   */
  replaced?(observation: V, memory: MemoryOf<V>): MemoryOf<V> | undefined;
  /** What is still remembered once the resource is certainly gone. Default: all but the operation. */
  forgetResource?(memory: MemoryOf<V>): MemoryOf<V>;
  /** Facts that a plan needs, fetched while the object is halted. */
  missingFacts?(observation: V): readonly string[];
  /**
   * Of what is only observed: how it is by itself, whatever is declared. MUST NOT take a step. Default: it is there, and
   * ready.
   */
  observed?(observation: V, resource: PresentResource<V>): Decision<S, MemoryOf<V>>;
  deleting?(observation: V, resource: PresentResource<V>): Decision<S, MemoryOf<V>>;
  /** What goes on of a resource while its deletion is refused. Default: nothing. */
  whileProtected?(observation: V, resource: PresentResource<V>): Decision<S, MemoryOf<V>>;
  /** Default: an operation is over as soon as the resource is observed. */
  settle?(observation: V, resource: PresentResource<V>): Settled<Decision<S, MemoryOf<V>>, MemoryOf<V>>;
  /** One step towards the spec. The memory in `observation` is the settled one. */
  converge(observation: V, resource: PresentResource<V>): Decision<S, MemoryOf<V>>;
}

export function decide<V extends Observation, S extends Step>(
  observation: V,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, MemoryOf<V>> {
  const decision = inOrder(observation, phases);
  const { orphanTooLate } = observation;
  return orphanTooLate === undefined ? decision : withSentence(decision, tooLate(orphanTooLate));
}

/** Reported with whatever the object waits for. */
function withSentence<S extends Step, M>(decision: Decision<S, M>, sentence: string): Decision<S, M> {
  const { step } = decision;
  if (step.do !== "none" || !("outcome" in step) || !isReported(step.outcome)) return decision;
  const outcome = { ...step.outcome, message: `${step.outcome.message}. ${sentence}` };
  return { ...decision, step: { do: "none", outcome } };
}

function inOrder<V extends Observation, S extends Step>(
  observation: V,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, MemoryOf<V>> {
  const { memory, resource, readError, identity } = observation;
  const owned = decideOwnership(observation);
  if (owned) return own(observation, owned, phases);
  if (readError) return noStep(readError, memory);
  switch (resource.state) {
    case "unknown":
      return noStep({ kind: "Unknown" }, memory);
    case "absent":
      return observation.observes && identity.state === "adopt"
        ? act(adoption(identity.id, { state: "absent", changes: [] }, observation), memory)
        : absent(observation, resource, phases);
    case "present":
      return present(observation, resource as PresentResource<V>, phases);
  }
}

/** Completes the ownership decision; a kind may only add a step before a create, an adoption or a release. */
function own<V extends Observation, S extends Step>(
  observation: V,
  owned: OwnershipStep,
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const { memory, resource, readError, otherCluster } = observation;
  const isToOwn = owned.do === "adopt" || owned.do === "create";
  const nothing = isToOwn ? phases.nothingToOwn?.(observation) : undefined;
  if (nothing) return nothing;
  switch (owned.do) {
    case "adopt": {
      const found = resource.state === "present" ? (resource as PresentResource<V>) : undefined;
      const changes = found ? (phases.immutable?.(observation, found) ?? []) : [];
      const candidate = {
        state: resource.state,
        ...(readError && { readError }),
        ...(otherCluster && { otherCluster }),
        changes,
      };
      const step = adoption(owned.id, candidate, observation);
      const isAdopted = found && step.do === "recordOwnership";
      return act(step, (isAdopted && phases.adopted?.(observation, found)) || memory);
    }
    case "create":
      return phases.beforeCreate?.(observation) ?? act(owned, withoutOperation(memory));
    case "release":
      return release(observation, owned, phases);
    default:
      return act(owned, memory);
  }
}

/**
 * An object that owns nothing, or leaves it as an orphan, may still have leftovers. Without a valid key they block its
 * release only until the deletion is late.
 */
function release<V extends Observation, S extends Step>(
  observation: V,
  step: OwnershipStep & { do: "release" },
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const { memory, halted, recheckMs, deletedAt, now, limits } = observation;
  const isOwn = step.reason !== REASON.IdentityConflict && step.reason !== REASON.AlreadyOwned;
  const decision = isOwn ? phases.leftovers?.(observation, memory).decision : undefined;
  if (!decision) return act(step, memory);
  if (halted) return noStep({ kind: "Terminal", ...halted, recheckMs }, memory);
  const keyless = withoutAccount(observation) ?? wrongTeam(observation);
  if (!keyless) return decision;
  const isLate = deletedAt !== undefined && ageOfTime(deletedAt, now) >= limits.deleteMs;
  return act(isLate ? step : keyless, memory);
}

/** What is done because of an absence rests on reads of now, not on those that showed it first. */
function absent<V extends Observation, S extends Step>(
  observation: V,
  resource: AbsentResource,
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const decision = absentDecision(observation, resource, phases);
  if (decision.step.do === "none" || !resource.isStale) return decision;
  const { noun, memory, limits } = observation;
  const message = `the API does not show the ${noun}; that is confirmed once more before anything is done`;
  const confirming = requeueAfter<S, MemoryOf<V>>(memory, REASON.AbsenceUnconfirmed, message, limits.lookMs);
  return { ...confirming, confirms: true };
}

function absentDecision<V extends Observation, S extends Step>(
  observation: V,
  resource: AbsentResource,
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const { halted, recheckMs } = observation;
  const forgotten = phases.forgetResource?.(observation.memory) ?? withoutOperation(observation.memory);
  if (!resource.certain || (halted && !isReplaced(observation, phases)) || !phases.leftovers)
    return absence(observation, resource, forgotten);
  if (halted)
    return observation.observes
      ? madeWay(observation)
      : noStep({ kind: "Halted", ...halted, recheckMs }, observation.memory);
  const { memory, decision } = phases.leftovers(observation, forgotten);
  if (decision) return decision;
  const replaced = isReplaced(observation, phases) ? phases.replaced?.(observation, memory) : undefined;
  return replaced ? act({ do: "disown", replaced: true }, replaced) : absence(observation, resource, memory);
}

/** The delete was sent before it was only observed. What it left, and the record, go once it is managed again. */
function madeWay<V extends Observation, S extends Step>({
  halted,
  noun,
  memory,
  recheckMs,
}: V): Decision<S, MemoryOf<V>> {
  const message = `${halted?.message}. Its ${noun} was deleted by the operator before that, as the object declares, and is gone: have the object managed again, and it goes on from there`;
  return stalled(memory, REASON.NothingToObserve, message, recheckMs);
}

function isReplaced<V extends Observation, S extends Step>(observation: V, phases: Phases<V, S>): boolean {
  return !observation.deleting && phases.replaced?.(observation, observation.memory) !== undefined;
}

function present<V extends Observation, S extends Step>(
  observation: V,
  resource: PresentResource<V>,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, MemoryOf<V>> {
  const { halted, memory, recheckMs } = observation;
  if (observation.deleting) return deleting(observation, resource, phases);
  if (halted) {
    const decision = observation.observes
      ? observed(observation, resource, phases)
      : noStep<S, MemoryOf<V>>({ kind: "Halted", ...halted, recheckMs }, memory);
    const needs = [...(decision.needs ?? []), ...(phases.missingFacts?.(observation) ?? [])];
    return { ...decision, ...(needs.length > 0 && { needs: [...new Set(needs)] }) };
  }
  const settled = phases.settle?.(observation, resource) ?? { memory: withoutOperation(memory) };
  if ("decision" in settled) return settled.decision;
  const { memory: rested } = settled;
  return phases.converge(rested === memory ? observation : { ...observation, memory: rested }, resource);
}

function observed<V extends Observation, S extends Step>(
  observation: V,
  resource: PresentResource<V>,
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const { memory, noun, ownedBy } = observation;
  const decision =
    phases.observed?.(observation, resource) ??
    done<S, MemoryOf<V>>(memory, "Available", `the ${noun} is there`);
  if (ownedBy === undefined) return decision;
  return withSentence(
    decision,
    `It is owned by ${ownedBy}, which has to leave it before this object manages it`,
  );
}

function deleting<V extends Observation, S extends Step>(
  observation: V,
  resource: PresentResource<V>,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, MemoryOf<V>> {
  const { protection, now } = observation;
  const decision = phases.deleting?.(observation, resource) ?? decideDeletion<MemoryOf<V>>(observation);
  if (protection === undefined) return decision;
  const { operation } = decision.memory;
  const isSent = decision.step.do === "none" && isDeleteUnderWay(operation) && !isLate(operation, now);
  return isSent
    ? withSentence<S | DeleteStep, MemoryOf<V>>(
        decision,
        tooLate(operation.requestedAt, "deletion protection"),
      )
    : refused(observation, resource, phases);
}

/** The deletion is refused, and what is declared goes on as far as the kind says. */
function refused<V extends Observation, S extends Step>(
  observation: V,
  resource: PresentResource<V>,
  phases: Phases<V, S>,
): Decision<S, MemoryOf<V>> {
  const { memory, limits } = observation;
  const meanwhile = phases.whileProtected?.(observation, resource) ?? noStep({ kind: "Unknown" }, memory);
  const { step, needs } = meanwhile;
  if (step.do !== "none" || !("outcome" in step)) return meanwhile;
  const { outcome } = step;
  const soon = outcome.kind === "RequeueAfter" ? outcome.afterMs : limits.slowMs;
  const waiting = deletionProtected<S, MemoryOf<V>>(observation, meanwhile.memory, soon);
  return { ...waiting, ...(needs && { needs }) };
}
