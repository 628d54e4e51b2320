/**
 * What an operator spends once everything has come to rest: calls of the API and writes to the cluster, by the hour, in
 * all and about each single thing.
 */
import type { VirtualWorld } from "../virtual-world.ts";

export interface Spending {
  /** Calls of Paperspace. */
  calls: number;
  /** Writes to the cluster but for leases. */
  writes: number;
  /** The most calls of Paperspace about one resource, and the most writes to one object of the cluster. */
  mostOfOne: { calls: number; writes: number };
  /** The most frequent ones, for the message of a failure. */
  most: string;
}

/** Lets so much time pass and counts. */
export async function spendingOf(world: VirtualWorld, ms: number): Promise<Spending> {
  const since = world.sim.calls.list().at(-1)?.seq ?? 0;
  const from = world.kube.calls.length;
  await world.clock.advance(ms);
  const calls = world.sim.calls.list({ since }).map(({ method, path }) => `${method} ${path}`);
  const writes = world.kube.calls
    .slice(from)
    .filter(({ method, path }) => method !== "GET" && !path.includes("/leases"))
    .map(({ method, path }) => `${method} ${path}`);
  const counts = Array.from(
    Map.groupBy([...calls, ...writes], (call) => call),
    ([call, all]) => ({
      call,
      times: all.length,
    }),
  );
  const most = counts
    .sort((a, b) => b.times - a.times)
    .slice(0, 8)
    .map(({ call, times }) => `${times} × ${call}`)
    .join(", ");
  const mostOfOne = { calls: mostAbout(calls, RESOURCE), writes: mostAbout(writes, OBJECT) };
  return { calls: calls.length, writes: writes.length, mostOfOne, most };
}

/** One machine, one deployment, and all that hangs on it. */
const RESOURCE = /\/v1\/(?:machines|deployments)\/[^/?]+/;
const OBJECT = /\/namespaces\/[^/]+\/[^/]+\/[^/]+/;

function mostAbout(requests: readonly string[], thing: RegExp): number {
  const about = requests.flatMap((request) => thing.exec(request)?.[0] ?? []);
  return Math.max(
    0,
    ...Map.groupBy(about, (one) => one)
      .values()
      .map((all) => all.length),
  );
}
