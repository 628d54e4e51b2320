/** Processor time of passes that change nothing, and of a create from its first pass until it is Ready. */
import { sleep, systemClock } from "../../../src/base/clock.ts";
import { type Figure, figureOf, type Measurement } from "../figures.ts";
import { fillFleet } from "../fleet.ts";
import type { OperatorProcess } from "../operator.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { perCreate } from "./bulk.ts";

/** Passes that change nothing for each create that is measured. */
const PASSES_A_CREATE = 20;
/** Each object is looked at so often. */
const PASSES_AN_OBJECT = 10;

export const cpu: Scenario = {
  name: "cpu",
  summary:
    "Processor time of passes that change nothing (in front of a cluster in memory), and of creates without a limit",
  unit: "passes",
  sizes: [10_000],
  small: 100,
  async run(bench, size) {
    const count = size / PASSES_A_CREATE;
    const plain = await creates(bench, count, false);
    const [overTls] = (await creates(bench, count, true)).figures;
    return {
      ...plain,
      figures: [
        await idlePass(bench, size),
        { ...(plain.figures[0] as Figure), goal: { atMost: 6 } },
        ...(overTls ? [{ ...overTls, what: `${overTls.what}, over TLS` }] : []),
        ...plain.figures.slice(1),
      ],
    };
  },
};

async function idlePass(bench: Bench, passes: number): Promise<Figure> {
  await using rig = await bench.open({ standIn: true, budget: null, latencyMs: 0 });
  await fillFleet(rig, passes / PASSES_AN_OBJECT);
  const operator = await rig.start("--resync-interval=1s");
  const from = await passed(operator, passes / PASSES_AN_OBJECT, rig.signal);
  const { cpuSeconds } = operator.usage();
  const to = await passed(operator, from + passes, rig.signal);
  const spent = operator.usage().cpuSeconds - cpuSeconds;
  return figureOf("an idle pass, its share of the lists included", (spent / (to - from)) * 1_000, "ms", {
    atMost: 0.1,
  });
}

/** Once there have been so many passes; gives how many there have been. */
async function passed(operator: OperatorProcess, passes: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    const now = await operator.metric("controller_runtime_reconcile_total");
    if (now >= passes) return now;
    await sleep(systemClock, 200, signal);
  }
}

async function creates(bench: Bench, count: number, tls: boolean): Promise<Measurement> {
  await using rig = await bench.open({ budget: null, provisioningMs: 1_000, tls });
  const operator = await rig.start();
  const machines = rig.follow(rig.machines);
  const spent = await rig.spent(async () => {
    await rig.createMachines(count);
    await machines.untilReady(count);
  });
  const tables = { "Calls to Paperspace": spent.calls, "Writes to Kubernetes": spent.writes };
  return { figures: perCreate(rig, operator, spent, count), tables };
}
