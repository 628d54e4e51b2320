/**
 * Whether an operator is leading, by its lease: read twice, because clocks of different hosts differ. What the commands
 * refuse to do while one leads is decided there.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { shellCommand } from "../base/shell-command.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { type Lease, leases } from "../kube/resource.ts";
import type { Access } from "./access.ts";
import { PluginError } from "./failure.ts";
import type { Output } from "./output.ts";
import { age } from "./table.ts";

/** The chart gives the lease and the Deployment the same name: that of the release, which contains this. */
const NAME = "paperspace-operator";
const DEFAULT_SECONDS = 15;

export interface LeaseQuery {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly access: Access;
  readonly output: Output;
  readonly clock: Clock;
}

/** Leases that have a holder but expired by our clock, and when they were read (monotonic). */
export interface LeaseSnapshot {
  readonly stale: readonly Lease[];
  readonly at: number;
}

/** The first read. Throws PluginError where an operator leads, or where leases cannot be read. */
export async function checkNoLeader(query: LeaseQuery): Promise<LeaseSnapshot> {
  const { clock } = query;
  const held = (await read(query)).filter(({ spec }) => spec?.holderIdentity);
  const at = clock.monotonic();
  const fresh = held.find((lease) => ageMs(lease, clock) < durationMs(lease));
  if (fresh) throw leading(fresh, clock);
  return { stale: held, at };
}

/** The second read, a lease duration after the first: a lease that was renewed meanwhile has a live holder. */
export async function confirmNoLeader(query: LeaseQuery, { stale, at }: LeaseSnapshot): Promise<void> {
  const { access, clock, output } = query;
  if (stale.length > 0) {
    const waitMs = Math.max(...stale.map(durationMs)) - (clock.monotonic() - at);
    if (waitMs > 0) {
      output.note(
        `waiting ${Math.ceil(waitMs / 1000)} s: an operator held a lease, and may still be running`,
      );
      await sleep(clock, waitMs, access.signal);
    }
  }
  const now = await read(query);
  for (const lease of now) {
    const before = stale.find(({ metadata }) => metadata.uid === lease.metadata.uid);
    const same = before?.metadata.resourceVersion === lease.metadata.resourceVersion;
    if (lease.spec?.holderIdentity && !same) throw leading(lease, clock);
  }
}

async function read({ access, namespace }: LeaseQuery): Promise<Lease[]> {
  try {
    const resource = leases(await access.connection());
    const options = namespace === undefined ? {} : { namespace };
    const { items } = await resource.list(options, { signal: access.signal });
    return items.filter(({ metadata }) => metadata.name.includes(NAME));
  } catch (error) {
    if (isNotFound(error)) return [];
    if (!isForbidden(error)) throw error;
    const where = namespace === undefined ? "all namespaces" : `namespace ${namespace}`;
    const hint = namespace === undefined ? "give --operator-namespace, " : "";
    throw new PluginError(
      `cannot determine whether an operator is running: you may not list leases.coordination.k8s.io in ${where}; ${hint}ask for that right, or give --force`,
    );
  }
}

function ageMs({ spec }: Lease, clock: Clock): number {
  const renewed = Date.parse(spec?.renewTime ?? "");
  return Number.isNaN(renewed) ? Number.POSITIVE_INFINITY : clock.now() - renewed;
}

function durationMs({ spec }: Lease): number {
  return (spec?.leaseDurationSeconds ?? DEFAULT_SECONDS) * 1000;
}

function leading({ metadata: { namespace, name }, spec }: Lease, clock: Clock): PluginError {
  const ago = age(spec?.renewTime, clock.now());
  const since = ago === undefined ? "" : `, renewed ${ago} ago`;
  return new PluginError(
    `an operator is running (lease ${namespace}/${name}${since}): it would put its finalizer back, or delete at Paperspace what the objects own. Stop it first: helm uninstall, or ${shellCommand`kubectl -n ${{ namespace }} scale deployment ${{ name }} --replicas=0`}. Or give --force`,
  );
}
