/**
 * What each object is and costs, as series of its own, when metrics are scraped: only where the user asks for them, since
 * there are as many as objects.
 */
import { Gauge, type Registry } from "prom-client";
import { type AccruingCost, accrued, MILLIONTHS, ownCost } from "../base/cost.ts";
import { keyOf } from "../kube/objects.ts";
import type { ManagedObject } from "./managed.ts";
import { stateOf } from "./metrics.ts";

export interface CostMetricsOptions {
  now(): number;
  /** By the plural of each kind. */
  objects(): Readonly<Record<string, readonly ManagedObject[]>>;
}

/** Objects of a kind that have series, in the order of their namespaces and names. */
export const MOST_SERIES = 5_000;

const OBJECT = ["controller", "namespace", "name"] as const;

interface Shown {
  labels: Record<(typeof OBJECT)[number], string>;
  object: ManagedObject;
}

export function createCostMetrics(registry: Registry, options: CostMetricsOptions): void {
  const shown = (): Shown[] =>
    Object.entries(options.objects()).flatMap(([controller, objects]) =>
      objects
        .map((object) => ({ object, key: keyOf(object) }))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, MOST_SERIES)
        .map(({ object }) => {
          const { namespace = "", name } = object.metadata;
          return { labels: { controller, namespace, name }, object };
        }),
    );
  new Gauge({
    name: "paperspace_object_info",
    help: `1 for each object; at most ${MOST_SERIES} of a kind.`,
    labelNames: [...OBJECT, "state", "machine_type", "region", "id"] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, object } of shown()) {
        const { machineType = "", region = "", id = "" } = (object.status ?? {}) as Described;
        this.set({ ...labels, state: stateOf(object), machine_type: machineType, region, id }, 1);
      }
    },
  });
  const amount = (name: string, help: string, of: (cost: AccruingCost) => number) =>
    new Gauge({
      name,
      help,
      labelNames: [...OBJECT, "currency"] as const,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, object } of shown()) {
          const cost = ownCost(object as { metadata: { uid?: string }; status?: Described });
          if (cost) this.set({ ...labels, currency: cost.currency ?? "" }, of(cost) / MILLIONTHS);
        }
      },
    });
  amount("paperspace_object_hourly_rate", "What an object costs an hour now.", ({ rate }) => rate);
  // A gauge: what is corrected goes down, and a counter that does would count as one that began anew.
  amount(
    "paperspace_object_spent",
    "What an object has cost so far, at least; for delta(), not increase().",
    (cost) => accrued(cost, options.now()),
  );
  amount(
    "paperspace_object_spent_unknown",
    "What an object may have cost so far beside paperspace_object_spent.",
    ({ unknown }) => unknown,
  );
}

/** Of the status of kinds that have it. */
interface Described {
  id?: string;
  uid?: string;
  cost?: AccruingCost & { currency?: string };
  machineType?: string;
  region?: string;
}
