/** The leader ends with creates pending: until the other operator sends its first one. */
import { systemClock } from "../../../src/base/clock.ts";
import { type Figure, figureOf } from "../figures.ts";
import { LIMITED } from "../rig.ts";
import type { Bench, Scenario } from "../scenario.ts";

export const failover: Scenario = {
  name: "failover",
  summary:
    "The leader is killed, or ends in good order, with creates pending; until the first create of the other one",
  unit: "pending creates",
  sizes: [1_000],
  small: 40,
  async run(bench, size) {
    const stopped = await after(bench, size, "stop", 3);
    return { figures: bench.isSmall ? [stopped] : [await after(bench, size, "kill", 19), stopped] };
  },
};

async function after(bench: Bench, count: number, ending: "kill" | "stop", atMost: number): Promise<Figure> {
  await using rig = await bench.open({ budget: LIMITED });
  const flags = bench.isSmall ? ["--lease-duration=3s", "--renew-deadline=2s", "--retry-period=500ms"] : [];
  const first = await rig.start(...flags);
  await rig.start(...flags);
  await rig.createMachines(count);
  await rig.arrivals().until(LIMITED.burst / 2);
  const ended = systemClock.now();
  await first[ending]();
  // What the first one sent before it ended may still arrive; nothing of it can come later than the end of its process.
  const arrivals = rig.arrivals();
  const [arrived = Number.NaN] = (await arrivals.until(1)).values();
  const what =
    ending === "kill" ? "killed, until the next create" : "ended by SIGTERM, until the next create";
  return figureOf(what, (arrived - ended) / 1_000, "s", { atMost });
}
