/** Many machines at once where the cloud limits nothing: the API server is the bound, and the operator's own work. */
import { figureOf, total } from "../figures.ts";
import type { Scenario } from "../scenario.ts";
import { perCreate } from "./bulk.ts";

export const open: Scenario = {
  name: "open",
  summary: "Machines created at once without a limit of the cloud",
  unit: "machines",
  sizes: [1_000, 10_000],
  small: 10,
  forPeers: true,
  async run(bench, size) {
    await using rig = await bench.open({ budget: null });
    const operator = await rig.start();
    const machines = rig.follow(rig.machines);
    const spent = await rig.spent(async () => {
      await rig.createMachines(size);
      await machines.untilReady(size);
    });
    return {
      figures: [
        figureOf("all Ready after", spent.seconds, "s"),
        // Of two sizes the same, where calls are linear in them.
        figureOf("calls to Paperspace a create", total(spent.calls) / size, "×"),
        ...perCreate(rig, operator, spent, size),
      ],
      tables: { "Calls to Paperspace": spent.calls, "Writes to Kubernetes": spent.writes },
    };
  },
};
