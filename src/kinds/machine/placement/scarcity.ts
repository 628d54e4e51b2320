/**
 * What a team knows of scarce hardware beyond the hints of the API: where machines came to nothing, of any of its objects. A
 * place is left alone after that, for longer each time, and one object at a time goes for it. It is rebuilt after a
 * restart, since each object has what it tried in its status.
 */
import { setNewest } from "../../../base/bounded-map.ts";
import type { Clock } from "../../../base/clock.ts";
import { millis } from "../../../reconcile/conditions.ts";
import { ageOfTime, isLate } from "../../../reconcile/decision.ts";
import { coolDownMs } from "../../tries.ts";
import type { MachineMemory, MachineObservation } from "../observation.ts";
import { powerOf } from "../operation.ts";
import { type Place, placeKey } from "./candidates.ts";

/** A create or a start that got no hardware. `of` and `at` tell it apart: it is seen in every pass of its object. */
export interface Failure {
  place: Place;
  of: string;
  at: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Shorter than an object's own: what one of them met is a hint for the others, and no more. */
const SHARED = { baseMs: 2 * MINUTE_MS, maxMs: 30 * MINUTE_MS };
const MOST_FAILURES = 16;
const MOST_PLACES = 512;

interface Scarcity {
  /** Oldest first. */
  failures: readonly Failure[];
  /** Wall clock, milliseconds: what failed before does not count any more. */
  overAt: number;
}

export class ScarcityMemory {
  readonly #clock: Pick<Clock, "now">;
  readonly #places = new Map<string, Scarcity>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  note(failure: Failure): void {
    const { failures, overAt } = this.#at(placeKey(failure.place));
    const isKnown = failures.some(({ of, at }) => of === failure.of && at === failure.at);
    const age = ageOfTime(failure.at, this.#clock.now());
    if (isKnown || age >= DAY_MS || (millis(failure.at) ?? 0) <= overAt) return;
    const all = [...failures, failure].toSorted((a, b) => (millis(a.at) ?? 0) - (millis(b.at) ?? 0));
    this.#set(placeKey(failure.place), { failures: all.slice(-MOST_FAILURES), overAt });
  }

  /** Hardware was had there, or the API admits that there is none: it may be believed again. */
  forgive(key: string): void {
    if (this.#places.has(key)) this.#set(key, { failures: [], overAt: this.#clock.now() });
  }

  /**
   * Milliseconds for which this object does not go there, whatever the hint says: by what others have met. How often it
   * tries again what it has met itself is decided with what it remembers of that.
   */
  coolingMs(key: string, of: string): number {
    const ofOthers = this.#recent(key).filter((failure) => failure.of !== of);
    return coolDownMs(ofOthers, this.#clock.now(), SHARED);
  }

  /** Whether one object at a time goes there. */
  isScarce(key: string): boolean {
    return this.#recent(key).length > 0;
  }

  #recent(key: string): readonly Failure[] {
    const now = this.#clock.now();
    return this.#places.get(key)?.failures.filter(({ at }) => ageOfTime(at, now) < DAY_MS) ?? [];
  }

  #at(key: string): Scarcity {
    return this.#places.get(key) ?? { failures: [], overAt: 0 };
  }

  /** Places are named by users: the one that was changed longest ago goes. */
  #set(key: string, scarcity: Scarcity): void {
    setNewest(this.#places, key, scarcity, MOST_PLACES);
  }
}

/** What an object has met. `state`: of its machine, undefined where none is known to be there. */
export interface Met {
  of: string;
  place: Place;
  memory: MachineMemory;
  state: string | undefined;
}

/**
 * What came to nothing for want of hardware: candidates of a placement, and a create or a start that is late and left its
 * machine off. What was refused for the spec of an object says nothing to others, nor does a create of which nothing is
 * to be seen: it may never have arrived.
 */
export function failuresOf({ of, place, memory, state }: Met, now: number): Failure[] {
  const { placement, operation } = memory;
  const tried = (placement?.tried ?? []).flatMap(({ candidate, at, outcome }) =>
    outcome === "Refused" ? [] : { place: candidate, of, at },
  );
  const isOff = state !== undefined && powerOf(state) === "off";
  const isLeftOff = isOff && operation && LEADS_UP.has(operation.intent) && operation.target === "Running";
  return isLeftOff && isLate(operation, now) ? [...tried, { place, of, at: operation.requestedAt }] : tried;
}

/** Intents that end with a machine that is on. */
export const LEADS_UP: ReadonlySet<string> = new Set(["Create", "Start"]);

/** Whether the machine has just come up: then there is hardware of its type. */
export function cameUp({ memory, resource }: MachineObservation): boolean {
  const { operation } = memory;
  if (!operation || !LEADS_UP.has(operation.intent) || resource.state !== "present") return false;
  return resource.machine.state.toLowerCase() === "ready";
}
