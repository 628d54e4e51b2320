/** Who sent a configuration: this identifies the deployment that an object created. Pure. */
import type { StoredSpec } from "./api.ts";
import { additions, differences, hashOf, leavesOf } from "./compare.ts";
import { secretValue } from "./config.ts";
import type { Desired, Target } from "./observation.ts";
import { readConfig } from "./stored-config.ts";

/** What is desired now, where that is known. */
type Sent = Desired | ({ state: "known" } & Target);

type Origin = "ours" | "foreign" | "unknown";

/** What an attempt put into what it sent. */
export interface Attempted {
  /** Hash of the configuration. */
  mark: string | undefined;
  /** Project secrets that the configuration uses. Their names are unique to the object: no other one sends them. */
  secrets?: readonly string[] | undefined;
}

/**
 * Who created a deployment, by its very first spec. An attempt is sent once: where the next spec is the same once more,
 * another actor has sent it, too, and which of the two created it is not known. Then no object owns it until the user
 * requests the adoption.
 */
export function originOf(
  specs: readonly StoredSpec[] | undefined,
  attempted: Attempted,
  desired: Sent,
): Origin {
  const [first, second] = (specs ?? []).map((spec) => senderOf(spec, attempted, desired));
  return first === "ours" && second === "ours" ? "foreign" : (first ?? "unknown");
}

function senderOf({ data }: StoredSpec, { mark, secrets = [] }: Attempted, desired: Sent): Origin {
  const stored = readConfig(data);
  if (!stored || mark === undefined) return "unknown";
  const leaves = leavesOf(stored);
  if (hashOf(leaves) === mark) return "ours";
  if (secrets.length > 0) {
    const values = new Set(leaves.values());
    return secrets.every((name) => values.has(secretValue(name))) ? "ours" : "foreign";
  }
  // What was filled in makes it another hash: then all that was sent must be in it.
  if (desired.state !== "known") return "unknown";
  if (desired.hash !== mark) return "foreign";
  const sent = desired.leaves;
  return differences(sent, leaves, additions(sent, leaves)).length === 0 ? "ours" : "foreign";
}

/** Hash of a spec's configuration as it is stored; undefined where that cannot be read. */
export function storedHash({ data }: StoredSpec): string | undefined {
  const stored = readConfig(data);
  return stored && hashOf(leavesOf(stored));
}
