/** One difference between what is declared and what is there, and how people read of it. What is compared is a kind's. */
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
