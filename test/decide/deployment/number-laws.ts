/** What must hold of numbers of instances: none of them makes another configuration, or a failure of one. */
import { isDeepStrictEqual } from "node:util";
import { isScale } from "../../../src/kinds/deployment/compare.ts";
import type { DeploymentDecision, DeploymentObservation } from "../../../src/kinds/deployment/observation.ts";
import { isOff } from "../../../src/kinds/deployment/rollout.ts";
import type { Rollout } from "../../../src/kinds/deployment/types.ts";
import { type Law, lawsOf } from "../engine/law.ts";

const law = lawsOf<DeploymentObservation, DeploymentDecision>();

export const NUMBER_LAWS: readonly Law<DeploymentObservation, DeploymentDecision>[] = [
  law(
    { choices: ["Done"], when: (_observation, { outcome }) => outcome.reason !== "Disabled" },
    "never Ready on instances that were not read for long",
    ({ isUnobserved }) => !isUnobserved,
  ),
  law(
    { choices: ["none"], when: begins },
    "a number of instances alone is not rolled back",
    ({ memory: { history } }, _step, { memory }) => {
      const [head] = memory.history;
      const before = history.findIndex(({ template }) => template !== head?.template);
      const own = before < 0 ? history : history.slice(0, before);
      return head?.healthyAt === undefined && !own.some(({ outcome }) => outcome === "Healthy");
    },
  ),
  law(
    {
      choices: ["none"],
      when: (observation, step, decision) =>
        begins(observation, step, decision) && decision.memory.history[0]?.outcome === "TimedOut",
    },
    "what serves is not rolled back because more of it did not come",
    ({ runs, resource }) => {
      const [run] = runs?.list ?? [];
      const isApplied = resource.state === "present" && !!resource.deployment.latestSpec?.externalApplied;
      return !isApplied || !run || run.ready === 0 || run.instances.some(({ state }) => state === "failed");
    },
  ),
  law(
    {
      choices: ["deploy"],
      when: (observation) => serves(observation, observation.memory) && isNamed(observation),
    },
    "another number is sent without taking Ready from what serves enough",
    (_observation, { changes, rollback, isServed }) =>
      rollback || isServed === true || changes.length === 0 || changes.some(({ field }) => !isScale(field)),
  ),
  law(
    {
      choices: ["RequeueAfter", "Terminal"],
      when: (observation, _step, { memory }) =>
        memory.history[0]?.scaled === true &&
        !memory.rolledBack &&
        serves(observation, memory) &&
        isNamed(observation),
    },
    "what serves enough is Ready while its number is on its way, and never Degraded or Stalled",
    ({ resource }, { outcome }) => {
      const latest = resource.state === "present" ? resource.deployment.latestSpec : undefined;
      const isRejected = !!latest?.error && !latest.externalApplied;
      return isRejected || (outcome.kind === "RequeueAfter" && outcome.ready?.status === "True");
    },
  ),
  law(
    {
      choices: ["RequeueAfter"],
      when: (_observation, { outcome }) => outcome.ready?.status === "True",
    },
    "Ready while something is awaited rests on enough instances of a template that was healthy",
    (observation, _step, { memory }) =>
      !memory.rolledBack && serves(observation, memory) && isNamed(observation),
  ),
  law(
    {
      choices: ["none"],
      when: ({ memory: { history } }, _step, { memory }) =>
        memory.history[0]?.outcome === "TimedOut" && history[0]?.outcome !== "TimedOut",
    },
    "a rollout is late by the first time that its template was sent",
    ({ spec, now }, _step, { memory }) => {
      const [head] = memory.history;
      if (!head) return false;
      const { sentAt, startedAt = sentAt, healthyAt } = head;
      const from = Date.parse(healthyAt === undefined ? startedAt : sentAt);
      return now - from >= spec.progressDeadlineSeconds * 1000;
    },
  ),
  law(
    { choices: ["deploy"], when: (_observation, { rollback }) => rollback },
    "what is gone back to runs with the number that is declared",
    ({ desired }, { target }) => {
      if (desired.state !== "known") return false;
      const { enabled, resources } = desired.config;
      const { autoscaling, replicas } = target.config.resources;
      return (
        target.config.enabled === enabled &&
        replicas === resources.replicas &&
        isDeepStrictEqual(autoscaling, resources.autoscaling)
      );
    },
  ),
];

/** What runs is of the declared template, was healthy, and has as many ready instances as are declared. */
function serves(
  { desired, runs, isUnobserved }: DeploymentObservation,
  { history: [head] }: DeploymentObservation["memory"],
): boolean {
  if (desired.state !== "known" || isUnobserved || isOff(desired)) return false;
  const isGood = head?.outcome === "Healthy" || head?.scaled === true;
  const { replicas } = desired.config.resources;
  return (
    isGood && head?.template === desired.template && (runs?.list ?? []).some(({ ready }) => ready >= replicas)
  );
}

/** It has the name that is declared. */
function isNamed({ resource, name }: DeploymentObservation): boolean {
  return resource.state === "present" && resource.deployment.name === name;
}

/** A rollback begins. */
function begins(
  { memory: { rolledBack } }: DeploymentObservation,
  _step: unknown,
  { memory }: DeploymentDecision,
): boolean {
  return memory.rolledBack !== undefined && memory.rolledBack.at !== rolledBack?.at;
}

/** It follows right on a healthy one of the same template. */
export function isScaled([head]: readonly Rollout[]): boolean {
  return head?.scaled === true;
}
