/** A bulk of machines that are created at once at an API with a rate limit: its calls by kind, and how long it takes. */
import { VirtualWorld } from "./virtual-world.ts";

export interface Budget {
  /** Requests per second. */
  perSecond: number;
  burst: number;
}

export interface Bulk {
  count: number;
  budget: Budget;
  /** Seconds from the create until the machine is up. */
  upAfter: number;
  /** To look at afterwards. Default: none. */
  resyncs?: number;
}

export interface Cost {
  calls: { total: number; byKind: Readonly<Record<string, number>> };
  /** Until all are Ready, and the shortest time in which that is possible. */
  seconds: number;
  shortest: number;
  /** Calls in each of the resyncs afterwards. */
  perResync: number;
}

const TEAM = "te-alpha";
/** Half of the way there, half back. */
const LATENCY_MS = 80;
const RESYNC_MS = 10 * 60_000;
/** Of the vendor's sample, in seconds, as the simulator has it. */
const SAMPLE = { create: 37.2, start: 29.8 };

export async function bulkOfCreates({ count, budget, upAfter, resyncs = 0 }: Bulk): Promise<Cost> {
  const { perSecond, burst } = budget;
  const share = (1_000 * upAfter) / (SAMPLE.create + SAMPLE.start);
  const times = { eventQueueMs: 1, detailsMs: 10, addressMs: 15, serviceReadyMs: 23 };
  const behaviour = {
    ...Object.fromEntries(Object.entries(times).map(([name, seconds]) => [name, seconds * share])),
    createMs: SAMPLE.create * share,
    startMs: SAMPLE.start * share,
  };
  const world = new VirtualWorld({
    simulation: { vendorOpenapi: false, behaviour },
    flags: ["--leader-elect=false", `--requests-per-second=${perSecond}`, `--burst=${burst}`],
  });
  Object.assign(world.sim.console.team(TEAM), { budget, maxMachines: 2 * count });
  world.sim.faults.add({
    match: { times: "always" },
    do: { delayMs: LATENCY_MS / 2, answerDelayMs: LATENCY_MS / 2 },
  });
  world.start();
  await world.clock.advance(1_000);
  const from = world.clock.monotonic();
  const names = Array.from({ length: count }, (_, n) => `box-${n}`);
  for (const name of names) world.apply(name);
  await world.until("all are Ready", () => {
    while (names.length > 0 && world.condition(names.at(-1) ?? "", "Ready")?.status === "True") names.pop();
    return names.length === 0;
  });
  const seconds = (world.clock.monotonic() - from) / 1_000;
  const calls = callsOf(world);
  // What is written down of their events settles first.
  await world.clock.advance(2 * RESYNC_MS);
  world.sim.calls.clear();
  await world.clock.advance(resyncs * RESYNC_MS);
  const perResync = world.sim.calls.list().length / Math.max(1, resyncs);
  await world.end();
  return { calls, seconds, shortest: Math.max(0, count - burst) / perSecond + upAfter, perResync };
}

function callsOf({ sim }: VirtualWorld): Cost["calls"] {
  const all = sim.calls.list();
  const kinds = Map.groupBy(all, ({ method, path }) => {
    const kind = path.replace("/v1", "").replace(/(?<=\/(?:machines|machine-events)\/)[^/]+/, ":id");
    return `${method} ${kind}`;
  });
  return {
    total: all.length,
    byKind: Object.fromEntries(Array.from(kinds, ([kind, some]) => [kind, some.length])),
  };
}
