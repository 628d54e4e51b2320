/**
 * Who is in the queue for scarce hardware, and for which places: by a decision, and after a restart by what status has of the
 * last one. Pure but for what it is given to note it in.
 */
import { keyOf, splitKey, toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import type { Decision } from "../../../reconcile/decision.ts";
import type { Outcome } from "../../../reconcile/outcome.ts";
import { memoryOf } from "../memory.ts";
import { AWAIT_CAPACITY, type MachineMemory, type MachineStep } from "../observation.ts";
import { REASON } from "../reasons.ts";
import type { MachineSpec, PaperspaceMachine } from "../types.ts";
import { type Place, placedSpec } from "./candidates.ts";
import { type OpenView, openCandidates } from "./ladder.ts";
import type { Waiter } from "./queue.ts";
import { type Failure, failuresOf, LEADS_UP } from "./scarcity.ts";

/** As the object stands in the queue, or would; from the first on as its status will have it, or its position would change by being stored. */
export function waiterOf(
  key: string,
  { capacity }: Pick<MachineSpec, "capacity">,
  memory: MachineMemory,
  now: number,
): Waiter {
  const since = memory.capacity?.waitingSince ?? memory.operation?.requestedAt ?? toTime(now);
  return {
    key,
    namespace: splitKey(key).namespace,
    priority: capacity?.priority ?? 0,
    since: millis(since) ?? now,
  };
}

/** Not one that is halted, is being deleted, may have no machine now, or has given up: it would keep its turn for nothing. */
export function isWaiting({ step, memory }: Decision<MachineStep, MachineMemory>): boolean {
  if (memory.operation?.intent !== AWAIT_CAPACITY || step.do !== "none") return false;
  const { outcome } = step as { outcome: Outcome };
  return outcome.kind === "Unknown" || ("reason" in outcome && SHORT.has(outcome.reason));
}

const SHORT: ReadonlySet<string> = new Set([REASON.WaitingForCapacity, REASON.CapacityUnavailable]);

/** Where it would go: of a placement whatever has not just come to nothing for itself. */
export function placesToWaitFor(
  observation: Omit<OpenView, "memory">,
  memory: MachineMemory,
  isMade: boolean,
): readonly Place[] {
  const { spec } = observation;
  return spec.placement && !isMade ? openCandidates({ ...observation, memory }) : [spec];
}

interface Notes {
  wait(waiter: Waiter, places: readonly Place[]): void;
  recallTurn(place: Place, namespace: string, at: number): void;
  noteFailures(failures: readonly Failure[]): void;
}

/** What the objects of a team have in status of scarce hardware; each corrects it in its first pass. */
export function recallStored(
  objects: readonly PaperspaceMachine[],
  team: string,
  now: number,
  notes: Notes,
): void {
  const turns: (() => void)[] = [];
  for (const object of objects) {
    const { metadata, status } = object;
    if (status?.teamId !== team || metadata.deletionTimestamp) continue;
    const memory = memoryOf(object);
    const spec = placedSpec(object.spec, memory.placement?.chosen, status);
    const key = keyOf(object);
    const wentAt = lastTurnOf(object, memory);
    if (wentAt !== undefined) turns.push(() => notes.recallTurn(spec, splitKey(key).namespace, wentAt));
    notes.noteFailures(failuresOf({ of: key, place: spec, memory, state: status.state }, now));
    const isHalted = status.conditions?.some(({ type }) => type === "Paused") === true;
    if (memory.operation?.intent !== AWAIT_CAPACITY || isHalted) continue;
    const places = placesToWaitFor({ spec, now }, memory, status.id !== undefined);
    notes.wait(waiterOf(key, spec, memory, now), places);
  }
  // They count only where others wait.
  for (const recall of turns) recall();
}

/**
 * When it went for its hardware last, as far as status has it: wall clock, milliseconds. What was adopted had its hardware. The
 * date of a start is Paperspace's: where the clocks differ a turn may be lost, or be one too many, which the next one mends.
 */
function lastTurnOf({ spec, status }: PaperspaceMachine, { operation }: MachineMemory): number | undefined {
  const created = spec.adoptId === undefined ? status?.ownedSince : undefined;
  const started = operation && LEADS_UP.has(operation.intent) ? operation.requestedAt : undefined;
  const starts = (status?.lastEvents ?? []).flatMap(({ name, createdAt }) =>
    name === "start" ? createdAt : [],
  );
  const times = [created, started, ...starts].flatMap((time) => millis(time) ?? []);
  return times.length > 0 ? Math.max(...times) : undefined;
}
