/** Many API keys in one process, one of whose accounts is slow: what the others wait for. */
import { systemClock } from "../../../src/base/clock.ts";
import { figureOf, percentile, total } from "../figures.ts";
import { all, LIMITED, numbers } from "../rig.ts";
import type { Scenario } from "../scenario.ts";

const MACHINES_A_KEY = 3;
const SLOW_MS = 5_000;

export const accounts: Scenario = {
  name: "accounts",
  summary:
    "An account each with three machines, 10 requests a second each; every answer to one of them takes 5 s",
  unit: "keys",
  sizes: [200],
  small: 3,
  async run(bench, size) {
    await using rig = await bench.open({ accounts: size, budget: LIMITED });
    const [slow] = rig.accounts;
    rig.simulator.faults.clear();
    rig.simulator.faults.add({
      match: { team: slow?.teamId ?? "", times: "always" },
      do: { delayMs: SLOW_MS },
    });
    rig.simulator.faults.add({ match: { times: "always" }, do: { delayMs: 80 } });
    const operator = await rig.start();
    const machines = rig.follow(rig.machines);
    const names = numbers(size * MACHINES_A_KEY);
    const readyAfter = new Map<string, number>();
    const began = systemClock.monotonic();
    const spent = await rig.spent(async () => {
      await all(names, (n) => {
        const credentialsSecretRef = { name: rig.accounts[n % size]?.secret ?? "", key: "apiKey" };
        return rig.machines.create(rig.namespace, rig.machine(`box-${n}`, { credentialsSecretRef }));
      });
      await machines.untilEachReady(names.length, (name) => {
        readyAfter.set(name, systemClock.monotonic() - began);
      });
    });
    const ofOthers = names.filter((n) => n % size !== 0).map((n) => readyAfter.get(`box-${n}`) ?? Number.NaN);
    return {
      figures: [
        figureOf("Ready in the other accounts, median", percentile(ofOthers, 0.5) / 1_000, "s"),
        figureOf("Ready in the other accounts, the last", percentile(ofOthers, 1) / 1_000, "s"),
        figureOf("all Ready after", spent.seconds, "s"),
        figureOf("calls to Paperspace a machine", total(spent.calls) / names.length, "×"),
        figureOf("processor time a machine", (spent.cpuSeconds / names.length) * 1_000, "ms"),
        figureOf("peak memory", operator.usage().peakMiB, "MiB"),
      ],
      tables: { "Calls to Paperspace": spent.calls },
    };
  },
};
