/**
 * Watches the condition Ready of one object against what is true of its resource: how long it lags behind, and how often
 * it changes, over every version that was written. What is true is asked of the simulator, not of the operator.
 */
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import type { VirtualWorld } from "./virtual-world.ts";

const EVERY_MS = 5_000;

export interface Watched {
  /** In paths of the API server: `paperspacemachines`. */
  plural: string;
  name: string;
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
    const { plural, name } = this.#watched;
    const { events } = this.#world.kube.storage;
    const readings = events
      .slice(this.#from)
      .filter(({ of, object }) => of.plural === plural && object.metadata.name === name)
      .flatMap(({ object }) => readyOf(object as ManagedObject) ?? []);
    this.#from = events.length;
    return readings
      .filter(({ status }, i) => i > 0 && status !== readings[i - 1]?.status)
      .map(({ status, reason, message }) => `${status} ${reason}: ${message}`);
  }

  /** Versions of the object that were written since the last call of `changes`. */
  versions(): number {
    const { plural, name } = this.#watched;
    return this.#world.kube.storage.events
      .slice(this.#from)
      .filter(({ of, object }) => of.plural === plural && object.metadata.name === name).length;
  }

  end(): void {
    this.#isRunning = false;
  }

  #sample(): void {
    if (!this.#isRunning) return;
    const isTrue = this.#ready()?.status === "True";
    const serves = this.#watched.serves();
    this.#wronglyTrue = isTrue && !serves ? this.#wronglyTrue + EVERY_MS : 0;
    this.#wronglyFalse = !isTrue && serves ? this.#wronglyFalse + EVERY_MS : 0;
    this.longest.wronglyTrue = Math.max(this.longest.wronglyTrue, this.#wronglyTrue);
    this.longest.wronglyFalse = Math.max(this.longest.wronglyFalse, this.#wronglyFalse);
    this.#world.clock.after(EVERY_MS, () => this.#sample());
  }

  #ready() {
    const { plural, name } = this.#watched;
    const object = this.#world.kube.storage.events.findLast(
      ({ of, object: { metadata } }) => of.plural === plural && metadata.name === name,
    )?.object;
    return object && readyOf(object as ManagedObject);
  }
}

function readyOf({ status }: ManagedObject) {
  return status?.conditions?.find(({ type }) => type === "Ready");
}
