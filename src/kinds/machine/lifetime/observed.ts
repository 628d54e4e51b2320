/**
 * The lifetime of a machine: until when it runs, and until when it exists. Whatever is not known makes it later: nothing is
 * deleted but what was owned and declared so for as long as the user was warned before. Pure.
 */
import { parseDuration } from "../../../base/options.ts";
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import type { MachineObservation } from "../observation.ts";
import { powerOf } from "../operation.ts";
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

/** A duration in milliseconds that may begin with days; undefined where it is none. */
export function parseSpan(text: string): number | undefined {
  const [, days, rest] = /^(?:(\d+)d)?(.*)$/.exec(text) ?? [];
  const others = rest ? parseDuration(rest) : 0;
  if (others === undefined || (days === undefined && !rest)) return undefined;
  return Number(days ?? 0) * 24 * HOUR_MS + others;
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
  const isDue = deletion.isDue && heldBy(observation) === undefined;
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
  const warnedAt = isNear ? (isSame && known.warnedAt) || notBefore(now) : undefined;
  const deletesAt =
    warnedAt === undefined ? earliest : Math.max(earliest, (millis(warnedAt) ?? now) + warnMs);
  const shown = notBefore(deletesAt);
  const at = millis(shown) ?? deletesAt;
  return {
    memory: { declaredAt, since, ...(warnedAt !== undefined && { warnedAt }), deletesAt: shown },
    // The warning is in status since before this pass.
    isDue: isNear && isSame && known.warnedAt !== undefined && now >= at,
    // What is halted remembers nothing, so that its times would move on.
    ...(isNear && !observation.halted && { warning: warningOf(observation, shown) }),
    until: isNear ? at : earliest - warnMs,
  };
}

function warningOf(observation: MachineObservation, deletesAt: string): string {
  const held = heldBy(observation);
  if (held !== undefined)
    return `the machine would be deleted at ${deletesAt}, as spec.lifetime says, and is kept: ${held}`;
  const { reference = "psm/NAME" } = observation;
  return `the machine is deleted with its disk at ${deletesAt}, as spec.lifetime says. To keep it: kubectl paperspace extend ${reference} --for 24h, or change spec.lifetime`;
}

/** Operations at whose end the machine may be off or on. */
const CHANGES_POWER: ReadonlySet<string> = new Set([
  "Create",
  "Start",
  "Stop",
  "Restart",
  "Resize",
  "Snapshot",
]);

function runOf(
  { now, resource, memory: { operation, lifetime: known } }: MachineObservation,
  { stopAfter }: DeclaredLifetime,
  { extended, startedAt = Number.NEGATIVE_INFINITY, begunAt = Number.NEGATIVE_INFINITY }: LifetimeFacts,
): { memory: Partial<LifetimeMemory>; stoppedAt?: string; until?: number } {
  const after = parseSpan(stopAfter ?? "");
  if (after === undefined) return { memory: {} };
  const power = resource.state === "present" ? powerOf(resource.machine.state) : "changing";
  const isOn = power === "ready" || power === "serviceready";
  const isOff = power === "off" && !CHANGES_POWER.has(operation?.intent ?? "");
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
