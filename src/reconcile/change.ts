/**
 * One difference between the declared and the actual state, and its text in messages. What is compared is the kind's.
 */

import { printableJson } from "../base/plain-text.ts";

export interface Change {
  /** Path below spec. */
  field: string;
  from: unknown;
  to: unknown;
}

/** "autoShutdown.enabled: false → true", for events and conditions. */
export function describe(changes: readonly Change[]): string {
  return changes
    .map(({ field, from, to }) => `${field}: ${printableJson(from ?? null)} → ${printableJson(to)}`)
    .join(", ");
}

/**
 * A create gives a name of its own, by which it is found again; the declared one follows as an update. That change puts
 * nothing back. `shown`: the name in status, so that a later change to the created name counts as any other.
 */
export function isFirstNaming({ field, from }: Change, created: string | undefined, shown?: string): boolean {
  return field === "name" && created !== undefined && from === created && (shown ?? created) === created;
}
