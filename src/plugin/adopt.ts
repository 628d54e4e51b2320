/**
 * The command `adopt`: prints the annotations by which objects own what they owned before a backup was restored, or a cluster
 * moved, and writes them where the user says so. It decides nothing that the operator does not check again.
 */
import { isConflict, isForbidden, isNotFound } from "../kube/errors.ts";
import type { KindDefinition } from "../reconcile/managed.ts";
import { identityOf, referenceOf } from "../reconcile/ownership-facts.ts";
import { REASON } from "../reconcile/reasons.ts";
import { ANNOTATION, adoptOrder } from "../reconcile/record.ts";
import type { CommandContext } from "./command.ts";
import { PluginError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { TYPES } from "./kinds.ts";
import { forbidden, ownedId, type ReleaseTarget, resourceOf, selectTargets } from "./managed.ts";

interface Adoption {
  readonly target: ReleaseTarget;
  /** What it would own. */
  readonly id: string;
}

export async function adopt(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { access, output } = context;
  const selected = await selectTargets("adopt", args, flags, access);
  const { adoptions, undecided } = sorted(selected);
  for (const { target, id } of adoptions) output.print(`${commandOf(target, id)}\n`);
  for (const { target, why } of undecided)
    output.note(`${target.namespace} ${target.reference} is left to you: ${why}`);
  if (adoptions.length === 0) {
    if (undecided.length === 0) output.note("No object has an identity conflict.");
    return;
  }
  if (!flags.yes) {
    output.note("Nothing was changed. --yes runs these commands.");
    return;
  }
  const changed: string[] = [];
  for (const adoption of adoptions)
    if (!(await applied(adoption, context)))
      changed.push(`${adoption.target.namespace} ${adoption.target.reference}`);
  output.note(`${adoptions.length - changed.length} of ${adoptions.length} objects were annotated.`);
  if (changed.length > 0)
    throw new PluginError(
      `changed meanwhile, so that nothing was written to it: ${changed.join(", ")}. Run this again`,
    );
}

function definitionOf({ shortName }: ReleaseTarget): KindDefinition {
  return { ...TYPES[shortName], shortName };
}

function commandOf(target: ReleaseTarget, id: string): string {
  const { object } = target;
  return adoptOrder(referenceOf(object, definitionOf(target)), id, object.metadata.uid ?? "");
}

/** What the objects in conflict would own, where no other object that was read owns or would own the same. */
function sorted(selected: readonly ReleaseTarget[]) {
  const claims = selected.flatMap((target): Adoption[] => {
    const id = claimedId(target) ?? ownedId(target);
    return id === undefined ? [] : [{ target, id }];
  });
  const adoptions: Adoption[] = [];
  const undecided: { target: ReleaseTarget; why: string }[] = [];
  for (const target of selected.filter(isInConflict)) {
    const id = claimedId(target);
    const rivals = claims.filter((other) => other.id === id && other.target !== target);
    if (id === undefined) undecided.push({ target, why: messageOf(target) });
    else if (rivals.length === 0) adoptions.push({ target, id });
    else {
      const names = rivals.map(({ target: other }) => `${other.namespace} ${other.reference}`).join(", ");
      undecided.push({ target, why: `${names} names ${id} as well, and one object can own it` });
    }
  }
  return { adoptions, undecided };
}

function isInConflict(target: ReleaseTarget): boolean {
  return (
    identityOf(target.object, definitionOf(target)).state === "conflict" || reported(target) !== undefined
  );
}

/** What the operator found beyond what is on the object, such as the cluster that made the machine. */
function reported({ object: { status, metadata } }: ReleaseTarget) {
  const isOwn = status?.uid === undefined || status.uid === metadata.uid;
  return isOwn
    ? status?.conditions?.find(({ type, reason }) => type === "Stalled" && reason === REASON.IdentityConflict)
    : undefined;
}

function claimedId(target: ReleaseTarget): string | undefined {
  const identity = identityOf(target.object, definitionOf(target));
  if (identity.state === "conflict") return identity.id;
  return identity.state === "adopt" && reported(target) ? identity.id : undefined;
}

function messageOf(target: ReleaseTarget): string {
  const identity = identityOf(target.object, definitionOf(target));
  return identity.state === "conflict" ? identity.message : (reported(target)?.message ?? "");
}

/** False where the object is not as it was shown any more. */
async function applied({ target, id }: Adoption, { access }: CommandContext): Promise<boolean> {
  const { namespace, shortName, object } = target;
  const { name, uid = "", resourceVersion } = object.metadata;
  const annotations = { [ANNOTATION.adopt]: `${id}@${uid}` };
  const resource = await resourceOf(access, shortName);
  try {
    const patch = { metadata: { uid, resourceVersion, annotations } };
    await resource.mergePatch(namespace, name, patch, { signal: access.signal });
    return true;
  } catch (error) {
    if (isForbidden(error)) throw forbidden("patch", TYPES[shortName], namespace);
    if (isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}
