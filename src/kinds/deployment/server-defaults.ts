/**
 * Distinguishes what the API fills in by itself from what another actor added right after the upsert: the history of
 * specs holds both. Pure.
 */
import type { Change } from "../../reconcile/change.ts";
import type { StoredSpec } from "./api.ts";
import { differences } from "./compare.ts";
import type { DeploymentMemory, Target } from "./observation.ts";
import { asSentIn, ownSpec } from "./sent-specs.ts";

/** A spec that looks like the answer to our newest upsert, with more in it than was sent. */
export type Extra =
  /** The former specs must be read first. */
  | { state: "unlooked" }
  /** They were read before this one existed. */
  | { state: "stale" }
  /** All of it was filled in by the API. */
  | { state: "filled" }
  /** Another actor has changed what was sent. */
  | { state: "changed"; changes: Change[] };

/** `specs`: newest first; ours is the oldest that came after what it replaced and holds all that was sent. */
export function classifyExtras(
  memory: Pick<DeploymentMemory, "history" | "storedAs">,
  latest: StoredSpec,
  filled: readonly string[],
  target: Pick<Target, "hash" | "leaves">,
  specs: readonly StoredSpec[] | undefined,
): Extra {
  const [head] = memory.history;
  const known = memory.history.find((rollout) => rollout.filled !== undefined)?.filled ?? [];
  if (!head || filled.every((field) => known.includes(field))) return { state: "filled" };
  if (!specs) return { state: "unlooked" };
  if (!specs.some(({ id }) => id === latest.id)) return { state: "stale" };
  const sent = { head, memory, target, specs };
  const own = ownSpec(sent);
  const now = asSentIn(latest.data, sent);
  if (!own || !now) return { state: "filled" };
  const changes = differences(target.leaves, now, own.filled);
  return changes.length === 0 ? { state: "filled" } : { state: "changed", changes };
}
