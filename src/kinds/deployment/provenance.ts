/**
 * Who created a deployment: this identifies what a create of this object made, although the API may fill in what was
 * left out and write in its own way what was sent. Pure.
 */
import type { StoredSpec } from "./api.ts";
import { additions, differences, hashesOf, hashOf, type Leaves, leavesIn } from "./compare.ts";
import type { Desired, Target } from "./observation.ts";
import { secretsNamedIn } from "./project-secrets.ts";
import { isWrittenIn } from "./written-forms.ts";

/** What is desired now, where that is known. */
type Sent = Desired | ({ state: "known" } & Target);

export type Origin = "ours" | "foreign" | "unknown";

/** What is known of an attempt beside the configuration that is desired now. */
export interface Attempted {
  /** Hash of the configuration that was sent. */
  mark: string | undefined;
  /** Project secrets that it names. */
  secrets?: readonly string[] | undefined;
  /** Whether this object put the project secret there: then no other one sends its name. */
  isOwnSecret?(projectSecret: string): boolean;
  /**
   * The upsert was answered with this deployment, so that its history has what was sent. `settled`: the history was read
   * late enough to show it.
   */
  answered?: "lately" | "settled" | undefined;
}

/**
 * Who created a deployment, by its first specs. An attempt is sent once: where the second spec is the same as the first,
 * another actor has sent it as well, and which of the two created it is not known; then no object owns it until the user
 * requests the adoption. One that has a single spec after the upsert was answered is ours, whatever is in it.
 */
export function originOf(
  specs: readonly StoredSpec[] | undefined,
  attempted: Attempted,
  desired: Sent,
): Origin {
  const [first, second] = specs ?? [];
  if (!first) return "unknown";
  if (namesOwnSecret(first, attempted)) return "ours";
  const origin = senderOf(first, attempted, desired);
  if (origin === "ours")
    return second && senderOf(second, attempted, desired) === "ours" ? "foreign" : "ours";
  if (!attempted.answered || second) return origin;
  return attempted.answered === "settled" ? "ours" : "unknown";
}

function namesOwnSecret({ data }: StoredSpec, { isOwnSecret }: Attempted): boolean {
  const leaves = leavesIn(data);
  return leaves !== undefined && secretsNamedIn(leaves).some((name) => isOwnSecret?.(name));
}

/** By what is in the spec. */
function senderOf({ data }: StoredSpec, { mark, secrets = [] }: Attempted, desired: Sent): Origin {
  const leaves = leavesIn(data);
  if (!leaves || mark === undefined) return "unknown";
  if (hashesOf(leaves).includes(mark)) return "ours";
  if (desired.state === "known" && desired.hash === mark) {
    // What was filled in makes it another hash: then all that was sent must be in it.
    const sent = desired.leaves;
    const changes = differences(sent, leaves, additions(sent, leaves));
    return changes.every(isHidden) || isWritten(sent, leaves) ? "ours" : "foreign";
  }
  if (secrets.length > 0) return "foreign";
  return desired.state === "known" ? "foreign" : "unknown";
}

/** The API may never show it. */
function isHidden({ field, from }: { field: string; from: unknown }): boolean {
  return field === "basicAuthKey" && from === undefined;
}

/** Whether all that was sent is in there, in any form in which an API may write it. */
function isWritten(sent: Leaves, stored: Leaves): boolean {
  return [...sent].every(
    ([field, value]) => (field === "basicAuthKey" && !stored.has(field)) || isWrittenIn(stored, field, value),
  );
}

/** Hash of a spec's configuration as it is stored; undefined where that cannot be read. */
export function storedHash({ data }: StoredSpec): string | undefined {
  const leaves = leavesIn(data);
  return leaves && hashOf(leaves);
}
