/** A cloud that lists things, and an inventory of them in virtual time: what is asked for, and which keys are queued. */
import pino from "pino";
import { Inventory } from "../../src/kinds/inventory.ts";
import type { Source } from "../../src/kinds/source.ts";
import { PaperspaceError } from "../../src/paperspace/errors.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Thing {
  id: string;
  name: string;
  state: string;
}

/** State of what is shown though it is gone. */
export const GONE = "gone";

export const thing = (n: number, state = "ready"): Thing => ({ id: `ps${n}`, name: `box-${n}`, state });

export class ThingCloud {
  readonly clock = new VirtualClock();
  readonly things = new Map<string, Thing>();
  readonly asked = { lists: 0, reads: [] as string[] };
  /** Pages of lists that were read. */
  pages = 0;
  readonly queued: string[] = [];
  /** Keys that were queued behind changes. */
  readonly initial: string[] = [];
  /** Items of a page. */
  pageSize = Number.POSITIVE_INFINITY;
  /** Calls of the hooks. */
  readonly notified: string[] = [];
  /** Milliseconds that a read takes. */
  delayMs = 0;
  fail: unknown;
  /** Ids that cannot be read. */
  readonly broken = new Set<string>();
  /** Lists fail alone. */
  failList: unknown;
  /** Ids of which lists are in doubt. */
  readonly doubted = new Set<string>();
  readonly inventory: Inventory<Thing>;
  readonly source: Source<Thing> = {
    get: (id) => this.#get(id),
    list: (_group, { after } = {}) => this.#list(after),
    isGone: ({ state }) => state === GONE,
  };

  constructor() {
    const { clock } = this;
    this.inventory = new Inventory<Thing>(
      {
        name: "things",
        clock,
        logger: pino({ level: "silent" }),
        settings: { resyncMs: 600_000, gatherMs: 50 },
        enqueue: (key, { isInitial = false } = {}) => {
          this.queued.push(key);
          if (isInitial) this.initial.push(key);
        },
        isDoubtful: ({ id }) => this.doubted.has(id),
      },
      this.source,
      {
        changed: (id) => this.notified.push(`${id} changed`),
        unsubscribed: (key, id) => this.notified.push(`${key} left ${id ?? "nothing"}`),
        resync: () => this.notified.push("resync"),
      },
    );
  }

  async #get(id: string) {
    this.asked.reads.push(id);
    const beganAt = this.clock.monotonic();
    const body = this.things.get(id);
    if (this.delayMs) await new Promise<void>((done) => void this.clock.after(this.delayMs, done));
    if (this.fail) throw this.fail;
    if (this.broken.has(id)) throw new Error("500");
    if (!body) throw new PaperspaceError("PS_NOT_FOUND", "no such thing", { effect: "none", status: 404 });
    return { body, beganAt };
  }

  async *#list(after?: string) {
    if (after === undefined) this.asked.lists++;
    if (this.fail ?? this.failList) throw this.fail ?? this.failList;
    const things = [...this.things.values()];
    for (let at = Number(after ?? 0); at === 0 || at < things.length; at += this.pageSize) {
      this.pages++;
      const end = at + this.pageSize;
      const page = { items: things.slice(at, end), beganAt: this.clock.monotonic() };
      yield end < things.length ? { ...page, next: `${end}` } : page;
    }
  }
}
