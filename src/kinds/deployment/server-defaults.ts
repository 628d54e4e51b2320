/**
 * Distinguishes what the API fills in by itself from what another actor added right after the upsert: the history of
 * specs holds both. Pure.
 */
import type { Change } from "../../reconcile/change.ts";
import type { StoredSpec } from "./api.ts";
import { additions, differences, type Leaves, leavesOf } from "./compare.ts";
import type { Target } from "./observation.ts";
import { readConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

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
  history: readonly Rollout[],
  latest: StoredSpec,
  filled: readonly string[],
  target: Pick<Target, "leaves">,
  specs: readonly StoredSpec[] | undefined,
): Extra {
  const known = history.find((rollout) => rollout.filled !== undefined)?.filled ?? [];
  if (filled.every((field) => known.includes(field))) return { state: "filled" };
  if (!specs) return { state: "unlooked" };
  const at = specs.findIndex(({ id }) => id === latest.id);
  if (at < 0) return { state: "stale" };
  const before = specs.findIndex(({ id }) => id === history[0]?.replaces);
  const since = specs.slice(at, before < 0 ? undefined : before);
  const own = since
    .flatMap(({ data }) => leavesIn(data) ?? [])
    .findLast((leaves) => holds(leaves, target.leaves));
  const now = leavesIn(latest.data);
  if (!own || !now) return { state: "filled" };
  const changes = differences(target.leaves, now, additions(target.leaves, own));
  return changes.length === 0 ? { state: "filled" } : { state: "changed", changes };
}

function leavesIn(data: unknown): Leaves | undefined {
  const stored = readConfig(data);
  return stored && leavesOf(stored);
}

function holds(leaves: Leaves, sent: Leaves): boolean {
  return differences(sent, leaves, additions(sent, leaves)).length === 0;
}
