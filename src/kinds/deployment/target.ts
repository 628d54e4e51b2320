/**
 * First phase of a pass: which configuration is to run now, the declared one or the one that was rolled back to. Pure.
 */
import { needFacts, noStep, stalled } from "../../reconcile/decision.ts";
import type { Deployment } from "./api.ts";
import { hashOf, leavesOf } from "./compare.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DesiredTarget,
  FACT,
  type Target,
} from "./observation.ts";
import { asV1, readConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

export type RolledBack = NonNullable<DeploymentMemory["rolledBack"]>;

/** The configuration that is to run. */
export interface ChosenTarget {
  state: "chosen";
  target: Target;
  /** The declared one. */
  desired: DesiredTarget;
  /** Without a rollback that is over: one ends when the spec, or the request to roll back, changes. */
  memory: DeploymentMemory;
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
  if (rolledBack?.hash === desired.hash && spec.rollback === "OnFailure")
    return rolledBackTo(observation, deployment, desired, rolledBack);
  return { state: "chosen", target: desired, desired, memory: others };
}

function unknown(decision: DeploymentDecision): TargetResult {
  return { state: "unknown", decision };
}

function rolledBackTo(
  observation: DeploymentObservation,
  { latestSpec, name }: Deployment,
  desired: DesiredTarget,
  rolledBack: RolledBack,
): TargetResult {
  const { memory } = observation;
  const [head] = memory.history;
  const chosen = { state: "chosen", desired, memory } as const;
  if (latestSpec && head?.rollback && head.specId === latestSpec.id && name === observation.name)
    return { ...chosen, target: { ...desired, hash: head.hash }, isShown: true };
  const target = former(observation, rolledBack.to, desired);
  if (target === "unknown") return unknown(needFacts(observation, memory, [FACT.specs]));
  if (target !== "lost") return { ...chosen, target };
  const { rolledBack: _none, ...others } = memory;
  return { ...chosen, target: desired, memory: others, lost: rolledBack };
}

/** The configuration of a former spec, under the name that is declared now. */
function former(
  { specs, memory, name }: DeploymentObservation,
  id: string,
  desired: DesiredTarget,
): Target | "unknown" | "lost" {
  if (!specs) return "unknown";
  const stored = readConfig(specs.find((spec) => spec.id === id)?.data);
  if (!stored) return "lost";
  const config = { ...asV1(stored), name };
  const leaves = leavesOf(config);
  // Its own hash, by which the history has it: what was filled in since is no part of that.
  const { hash = hashOf(leaves), secrets = [] } = sentAs(memory.history, id) ?? {};
  return hash === desired.hash ? desired : { config, leaves, hash, secrets };
}

/** What is rolled back to, as the history has it: from when it was sent first, or else when it was put back. */
export function sentAs(history: readonly Rollout[], id: string): Rollout | undefined {
  return history.find(({ specId }) => specId === id) ?? history.find(({ rollback }) => rollback);
}
