/**
 * The lifetime of a machine: until when it runs, and until when it exists. Whatever is not known makes it later: nothing is
 * deleted but what was owned and declared so for as long as the user was warned before. Pure.
 */
import { parseDuration } from "../../../base/options.ts";
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import type { MachineObservation } from "../observation.ts";
import { changesPower, powerOf } from "../operation.ts";
import type { AnnotatedTime } from "../power/annotated-time.ts";
import type { MachineSpec } from "../types.ts";
import type { LifetimeMemory, ObservedLifetime } from "./desired.ts";

type DeclaredLifetime = NonNullable<MachineSpec["lifetime"]>;
/** What the lifetime is about besides the observation. */
export interface LifetimeFacts {
  /** The extension that is in force. */
  extended?: AnnotatedTime | undefined;
  /** The newest request or time of the schedule that starts the machine, in milliseconds. */
  startedAt?: number | undefined;
  /** Since when the object owns the machine, in milliseconds; absent: for as long as that is kept. */
  ownedSince?: number | undefined;
  /** When it was begun to run last, by its events, in milliseconds. */
  begunAt?: number | undefined;
}

const HOUR_MS = 3_600_000;

/** Beyond any lifetime, and well within what a date can be. */
const LONGEST_MS = 100 * 365 * 24 * HOUR_MS;

/** A duration in milliseconds that may begin with days, a hundred years at most; undefined where it is none. */
export function parseSpan(text: string): number | undefined {
  const [, days, rest] = /^(?:(\d+)d)?(.*)$/.exec(text) ?? [];
  const others = rest ? parseDuration(rest) : 0;
  if (others === undefined || (days === undefined && !rest)) return undefined;
  return Math.min(Number(days ?? 0) * 24 * HOUR_MS + others, LONGEST_MS);
}

/** A time that is not before `ms`, as status has it. */
function notBefore(ms: number): string {
  return toTime(ms + 999);
}

/** To tell whether the lifetime was changed. */
export function declaredText({ stopAfter, deleteAfter, deleteAt, warnBefore }: DeclaredLifetime): string {
  return JSON.stringify({ stopAfter, deleteAfter, deleteAt, warnBefore });
}

/** Undefined where none is declared. */
export function lifetimeOf(
  observation: MachineObservation,
  facts: LifetimeFacts,
): ObservedLifetime | undefined {
  const { spec, memory, identity } = observation;
  if (!spec.lifetime) return undefined;
  const declared = declaredText(spec.lifetime);
  const expired = memory.lifetime?.expired;
  // What is not owned has nothing that could end.
  if (identity.state !== "ours") {
    const isOver = expired?.declared === declared;
    return { memory: { declared, ...(isOver && { expired }) }, isDue: false };
  }
  const known = memory.lifetime?.declared === declared ? memory.lifetime : undefined;
  const deletion = deletionOf(observation, spec.lifetime, known, facts);
  const run = runOf(observation, spec.lifetime, facts);
  const until = Math.min(...[deletion.until, run.until].filter((time) => time !== undefined));
  const { isDue } = deletion;
  return {
    memory: {
      declared,
      ...deletion.memory,
      ...run.memory,
      // Kept only while the deletion may be under way: a machine that stays is not missed later as one that was deleted.
      ...(expired && (isDue || isEnding(observation)) && { expired }),
    },
    isDue,
    ...(run.stoppedAt !== undefined && { stoppedAt: run.stoppedAt }),
    ...(deletion.warning !== undefined && { warning: deletion.warning }),
    ...(Number.isFinite(until) && { until }),
  };
}

function isEnding({ memory: { operation }, resource }: MachineObservation): boolean {
  return operation?.intent === "Delete" || resource.state !== "present";
}

/** Why the machine is kept though its lifetime is over. */
export function heldBy({
  protection,
  deletionPolicy,
  deleting,
  halted,
}: MachineObservation): string | undefined {
  if (protection !== undefined) return protection;
  if (halted) return halted.message;
  if (deletionPolicy === "Orphan") return "deletionPolicy is Orphan";
  return deleting ? "the object is being deleted" : undefined;
}

