/**
 * Which Secrets may hold an API key, and which values may be one. An object names a Secret, and who made the object may not be
 * let read it: what others keep in Secrets must not be sent to Paperspace on that account. Pure.
 */
import type { Secret } from "../kube/resource.ts";
import { GROUP } from "./record.ts";

/** By this label the owner of a Secret lets the objects of its namespace use it as their API key. */
export const CREDENTIALS_LABEL = `${GROUP}/credentials`;

/** What an Authorization header carries (RFC 6750, b68token): no other text reaches Paperspace as a key. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;
/** Characters; no API key is as long by far. */
const LONGEST = 1_024;

/** Why this Secret holds no API key, whatever is in it: the end of a sentence about it. */
export function secretFault(
  { type = "Opaque", metadata }: Pick<Secret, "type" | "metadata">,
  { needsLabel }: { needsLabel: boolean },
): string | undefined {
  // Tokens of accounts, registries, certificates, bootstrap tokens, releases: each has a type of its own.
  if (type !== "Opaque")
    return "holds something else by its type: put the API key into a Secret of type Opaque";
  if (needsLabel && metadata.labels?.[CREDENTIALS_LABEL] !== "true")
    return `is not marked as one for API keys: who may change it can set the label ${CREDENTIALS_LABEL}=true`;
  return undefined;
}

/** Why this value is no API key: the end of a sentence about it, which does not show it. */
export function keyFault(value: string): string | undefined {
  if (value.length > LONGEST || !BEARER.test(value))
    return "has not the form of an API key: one word of letters, digits and . _ ~ + / - =";
  if (isServiceAccountToken(value)) return "is the token of a ServiceAccount, and no API key";
  return undefined;
}

/** A JSON Web Token for an account of Kubernetes: it opens this cluster, and nothing at Paperspace. */
function isServiceAccountToken(value: string): boolean {
  const [, claims, signature, ...rest] = value.split(".");
  if (claims === undefined || signature === undefined || rest.length > 0) return false;
  return Buffer.from(claims, "base64url").toString("utf8").includes('"system:serviceaccount:');
}
