/** What a refused candidate of a placement leads to, and when there is none left to be sent. Pure. */
import { stalled } from "../../../reconcile/decision.ts";
import { type Failed, type Outcome, requeueNow } from "../../../reconcile/outcome.ts";
import type { DeploymentDecision, DeploymentMemory, DeploymentObservation } from "../observation.ts";
import { REASON } from "../reasons.ts";
import { candidatesOf } from "./candidates.ts";
import { coolingMs, triesOf, withTry } from "./ladder.ts";

/** Why no create is sent; undefined where there is a candidate for it, or no placement. */
export function withoutCandidate({
  spec,
  memory,
  now,
  limits,
}: DeploymentObservation): DeploymentDecision | undefined {
  const { chosen, tried } = memory.placement ?? {};
  if (!spec.placement || chosen) return undefined;
  const candidates = candidatesOf(spec);
  const refusals = candidates.flatMap((one) => triesOf(tried, one, now).at(-1) ?? []);
  const why = refusals.map(({ candidate, message = "" }) => `${candidate.machineType}: ${message}`);
  const message = `every candidate was refused (${why.join("; ")}). Correct placement, or what the spec names; they are tried again, more rarely each time`;
  const againMs = Math.min(...candidates.map((one) => coolingMs({ ...(tried && { tried }) }, one, now)));
  return stalled(memory, REASON.Refused, message, Math.max(limits.lookMs, againMs));
}

/** The next candidate is tried where this one was refused: not where the key or the connection is what failed. */
export function refusedCandidate(
  memory: DeploymentMemory,
  { reason, message }: Pick<Failed, "reason" | "message">,
  now: number,
): { memory: DeploymentMemory; outcome: Outcome } | undefined {
  const { placement } = memory;
  if (!placement?.chosen || (reason !== REASON.Refused && reason !== REASON.Declined)) return undefined;
  const { machineType } = placement.chosen;
  const tried = withTry(placement, placement.chosen, { outcome: reason, message }, now);
  return {
    memory: { ...memory, placement: tried },
    outcome: requeueNow(REASON.MovingOn, `${machineType} was refused: ${message}`),
  };
}
