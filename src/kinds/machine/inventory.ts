/**
 * The machines of a team and their events, which tell of each other: an event is a reason to look at its machine, and a
 * machine that changed is a reason to read events. How looks are done is in ../inventory.ts.
 */
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import { Inventory } from "../inventory.ts";
import type { Machine, MachineApi, MachineEvent } from "./api.ts";
import { EventLog } from "./event-log.ts";

/** All in milliseconds. */
export interface InventorySettings {
  resyncMs: number;
  eventPollMs: number;
  /** How long looks are gathered before they are done together. */
  gatherMs: number;
}

export interface MachineInventoryParts {
  team: string;
  clock: Clock;
  logger: Logger;
  settings: InventorySettings;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

export class MachineInventory extends Inventory<Machine> {
  readonly events: EventLog;
  #api: MachineApi;

  constructor(parts: MachineInventoryParts, api: MachineApi) {
    const logger = parts.logger.child({ team: parts.team });
    super({ ...parts, logger, name: "machines" }, api, {
      // Whatever it was, it may have been somebody else's doing, which events tell.
      changed: () => this.events.catchUp(),
      unsubscribed: (key, id) => {
        this.events.untrack(key);
        if (id !== undefined) this.events.forget(id);
      },
      // An event that nobody waits for, such as a snapshot's, is looked after now and then.
      resync: () => {
        if (this.events.unfinished) this.events.catchUp();
      },
    });
    this.#api = api;
    this.events = new EventLog({
      api: () => this.#api,
      clock: parts.clock,
      pollMs: parts.settings.eventPollMs,
      heard: (event) => this.#heard(event),
      isFollowed: (machineId) => this.isSubscribed(machineId),
      failed: (error) => logger.warn({ err: error }, "machine events cannot be read"),
    });
  }

  /** Events are read with the same credential. */
  override use(api: MachineApi): void {
    super.use(api);
    this.#api = api;
  }

  override stop(): void {
    super.stop();
    this.events.stop();
  }

  /** News of a machine: it is worth a look. */
  #heard({ machineId: id }: MachineEvent): void {
    if (id && this.isSubscribed(id)) this.refresh(id);
  }
}
