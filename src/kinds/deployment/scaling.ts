/**
 * Another number of instances of what is healthy: while enough of them serve it stays Ready, from before the number is
 * sent until its last instance is there. Pure.
 */
import type { Outcome } from "../../reconcile/outcome.ts";
import { type DeploymentDecision, type DeploymentObservation, FACT } from "./observation.ts";
import { REASON } from "./reasons.ts";
import { areStale, isOff, isOfTemplate, isServing, leastOf } from "./rollout.ts";
import type { ChosenTarget } from "./target.ts";

type Waiting = Extract<Outcome, { kind: "RequeueAfter" }>;

/** Whether what runs is of the target's template, was healthy, and has as many ready instances as the target needs. */
export function isServed(
  { target, rolledBack }: Pick<ChosenTarget, "target" | "rolledBack">,
  { memory: { history }, runs, isUnobserved }: DeploymentObservation,
): boolean {
  const [head] = history;
  if (!head || !runs || rolledBack || isUnobserved || isOff(target)) return false;
  const isEnough = runs.list.some(({ ready }) => ready >= leastOf(target));
  return isEnough && isServing(head) && isOfTemplate(head, target);
}

/** What is waited for takes nothing away from what serves. */
export function whileServing(outcome: Waiting): Waiting {
  const message = `enough instances are ready; ${outcome.message}`;
  return {
    ...outcome,
    reason: REASON.Scaling,
    message,
    ready: { status: "True", reason: REASON.Available },
  };
}

/** The same of a decision that waits, with the runs that its Ready rests on. */
export function readyMeanwhile(
  decision: DeploymentDecision,
  { runs, limits }: DeploymentObservation,
): DeploymentDecision {
  const { step, needs = [] } = decision;
  if (step.do !== "none" || step.outcome.kind !== "RequeueAfter") return decision;
  return {
    ...decision,
    step: { ...step, outcome: whileServing(step.outcome) },
    needs: areStale(runs, limits.lookMs) ? [...new Set([...needs, FACT.runs])] : needs,
  };
}
