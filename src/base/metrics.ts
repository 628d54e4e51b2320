/**
 * The metrics registry of the process, passed down from the composition root. Metrics are defined where they are measured;
 * prom-client's global registry is not used.
 */

import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

export interface RegistryOptions {
  readonly version: string;
  /** Also measure the process itself: CPU, memory, event loop, garbage collection. Default true. */
  readonly processMetrics?: boolean | undefined;
}

export function createRegistry(options: RegistryOptions): Registry {
  const registry = new Registry();
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "paperspace_operator_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["version", "node_version"],
    registers: [registry],
  }).set({ version: options.version, node_version: process.version }, 1);
  return registry;
}
