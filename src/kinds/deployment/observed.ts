/**
 * How a deployment that is only observed is by itself: by the configuration that Paperspace shows, whatever is declared and
 * by whichever client it was sent. Pure.
 */
import {
  done,
  EXTERNAL_CHANGE,
  isLate,
  needFacts,
  noStep,
  ongoingOrStart,
  requeueAfter,
  untilLook,
  withoutExternalChange,
} from "../../reconcile/decision.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
  FACT,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import { areStale, assessedFirst, isOff, leastOf, type Progress, progress, runWords } from "./rollout.ts";
import { readConfig } from "./stored-config.ts";

export function observedDeployment(
  observation: DeploymentObservation,
  { latestSpec }: Deployment,
): DeploymentDecision {
  const config = readConfig(latestSpec?.data);
  if (!latestSpec || !config)
    return notReady(observation, REASON.Refused, "it has no configuration that can be read");
  const { runs, memory } = observation;
  const shown = runs && assessedFirst(runs.list, latestSpec, memory.history[0]);
  const current = progress(latestSpec, { config }, shown, { wasHealthy: false });
  switch (current.state) {
    case "unlooked":
      return needFacts(observation, memory, [FACT.runs]);
    case "healthy":
      return done(
        withoutExternalChange(memory),
        REASON.Available,
        `spec ${latestSpec.id} is healthy: ${words(current, config)}`,
      );
    case "disabled":
      return disabled(observation);
    case "rejected":
      return notReady(
        observation,
        REASON.ConfigurationRejected,
        `Paperspace could not apply it: ${current.message}`,
      );
    default:
      return underWay(observation, latestSpec, current, words(current, config));
  }
}

function disabled(observation: DeploymentObservation): DeploymentDecision {
  const { memory, desired } = observation;
  const message = "the deployment is switched off";
  return desired.state === "known" && isOff(desired)
    ? done(withoutExternalChange(memory), REASON.Disabled, `${message}, as declared`)
    : notReady(observation, REASON.Disabled, message);
}

function notReady({ memory }: DeploymentObservation, reason: string, message: string): DeploymentDecision {
  return noStep({ kind: "Done", reason, message, ready: false }, withoutExternalChange(memory));
}

/** Since when is remembered: what takes for ever is read at the pace of what is at rest. */
function underWay(
  observation: DeploymentObservation,
  { id, error }: StoredSpec,
  { state }: Progress,
  message: string,
): DeploymentDecision {
  const { memory, now, spec, runs, limits } = observation;
  const reason = state === "degraded" ? REASON.Degraded : REASON.Progressing;
  const all = `spec ${id} is not healthy: ${message}${error ? `; Paperspace reports: ${error}` : ""}`;
  if (memory.operation && memory.operation.intent !== EXTERNAL_CHANGE)
    return requeueAfter<DeploymentStep, DeploymentMemory>(memory, reason, all, limits.slowMs);
  const operation = ongoingOrStart(observation, EXTERNAL_CHANGE, spec.progressDeadlineSeconds * 1000);
  const seen = { ...memory, operation };
  const look = untilLook(observation, operation);
  const outcome = isLate(operation, now)
    ? ({ kind: "Done", reason, message: all, ready: false } as const)
    : ({ kind: "RequeueAfter", reason, message: all, afterMs: look } as const);
  return { ...noStep(outcome, seen), ...(areStale(runs, look) && { needs: [FACT.runs] }) };
}

function words(current: Progress, config: Parameters<typeof leastOf>[0]["config"]): string {
  return runWords("run" in current ? current.run : undefined, leastOf({ config }));
}
