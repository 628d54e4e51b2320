/** An hour in which nothing changes: what Ready machines cost the account and the API server. */
import { figureOf, total } from "../figures.ts";
import { fillFleet } from "../fleet.ts";
import { sleepFor } from "../rig.ts";
import type { Scenario } from "../scenario.ts";

/**
 * The resync interval by default is ten minutes; here it is as many times shorter as the hour is. Not more: a list of 5,000
 * takes some seconds, and a machine that it brings late is read by its id.
 */
const SHORTER = 10;
const RESYNC_S = 600 / SHORTER;
const RESYNCS = 6;
const RENEWAL = "PATCH leases";
const MACHINES_A_PAGE = 120;

export const economy: Scenario = {
  name: "economy",
  summary:
    "An hour of six resyncs, ten times as fast, in which nothing changes (in front of a cluster in memory)",
  unit: "machines",
  sizes: [5_000],
  small: 20,
  async run(bench, size) {
    await using rig = await bench.open({ standIn: true, budget: null, latencyMs: 0 });
    await fillFleet(rig, size);
    const resyncS = bench.isSmall ? 2 : RESYNC_S;
    const operator = await rig.start(`--resync-interval=${resyncS}s`, `--slow-retry=${resyncS}s`);
    await operator.quietFor(bench.isSmall ? 1 : 3, 0.2, rig.signal);
    const resyncs = bench.isSmall ? 1 : RESYNCS;
    const spent = await rig.spent(() => sleepFor(resyncs * resyncS * 1_000, rig.signal));
    const ideal = resyncs * Math.ceil(size / MACHINES_A_PAGE);
    const renewals = spent.writes[RENEWAL] ?? 0;
    return {
      figures: [
        figureOf("reads of Paperspace", total(spent.calls), "", { atMost: Math.ceil(1.1 * ideal) }),
        figureOf("Kubernetes writes but the lease", total(spent.writes) - renewals, "", { atMost: 0 }),
        figureOf("renewals of the lease", renewals, ""),
        figureOf("processor time a resync", spent.cpuSeconds / resyncs, "s"),
      ],
      tables: { "Calls to Paperspace": spent.calls, "Writes to Kubernetes": spent.writes },
    };
  },
};
