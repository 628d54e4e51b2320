/** Machines are deleted while as many are created: deletions end the bill, so they go first. */
import { systemClock } from "../../../src/base/clock.ts";
import { figureOf, total } from "../figures.ts";
import { all, LIMITED } from "../rig.ts";
import type { Scenario } from "../scenario.ts";

export const teardown: Scenario = {
  name: "teardown",
  summary: "Ready machines deleted while as many are created, at 10 requests a second",
  unit: "machines each",
  sizes: [1_000],
  small: 5,
  forPeers: true,
  async run(bench, size) {
    await using rig = await bench.open({ budget: null });
    await rig.start();
    const machines = rig.follow(rig.machines);
    await rig.createMachines(size, "old");
    await machines.untilReady(size);
    const old = machines.list().map(({ metadata }) => metadata.name);
    for (const { teamId } of rig.accounts) rig.simulator.console.setBudget(teamId, LIMITED);
    let goneAfter = Number.NaN;
    const spent = await rig.spent(async () => {
      const began = systemClock.monotonic();
      await Promise.all([
        all(old, (name) => rig.machines.delete(rig.namespace, name)),
        rig.createMachines(size, "new"),
      ]);
      await machines.until((objects) => objects.every(({ metadata }) => metadata.name.startsWith("new")));
      goneAfter = (systemClock.monotonic() - began) / 1_000;
      await machines.untilReady(size);
    });
    const floor = (size - LIMITED.burst) / LIMITED.perSecond;
    return {
      figures: [
        figureOf("all old ones gone after", goneAfter, "s"),
        figureOf("that ÷ the least for these deletions alone", goneAfter / floor, "×"),
        figureOf("all new ones Ready after", spent.seconds, "s"),
        figureOf("calls to Paperspace", total(spent.calls), ""),
        figureOf("429 answers", rig.calls.refused, ""),
      ],
      tables: { "Calls to Paperspace": spent.calls, "Writes to Kubernetes": spent.writes },
    };
  },
};
