/**
 * Events of the resources of one team, by one shared poll of the newest pages, and only while an operation is in flight.
 * Events change in place, so each poll goes back to the oldest operation it waits for; stragglers are fetched by id.
 * What an event means is the kind's business.
 */
import type { Clock } from "../base/clock.ts";
import { EarliestTimer } from "../base/earliest-timer.ts";
import { PaperspaceError } from "../paperspace/errors.ts";

/** All that is relied on of an event. */
export interface ResourceEvent {
  id: string;
  name: string;
  /** Changes in place, until the event has ended. */
  state: string;
  /** Date of the server, compared only with others of it. */
  dtCreated: string;
}

export interface EventSource<E extends ResourceEvent> {
  /** All of the team, newest first. */
  events(): AsyncIterable<{ items: readonly E[] }>;
  /** Throws PS_NOT_FOUND where there is no such event. */
  event(id: string): Promise<{ body: E }>;
  /** Of one resource, on behalf of the group. */
  history(resourceId: string, group: string): Promise<readonly E[]>;
}

export interface EventLogOptions<E extends ResourceEvent> {
  /** The source of now: a newer credential of the team serves the next read. */
  api: () => EventSource<E>;
  clock: Clock;
  /** How often to poll, unless a key asks for less. */
  pollMs: number;
  /** The longest time between two polls while they fail. */
  slowMs: number;
  /** Whether other calls wait for the budget: then a poll reads what is awaited, by whichever costs less, and no more. */
  isBusy(): boolean;
  /** Id of the resource that the event is about. */
  resourceOf(event: E): string | null | undefined;
  /** Whether it has not ended yet. */
  isPending(event: E): boolean;
  /** Called for every event that is new or has changed. */
  changed(event: E): void;
  /** Whether any object has this resource. */
  isSubscribed(resourceId: string): boolean;
  failed(error: unknown): void;
}

/** Events kept for each resource, newest last; of those that are needed so many. */
const KEPT = 10;
const MOST_NEEDED = 200;
/** Most pages that one poll reads. */
const MOST_PAGES = 200;
/** An event may show up in the list so much later than its date (machines.md section 8: not documented). */
const LAG_MS = 30_000;
/** What no key waits for is read so many times as rarely while other calls wait for the budget. */
const BUSY_PACE = 10;
/** Stragglers fetched by id in one poll: the rest waits for the next. */
const STRAGGLERS = 10;
/** After so many failed polls in a row nobody waits for events: what they report may never come. */
const FAILED_POLLS = 3;

