/** What must hold of a placement: a type is left only for want of hardware, and nothing that serves, or may, is cut off. */
import type { Instance } from "../../../src/kinds/deployment/api.ts";
import type { DeploymentDecision, DeploymentObservation } from "../../../src/kinds/deployment/observation.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import { type Law, lawsOf } from "../engine/law.ts";

const law = lawsOf<DeploymentObservation, DeploymentDecision>();
const MINUTE = 60_000;

export const PLACEMENT_LAWS: readonly Law<DeploymentObservation, DeploymentDecision>[] = [
  law(
    {
      choices: ["deploy"],
      when: (observation, { target, rollback }) =>
        !rollback && isCandidate(observation) && !isSame(typeShown(observation), typeIn(target.config)),
    },
    "one candidate is replaced by another only while nothing serves and all instances wait for hardware",
    (observation) => isOnlyShort(observation),
  ),
  law(
    { choices: ["none"], when: isMoved },
    "another candidate is chosen for want of hardware alone, or because that is what runs",
    (observation, _step, { memory }) =>
      isOnlyShort(observation) || isSame(typeShown(observation), memory.placement?.chosen?.machineType),
  ),
  law(
    { choices: ["none"], when: isLeft },
    "a candidate is left after its time, and never once it was healthy there or after going back",
    ({ now, spec, runs, memory: { history, rolledBack } }) => {
      const [head] = history;
      const made =
        runs?.list.flatMap(({ instances }) => instances.map(({ createdAt = "" }) => createdAt)) ?? [];
      const isPlaced = head?.outcome === "Healthy" || head?.healthyReplicas !== undefined;
      const isBack = rolledBack !== undefined && spec.rollback === "OnFailure";
      const since = Date.parse(head?.startedAt ?? head?.sentAt ?? "");
      const isOver = [since, Math.min(...made.map((at) => Date.parse(at)))].every(
        (at) => now - at >= 5 * MINUTE,
      );
      return !isPlaced && !isBack && isOver;
    },
  ),
  law(
    { choices: ["none"], when: isLeft },
    "the next candidate is the first in the declared order that has not just come to nothing",
    ({ spec, memory: { placement }, now }, _step, { memory }) => {
      const isOpen = (machineType: string) => {
        const tries = (placement?.tried ?? []).filter((one) => one.candidate.machineType === machineType);
        const last = tries.at(-1);
        return !last || now - Date.parse(last.at) >= 10 * MINUTE * 2 ** (tries.length - 1);
      };
      const order = (spec.placement?.candidates ?? []).map(({ machineType }) => machineType);
      const first = order.find((one) => one !== placement?.chosen?.machineType && isOpen(one));
      return memory.placement?.chosen?.machineType === first;
    },
  ),
  law(
    {
      choices: ["none"],
      when: (observation, { outcome }) =>
        observation.spec.placement !== undefined && "reason" in outcome && outcome.reason === "RolledBack",
    },
    "what only lacks hardware is no failure: it is not gone back from",
    (observation) => observation.memory.rolledBack !== undefined || !isOnlyShort(observation),
  ),
];

function isMoved(
  { memory: { placement } }: DeploymentObservation,
  _step: unknown,
  { memory }: DeploymentDecision,
): boolean {
  return memory.placement?.chosen?.machineType !== placement?.chosen?.machineType;
}

/** It came to nothing: that is remembered with it. */
function isLeft(observation: DeploymentObservation, step: unknown, decision: DeploymentDecision): boolean {
  const { tried = [] } = observation.memory.placement ?? {};
  const isNoted = (decision.memory.placement?.tried?.length ?? 0) > tried.length;
  return isNoted && isMoved(observation, step, decision);
}

function latestOf({ resource }: DeploymentObservation) {
  return resource.state === "present" ? resource.deployment.latestSpec : undefined;
}

function typeIn(config: { resources: { machineType: string } } | undefined): string | undefined {
  return config?.resources.machineType;
}

function typeShown(observation: DeploymentObservation): string | undefined {
  return typeIn(readConfig(latestOf(observation)?.data));
}

function isSame(a: string | undefined, b: string | undefined): boolean {
  return a?.toLowerCase() === b?.toLowerCase();
}

function isCandidate(observation: DeploymentObservation): boolean {
  const candidates = observation.spec.placement?.candidates ?? [];
  return candidates.some(({ machineType }) => isSame(machineType, typeShown(observation)));
}

/** Written down by the letter of docs/deployments.md. */
function isOnlyShort(observation: DeploymentObservation): boolean {
  const { runs, limits, memory } = observation;
  const isAgain = memory.history[0]?.startedAt !== undefined;
  const latest = latestOf(observation);
  if (!runs || runs.ageMs >= limits.lookMs || !latest?.externalApplied || latest.error || latest.dtHealthy)
    return false;
  const applied = Date.parse(latest.externalApplied);
  const own = runs.list.find(({ newestAt = 0 }) => isAgain || newestAt >= applied);
  const waits = ({ state }: Instance) => state.toLowerCase() === "pending";
  return (
    own !== undefined &&
    own.instances.length > 0 &&
    own.instances.every(waits) &&
    runs.list.every(({ ready, available }) => ready === 0 && available === 0) &&
    runs.list.every((one) => one.instances.every((each) => waits(each) || each.state === "errored"))
  );
}