function deletionOf(
  observation: MachineObservation,
  { deleteAfter, deleteAt, warnBefore }: DeclaredLifetime,
  known: LifetimeMemory | undefined,
  { extended, ownedSince = 0 }: LifetimeFacts,
): { memory: Partial<LifetimeMemory>; isDue: boolean; warning?: string; until?: number } {
  if (deleteAfter === undefined && deleteAt === undefined) return { memory: {}, isDue: false };
  const { now, memory } = observation;
  const isSame = known?.declaredAt !== undefined && memory.extended?.value === extended?.value;
  const declaredAt = (isSame && known.declaredAt) || notBefore(now);
  // Of a lifetime that is changed, too, it counts on.
  const since = notBefore(Math.max(millis(memory.lifetime?.since) ?? now, ownedSince));
  const warnMs = Math.max(parseSpan(warnBefore ?? "") ?? 0, HOUR_MS);
  const after = parseSpan(deleteAfter ?? "");
  const times = [after === undefined ? undefined : (millis(since) ?? now) + after, millis(deleteAt)];
  const wanted = Math.min(...times.filter((time) => time !== undefined));
  const extendedTo = millis(extended?.until) ?? Number.NEGATIVE_INFINITY;
  const earliest = Math.max(wanted, (millis(declaredAt) ?? now) + warnMs, extendedTo);
  if (!Number.isFinite(earliest)) return { memory: { declaredAt, since }, isDue: false };
  const isNear = now >= earliest - warnMs;
  const held = heldBy(observation);
  // Once nothing holds it any more the user is warned anew.
  const isWarned = isNear && held === undefined;
  const warnedAt = isWarned ? (isSame && known.warnedAt) || notBefore(now) : undefined;
  const deletesAt =
    warnedAt === undefined ? earliest : Math.max(earliest, (millis(warnedAt) ?? now) + warnMs);
  const shown = notBefore(deletesAt);
  const at = millis(shown) ?? deletesAt;
  return {
    memory: { declaredAt, since, ...(warnedAt !== undefined && { warnedAt }), deletesAt: shown },
    // The warning is in status since before this pass.
    isDue: isWarned && isSame && known.warnedAt !== undefined && now >= at,
    ...(isNear && mayWarn(observation) && { warning: warningOf(observation, held, shown) }),
    until: isNear ? at : earliest - warnMs,
  };
}

/** What is halted remembers nothing, so that its times would move on; what is being deleted ends anyway. */
function mayWarn({ halted, deleting, protection }: MachineObservation): boolean {
  return !halted && (!deleting || protection !== undefined);
}

function warningOf(
  { reference = "psm/NAME" }: MachineObservation,
  held: string | undefined,
  deletesAt: string,
): string {
  if (held !== undefined)
    return `the machine would be deleted at ${deletesAt}, as spec.lifetime says, and is kept: ${held}`;
  return `the machine is deleted with its disk at ${deletesAt}, as spec.lifetime says. To keep it: kubectl paperspace extend ${reference} --for 24h, or change spec.lifetime`;
}

function runOf(
  { now, resource, memory: { operation, lifetime: known } }: MachineObservation,
  { stopAfter }: DeclaredLifetime,
  { extended, startedAt = Number.NEGATIVE_INFINITY, begunAt = Number.NEGATIVE_INFINITY }: LifetimeFacts,
): { memory: Partial<LifetimeMemory>; stoppedAt?: string; until?: number } {
  const after = parseSpan(stopAfter ?? "");
  if (after === undefined) return { memory: {} };
  const power = resource.state === "present" ? powerOf(resource.machine.state) : "changing";
  const isOn = power === "ready" || power === "serviceready";
  const isOff = power === "off" && !changesPower(operation);
  const first = isOff ? undefined : (millis(known?.runSince) ?? (isOn ? now : undefined));
  const runSince = first === undefined ? undefined : Math.max(first, Math.min(begunAt, now), startedAt);
  const extendedTo = millis(extended?.until) ?? Number.NEGATIVE_INFINITY;
  const stopsAt = runSince === undefined ? undefined : Math.max(runSince + after, extendedTo);
  const isOver = isOn && stopsAt !== undefined && now >= stopsAt;
  const before = known?.stopped?.after === stopAfter ? known?.stopped?.at : undefined;
  const at = before ?? (isOver ? notBefore(now) : undefined);
  const isStopped = at !== undefined && startedAt <= (millis(at) ?? 0) && extendedTo <= now;
  if (isStopped && stopAfter !== undefined)
    return { memory: { stopped: { at, after: stopAfter } }, stoppedAt: at };
  if (runSince === undefined || stopsAt === undefined) return { memory: {} };
  return { memory: { runSince: notBefore(runSince), stopsAt: notBefore(stopsAt) }, until: stopsAt };
}
