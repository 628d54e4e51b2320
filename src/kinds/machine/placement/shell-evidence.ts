/**
 * What is known of a machine that may be a shell: whether it was seen off for longer than events may lag behind, and the
 * events that were read after that. It may have been used while no operator looked: then only its events tell.
 */
import type { Clock } from "../../../base/clock.ts";
import type { Fact, FactSubject } from "../../facts.ts";
import type { Inventory } from "../../inventory.ts";
import { Lookup, UNUSED_TURNS } from "../../lookup.ts";
import type { Machine, MachineEvent } from "../api.ts";
import type { ShellEvidence } from "../observation.ts";
import { powerOf } from "../operation.ts";
import type { PaperspaceMachine } from "../types.ts";

export interface ShellSubject extends FactSubject {
  machineId: string | undefined;
  object: PaperspaceMachine;
}

export interface ShellEvidenceOptions {
  clock: Clock;
  resyncMs: number;
  /** How long lists and events may lag behind, at most. */
  settleMs: number;
  inventory: Pick<Inventory<Machine>, "get" | "refresh">;
  /** All events of one machine, read on behalf of the group. */
  eventsOf(machineId: string, group: string): Promise<readonly MachineEvent[]>;
  enqueue(key: string): void;
}

/** Monotonic times. `since`: all reads from then on showed it off, and unchanged. `last`: of the last one. */
interface Watch {
  since: number;
  last: number;
}

/** How often it is looked at meanwhile. */
export const WATCH_MS = 20_000;
/** Less than it takes a machine to start and to stop again (machines.md section 7): it cannot be on in between. */
const MOST_APART_MS = 60_000;
const EVENTS_FRESH_MS = 10 * 60_000;

export class ShellEvidenceFact implements Fact<ShellSubject, ShellEvidence> {
  readonly #options: ShellEvidenceOptions;
  readonly #events: Lookup<readonly MachineEvent[]>;
  /** By machine. */
  readonly #watches = new Map<string, Watch>();

  constructor(options: ShellEvidenceOptions) {
    const { clock, enqueue, resyncMs } = options;
    this.#options = options;
    this.#events = new Lookup({
      clock,
      enqueue,
      read: (machineId, group) => options.eventsOf(machineId, group),
      staleTimeMs: () => EVENTS_FRESH_MS,
      gcTimeMs: UNUSED_TURNS * resyncMs,
    });
  }

  data({ machineId, object }: ShellSubject): ShellEvidence | undefined {
    if (machineId === undefined) return undefined;
    if (!object.status?.placement?.attempt) {
      this.invalidate(machineId);
      return undefined;
    }
    this.#look(machineId);
    const events = this.#events.getFresh(machineId);
    return events && { events, isSettled: this.isSettled(machineId) };
  }

  /** As of this moment. */
  isSettled(machineId: string): boolean {
    const watch = this.#look(machineId);
    const ageMs = this.#events.ageMs(machineId);
    if (!watch || ageMs === undefined) return false;
    const now = this.#options.clock.monotonic();
    return now - watch.last <= MOST_APART_MS && now - ageMs - watch.since >= this.#options.settleMs;
  }

  /** A read that the inventory does not have showed it as before. */
  seenAgain(machineId: string, beganAt: number): void {
    const watch = this.#watches.get(machineId);
    if (watch) watch.last = Math.max(watch.last, beganAt);
  }

  /** While they cannot be read, nothing waits for them. */
  error({ machineId = "" }: ShellSubject): { error: unknown; retryInMs: number } | undefined {
    const error = this.#events.error(machineId);
    const retryInMs = this.#events.retryInMs(machineId);
    return error === undefined || retryInMs === 0 ? undefined : { error, retryInMs };
  }

  /** Looks at it again and again, and reads its events once it was seen off for long enough. */
  fetch({ key, machineId }: ShellSubject): void {
    if (machineId === undefined) return;
    const { clock, inventory, settleMs } = this.#options;
    const now = clock.monotonic();
    const watch = this.#look(machineId);
    if (!watch || now - watch.last >= WATCH_MS / 2) inventory.refresh(machineId);
    if (watch && now - watch.since >= settleMs && !this.isSettled(machineId))
      this.#events.fetch(machineId, key);
  }

  invalidate(id: string): void {
    this.#events.invalidate(id);
    this.#watches.delete(id);
  }

  /** Notes the last read of it. A change of anything may have come with one of its power. */
  #look(machineId: string): Watch | undefined {
    const cached = this.#options.inventory.get(machineId);
    if (!cached?.item || powerOf(cached.item.state) !== "off") {
      this.#watches.delete(machineId);
      return undefined;
    }
    const { beganAt, sameSince } = cached;
    const before = this.#watches.get(machineId);
    const isUnbroken =
      before !== undefined && beganAt - before.last <= MOST_APART_MS && sameSince <= before.last;
    const watch = isUnbroken
      ? { since: before.since, last: Math.max(before.last, beganAt) }
      : { since: beganAt, last: beganAt };
    this.#watches.set(machineId, watch);
    return watch;
  }
}
