/**
 * Machine events of one team, by one shared poll of the newest pages, and only while an operation is in flight. Events
 * change in place, so each poll goes back to the oldest operation it waits for; stragglers are fetched by id.
 */
import type { Cancel, Clock } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { MachineApi, MachineEvent } from "./api.ts";
import { eventFact } from "./operation.ts";

export interface EventLogParts {
  api: () => Pick<MachineApi, "events" | "event" | "history">;
  clock: Clock;
  pollMs: number;
  /** Called for every event that is new or has changed. */
  heard(event: MachineEvent): void;
  /** Whether any object has this machine. */
  isFollowed(machineId: string): boolean;
  failed(error: unknown): void;
}

/** Events kept for each machine, newest last. */
const KEPT = 10;
/** Most pages that one poll reads. */
const MOST_PAGES = 40;
/** An event may show up in the list so much later than its date says (machines.md section 8: not documented). */
const LAG_MS = 30_000;
/** Stragglers fetched by id in one poll: the rest waits for the next. */
const STRAGGLERS = 10;

export class EventLog {
  readonly #parts: EventLogParts;
  readonly #byId = new Map<string, MachineEvent>();
  /** By id: monotonic time at which the event was last heard of as it is. */
  readonly #heardAt = new Map<string, number>();
  readonly #byMachine = new Map<string, MachineEvent[]>();
  readonly #vanished = new Set<string>();
  /** What each key waits for; the event id is undefined where the answer of the write was lost. */
  readonly #tracked = new Map<string, string | undefined>();
  /** Machines whose own events were asked for, so that this happens once. */
  readonly #remembered = new Set<string>();
  /** Something happened that nobody waits for: read on from what was read. */
  #behind = false;
  /** Server time up to which events were read without a gap; what came in another way says nothing of others. */
  #readTo: number | undefined;
  #timer: Cancel | undefined;
  #polling = false;
  #stopped = false;

  constructor(parts: EventLogParts) {
    this.#parts = parts;
  }

  /** Polls from now on, until no key is tracked. */
  track(key: string, eventId: string | undefined): void {
    this.#tracked.set(key, eventId);
    this.#arm();
  }

  untrack(key: string): void {
    this.#tracked.delete(key);
  }

  /** Machines have changed without our doing: one poll reads all events since those that were read before. */
  catchUp(): void {
    this.#behind = true;
    this.#arm();
  }

  /** Whether an event is known that has not ended, and that perhaps nobody waits for. */
  get unfinished(): boolean {
    return this.#unwatched().size > 0;
  }

