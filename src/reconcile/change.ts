/**
 * One difference between the declared and the actual state, and its text in messages. What is compared is the kind's.
 */
export interface Change {
  /** Path below spec. */
  field: string;
  from: unknown;
  to: unknown;
}

/** "autoShutdown.enabled: false → true", for events and conditions. */
export function describe(changes: readonly Change[]): string {
  return changes
    .map(({ field, from, to }) => `${field}: ${JSON.stringify(from ?? null)} → ${JSON.stringify(to)}`)
    .join(", ");
}
