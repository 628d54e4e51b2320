/** What so many Ready machines need in memory, from the first list until nothing is left to do. */
import { figureOf, type Goal } from "../figures.ts";
import { fillFleet, MACHINES_AN_ACCOUNT } from "../fleet.ts";
import type { Scenario } from "../scenario.ts";

const SETTLED_MIB: Readonly<Record<number, number>> = { 1000: 110, 10000: 150, 100000: 480 };

export const memory: Scenario = {
  name: "memory",
  summary: "Memory after a start with Ready machines (a cluster in memory stands in for the API server)",
  unit: "machines",
  sizes: [1_000, 10_000, 100_000],
  small: 20,
  async run(bench, size) {
    const accounts = Math.ceil(size / MACHINES_AN_ACCOUNT);
    await using rig = await bench.open({ standIn: true, accounts, budget: null, latencyMs: 0 });
    await fillFleet(rig, size);
    const operator = await rig.start();
    await rig.settled(operator);
    const { rssMiB, peakMiB, cpuSeconds } = operator.usage();
    // A kubeconfig is read by a library, which a pod does without.
    const credentials = rig.standIn?.pod ? "with a pod's credentials" : "with a kubeconfig";
    const heapMiB = (await operator.metric("nodejs_heap_size_used_bytes")) / 2 ** 20;
    return {
      figures: [
        figureOf(`resident memory, settled, ${credentials}`, rssMiB, "MiB", goalOf(size)),
        figureOf("peak ÷ settled", peakMiB / rssMiB, "×", { atMost: 1.5 }),
        figureOf("peak", peakMiB, "MiB"),
        figureOf("of which heap of V8, garbage included", heapMiB, "MiB"),
        figureOf("processor time until settled", cpuSeconds, "s"),
        figureOf("longest delay of the event loop", operator.longestDelayMs, "ms", { atMost: 50 }),
      ],
    };
  },
};

function goalOf(size: number): Goal | undefined {
  const atMost = SETTLED_MIB[size];
  return atMost === undefined ? undefined : { atMost };
}
