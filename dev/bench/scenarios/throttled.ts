/** The budget halves without notice: how much of what is left is used, and how many requests are refused meanwhile. */
import { figureOf, total } from "../figures.ts";
import { LIMITED, sleepFor } from "../rig.ts";
import type { Scenario } from "../scenario.ts";

const HALF = { perSecond: LIMITED.perSecond / 2, burst: LIMITED.burst / 2 };
const BEFORE_MS = 30_000;

export const throttled: Scenario = {
  name: "throttled",
  summary: "Creates while the cloud's budget halves, from 10 requests a second to 5, without notice",
  unit: "minutes",
  sizes: [10],
  small: 0.05,
  forPeers: true,
  async run(bench, minutes) {
    await using rig = await bench.open({ budget: LIMITED });
    await rig.start();
    const halvedMs = minutes * 60_000;
    // More than both budgets let through.
    const count = Math.ceil(((BEFORE_MS + halvedMs) / 1_000) * LIMITED.perSecond);
    await rig.createMachines(bench.isSmall ? 30 : count);
    await sleepFor(bench.isSmall ? 1_000 : BEFORE_MS, rig.signal);
    for (const { teamId } of rig.accounts) rig.simulator.console.setBudget(teamId, HALF);
    const { refused } = rig.calls;
    const spent = await rig.spent(() => sleepFor(halvedMs, rig.signal));
    const calls = total(spent.calls);
    const given = calls - (rig.calls.refused - refused);
    return {
      figures: [
        figureOf(
          "share of the halved budget that was used",
          (given / (spent.seconds * HALF.perSecond)) * 100,
          "%",
          {
            atLeast: 95,
          },
        ),
        figureOf("share of 429 answers", ((calls - given) / calls) * 100, "%", { atMost: 1 }),
        figureOf("creates among the calls", ((spent.calls["POST /machines"] ?? 0) / calls) * 100, "%"),
      ],
      tables: { "Calls to Paperspace": spent.calls },
    };
  },
};
