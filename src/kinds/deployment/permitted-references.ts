/**
 * What a deployment may hand on to its containers. A Secret with an API key is never one of these: who may write a
 * deployment, and not read Secrets, would read the key there. With the operator's own key, whose account is shared, none of
 * what others put into the account is either. Pure.
 */
import { DEFAULT_SECRET } from "../../reconcile/credentials.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { type Reference, secretValue } from "./config.ts";
import type { Desired } from "./observation.ts";
import { secretsNamedIn } from "./project-secrets.ts";
import { REASON } from "./reasons.ts";
import type { PaperspaceDeployment } from "./types.ts";

/** Whether this is the Secret with the object's own API key, or the one that others of the namespace have it from. */
export function isKeySecret({ spec }: PaperspaceDeployment, { source, name }: Reference): boolean {
  const own = spec.credentialsSecretRef?.name ?? DEFAULT_SECRET;
  return source === "Secret" && (name === own || name === DEFAULT_SECRET);
}

/** Refused where it names what others put into the account, and the key is not the namespace's own. */
export function withoutShared(
  desired: Desired,
  { sharedReferencesBarred }: Pick<OwnershipFacts, "sharedReferencesBarred">,
): Desired {
  if (desired.state !== "known" || !sharedReferencesBarred) return desired;
  const { leaves, secrets, config } = desired;
  const foreign = secretsNamedIn(leaves).filter((name) => !secrets.includes(name));
  const named = [
    ...(config.containerRegistry !== undefined ? ["containerRegistry"] : []),
    ...fieldsWith(leaves, foreign),
  ];
  if (named.length === 0) return desired;
  return {
    state: "missing",
    reason: REASON.SharedReferenceNotAllowed,
    message: `${named.join(", ")}: what others have put into the account is not used with the operator's own API key, whose account this namespace shares with others: give this namespace a key of its own (Secret paperspace-credentials), refer to Secrets of this namespace, or start the operator with --allow-shared-references`,
  };
}

function fieldsWith(leaves: ReadonlyMap<string, unknown>, secrets: readonly string[]): string[] {
  const values = new Set<unknown>(secrets.map((name) => secretValue(name)));
  return [...leaves].flatMap(([field, value]) => (values.has(value) ? [field] : []));
}
