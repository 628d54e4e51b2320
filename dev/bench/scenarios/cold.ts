/** A start with many objects: until they are all synced, and how long a change waits that is made during that backlog. */
import { systemClock } from "../../../src/base/clock.ts";
import { figureOf } from "../figures.ts";
import { fillFleet, MACHINES_AN_ACCOUNT } from "../fleet.ts";
import type { Scenario } from "../scenario.ts";

export const cold: Scenario = {
  name: "cold",
  summary:
    "A start with Ready machines (a cluster in memory stands in for the API server), and a create right after it",
  unit: "machines",
  sizes: [10_000, 100_000],
  small: 20,
  async run(bench, size) {
    const accounts = Math.ceil(size / MACHINES_AN_ACCOUNT);
    await using rig = await bench.open({ standIn: true, accounts, budget: null });
    await fillFleet(rig, size);
    const operator = await rig.start();
    const arrivals = rig.arrivals();
    const committed = systemClock.now();
    await rig.createMachines(1);
    const [arrived = Number.NaN] = (await arrivals.until(1)).values();
    await rig.settled(operator);
    return {
      figures: [
        figureOf("process start until /readyz", operator.readyAfterMs / 1_000, "s"),
        figureOf("a create during the backlog, until it arrives", (arrived - committed) / 1_000, "s", {
          atMost: 1,
        }),
        figureOf("processor time until settled", operator.usage().cpuSeconds, "s"),
        figureOf("longest delay of the event loop", operator.longestDelayMs, "ms", { atMost: 50 }),
      ],
    };
  },
};
