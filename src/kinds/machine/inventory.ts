/**
 * The machines of a team and their events: an event is a reason to refresh its machine, and a machine that changed is a
 * reason to read events. How machines are read is in ../inventory.ts, how events are in ../event-log.ts.
 */
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { Enqueue } from "../../runtime/work-queue.ts";
import { EventLog } from "../event-log.ts";
import { Inventory } from "../inventory.ts";
import { PageWatch } from "../page-watch.ts";
import type { Machine, MachineApi, MachineEvent } from "./api.ts";
import { eventFact } from "./operation.ts";

/** All in milliseconds. */
export interface InventorySettings {
  resyncMs: number;
  eventPollMs: number;
  /** How long refreshes are gathered before they are done together. */
  gatherMs: number;
}

/** As many as a page has: of a machine with more, those since its create are not all known. */
const MOST_EVENTS = 120;

export interface MachineInventoryParts {
  team: string;
  clock: Clock;
  logger: Logger;
  settings: InventorySettings;
  /** Whether calls wait for the budget of the team. */
  isBusy(): boolean;
  enqueue: Enqueue;
  /** Takes each complete list. */
  listed?(machines: readonly { id: string; name: string }[]): void;
  /** Takes the machines of each page of a list. */
  paged?(machines: readonly Machine[]): void;
}

export class MachineInventory extends Inventory<Machine> {
  readonly events: EventLog<MachineEvent>;
  /** Of new machines, whose state alone shows that they are up. */
  readonly creates: PageWatch;
  #api: MachineApi;

  constructor(parts: MachineInventoryParts, api: MachineApi) {
    const logger = parts.logger.child({ team: parts.team });
    super({ ...parts, logger, name: "machines" }, api, {
      // It may have been another actor's doing, which only events show. Of what a create changes, they are read at its end.
      changed: () => {
        if (this.creates.isIdle) this.events.catchUp();
      },
      unsubscribed: (key, id) => {
        this.events.untrack(key);
        this.creates.untrack(key);
        if (id !== undefined) this.events.forget(id);
      },
      // An event that no key waits for, such as a snapshot's, is read again with each resync until it ends.
      resync: () => {
        if (this.creates.isIdle && this.events.unfinished) this.events.catchUp();
      },
    });
    this.#api = api;
    this.creates = new PageWatch({
      clock: parts.clock,
      slowestMs: parts.settings.eventPollMs,
      isBusy: parts.isBusy,
      pageOf: (id) => this.pageOf(id),
      readPage: (page) => this.readPage(page, { class: "watch" }),
      idle: () => this.events.catchUp(),
      failed: (error) => logger.warn({ err: error }, "new machines cannot be listed"),
    });
    this.events = new EventLog<MachineEvent>({
      api: () => this.#api,
      clock: parts.clock,
      pollMs: parts.settings.eventPollMs,
      slowMs: parts.settings.resyncMs,
      isBusy: parts.isBusy,
      resourceOf: ({ machineId }) => machineId,
      isPending: (event) => eventFact(event).state === "pending",
      changed: (event) => this.#refreshMachineOf(event),
      isSubscribed: (machineId) => this.isSubscribed(machineId),
      failed: (error) => logger.warn({ err: error }, "machine events cannot be read"),
    });
  }

  /** Events are read with the same credential. */
  override use(api: MachineApi, credential?: string): void {
    super.use(api, credential);
    this.#api = api;
  }

  /** All that the API lists of one machine, read now. */
  async eventsOf(machineId: string, group: string): Promise<readonly MachineEvent[]> {
    const events = await this.#api.history(machineId, group, MOST_EVENTS);
    for (const event of events) this.events.note(event);
    return events;
  }

  override stop(): void {
    super.stop();
    this.events.stop();
    this.creates.stop();
  }

  #refreshMachineOf({ machineId: id }: MachineEvent): void {
    if (!id || !this.isSubscribed(id)) return;
    if (this.creates.covers(id)) this.notify(id);
    else this.refresh(id);
  }
}
