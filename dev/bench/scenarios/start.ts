/** A start in an empty namespace. */
import { figureOf } from "../figures.ts";
import { fillFleet } from "../fleet.ts";
import type { Scenario } from "../scenario.ts";

export const start: Scenario = {
  name: "start",
  summary: "Process start until /readyz",
  unit: "objects",
  sizes: [0],
  small: 0,
  forPeers: true,
  async run(bench, size) {
    await using rig = await bench.open(size === 0 ? {} : { standIn: true, budget: null, latencyMs: 0 });
    if (size > 0) await fillFleet(rig, size);
    const operator = await rig.start();
    return {
      figures: [
        figureOf("ready after", operator.readyAfterMs / 1_000, "s", { atMost: 0.5 }),
        figureOf("processor time until then", operator.usage().cpuSeconds, "s"),
        figureOf("resident memory", operator.usage().rssMiB, "MiB"),
      ],
    };
  },
};
