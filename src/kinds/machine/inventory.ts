/**
 * What exists: one mirror of a team's machines and their events, shared by all objects of that team (DESIGN section 2).
 * It only reads, and only puts keys into the queue. Waiting costs pages of events; looks at machines are gathered and
 * done by whichever is cheaper, single reads or one list.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { Machine, MachineApi, MachineEvent } from "./api.ts";
import { EventLog } from "./event-log.ts";
import { ListMemory } from "./list-memory.ts";

/** All in milliseconds. */
export interface InventorySettings {
  resyncMs: number;
  eventPollMs: number;
  /** How long looks are gathered before they are done together. */
  gatherMs: number;
}

export interface InventoryParts {
  team: string;
  clock: Clock;
  logger: Logger;
  settings: InventorySettings;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

export interface Seen {
  /** Absent: the API said 404 by id, or dtDeleted. */
  machine?: Machine;
  /** Monotonic time at which the request that saw it began; for the answer of a write, at which it came. */
  beganAt: number;
  /** Since when it has been seen absent without a break. */
  absentSince?: number;
}

/** Most machines a page holds (machines.md section 2). */
const PAGE = 120;
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 60_000;

export class MachineInventory {
  readonly events: EventLog;
  readonly lists = new ListMemory();
  readonly #parts: InventoryParts;
  #api: MachineApi;
  readonly #seen = new Map<string, Seen>();
  readonly #followers = new Map<string, Set<string>>();
  readonly #following = new Map<string, string>();
  readonly #wanted = new Set<string>();
  /** Keys that wait for a complete list. */
  readonly #listWanted = new Set<string>();
  /** Keys that wait for the list that is under way. */
  #listing: Set<string> | undefined;
  readonly #troubles = new Map<string, unknown>();
  #listTrouble: unknown;
  #failures = 0;
  #flush: { cancel: Cancel } | undefined;
  #flushing = false;
  #resync: Cancel | undefined;
  #stopped = false;

  constructor(parts: InventoryParts, api: MachineApi) {
    this.#parts = parts;
    this.#api = api;
    this.events = new EventLog({
      api: () => this.#api,
      clock: parts.clock,
      pollMs: parts.settings.eventPollMs,
      heard: (event) => this.#heard(event),
      isFollowed: (machineId) => this.#followers.has(machineId),
      failed: (error) => parts.logger.warn({ err: error, team: parts.team }, "machine events cannot be read"),
    });
  }

  /** The newest valid credential of the team serves all reads. */
  use(api: MachineApi): void {
    this.#api = api;
  }

  /** `key` wants to hear of this machine, and of no other from now on. True where that is news. */
  follow(key: string, id: string): boolean {
    if (this.#following.get(key) === id) return false;
    this.unfollow(key);
    this.#following.set(key, id);
    const followers = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, followers.add(key));
    this.#resync ??= this.#parts.clock.after(this.#parts.settings.resyncMs, () => this.#regularList());
    return true;
  }

  /** Returns the machine that nobody follows any more now. */
  unfollow(key: string): string | undefined {
    const id = this.#following.get(key);
    this.#following.delete(key);
    this.#listWanted.delete(key);
    this.events.untrack(key);
    if (id === undefined) return undefined;
    const followers = this.#followers.get(id);
    followers?.delete(key);
    if (followers?.size) return undefined;
    this.#followers.delete(id);
    this.#seen.delete(id);
    this.#troubles.delete(id);
    this.events.forget(id);
    return id;
  }

  seen(id: string): Seen | undefined {
    return this.#seen.get(id);
  }

  /** Why the last look at this machine failed; undefined once one succeeds. */
  trouble(id: string): unknown {
    return this.#troubles.get(id);
  }

  /** Why the last list failed; undefined once one succeeds. */
  get listTrouble(): unknown {
    return this.#listTrouble;
  }

  /** Has the machine looked at soon; its followers are queued when that is done. */
  want(id: string): void {
    this.#wanted.add(id);
    this.#schedule();
  }

  /** Has a complete list made soon; `key` is queued when it is done. */
  wantList(key: string): void {
    this.#listWanted.add(key);
    this.#schedule();
  }

