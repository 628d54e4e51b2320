/**
 * Whether an operator is leading, by its lease: twice looked at, since clocks of different hosts differ. What must not be
 * done while one does is the commands' business.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { type Lease, leases } from "../kube/resource.ts";
import type { Access } from "./access.ts";
import { PluginError } from "./failure.ts";
import type { Screen } from "./output.ts";
import { age } from "./table.ts";

/** The chart names lease and Deployment alike: after the release, with this in it. */
const NAME = "paperspace-operator";
const DEFAULT_SECONDS = 15;

export interface LeaseWatch {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly access: Access;
  readonly screen: Screen;
  readonly clock: Clock;
}

/** Leases that somebody holds but that ran out by our clock, and when they were seen (monotonic). */
export interface Sighting {
  readonly stale: readonly Lease[];
  readonly at: number;
}

/** The first look. Throws PluginError where an operator leads, or where that cannot be seen. */
export async function lookForLeader(watch: LeaseWatch): Promise<Sighting> {
  const { clock } = watch;
  const held = (await read(watch)).filter(({ spec }) => spec?.holderIdentity);
  const at = clock.monotonic();
  const fresh = held.find((lease) => ageMs(lease, clock) < lastsMs(lease));
  if (fresh) throw leading(fresh, clock);
  return { stale: held, at };
}

/** The second look, a lease's time after the first: one that was renewed meanwhile is held by somebody alive. */
export async function sureNobodyLeads(watch: LeaseWatch, { stale, at }: Sighting): Promise<void> {
  const { access, clock, screen } = watch;
  if (stale.length > 0) {
    const waitMs = Math.max(...stale.map(lastsMs)) - (clock.monotonic() - at);
    if (waitMs > 0) {
      screen.note(
        `waiting ${Math.ceil(waitMs / 1000)} s: an operator held a lease once, and may still be alive`,
      );
      await sleep(clock, waitMs, access.signal);
    }
  }
  const now = await read(watch);
  for (const lease of now) {
    const before = stale.find(({ metadata }) => metadata.uid === lease.metadata.uid);
    const same = before?.metadata.resourceVersion === lease.metadata.resourceVersion;
    if (lease.spec?.holderIdentity && !same) throw leading(lease, clock);
  }
}

async function read({ access, namespace }: LeaseWatch): Promise<Lease[]> {
  try {
    const resource = leases(await access.connection());
    const place = namespace === undefined ? {} : { namespace };
    const { items } = await resource.list(place, { signal: access.signal });
    return items.filter(({ metadata }) => metadata.name.includes(NAME));
  } catch (error) {
    if (isNotFound(error)) return [];
    if (!isForbidden(error)) throw error;
    const where = namespace === undefined ? "all namespaces" : `namespace ${namespace}`;
    const place = namespace === undefined ? "give --operator-namespace, " : "";
    throw new PluginError(
      `whether an operator runs cannot be seen: you may not list leases.coordination.k8s.io in ${where}; ${place}ask for that right, or give --force`,
    );
  }
}

function ageMs({ spec }: Lease, clock: Clock): number {
  const renewed = Date.parse(spec?.renewTime ?? "");
  return Number.isNaN(renewed) ? Number.POSITIVE_INFINITY : clock.now() - renewed;
}

function lastsMs({ spec }: Lease): number {
  return (spec?.leaseDurationSeconds ?? DEFAULT_SECONDS) * 1000;
}

function leading({ metadata: { namespace, name }, spec }: Lease, clock: Clock): PluginError {
  const ago = age(spec?.renewTime, clock.now());
  const since = ago === undefined ? "" : `, renewed ${ago} ago`;
  return new PluginError(
    `an operator is running (lease ${namespace}/${name}${since}): it would hold on to what is let go, or delete it at Paperspace. Stop it first: helm uninstall, or kubectl -n ${namespace} scale deployment ${name} --replicas=0. Or give --force`,
  );
}
