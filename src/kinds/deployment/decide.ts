/**
 * What to do about one deployment: a pure function of what is wished, what is known and what was sent. It returns one
 * step; the ownership rules come first, then the life of a deployment (life.ts), and its end here.
 */

import { choose } from "../../reconcile/decide.ts";
import { ageOfTime, rest, stalled, without } from "../../reconcile/decision.ts";
import { absence, adoption } from "../../reconcile/existence.ts";
import { waiting } from "../../reconcile/outcome.ts";
import { type OwnershipStep, withoutAccount } from "../../reconcile/ownership.ts";
import { life } from "./life.ts";
import { act, type Choice, type DeploymentMemory, type DeploymentView } from "./observation.ts";
import { occupied, preparation } from "./preparation.ts";
import { REASON } from "./reasons.ts";

export function decide(view: DeploymentView): Choice {
  return choose(view, {
    adopt: adopted,
    create: creation,
    release: letGo,
    gone,
    life: (_, { deployment }) => life(view, deployment),
  });
}

/** One that owned nothing may have left secrets all the same. What no key removes must not keep the object for ever. */
function letGo(view: DeploymentView, step: OwnershipStep & { do: "release" }): Choice {
  const { memory, halted, recheckMs, now, deletedAt, limits } = view;
  const left = step.reason === REASON.NothingToDelete ? leftSecrets(view, memory) : undefined;
  if (!left) return act(step, memory);
  if (halted) return rest({ kind: "Terminal", ...halted, recheckMs }, memory);
  const keyless = withoutAccount(view);
  if (!keyless) return left;
  return deletedAt !== undefined && ageOfTime(deletedAt, now) >= limits.deleteMs
    ? act(step, memory)
    : act(keyless, memory);
}

/** Seen to be free just before: an upsert by name would change whatever bears it (deployments.md section 2). */
function creation(view: DeploymentView): Choice {
  const { memory, wanted, rival, limits, recheckMs } = view;
  if (view.blocked) return stalled(memory, view.blocked.reason, view.blocked.message, recheckMs);
  if (wanted.state === "unknown") return rest(wanted.trouble ?? { kind: "Unknown" }, memory);
  if (wanted.state === "missing") return stalled(memory, wanted.reason, wanted.message, recheckMs);
  if (rival?.owns) {
    const message = `${rival.key} has a deployment named "${view.name}" in project ${view.spec.projectId} already: choose another spec.name, or delete that object with deletionPolicy Orphan and adopt its deployment`;
    return stalled(memory, REASON.AlreadyExists, message, limits.slowMs);
  }
  const choice = occupied(view, memory) ?? preparation(view, wanted, memory);
  return choice ?? act({ do: "create" }, without(memory));
}

function adopted(view: DeploymentView, id: string): OwnershipStep {
  const { sighting, spec, trouble } = view;
  const deployment = sighting.state === "present" ? sighting.deployment : undefined;
  const elsewhere = deployment?.projectId && deployment.projectId !== spec.projectId;
  const changes = elsewhere ? [{ field: "projectId", from: deployment.projectId, to: spec.projectId }] : [];
  const seen = { state: sighting.state, ...(trouble && { trouble }), changes };
  return adoption(id, seen, view);
}

function gone(view: DeploymentView, certain: boolean): Choice {
  const { memory, halted, deleting } = view;
  // The next deployment uses them again, or removes them once it is well.
  const left = certain && deleting && !halted ? leftSecrets(view, memory) : undefined;
  return left ?? absence(view, certain, { ...without(memory), history: [] });
}

/** What was put into the project for this object goes with it. */
function leftSecrets({ memory, held }: DeploymentView, kept: DeploymentMemory): Choice | undefined {
  const of = memory.secrets.find((name) => !held[`dropSecret/${name}`]) ?? memory.secrets[0];
  if (of === undefined) return undefined;
  const telling = waiting(REASON.Deleting, `removed the project secret ${of}`);
  return act({ do: "dropSecret", of, telling }, kept);
}