  /** As wantList, yet a list that is under way will do. */
  wantAnyList(key: string): void {
    if (this.#listing) this.#listing.add(key);
    else this.wantList(key);
  }

  /** The answer of a write: nothing that was asked before it came is believed from now on. */
  noteWrite(id: string, machine: Machine, answeredAt: number): void {
    this.#seen.set(id, { machine, beganAt: answeredAt });
  }

  /** Stops all timers, for good. */
  stop(): void {
    this.#stopped = true;
    this.#flush?.cancel();
    this.#resync?.();
    this.events.stop();
  }

  #schedule(): void {
    if (this.#stopped || this.#flush || this.#flushing) return;
    const { clock, settings } = this.#parts;
    const backoff = this.#failures === 0 ? 0 : FAILURE_BASE_MS * 2 ** Math.min(this.#failures - 1, 10);
    const delay = Math.max(settings.gatherMs, Math.min(FAILURE_MAX_MS, backoff));
    const cancel = clock.after(delay, () => {
      this.#flush = undefined;
      void this.#look();
    });
    this.#flush = { cancel };
  }

  async #look(): Promise<void> {
    this.#flushing = true;
    const ids = [...this.#wanted];
    const waiting = new Set(this.#listWanted);
    this.#wanted.clear();
    this.#listWanted.clear();
    const pages = Math.max(1, Math.ceil(this.#followers.size / PAGE));
    const beganAt = this.#parts.clock.monotonic();
    let failure: unknown;
    const failed = (error: unknown, unseen: readonly string[]) => {
      failure = error;
      for (const id of unseen) this.#troubles.set(id, error);
    };
    try {
      if (waiting.size > 0) this.#listing = waiting;
      const listed = waiting.size > 0 || ids.length > pages ? await this.#list(ids) : new Set<string>();
      const rest = ids.filter((id) => !listed.has(id));
      await Promise.all(rest.map((id) => this.#read(id).catch((error: unknown) => failed(error, [id]))));
    } catch (error) {
      this.#listTrouble = error;
      // What an earlier page has shown is seen.
      failed(
        error,
        ids.filter((id) => (this.#seen.get(id)?.beganAt ?? -1) < beganAt),
      );
    }
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    if (failure !== undefined)
      this.#parts.logger.warn({ err: failure, team: this.#parts.team }, "machines cannot be read");
    this.#flushing = false;
    this.#listing = undefined;
    for (const id of ids) this.#tell(id);
    for (const key of waiting) this.#parts.enqueue(key);
    if (this.#wanted.size > 0 || this.#listWanted.size > 0) this.#schedule();
  }

  async #read(id: string): Promise<void> {
    const began = this.#parts.clock.monotonic();
    try {
      const { body, beganAt } = await this.#api.get(id);
      this.#learn(id, body.dtDeleted ? undefined : body, beganAt);
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      this.#learn(id, undefined, began);
    }
  }

  /**
   * A complete list. What it lacks is looked for by id, since absence from a list proves nothing; `asked` are looked for
   * by the caller.
   */
  async #list(asked: readonly string[] = []): Promise<Set<string>> {
    const { clock } = this.#parts;
    const beganAt = clock.now();
    const machines: Machine[] = [];
    for await (const page of this.#api.list()) {
      for (const machine of page.items) {
        if (machine.dtDeleted) continue;
        machines.push(machine);
        if (this.#followers.has(machine.id)) this.#learn(machine.id, machine, page.beganAt);
      }
    }
    this.lists.add(beganAt, machines);
    this.#listTrouble = undefined;
    const listed = new Set(machines.map(({ id }) => id));
    const known = new Set([...listed, ...asked]);
    for (const id of this.#followers.keys()) {
      if (!known.has(id) && this.#seen.get(id)?.machine) this.#wanted.add(id);
    }
    return listed;
  }

  #regularList(): void {
    this.#resync = undefined;
    if (this.#followers.size === 0) return;
    const { clock, settings, logger, team } = this.#parts;
    this.#resync = clock.after(settings.resyncMs, () => this.#regularList());
    // An event that nobody waits for, such as a snapshot's, is looked after now and then.
    if (this.events.unfinished) this.events.catchUp();
    this.#list()
      .then(() => {
        if (this.#wanted.size > 0) this.#schedule();
      })
      .catch((error: unknown) => logger.warn({ err: error, team }, "the regular list of machines failed"));
  }

  /** Takes in an observation, unless something newer is known (causality, DESIGN section 5). */
  #learn(id: string, machine: Machine | undefined, beganAt: number): void {
    const before = this.#seen.get(id);
    if (before && beganAt < before.beganAt) {
      this.#wanted.add(id);
      return;
    }
    this.#troubles.delete(id);
    this.#seen.set(
      id,
      machine ? { machine, beganAt } : { beganAt, absentSince: before?.absentSince ?? beganAt },
    );
    if (JSON.stringify(before?.machine) === JSON.stringify(machine)) return;
    // Whatever it was, it may have been somebody else's doing, which events tell.
    this.events.catchUp();
    this.#tell(id);
  }

  /** News of a machine: it is worth a look. */
  #heard(event: MachineEvent): void {
    const id = event.machineId;
    if (id && this.#followers.has(id)) this.want(id);
  }

  #tell(id: string): void {
    for (const key of this.#followers.get(id) ?? []) this.#parts.enqueue(key);
  }
}
