/**
 * Watches the condition Ready of one object against what is true of its resource: how long it lags behind, and how often
 * it changes, over every version that was written. What is true is asked of the simulator, not of the operator.
 */
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import type { VirtualWorld } from "./virtual-world.ts";

const EVERY_MS = 5_000;

export interface Watched {
  /** The object as it is now. */
  object: () => ManagedObject | undefined;
  /** Whether it serves at this moment. */
  serves: () => boolean;
}

export class ReadyWatch {
  readonly #world: VirtualWorld;
  readonly #watched: Watched;
  /** Index in the events of the API server, from which versions count. */
  #from = 0;
  #isRunning = true;
  /** Milliseconds that Ready was True, at a stretch, while nothing served; and was not while it served. */
  #wronglyTrue = 0;
  #wronglyFalse = 0;
  /** The longest of these stretches. */
  readonly longest = { wronglyTrue: 0, wronglyFalse: 0 };

  constructor(world: VirtualWorld, watched: Watched) {
    this.#world = world;
    this.#watched = watched;
    this.#sample();
  }

  /** Changes of the status of Ready since the last call, each as `status reason: message`. */
  changes(): string[] {
    const readings = this.#written().flatMap((version) => readyOf(version) ?? []);
    this.#from = this.#world.kube.storage.events.length;
    return readings
      .filter(({ status }, i) => i > 0 && status !== readings[i - 1]?.status)
      .map(({ status, reason, message }) => `${status} ${reason}: ${message}`);
  }

  /** Versions of the object that were written since the last call of `changes`. */
  versions(): number {
    return this.#written().length;
  }

  #written(): ManagedObject[] {
    return versionsOf(this.#world, this.#watched.object(), this.#from);
  }

  end(): void {
    this.#isRunning = false;
  }

  #sample(): void {
    if (!this.#isRunning) return;
    const isTrue = readyOf(this.#watched.object())?.status === "True";
    const serves = this.#watched.serves();
    this.#wronglyTrue = isTrue && !serves ? this.#wronglyTrue + EVERY_MS : 0;
    this.#wronglyFalse = !isTrue && serves ? this.#wronglyFalse + EVERY_MS : 0;
    this.longest.wronglyTrue = Math.max(this.longest.wronglyTrue, this.#wronglyTrue);
    this.longest.wronglyFalse = Math.max(this.longest.wronglyFalse, this.#wronglyFalse);
    this.#world.clock.after(EVERY_MS, () => this.#sample());
  }
}

/** All versions of the object that were written since the event of this index. */
export function versionsOf(
  { kube }: VirtualWorld,
  object: ManagedObject | undefined,
  from: number,
): ManagedObject[] {
  const written = kube.storage.events.slice(from).map((event) => event.object as ManagedObject);
  return written.filter(({ metadata }) => metadata.uid === object?.metadata.uid);
}

export function readyOf(object: ManagedObject | undefined) {
  return object?.status?.conditions?.find(({ type }) => type === "Ready");
}
