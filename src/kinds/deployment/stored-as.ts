/**
 * How the API writes a field otherwise than it was sent, such as an image with its registry. The only spec since the one
 * that our upsert replaced is ours, whatever is in it; what differs in it in the same way twice is no drift, but how the API
 * writes what was sent. Pure.
 */
import { printableJson, shorten } from "../../base/plain-text.ts";
import type { Change } from "../../reconcile/change.ts";
import type { StoredSpec } from "./api.ts";
import { digestOf, isPrivate, type Leaves } from "./compare.ts";
import type { DeploymentMemory } from "./observation.ts";
import type { DeploymentStatus, Rollout } from "./types.ts";

/** One for each field. `since`: when what showed it was sent, while it was seen once only. */
export type StoredAs = NonNullable<DeploymentStatus["storedAs"]>[number];

/** Fields that are remembered, newest first. */
const KEPT = 100;

/** In status: what may be secret by its digest. */
function inStatus(field: string, value: unknown): string {
  if (value === undefined) return "null";
  return isPrivate(field) ? digestOf(value) : shorten(printableJson(value), 1_024);
}

/** What is stored, with the fields in the form of `desired` that are known to be written so. */
export function asSent(stored: Leaves, desired: Leaves, storedAs: readonly StoredAs[] = []): Leaves {
  const known = storedAs.filter(
    ({ field, declared, shown, since }) =>
      since === undefined &&
      declared === inStatus(field, desired.get(field)) &&
      shown === inStatus(field, stored.get(field)),
  );
  if (known.length === 0) return stored;
  const leaves = new Map(stored);
  for (const { field } of known) {
    if (desired.has(field)) leaves.set(field, desired.get(field));
    else leaves.delete(field);
  }
  return leaves;
}

/** Whether the spec can only be what became of the newest upsert, by the former specs, newest first. */
export function isOnlyAnswer(
  { replaces }: Pick<Rollout, "replaces">,
  { id }: StoredSpec,
  specs: readonly StoredSpec[],
): boolean {
  const at = specs.findIndex((spec) => spec.id === id);
  // Of a create it is the first one of all.
  const end = replaces === undefined ? specs.length : specs.findIndex((spec) => spec.id === replaces);
  return at >= 0 && end - at === 1;
}

/** What was learnt by these differences between what was sent and its answer; certain where an earlier upsert showed the same. */
export function learnt(
  { storedAs = [] }: DeploymentMemory,
  changes: readonly Change[],
  sentAt: string,
): StoredAs[] {
  const entries = changes.map(({ field, from, to }): StoredAs => {
    const entry = { field, declared: inStatus(field, to), shown: inStatus(field, from) };
    const before = storedAs.find((one) => one.field === field && one.since !== sentAt);
    const isSame = before?.declared === entry.declared && before.shown === entry.shown;
    return isSame ? entry : { ...entry, since: sentAt };
  });
  const fields = new Set(entries.map(({ field }) => field));
  return [...entries, ...storedAs.filter(({ field }) => !fields.has(field))].slice(0, KEPT);
}

/** For the message of Synced; empty where all is stored as it was sent. */
export function storedOtherwise(storedAs: readonly StoredAs[] = []): string {
  return storedAs
    .filter(({ since }) => since === undefined)
    .map(({ field, declared, shown }) =>
      isPrivate(field)
        ? `; Paperspace writes ${field} otherwise`
        : `; Paperspace writes ${field} ${declared} as ${shown}`,
    )
    .join("");
}
