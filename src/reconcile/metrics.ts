/**
 * Objects of each kind by state and entries of caches, counted when metrics are scraped, and objects that were deleted
 * without cleanup.
 */
import { Counter, Gauge, type Registry } from "prom-client";
import { keyOf } from "../kube/objects.ts";
import type { ManagedObject } from "./managed.ts";

export interface ObjectMetrics {
  /** `controller` is the plural of the kind, as in the other metrics. */
  count(controller: string, counted: Counted): void;
  /** An object was deleted without cleanup of what it owned. */
  leaked(controller: string): void;
}

/** Entries of caches that grow with what users do, by cache. */
export type CacheSizes = Readonly<Record<string, number>>;

/** `controller` is the plural of a kind, or empty for what all kinds share. */
export function createCacheMetrics(
  registry: Registry,
  sizes: () => Readonly<Record<string, CacheSizes>>,
): void {
  new Gauge({
    name: "paperspace_cache_entries",
    help: "Entries of the caches, each of which is bounded by the objects that there are.",
    labelNames: ["controller", "cache"] as const,
    registers: [registry],
    collect() {
      for (const [controller, caches] of Object.entries(sizes()))
        for (const [cache, size] of Object.entries(caches)) this.set({ controller, cache }, size);
    },
  });
}

/** `reads`: of each kind, with the plural as `controller`. */
export function createReadMetrics(
  registry: Registry,
  reads: () => readonly { controller: string; oldestReadMs: number | undefined }[],
): void {
  new Gauge({
    name: "paperspace_oldest_read_seconds",
    help: "Age of the oldest read that a Ready rests on, of kinds whose resources are read one by one.",
    labelNames: ["controller"] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { controller, oldestReadMs } of reads())
        if (oldestReadMs !== undefined) this.set({ controller }, oldestReadMs / 1000);
    },
  });
}

/** Of one kind. `unowned`: resources that this cluster made and no object owns. */
export interface Counted {
  objects(): readonly ManagedObject[];
  unowned(): number;
}

/** The states of an object; `unknown` before its first pass. */
const STATES = ["ready", "reconciling", "stalled", "observed", "paused", "unknown"] as const;
type State = (typeof STATES)[number];

/** Series that Prometheus has to hold for one kind, however many objects a bad key or a quota stalls. */
const MOST_NAMED = 100;

export function createObjectMetrics(registry: Registry): ObjectMetrics {
  const kinds = new Map<string, Counted>();
  new Gauge({
    name: "paperspace_objects",
    help: "Objects by how they stand.",
    labelNames: ["controller", "state"] as const,
    registers: [registry],
    collect() {
      for (const [controller, { objects }] of kinds) {
        const counts = new Map<State, number>(STATES.map((state) => [state, 0]));
        for (const object of objects()) {
          const state = stateOf(object);
          counts.set(state, (counts.get(state) ?? 0) + 1);
        }
        for (const [state, count] of counts) this.set({ controller, state }, count);
      }
    },
  });
  new Gauge({
    name: "paperspace_stalled_object",
    help: `1 for each object that only a user can help on, by namespace and name; at most ${MOST_NAMED} of a kind.`,
    labelNames: ["controller", "object"] as const,
    registers: [registry],
    collect() {
      // One that is no longer stalled has no series.
      this.reset();
      for (const [controller, { objects }] of kinds) {
        const stalled = objects()
          .filter((object) => stateOf(object) === "stalled")
          .map(keyOf)
          .sort();
        for (const object of stalled.slice(0, MOST_NAMED)) this.set({ controller, object }, 1);
      }
    },
  });
  new Gauge({
    name: "paperspace_unowned_resources",
    help: "Resources that this cluster made, by their names, and no object owns: they may go on costing.",
    labelNames: ["controller"] as const,
    registers: [registry],
    collect() {
      for (const [controller, { unowned }] of kinds) this.set({ controller }, unowned());
    },
  });
  const leaks = new Counter({
    name: "paperspace_leaked_objects_total",
    help: "Objects that went after somebody took their finalizer off: what they owned may go on costing.",
    labelNames: ["controller"] as const,
    registers: [registry],
  });
  return {
    count(controller, counted) {
      kinds.set(controller, counted);
      // Present from the start, so that the first one shows as an increase.
      leaks.inc({ controller }, 0);
    },
    leaked(controller) {
      leaks.inc({ controller });
    },
  };
}

/** The most important state, in the order in which they need attention. */
export function stateOf({ status }: ManagedObject): State {
  const isTrue = (type: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
  if (isTrue("Paused")) return "paused";
  if (isTrue("Stalled")) return "stalled";
  if (isTrue("Observed")) return "observed";
  if (isTrue("Reconciling")) return "reconciling";
  return isTrue("Ready") ? "ready" : "unknown";
}
