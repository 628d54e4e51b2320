/**
 * What this object has in Paperspace beside its deployment, and does not need any more: project secrets, and the stray
 * that an upsert made because the deployment that it was sent to was gone. Pure.
 */
import { startOperation, withoutOperation } from "../../reconcile/decision.ts";
import type { Operation } from "../../reconcile/managed.ts";
import { requeueNow } from "../../reconcile/outcome.ts";
import {
  act,
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DesiredTarget,
} from "./observation.ts";
import { REASON } from "./reasons.ts";

/** A project secret of ours that neither the spec nor any kept configuration uses; in another project as "project/name". */
export function unusedSecret(
  { backingOff, memory: { secrets, formerSecrets = [], history, rolledBack } }: DeploymentObservation,
  desired: DesiredTarget,
): string | undefined {
  const inUse = new Set([
    ...desired.secrets,
    ...(rolledBack?.good?.secrets ?? []),
    ...history.flatMap((rollout) => rollout.secrets ?? []),
  ]);
  const unused = [...secrets.filter((name) => !inUse.has(name)), ...formerSecrets];
  return unused.find((of) => !backingOff[`dropSecret/${of}`]);
}

/** Of the memory of an object whose secrets were put into the project `from`, in the project `to`. */
export function movedSecrets(
  { secrets, formerSecrets = [] }: Pick<DeploymentMemory, "secrets" | "formerSecrets">,
  { from, to }: { from: string; to: string },
): Pick<DeploymentMemory, "secrets" | "formerSecrets"> {
  const placed = [...formerSecrets, ...secrets.map((name) => `${from}/${name}`)];
  const isThere = (of: string) => of.startsWith(`${to}/`);
  const former = placed.filter((of) => !isThere(of));
  return {
    secrets: placed.filter(isThere).map((of) => of.slice(to.length + 1)),
    ...(former.length > 0 && { formerSecrets: former }),
  };
}

/** The memory once a secret is removed, or given up. */
export function withoutSecret(memory: DeploymentMemory, of: string): DeploymentMemory {
  const { formerSecrets, ...others } = memory;
  const former = formerSecrets?.filter((other) => other !== of) ?? [];
  const secrets = memory.secrets.filter((other) => other !== of);
  return { ...others, secrets, ...(former.length > 0 && { formerSecrets: former }) };
}

/** What was put into the project for this object goes with it. */
function leftSecret({ backingOff, memory }: DeploymentObservation): DeploymentDecision | undefined {
  const left = [...memory.secrets, ...(memory.formerSecrets ?? [])];
  const of = left.find((name) => !backingOff[`dropSecret/${name}`]) ?? left[0];
  if (of === undefined) return undefined;
  const report = requeueNow(REASON.Deleting, `removed the project secret ${of}`);
  return act({ do: "dropSecret", of, report }, memory);
}

/** Intent of the operation that notes a stray: `target` is its id, `mark` the hash of its first configuration. */
const DELETE_STRAY = "DeleteStray";

/** The note of a stray; it is deleted by a later pass, as a step of its own. */
export function strayNoted(id: string, mark: string, now: number, ms: number): Operation {
  return { ...startOperation(now, DELETE_STRAY, ms), target: id, mark };
}

/** The stray goes before all else: only this note leads to it. Once the API does not show ours, its absence comes first. */
export function strayStep({
  memory,
  identity,
  conflict,
}: DeploymentObservation): DeploymentDecision | undefined {
  const { intent, target: of, mark = "" } = memory.operation ?? {};
  if (intent !== DELETE_STRAY || of === undefined) return undefined;
  // This object owns it meanwhile, or another one that has the name: it is no stray any more.
  if (identity.state !== "ours" || identity.record.id === of || conflict?.owns) return undefined;
  return act({ do: "deleteStray", of, mark }, memory);
}

/** What is to go before the object may, or once its deployment is certainly gone; `memory` is what is kept after that. */
export function deploymentLeftovers(
  observation: DeploymentObservation,
  memory: DeploymentMemory,
): { memory: DeploymentMemory; decision?: DeploymentDecision } {
  const { identity, deleting, deletionPolicy } = observation;
  // The next deployment uses the secrets again, or drops them once it is healthy; one that stays needs them.
  const keepsSecrets = !deleting || (identity.state === "ours" && deletionPolicy === "Orphan");
  const decision = strayStep(observation) ?? (keepsSecrets ? undefined : leftSecret(observation));
  return { memory: withoutOperation(memory), ...(decision && { decision }) };
}

/** Without what was sent to the deployment that is gone; the note of a stray outlives it. */
export function forgetDeployment(memory: DeploymentMemory): DeploymentMemory {
  const isNoted = memory.operation?.intent === DELETE_STRAY;
  return { ...(isNoted ? memory : withoutOperation(memory)), history: [] };
}
