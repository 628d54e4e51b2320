/**
 * What would be done if the object were not under dry-run: the decision itself, played ahead on an observation without
 * the halt, so that a plan cannot promise what is not decided. What a step means in a plan is the kind's. Pure.
 */
import { decide, type Phases } from "./decide.ts";
import type { Decision, Observation } from "./decision.ts";
import { type DeleteStep, decideDeletion } from "./existence.ts";
import type { Step } from "./managed.ts";
import type { Outcome } from "./outcome.ts";
import { isOwnershipStep, type OwnershipStep } from "./ownership.ts";

/** The create, or a step of the kind, and the observation that it is decided on. */
export interface PlannedStep<V extends Observation, S extends Step> {
  step: S | DeleteStep | { do: "create" };
  observation: V;
}

/** The observation in which a missing fact is in favour; undefined where what is waited for is no plan. */
export type Favoured<V extends Observation> = (
  outcome: Outcome,
  observation: V,
  needs: readonly string[],
) => V | undefined;

/** More than the bookkeeping before any step takes. */
const MOST_PASSES = 100;

/**
 * The first step that the decision comes to beyond bookkeeping; undefined: nothing would be done. Failed reads do not
 * count: the plan is of what was observed last. What is to be deleted, and was not observed yet, is taken to be there.
 */
export function plannedStep<V extends Observation, S extends Step>(
  observation: V,
  phases: Phases<V, S>,
  favoured: Favoured<V> = () => undefined,
): PlannedStep<V, S> | undefined {
  const { halted: _halt, observes: _only, readError: _stale, ...facts } = observation;
  let current: V | undefined = { ...(facts as V), resource: waitedOut(facts.resource) };
  for (let passes = 0; current && passes < MOST_PASSES; passes++) {
    const decision: Decision<S | DeleteStep, V["memory"]> = decide(current, phases);
    const { step, memory, needs = [] } = decision;
    const decided: V = { ...current, memory };
    if (!isOwnershipStep(step) || step.do === "create") return { step, observation: decided };
    if (step.do !== "none") current = afterStep(step, decided);
    else if (isUnseenEnd(step.outcome, decided)) return unseenEnd(decided);
    else current = favoured(step.outcome, decided, needs);
  }
  return undefined;
}

/** What is certainly absent, once all that is waited for is over. */
function waitedOut(resource: Observation["resource"]): Observation["resource"] {
  return resource.state === "absent" && resource.certain ? { state: "absent", certain: true } : resource;
}

function isUnseenEnd({ kind }: Outcome, { deleting, protection, resource, account }: Observation): boolean {
  const isEnd = deleting && protection === undefined;
  return kind === "Unknown" && isEnd && resource.state === "unknown" && account.state !== "pending";
}

function unseenEnd<V extends Observation, S extends Step>(observation: V): PlannedStep<V, S> | undefined {
  const { step } = decideDeletion(observation);
  return isOwnershipStep(step) ? undefined : { step, observation };
}

/** What is observed once such a step is done; undefined where the object may go then. */
function afterStep<V extends Observation>(
  step: Exclude<OwnershipStep, { do: "none" | "create" }>,
  observation: V,
): V | undefined {
  const { attempt: _attempt, resolution: _resolution, ...resolved } = observation;
  const { identity, account } = observation;
  switch (step.do) {
    case "addFinalizer":
      return { ...observation, finalizer: true };
    case "restoreRecord":
      return identity.state === "ours"
        ? { ...observation, identity: { ...identity, restore: false } }
        : undefined;
    case "closeAttempt":
      return resolved as V;
    case "recordOwnership": {
      const team = account.state === "valid" ? account.team : "";
      const record = { id: step.id, team, name: "", uid: "" };
      return { ...(resolved as V), identity: { state: "ours", record, restore: false } };
    }
    case "disown":
      return { ...observation, identity: { state: "none" }, resource: { state: "unknown" } };
    // The generic decision has refined "adopt".
    case "adopt":
    case "release":
      return undefined;
  }
}
