/**
 * Twelve hours of the queue for scarce hardware in virtual time: 50 objects of three namespaces, and one A100 that is free now
 * and then. The order is compared with a model that is written after docs/capacity.md alone.
 */
import { describe, expect, it } from "vitest";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { checkTraffic, newWorld } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TYPE = "A100-80G";
/** It is free every so often, until an object has it. */
const EVERY_MS = (12 * HOUR) / 50;
/** The order is another one from there on where turns are forgotten. */
const RESTARTED_AT = 24;
const FLAGS = ["--leader-elect=false", "--capacity-priorities=prod=50"];
const BOUNDS: Readonly<Record<string, number>> = { prod: 50 };

checkTraffic();

interface Job {
  namespace: string;
  name: string;
  priority: number;
  /** Before which of the 50 times it is applied. */
  from: number;
}

/** Many of one namespace, fewer of another, and some of one whose priorities count between namespaces up to 50. */
const JOBS: readonly Job[] = Array.from({ length: 50 }, (_, i) => {
  const namespace = i % 10 === 6 ? "prod" : i % 3 === 0 ? "web" : "ml";
  // Those of one namespace are neither in the order of their age nor of their priority.
  const priority = [0, 0, 10, 0, 900][(i * 7) % 5] ?? 0;
  return { namespace, name: `${namespace}-${i}`, priority, from: i < 30 ? 0 : 2 * (i - 29) };
});

/**
 * Namespaces take turns, the one whose last turn is the longest ago first; within one the higher priority goes first, then who
 * waits longest. Between namespaces a priority counts up to the bound of its namespace, and else nothing.
 */
function declaredOrder(jobs: readonly Job[]): string[] {
  const order: string[] = [];
  const lastTurns: string[] = [];
  for (let time = 0; time < 50; time++) {
    const waiting = jobs.filter(({ from, name }) => from <= time && !order.includes(name));
    // Oldest first, so that of equal ones the first is the oldest.
    const heads = ["ml", "web", "prod"].flatMap((namespace) => {
      const own = waiting.filter((job) => job.namespace === namespace);
      const highest = Math.max(...own.map(({ priority }) => priority));
      return own.find(({ priority }) => priority === highest) ?? [];
    });
    const counts = ({ namespace, priority }: Job) => Math.min(priority, BOUNDS[namespace] ?? 0);
    const most = Math.max(...heads.map(counts));
    const [next] = heads
      .filter((job) => counts(job) === most)
      .sort(
        (one, other) =>
          lastTurns.lastIndexOf(one.namespace) - lastTurns.lastIndexOf(other.namespace) ||
          jobs.indexOf(one) - jobs.indexOf(other),
      );
    if (!next) break;
    order.push(next.name);
    lastTurns.push(next.namespace);
  }
  return order;
}

interface Run {
  served: string[];
  callsByHour: number[];
}

/** Jobs are applied as they are due, and what gets the hardware keeps it. In the middle the operator is killed. */
async function twelveHours(jobs: readonly Job[]): Promise<Run> {
  const world = newWorld({ flags: FLAGS });
  let operator = world.start();
  for (const namespace of new Set(jobs.map((job) => job.namespace))) world.secret(DEMO_KEY, namespace);
  const began = world.clock.monotonic();
  const [start, calls] = [world.clock.now(), world.sim.calls];
  for (let time = 0; time < 50; time++) {
    free(world, 0);
    if (time === RESTARTED_AT) {
      operator.kill();
      operator = world.start();
    }
    for (const job of jobs.filter(({ from }) => from === time)) await apply(world, job);
    await world.clock.advance(began + (time + 1) * EVERY_MS - 8 * MINUTE - world.clock.monotonic());
    free(world, 1);
    await world.until("one has it", () => world.machines().length === time + 1, 7 * MINUTE);
    await world.clock.advance(began + (time + 1) * EVERY_MS - world.clock.monotonic());
  }
  const hours = Map.groupBy(calls.list(), ({ time }) => Math.floor((Date.parse(time) - start) / HOUR));
  return {
    served: world.machines().map(({ settings }) => settings.name.replace(/-[0-9a-f]{20}$/, "")),
    callsByHour: Array.from({ length: 12 }, (_, hour) => hours.get(hour)?.length ?? 0),
  };
}

/** So many beyond those that are taken. */
function free(world: VirtualWorld, machines: number): void {
  world.sim.world.setCapacity(TYPE, "ny2", world.machines().length + machines);
}

/** Ages differ by the second. */
async function apply(world: VirtualWorld, { namespace, name, priority }: Job): Promise<void> {
  world.apply(name, { machineType: TYPE, capacity: { priority } }, { namespace });
  await world.clock.advance(1_000);
}

describe("50 objects of three namespaces that wait for one A100", () => {
  it("are served in the declared order in twelve hours, also after a restart, and waiting costs what it costs for a few", async () => {
    const many = await twelveHours(JOBS);
    expect(many.served).toEqual(declaredOrder(JOBS));
    // In the last hour at most five wait, in the first hours thirty.
    const [last = 0, ...before] = many.callsByHour.toReversed();
    for (const calls of before) expect(calls).toBeLessThan(1.3 * last);
  }, 60_000);
});
