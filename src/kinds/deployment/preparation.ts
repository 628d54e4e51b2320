/**
 * What a configuration needs before it can be sent: the project secrets that it names, and a name that nobody else has.
 * Pure.
 */
import { DUE, lacking, stalled, wait } from "../../reconcile/decision.ts";
import { adoptOrder } from "../../reconcile/record.ts";
import {
  ASK,
  act,
  type Choice,
  type DeploymentMemory,
  type DeploymentView,
  type Target,
} from "./observation.ts";
import { REASON } from "./reasons.ts";

/** Undefined where all is ready. */
export function preparation(
  view: DeploymentView,
  target: Pick<Target, "secrets">,
  memory: DeploymentMemory,
): Choice | undefined {
  if (target.secrets.length === 0) return undefined;
  const { projectSecrets } = view;
  if (!projectSecrets) return lacking(view, memory, [ASK.projectSecrets]);
  const of = target.secrets.find((name) => !projectSecrets.includes(name));
  return of === undefined ? undefined : act({ do: "putSecret", of }, memory);
}

/**
 * The declared name must have been seen free just before: what bears it is changed by an upsert, or refuses it. `own` is
 * the id of what may bear it. Undefined where it is free.
 */
export function occupied(view: DeploymentView, memory: DeploymentMemory, own?: string): Choice | undefined {
  const { siblings, limits, rival } = view;
  if (rival && !rival.owns) {
    const message = `${rival.key} is making a deployment named "${view.name}" in project ${view.spec.projectId} just now`;
    return wait(memory, REASON.AlreadyExists, message, limits.lookMs);
  }
  const others = siblings?.ids.filter((id) => id !== own) ?? [];
  if (!siblings || (others.length === 0 && siblings.ageMs > limits.freshMs))
    return lacking(view, memory, [ASK.siblings]);
  if (others.length === 0) return undefined;
  const choice = stalled(memory, REASON.AlreadyExists, taken(view, others), limits.slowMs) as Choice;
  // Nobody else may have the project listed.
  return siblings.ageMs >= limits.slowMs * DUE ? { ...choice, asks: [ASK.siblings] } : choice;
}

/** What to do about a name that is taken. */
export function taken({ name, spec, reference, uid }: DeploymentView, ids: readonly string[]): string {
  const [id = "<id>"] = ids;
  return `project ${spec.projectId} has a deployment named "${name}" already (${ids.join(", ")}), and it is not this object's. Choose another spec.name; or let this object take it over and replace its configuration: ${adoptOrder(reference, id, uid)}`;
}