export class EventLog<E extends ResourceEvent> {
  readonly #parts: EventLogOptions<E>;
  readonly #byId = new Map<string, E>();
  /** By id: monotonic time at which the event was first read as it is. */
  readonly #updatedAt = new Map<string, number>();
  readonly #byResource = new Map<string, E[]>();
  readonly #vanished = new Set<string>();
  /** What each key waits for, and how often; the event id is undefined where the answer of the write was lost. */
  readonly #tracked = new Map<string, { eventId: string | undefined; pollMs: number }>();
  /** Resources whose own events were read, so that this happens once. */
  readonly #recalled = new Set<string>();
  /** Something happened that no key waits for: the next poll reads on from what was read. */
  #isBehind = false;
  /** Server time up to which events were read without a gap; an event that came in another way does not move it. */
  #readTo: number | undefined;
  /** By resource: server time from which on all its events are needed. */
  readonly #needed = new Map<string, number>();
  /** By resource: server time from which on all its events were read. */
  readonly #whole = new Map<string, number>();
  /** Server time that the next poll goes back to for the sake of what is needed. */
  #backTo = Number.POSITIVE_INFINITY;
  /** The polls that failed in a row, and why the last one did. */
  #failure: { error: unknown; polls: number } | undefined;
  readonly #timer: EarliestTimer;
  #polling = false;
  /** Monotonic time at which the last poll began that succeeded. */
  #polledAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(parts: EventLogOptions<E>) {
    this.#parts = parts;
    this.#timer = new EarliestTimer(parts.clock, () => void this.#poll());
  }

  /** Nothing is waited for yet; what is read later goes back to this event. */
  begin(eventId: string | undefined): void {
    this.#readTo ??= timeOf(this.#byId.get(eventId ?? ""));
  }

  /** Polls from now on, until no key is tracked: as often as is asked for by any of them. */
  track(key: string, eventId: string | undefined, pollMs = this.#parts.pollMs): void {
    this.#tracked.set(key, { eventId, pollMs });
    this.#arm();
  }

  untrack(key: string): void {
    this.#tracked.delete(key);
  }

  /** Resources have changed without our doing: one poll reads all events since those that were read before. */
  catchUp(): void {
    this.#isBehind = true;
    this.#arm();
  }

  /** All events of this resource from a server time on are needed: they are kept, whatever their number. */
  need(resourceId: string, since: number): void {
    this.#needed.set(resourceId, since);
  }

  /** One poll reads back as far as the events of this resource are needed, once. */
  catchUpFor(resourceId: string): void {
    const since = this.#needed.get(resourceId);
    if (since === undefined || this.#whole.has(resourceId)) return;
    this.#backTo = Math.min(this.#backTo, since);
    this.catchUp();
  }

  /**
   * Server time from which on no event of the resource is missing; undefined until what is needed was read. Later than that:
   * the API has no earlier ones.
   */
  wholeSince(resourceId: string): number | undefined {
    return this.#whole.get(resourceId);
  }

  /** Monotonic time: what had happened by then is known. */
  get polledAt(): number {
    return this.#polledAt;
  }

  /** Whether any event of a subscribed resource has not ended. */
  get unfinished(): boolean {
    return this.#pendingOfSubscribed().size > 0;
  }

  /** Why events cannot be read, once several polls in a row have failed; undefined as soon as one succeeds. */
  get readError(): unknown {
    return this.#failure && this.#failure.polls >= FAILED_POLLS ? this.#failure.error : undefined;
  }

  /** Reads the events of one resource, on behalf of the group; `then` is called when they are there, once for each resource. */
  recall(resourceId: string, group: string, then: () => void): void {
    if (this.#recalled.has(resourceId)) return;
    this.#recalled.add(resourceId);
    this.#parts
      .api()
      .history(resourceId, group)
      .then((events) => {
        for (const event of events) this.note(event);
        then();
      })
      .catch((error: unknown) => {
        this.#recalled.delete(resourceId);
        this.#parts.failed(error);
      });
  }

  /** Events of an earlier time, as status has kept them. */
  seed(events: readonly E[]): void {
    for (const event of events) this.note(event);
    const times = events.flatMap((event) => timeOf(event) ?? []);
    if (times.length > 0) this.#readTo = Math.max(this.#readTo ?? 0, ...times);
  }

  /** Of one resource, newest first, as far as they were read. */
  of(resourceId: string): readonly E[] {
    return (this.#byResource.get(resourceId) ?? []).toReversed();
  }

  /** Events that are kept. */
  get size(): number {
    return this.#byId.size;
  }

  get(eventId: string): E | undefined {
    return this.#byId.get(eventId);
  }

  /** Monotonic time at which it was first read as it is; a resource that was read earlier may be of before its end. */
  updatedAt(eventId: string): number {
    return this.#updatedAt.get(eventId) ?? 0;
  }

  /** Whether the API has it no more. One that had not ended then is still kept as last read, and never ends. */
  vanished(eventId: string): boolean {
    return this.#vanished.has(eventId);
  }

  /** The newest event of this name on the same resource that was created after `event`, by the server's dates alone. */
  after(event: E, name: string): E | undefined {
    const events = this.#byResource.get(this.#parts.resourceOf(event) ?? "") ?? [];
    return events.findLast((other) => other.name === name && isLater(other, event));
  }

  /**
   * An event that came with the answer of a write, or from a poll. That of a resource which no object has is not kept: a
   * team may have any number of those. False where it brings nothing new.
   */
  note(event: E): boolean {
    const id = this.#parts.resourceOf(event);
    if (!id || !this.#parts.isSubscribed(id)) return false;
    const before = this.#byId.get(event.id);
    if (before && (before.state === event.state || !this.#parts.isPending(before))) return false;
    const others = (this.#byResource.get(id) ?? []).filter((other) => other.id !== event.id);
    const events = [...others, event].sort((a, b) => (isLater(a, b) ? 1 : -1));
    const kept = events.slice(-this.#most(id, events));
    for (const old of events.slice(0, events.length - kept.length)) this.#drop(old.id);
    this.#byResource.set(id, kept);
    // Older than all that are kept: it would be new in each poll that reads so far back.
    if (!kept.includes(event)) return false;
    this.#byId.set(event.id, event);
    this.#updatedAt.set(event.id, this.#parts.clock.monotonic());
    this.#vanished.delete(event.id);
    return true;
  }

  forget(resourceId: string): void {
    for (const { id } of this.#byResource.get(resourceId) ?? []) this.#drop(id);
    this.#byResource.delete(resourceId);
    this.#recalled.delete(resourceId);
    this.#needed.delete(resourceId);
    this.#whole.delete(resourceId);
  }

  /** For good: what a request under way still brings begins nothing. */
  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
    this.#tracked.clear();
  }

  /** How many of its events, newest last, are kept. */
  #most(resourceId: string, events: readonly E[]): number {
    const since = this.#needed.get(resourceId);
    if (since === undefined || events.length <= KEPT) return KEPT;
    const needed = events.filter((event) => (timeOf(event) ?? 0) >= since);
    if (needed.length > MOST_NEEDED)
      this.#whole.set(resourceId, timeOf(needed.at(-MOST_NEEDED)) ?? Number.POSITIVE_INFINITY);
    return Math.max(KEPT, Math.min(needed.length, MOST_NEEDED));
  }

  #drop(eventId: string): void {
    this.#byId.delete(eventId);
    this.#updatedAt.delete(eventId);
  }

  /** Keeps the timer at the earliest of what is waited for. */
  #arm(): void {
    if (this.#stopped || this.#polling || (this.#tracked.size === 0 && !this.#isBehind)) return;
    this.#timer.within(this.#untilPoll());
  }

  /** Polls that fail are made ever more rarely: meanwhile the state of each resource decides. */
  #untilPoll(): number {
    const { pollMs, slowMs, isBusy } = this.#parts;
    let pace = Number.POSITIVE_INFINITY;
    if (this.#isBehind) pace = isBusy() ? BUSY_PACE * pollMs : pollMs;
    for (const tracked of this.#tracked.values()) pace = Math.min(pace, tracked.pollMs);
    const more = Math.max(0, (this.#failure?.polls ?? 0) - FAILED_POLLS);
    return Math.max(pace, Math.min(pollMs * 2 ** Math.min(more, 20), slowMs));
  }

  async #poll(): Promise<void> {
    if (this.#tracked.size === 0 && !this.#isBehind) return;
    this.#polling = true;
    const began = this.#parts.clock.monotonic();
    this.#pruneVanished();
    try {
      const missing = this.#awaited();
      for (const id of [...missing].filter((id) => !this.#byId.has(id)).slice(0, STRAGGLERS)) {
        await this.#fetch(id);
        missing.delete(id);
      }
      const others = this.#isBehind ? this.#pendingOfSubscribed() : new Set<string>();
      await this.#pages(missing);
      // An event may never end: the past is not read again and again for its sake.
      if (!this.#isBehind) for (const id of others) if (!this.#ended(id)) missing.add(id);
      for (const id of [...missing].slice(0, STRAGGLERS)) await this.#fetch(id);
      this.#failure = undefined;
      this.#polledAt = began;
    } catch (error) {
      this.#failure = { error, polls: (this.#failure?.polls ?? 0) + 1 };
      this.#parts.failed(error);
    }
    this.#polling = false;
    this.#arm();
  }

  /** Of those that nothing refers to any more. */
  #pruneVanished(): void {
    const tracked = new Set(Array.from(this.#tracked.values(), ({ eventId }) => eventId));
    for (const id of this.#vanished) if (!tracked.has(id) && !this.#byId.has(id)) this.#vanished.delete(id);
  }

  /** Ids of events that a key waits for and that have not ended. */
  #awaited(): Set<string> {
    const ids = new Set<string>();
    for (const { eventId: id } of this.#tracked.values()) {
      if (id === undefined) continue;
      if (!this.#vanished.has(id) && !this.#ended(id)) ids.add(id);
      // The start that follows a create is an event of its own (machines.md section 7).
      const event = this.#byId.get(id);
      if (event) this.#addPending(ids, this.#parts.resourceOf(event));
    }
    return ids;
  }

  /** Ids of events of subscribed resources that have not ended, whether a key waits for them or not. */
  #pendingOfSubscribed(): Set<string> {
    const ids = new Set<string>();
    for (const resourceId of this.#byResource.keys())
      if (this.#parts.isSubscribed(resourceId)) this.#addPending(ids, resourceId);
    return ids;
  }

  #addPending(ids: Set<string>, resourceId: string | null | undefined): void {
    for (const { id } of this.#byResource.get(resourceId ?? "") ?? [])
      if (!this.#ended(id) && !this.#vanished.has(id)) ids.add(id);
  }

  #ended(id: string): boolean {
    const event = this.#byId.get(id);
    return event !== undefined && !this.#parts.isPending(event);
  }

  /**
   * Newest first, back to the oldest awaited one and to what was read before, so that none is missed that came in
   * between; removes what it meets from `missing`.
   */
  async #pages(missing: Set<string>): Promise<void> {
    const awaited = [...missing].flatMap((id) => timeOf(this.#byId.get(id)) ?? []);
    const readTo = this.#readTo === undefined ? Number.POSITIVE_INFINITY : this.#readTo - LAG_MS;
    const backTo = this.#backTo;
    const since = Math.min(...awaited, readTo, backTo);
    const unread = [...this.#needed].filter(([id]) => !this.#whole.has(id));
    const wasBehind = this.#isBehind;
    this.#isBehind = false;
    this.#backTo = Number.POSITIVE_INFINITY;
    let newest: number | undefined;
    let oldest = Math.floor(this.#parts.clock.now());
    let pages = 0;
    let reached = false;
    try {
      for await (const page of this.#parts.api().events()) {
        for (const event of page.items) {
          missing.delete(event.id);
          this.#update(event);
        }
        newest ??= timeOf(page.items[0]);
        oldest = timeOf(page.items.at(-1)) ?? oldest;
        reached = since === Number.POSITIVE_INFINITY ? missing.size === 0 : oldest < since;
        // At its bound the past is left out; what is awaited is fetched by id.
        if (reached || ++pages >= MOST_PAGES) break;
        // From here on reads by id cost less than pages; the past is caught up with later.
        if (!this.#parts.isBusy() || pages < missing.size) continue;
        this.#isBehind = true;
        this.#backTo = Math.min(this.#backTo, backTo);
        return;
      }
    } catch (error) {
      this.#isBehind ||= wasBehind;
      this.#backTo = Math.min(this.#backTo, backTo);
      throw error;
    }
    this.#readTo = newest ?? this.#readTo;
    // Where the list ended before, the API has no earlier ones.
    for (const [id, needed] of unread)
      if (!reached || oldest <= needed)
        this.#whole.set(id, Math.max(oldest, needed, this.#whole.get(id) ?? 0));
  }

  async #fetch(id: string): Promise<void> {
    try {
      this.#update((await this.#parts.api().event(id)).body);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      this.#vanish(id);
    }
  }

  /** One that came with the answer of a write may not be readable yet. */
  #vanish(id: string): void {
    const known = this.#byId.get(id);
    if (known && this.#parts.clock.monotonic() - this.updatedAt(id) < LAG_MS) return;
    if (this.#vanished.has(id)) return;
    this.#vanished.add(id);
    // What waits for it decides by the state from now on.
    if (known) this.#parts.changed(known);
  }

  /** As the API has it. */
  #update(event: E): void {
    this.#vanished.delete(event.id);
    if (this.note(event)) this.#parts.changed(event);
  }
}

function timeOf(event: ResourceEvent | undefined): number | undefined {
  const time = event && Date.parse(event.dtCreated);
  return Number.isNaN(time) ? undefined : time;
}

function isLater(a: ResourceEvent, b: ResourceEvent): boolean {
  return Date.parse(a.dtCreated) > Date.parse(b.dtCreated);
}
