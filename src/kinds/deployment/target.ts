/**
 * First phase of a pass: which configuration is to run now, the declared one or the one that was rolled back to. Pure.
 */
import { needFacts, noStep, stalled } from "../../reconcile/decision.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import { differences, leavesOf } from "./compare.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DesiredTarget,
  FACT,
  type Target,
} from "./observation.ts";
import {
  goodTarget,
  isRotated,
  isStanding,
  type RolledBack,
  type StandingRollback,
  specsBackTo,
  standing,
} from "./rollback.ts";
import { isOff } from "./rollout.ts";
import { asSent } from "./stored-as.ts";
import { readConfig } from "./stored-config.ts";

/** The configuration that is to run. */
export interface ChosenTarget {
  state: "chosen";
  target: Target;
  /** The declared one. */
  desired: DesiredTarget;
  /** Without a rollback that is over: one ends when the template, or the request to roll back, changes. */
  memory: DeploymentMemory;
  /** The target is what was gone back to. */
  rolledBack?: StandingRollback;
  /** It is what Paperspace shows, by its id: it was sent again to roll back. */
  isShown?: true;
  /** Paperspace does not keep the configuration to roll back to; the declared one may still come about, late. */
  lost?: RolledBack;
}

export type TargetResult =
  | ChosenTarget
  /** What the spec refers to is missing or not read, or former specs have to be fetched. */
  | { state: "unknown"; decision: DeploymentDecision };

export function chooseTarget(observation: DeploymentObservation, deployment: Deployment): TargetResult {
  const { desired, memory, spec, recheckMs } = observation;
  if (desired.state === "unknown") return unknown(noStep(desired.readError ?? { kind: "Unknown" }, memory));
  if (desired.state === "missing")
    return unknown(stalled(memory, desired.reason, desired.message, recheckMs));
  const { rolledBack, ...others } = memory;
  if (!rolledBack || !isStanding(rolledBack, desired) || spec.rollback !== "OnFailure")
    return declared(desired, others);
  const still = standing(rolledBack, desired, memory.history);
  // Nothing of it runs; once it is switched on again, what failed is still not to.
  if (isOff(desired)) return declared(desired, { ...memory, rolledBack: still });
  return rolledBackTo(observation, deployment, desired, still);
}

function declared(desired: DesiredTarget, memory: DeploymentMemory): ChosenTarget {
  return { state: "chosen", target: desired, desired, memory };
}

function unknown(decision: DeploymentDecision): TargetResult {
  return { state: "unknown", decision };
}

function rolledBackTo(
  observation: DeploymentObservation,
  deployment: Deployment,
  desired: DesiredTarget,
  rolledBack: StandingRollback,
): TargetResult {
  const { name } = observation;
  const { rolledBack: _over, ...others } = observation.memory;
  const memory = { ...others, rolledBack };
  const chosen = { state: "chosen", desired, memory, rolledBack } as const;
  const shown = shownAgain(observation, deployment, desired, rolledBack);
  if (shown?.isShown && deployment.name === name) return { ...chosen, target: shown.target, isShown: true };
  const target = shown?.target ?? former(observation, rolledBack, desired);
  if (target === "unknown") return unknown(needFacts(observation, memory, [FACT.specs]));
  const isSame = target !== "lost" && isDeclared(target, desired, others);
  // A Secret that was rotated back, or on from what failed alone, makes the same of both.
  if (isSame && isRotated(rolledBack, desired)) return declared(desired, others);
  if (isSame || target === "lost") return { ...declared(desired, others), lost: rolledBack };
  return { ...chosen, target };
}

/** What was put back and is shown: the target by itself, or but for its number of instances or its name. */
function shownAgain(
  { memory, name }: DeploymentObservation,
  { latestSpec }: Deployment,
  desired: DesiredTarget,
  rolledBack: StandingRollback,
): { target: Target; isShown: boolean } | undefined {
  const [head] = memory.history;
  if (!latestSpec || !head?.rollback || head.specId !== latestSpec.id) return undefined;
  const { hash, template = hash } = head;
  const stored = readConfig(latestSpec.data);
  // What cannot be read is known by its id.
  if (!stored) return { target: { ...desired, hash, template }, isShown: true };
  const target = goodTarget(stored, rolledBack, desired, name);
  if (isDeclared(target, desired, memory)) return undefined;
  const changes = differences(target.leaves, leavesOf(stored));
  if (changes.every(({ field }) => field === "name"))
    return { target: { ...target, hash, template }, isShown: true };
  return target.template === template ? { target, isShown: false } : undefined;
}

/** The configuration of a former spec, as far as Paperspace keeps it. */
function former(
  { specs, memory: { history }, name }: DeploymentObservation,
  rolledBack: StandingRollback,
  desired: DesiredTarget,
): Target | "unknown" | "lost" {
  if (!specs) return "unknown";
  for (const id of specsBackTo(rolledBack, history)) {
    const stored = readConfig(specs.find((spec: StoredSpec) => spec.id === id)?.data);
    if (stored) return goodTarget(stored, rolledBack, desired, name);
  }
  return "lost";
}

/** What the API filled in, or writes otherwise, is no difference. */
function isDeclared(
  { leaves }: Target,
  desired: DesiredTarget,
  { history, storedAs }: Pick<DeploymentMemory, "history" | "storedAs">,
): boolean {
  const filled = history.flatMap((rollout) => rollout.filled ?? []);
  return differences(desired.leaves, asSent(leaves, desired.leaves, storedAs), filled).length === 0;
}
