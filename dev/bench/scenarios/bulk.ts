/**
 * Many machines at once. The rate limit of the cloud is the floor: N creates at R a second with a burst of b end no sooner
 * than F = (N − b) / R plus provisioning, and every read meanwhile takes the place of a create.
 */
import { figureOf, type Goal, type Measurement, total } from "../figures.ts";
import type { OperatorProcess } from "../operator.ts";
import { LIMITED, type Rig, type Spent } from "../rig.ts";
import type { Bench, Scenario } from "../scenario.ts";

const PROVISIONING_MS = 5_000;

/** By size: how many times F it may take, and how many calls. */
const GOALS: Readonly<Record<number, { timesFloor: number; calls: number }>> = {
  200: { timesFloor: 1.1, calls: 216 },
  1000: { timesFloor: 1.03, calls: 1_040 },
};

export const bulk: Scenario = {
  name: "bulk",
  summary:
    "Machines created at once, at 10 requests a second, burst 20, 80 ms a request, 5 s of provisioning",
  unit: "machines",
  sizes: [200, 1_000],
  small: 10,
  forPeers: true,
  run: (bench, size) => bulkOf(bench, size, PROVISIONING_MS, GOALS[size]),
};

export async function bulkOf(
  bench: Bench,
  count: number,
  provisioningMs: number,
  goals?: { timesFloor: number; calls: number },
): Promise<Measurement> {
  await using rig = await bench.open({ provisioningMs, budget: LIMITED });
  const operator = await rig.start();
  const machines = rig.follow(rig.machines);
  const spent = await rig.spent(async () => {
    await rig.createMachines(count);
    await machines.untilReady(count);
  });
  const floor = Math.max(0, count - LIMITED.burst) / LIMITED.perSecond + provisioningMs / 1_000;
  return createsOf(rig, operator, spent, count, [
    figureOf("time ÷ F", spent.seconds / floor, "×", atMost(goals?.timesFloor)),
    figureOf("calls to Paperspace", total(spent.calls), "", atMost(goals?.calls)),
  ]);
}

/** What a scenario of creates reports that ends when all are Ready; `calls`: by default a create, where no goal counts them. */
export function createsOf(
  rig: Rig,
  operator: OperatorProcess,
  spent: Spent,
  count: number,
  calls = [figureOf("calls to Paperspace a create", total(spent.calls) / count, "×")],
): Measurement {
  return {
    figures: [
      figureOf("all Ready after", spent.seconds, "s"),
      ...calls,
      ...perCreate(rig, operator, spent, count),
    ],
    tables: { "Calls to Paperspace": spent.calls, "Writes to Kubernetes": spent.writes },
  };
}

/** What every scenario of creates has. */
export function perCreate(rig: Rig, operator: OperatorProcess, spent: Spent, count: number) {
  return [
    figureOf("processor time a create", (spent.cpuSeconds / count) * 1_000, "ms"),
    figureOf("Kubernetes writes a create", total(spent.writes) / count, "×"),
    figureOf("429 answers", rig.calls.refused, ""),
    figureOf("peak memory", operator.usage().peakMiB, "MiB"),
    figureOf("longest delay of the event loop", operator.longestDelayMs, "ms"),
  ];
}

function atMost(bound: number | undefined): Goal | undefined {
  return bound === undefined ? undefined : { atMost: bound };
}
