/**
 * Many machines at once where the cloud limits nothing: the API server is the bound, and the operator's own work. The calls a
 * create are the same for two sizes, where they are linear in them.
 */
import type { Scenario } from "../scenario.ts";
import { createsOf } from "./bulk.ts";

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
    return createsOf(rig, operator, spent, size);
  },
};
