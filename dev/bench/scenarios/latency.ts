/** From the API server's answer to a create until the request arrives at the cloud, beside objects that are idle. */
import { systemClock } from "../../../src/base/clock.ts";
import { figureOf, percentile } from "../figures.ts";
import { all, numbers, type Rig, sleepFor } from "../rig.ts";
import type { Scenario } from "../scenario.ts";

const CREATES_A_SECOND = 5;
const SECONDS = 60;

export const latency: Scenario = {
  name: "latency",
  summary:
    "From commit to cloud: 5 creates a second, limiter at 100 a second, beside idle objects (paused ones)",
  unit: "idle objects",
  sizes: [10_000],
  small: 10,
  async run(bench, size) {
    await using rig = await bench.open({ budget: { perSecond: 100, burst: 100 } });
    await all(numbers(size), (n) => rig.machines.create(rig.namespace, paused(rig, `idle-${n}`)));
    const operator = await rig.start();
    await rig.settled(operator);
    const count = (bench.isSmall ? 1 : SECONDS) * CREATES_A_SECOND;
    const waits = await waitsOf(rig, count);
    return {
      figures: [
        figureOf("commit to cloud, median", percentile(waits, 0.5), "ms", { atMost: 10 }),
        figureOf("commit to cloud, 99 of 100", percentile(waits, 0.99), "ms", { atMost: 50 }),
        figureOf("longest delay of the event loop", operator.longestDelayMs, "ms", { atMost: 50 }),
      ],
    };
  },
};

function paused(rig: Rig, name: string) {
  const machine = rig.machine(name);
  return { ...machine, metadata: { name, annotations: { "paperspace.com/paused": "true" } } };
}

/** Milliseconds of each create. */
async function waitsOf(rig: Rig, count: number): Promise<number[]> {
  const committed = new Map<string, number>();
  const arrivals = rig.arrivals();
  const creates: Promise<unknown>[] = [];
  for (const n of numbers(count)) {
    const name = `box-${n}`;
    const create = rig.machines.create(rig.namespace, rig.machine(name));
    creates.push(create.then(() => committed.set(name, systemClock.now())));
    await sleepFor(1_000 / CREATES_A_SECOND, rig.signal);
  }
  const [arrived] = await Promise.all([arrivals.until(count), ...creates]);
  return Array.from(committed, ([name, at]) => Math.max(0, (arrived.get(name) ?? Number.NaN) - at));
}