  /** Events of a machine that was not known before; `then` is called when they are there, once for each machine. */
  recall(machineId: string, then: () => void): void {
    if (this.#remembered.has(machineId)) return;
    this.#remembered.add(machineId);
    this.#parts
      .api()
      .history(machineId)
      .then((events) => {
        for (const event of events) this.note(event);
        then();
      })
      .catch((error: unknown) => {
        this.#remembered.delete(machineId);
        this.#parts.failed(error);
      });
  }

  /** Events of an earlier time, as status has kept them. */
  seed(events: readonly MachineEvent[]): void {
    for (const event of events) this.note(event);
    const times = events.flatMap((event) => timeOf(event) ?? []);
    if (times.length > 0) this.#readTo = Math.max(this.#readTo ?? 0, ...times);
  }

  /** What is known of a machine's events, newest first. */
  of(machineId: string): readonly MachineEvent[] {
    return (this.#byMachine.get(machineId) ?? []).toReversed();
  }

  get(eventId: string): MachineEvent | undefined {
    return this.#byId.get(eventId);
  }

  /** When what is known of it was heard, by the monotonic clock; what was seen before that may be of before its end. */
  heardAt(eventId: string): number {
    return this.#heardAt.get(eventId) ?? 0;
  }

  vanished(eventId: string): boolean {
    return this.#vanished.has(eventId);
  }

  /** The newest event of this name on the machine that was created after `event`, by the server's dates alone. */
  after(event: MachineEvent, name: string): MachineEvent | undefined {
    const events = this.#byMachine.get(event.machineId ?? "") ?? [];
    return events.findLast((other) => other.name === name && isLater(other, event));
  }

  /** An event that came with the answer of a write, or from a poll. */
  note(event: MachineEvent): boolean {
    const before = this.#byId.get(event.id);
    if (before && (before.state === event.state || eventFact(before).state !== "pending")) return false;
    this.#byId.set(event.id, event);
    this.#heardAt.set(event.id, this.#parts.clock.monotonic());
    this.#vanished.delete(event.id);
    const id = event.machineId;
    if (id) {
      const others = (this.#byMachine.get(id) ?? []).filter((other) => other.id !== event.id);
      const events = [...others, event].sort((a, b) => (isLater(a, b) ? 1 : -1));
      for (const old of events.slice(0, -KEPT)) this.#drop(old.id);
      this.#byMachine.set(id, events.slice(-KEPT));
    }
    return true;
  }

  forget(machineId: string): void {
    for (const { id } of this.#byMachine.get(machineId) ?? []) this.#drop(id);
    this.#byMachine.delete(machineId);
    this.#remembered.delete(machineId);
  }

  /** For good: what a request under way still brings begins nothing. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#tracked.clear();
  }

  #drop(eventId: string): void {
    this.#byId.delete(eventId);
    this.#heardAt.delete(eventId);
  }

  #arm(): void {
    if (this.#stopped || this.#timer || this.#polling || (this.#tracked.size === 0 && !this.#behind)) return;
    this.#timer = this.#parts.clock.after(this.#parts.pollMs, () => {
      this.#timer = undefined;
      void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    if (this.#tracked.size === 0 && !this.#behind) return;
    this.#polling = true;
    try {
      const missing = this.#awaited();
      for (const id of [...missing].filter((id) => !this.#byId.has(id)).slice(0, STRAGGLERS)) {
        await this.#fetch(id);
        missing.delete(id);
      }
      const unwatched = this.#behind ? this.#unwatched() : new Set<string>();
      await this.#pages(missing);
      // An event may never end: the past is not read again and again for its sake.
      for (const id of unwatched) if (!this.#ended(id)) missing.add(id);
      for (const id of [...missing].slice(0, STRAGGLERS)) await this.#fetch(id);
    } catch (error) {
      this.#parts.failed(error);
    }
    this.#polling = false;
    this.#arm();
  }

  /** Ids of events that somebody waits for and that have not ended. */
  #awaited(): Set<string> {
    const ids = new Set<string>();
    for (const id of this.#tracked.values()) {
      if (id === undefined) continue;
      if (!this.#vanished.has(id) && !this.#ended(id)) ids.add(id);
      // The start that follows a create is an event of its own (machines.md section 7).
      this.#addPending(ids, this.#byId.get(id)?.machineId);
    }
    return ids;
  }

  /** Ids of events of followed machines that have not ended, whether anybody waits for them or not. */
  #unwatched(): Set<string> {
    const ids = new Set<string>();
    for (const machineId of this.#byMachine.keys())
      if (this.#parts.isFollowed(machineId)) this.#addPending(ids, machineId);
    return ids;
  }

  #addPending(ids: Set<string>, machineId: string | null | undefined): void {
    for (const { id } of this.#byMachine.get(machineId ?? "") ?? [])
      if (!this.#ended(id) && !this.#vanished.has(id)) ids.add(id);
  }

  #ended(id: string): boolean {
    const event = this.#byId.get(id);
    return event !== undefined && eventFact(event).state !== "pending";
  }

  /**
   * Newest first, back to the oldest awaited one and to what was read before, so that none is missed that came in
   * between; takes what it meets off `missing`.
   */
  async #pages(missing: Set<string>): Promise<void> {
    const awaited = [...missing].flatMap((id) => timeOf(this.#byId.get(id)) ?? []);
    const readTo = this.#readTo === undefined ? Number.POSITIVE_INFINITY : this.#readTo - LAG_MS;
    const since = Math.min(...awaited, readTo);
    const behind = this.#behind;
    this.#behind = false;
    let newest: number | undefined;
    let pages = 0;
    try {
      for await (const page of this.#parts.api().events()) {
        for (const event of page.items) {
          missing.delete(event.id);
          this.#take(event);
        }
        newest ??= timeOf(page.items[0]);
        const oldest = timeOf(page.items.at(-1)) ?? Number.NEGATIVE_INFINITY;
        const enough = since === Number.POSITIVE_INFINITY ? missing.size === 0 : oldest < since;
        // At its bound the past is given up; what is awaited is fetched by id.
        if (enough || ++pages >= MOST_PAGES) break;
      }
    } catch (error) {
      this.#behind ||= behind;
      throw error;
    }
    this.#readTo = newest ?? this.#readTo;
  }

  async #fetch(id: string): Promise<void> {
    try {
      this.#take((await this.#parts.api().event(id)).body);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      this.#vanished.add(id);
    }
  }

  #take(event: MachineEvent): void {
    if (this.note(event)) this.#parts.heard(event);
  }
}

function timeOf(event: MachineEvent | undefined): number | undefined {
  const time = event && Date.parse(event.dtCreated);
  return Number.isNaN(time) ? undefined : time;
}

function isLater(a: MachineEvent, b: MachineEvent): boolean {
  return Date.parse(a.dtCreated) > Date.parse(b.dtCreated);
}
