/**
 * What objects show of hardware that is short: who waits for which, since when, and who is next. Only the operator knows the
 * whole queue; here is what it wrote into the status of each object. Pure.
 */
import { codeInBrackets } from "../paperspace/region.ts";
import type { ManagedStatus } from "../reconcile/managed.ts";
import type { OperatorObject } from "./managed.ts";

interface Hardware {
  readonly machineType: string;
  readonly region: string;
}

/** The fields of a PaperspaceMachine that are read here. */
export interface WaitingMachine extends OperatorObject {
  spec: OperatorObject["spec"] & {
    machineType?: string;
    region?: string;
    placement?: { candidates?: readonly { machineType: string; regions: readonly string[] }[] };
    capacity?: { priority?: number };
  };
  status?: ManagedStatus &
    Partial<Hardware> & {
      capacity?: { waitingSince: string; position?: number; of?: number } & Partial<Hardware>;
      placement?: {
        chosen?: Hardware;
        tried?: readonly { candidate: Hardware; outcome: string; at: string }[];
        tooDear?: readonly Hardware[];
      };
    };
}

/** Outcomes of a try that speak of the hardware, and not of the spec. */
const HARDWARE: ReadonlySet<string> = new Set(["Declined", "NoHardware"]);

/** Reasons of Ready (the kind's reasons.ts). */
const SHORT: ReadonlySet<string> = new Set(["WaitingForCapacity", "CapacityUnavailable"]);

export interface Waiting {
  readonly namespace: string;
  readonly name: string;
  readonly team: string;
  /** What it may get, that of `queue` first. */
  readonly hardware: readonly Hardware[];
  /** RFC 3339. */
  readonly since: string;
  /** Of all queues that it is in, the one in which it is nearest to the front; a minute old at most. */
  readonly queue: (Hardware & { position: number; of: number }) | null;
  readonly priority: number;
  readonly reason: string;
  /** Its time is over: it is in no queue. */
  readonly gaveUp: boolean;
}

export interface Shortage extends Hardware {
  readonly team: string;
  /** Since when the first of those waits that wait now, RFC 3339. */
  readonly since: string;
  /** When a machine last came to nothing there, of the objects that were read. */
  readonly lastFailed: string | null;
  /** Null where objects of other namespaces may wait as well, and none that was read says how many. */
  readonly waiting: number | null;
  /** Null where no object that was read says so of itself. */
  readonly next: { readonly namespace: string; readonly name: string } | null;
}

/** All that wait, those who are next first; and what they wait for, the longest shortage first. */
export function shortages(
  machines: readonly WaitingMachine[],
  { isAll }: { isAll: boolean },
): { waiting: Waiting[]; short: Shortage[] } {
  const waiting = machines.flatMap((machine) => waitingOf(machine) ?? []).sort(byPosition);
  const byHardware = new Map<string, { hardware: Hardware; waiters: Waiting[] }>();
  for (const one of waiting)
    for (const hardware of one.hardware) {
      const key = `${one.team} ${keyOf(hardware)}`;
      const known = byHardware.get(key);
      if (known) known.waiters.push(one);
      else byHardware.set(key, { hardware, waiters: [one] });
    }
  const short = [...byHardware.values()].map(({ hardware, waiters }) =>
    shortageOf(hardware, waiters, machines, isAll),
  );
  return { waiting, short: short.sort(bySince) };
}

/** Undefined where it waits for no hardware, or may not have any now. */
function waitingOf({ metadata, spec, status }: WaitingMachine): Waiting | undefined {
  const condition = (of: string) => status?.conditions?.find(({ type }) => type === of);
  const ready = condition("Ready");
  if (!status || ready?.status !== "False" || !SHORT.has(ready.reason)) return undefined;
  if (metadata.deletionTimestamp || condition("Paused")) return undefined;
  const { machineType, region, position, of } = status.capacity ?? {};
  const isPlaced = machineType !== undefined && region !== undefined;
  const queue =
    isPlaced && position !== undefined && of !== undefined ? { machineType, region, position, of } : null;
  const hardware = hardwareOf(spec, status);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    team: status.teamId ?? "",
    hardware: queue
      ? hardware.toSorted((a, b) => Number(isSame(b, queue)) - Number(isSame(a, queue)))
      : hardware,
    since: status.capacity?.waitingSince ?? status.operation?.requestedAt ?? ready.lastTransitionTime,
    queue,
    priority: spec.capacity?.priority ?? 0,
    reason: ready.reason,
    gaveUp: status.operation === undefined,
  };
}

/**
 * A machine that exists waits for its own; before that, all candidates count but those that cost too much, or were last
 * refused for the spec.
 */
function hardwareOf(spec: WaitingMachine["spec"], status: NonNullable<WaitingMachine["status"]>): Hardware[] {
  const { machineType = status.machineType ?? "", region = status.region ?? "" } = spec;
  const { chosen, tried = [], tooDear = [] } = status.placement ?? {};
  if (!spec.placement) return [{ machineType, region }];
  if (status.id !== undefined) return [chosen ?? { machineType, region }];
  const all = (spec.placement.candidates ?? []).flatMap(({ machineType, regions }) =>
    regions.map((region) => ({ machineType, region })),
  );
  return all.filter((one) => {
    const last = tried.findLast(({ candidate }) => isSame(candidate, one));
    const isDear = tooDear.some((other) => isSame(other, one));
    return !isDear && (!last || HARDWARE.has(last.outcome));
  });
}

function shortageOf(
  { machineType, region }: Hardware,
  all: readonly Waiting[],
  machines: readonly WaitingMachine[],
  isAll: boolean,
): Shortage {
  const here = { machineType, region };
  const queued = all.filter(({ gaveUp }) => !gaveUp);
  const own = queued.filter(({ queue }) => queue && isSame(queue, here));
  const only = isAll && queued.length === 1 ? queued[0] : undefined;
  const next = own.find(({ queue }) => queue?.position === 1) ?? only;
  const team = all[0]?.team ?? "";
  // Of namespaces that may not be seen, the queue of each object says how many wait there.
  const most = own.reduce((max, { queue }) => Math.max(max, queue?.of ?? 0), queued.length);
  const waiting = isAll ? queued.length : own.length > 0 ? most : null;
  return {
    team,
    ...here,
    since: all.map(({ since }) => since).toSorted()[0] ?? "",
    lastFailed: lastFailed(
      here,
      machines.filter(({ status }) => (status?.teamId ?? "") === team),
    ),
    waiting,
    next: next ? { namespace: next.namespace, name: next.name } : null,
  };
}

function lastFailed(hardware: Hardware, machines: readonly WaitingMachine[]): string | null {
  const tries = machines.flatMap(({ status }) => status?.placement?.tried ?? []);
  const failed = tries.filter(
    ({ candidate, outcome }) => HARDWARE.has(outcome) && isSame(candidate, hardware),
  );
  return failed.reduce<string | null>((last, { at }) => (last === null || at > last ? at : last), null);
}

function byPosition(a: Waiting, b: Waiting): number {
  const place = ({ queue }: Waiting) => queue?.position ?? Number.MAX_SAFE_INTEGER;
  return place(a) - place(b) || bySince(a, b);
}

function bySince(a: { since: string }, b: { since: string }): number {
  return a.since < b.since ? -1 : Number(a.since > b.since);
}

/** The API writes a region in two ways, and a type in any letter case. */
function keyOf({ machineType, region }: Hardware): string {
  return `${codeInBrackets(region)} ${machineType}`.toLowerCase();
}

function isSame(a: Hardware, b: Hardware): boolean {
  return keyOf(a) === keyOf(b);
}
