/**
 * Request budgets: one token bucket a team (errors-and-limits.md section 4 documents the 429 and no figure).
 * In clock time whatever the speed: a client's pace does not grow with the simulated one.
 */

import type { Clock } from "../../../src/base/clock.ts";
import type { Team } from "../world/records.ts";

export class Budgets {
  readonly #clock: Clock;
  #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one call out of the team's budget; 0, or the milliseconds until there is one again. */
  take(team: Team): number {
    if (!team.budget) return 0;
    const { burst, perSecond } = team.budget;
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(team.id) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    const granted = tokens >= 1;
    this.#buckets.set(team.id, { tokens: granted ? tokens - 1 : tokens, at: now });
    if (granted) return 0;
    return perSecond > 0 ? Math.ceil(((1 - tokens) / perSecond) * 1000) : Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#buckets.clear();
  }
}
