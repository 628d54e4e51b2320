/**
 * Whether a snapshot that was not found can still arrive: by the wall clock and since when this process knows of it, as of
 * a create (attempt-ages.ts).
 */
import type { Clock } from "../../base/clock.ts";
import { AttemptAges } from "../attempt-ages.ts";
import { announcedAt, unsettledMs } from "../resolution.ts";
import type { MachineObservation } from "./observation.ts";

export class SnapshotAges {
  readonly #ages: AttemptAges;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #settleMs: number;

  constructor(clock: Pick<Clock, "monotonic">, settleMs: number) {
    this.#ages = new AttemptAges(clock);
    this.#clock = clock;
    this.#settleMs = settleMs;
  }

  /** Whether the last read for it began once its request could surely have no effect any more. */
  isSettled(key: string, { memory, related, now }: MachineObservation): boolean {
    const { resizeSnapshot } = memory;
    if (!resizeSnapshot || !related.snapshot) return false;
    const { name, requestedAt: time } = resizeSnapshot;
    const announced = announcedAt({ time }, this.#ages.knownSince(key, { name, time }));
    const { ageMs } = related.snapshot;
    const began = { wall: now - ageMs, monotonic: this.#clock.monotonic() - ageMs };
    return unsettledMs({ settleMs: this.#settleMs, now: began, announced }) === 0;
  }

  forget(key: string): void {
    this.#ages.forget(key);
  }
}
