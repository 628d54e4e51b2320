import pino from "pino";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { Machine, MachineApi, MachineEvent } from "./api.ts";
import { MachineInventory } from "./inventory.ts";

const machine = (n: number, state = "ready"): Machine => ({ id: `ps${n}`, name: `box-${n}`, state });

class Cloud {
  readonly clock = new VirtualClock();
  readonly machines = new Map<string, Machine>();
  /** Newest first. */
  readonly events: MachineEvent[] = [];
  readonly calls = { lists: 0, reads: [] as string[], events: 0 };
  readonly queued: string[] = [];
  /** Milliseconds that a read takes. */
  delayMs = 0;
  fail: unknown;
  readonly inventory: MachineInventory;

  constructor() {
    const { clock } = this;
    this.inventory = new MachineInventory(
      {
        team: "te1",
        clock,
        logger: pino({ level: "silent" }),
        settings: { resyncMs: 600_000, eventPollMs: 3_000, gatherMs: 50 },
        isBusy: () => false,
        enqueue: (key) => this.queued.push(key),
      },
      {
        get: (id: string) => this.#get(id),
        list: () => this.#list(),
        events: () => this.#events(),
      } as unknown as MachineApi,
    );
  }

  /** Creates `count` machines, each subscribed to by an object, observed, and idle. */
  async fleet(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      this.machines.set(`ps${n}`, machine(n));
      this.inventory.subscribe(`ns/${n}`, `ps${n}`);
      this.inventory.refresh(`ps${n}`);
    }
    await this.clock.advance(60_000);
    this.forgetCalls();
  }

  forgetCalls(): void {
    Object.assign(this.calls, { lists: 0, reads: [], events: 0 });
    this.queued.length = 0;
  }

  /** As another actor does it in the console: the state, and its event. */
  stop(n: number): void {
    this.machines.set(`ps${n}`, machine(n, "off"));
    const dtCreated = new Date(this.clock.now()).toISOString();
    const event = { id: `e${n}`, name: "stop", state: "done", machineId: `ps${n}`, error: null, dtCreated };
    this.events.unshift(event);
  }

  async #get(id: string) {
    this.calls.reads.push(id);
    const beganAt = this.clock.monotonic();
    const body = this.machines.get(id);
    if (this.delayMs) await new Promise<void>((done) => void this.clock.after(this.delayMs, done));
    if (this.fail) throw this.fail;
    if (!body) throw new PaperspaceError("PS_NOT_FOUND", "no such machine", { effect: "none", status: 404 });
    return { body, status: 200, beganAt, answeredAt: this.clock.monotonic() };
  }

  async *#events() {
    for (let at = 0; at === 0 || at < this.events.length; at += 120) {
      this.calls.events++;
      yield { items: this.events.slice(at, at + 120), beganAt: 0, answeredAt: 0 };
    }
  }

  async *#list() {
    this.calls.lists++;
    if (this.fail) throw this.fail;
    yield {
      items: [...this.machines.values()],
      beganAt: this.clock.monotonic(),
      answeredAt: this.clock.monotonic(),
    };
  }
}

describe("a change of an idle machine that the regular list shows", () => {
  it("costs one page of events, which may show who did it, and no read of the machine", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    cloud.machines.set("ps7", machine(7, "off"));
    await cloud.clock.advance(600_000);
    expect(cloud.calls).toEqual({ lists: 1, reads: [], events: 1 });
    expect(cloud.queued).toEqual(["ns/7"]);
    expect(cloud.inventory.get("ps7")?.item?.state).toBe("off");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.calls).toEqual({ lists: 4, reads: [], events: 1 });
  });

  it("is read once more where an event reports it, since that may be newer", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    cloud.stop(7);
    await cloud.clock.advance(600_000);
    expect(cloud.calls).toEqual({ lists: 1, reads: ["ps7"], events: 1 });
    expect(cloud.inventory.events.of("ps7").map(({ id }) => id)).toEqual(["e7"]);
  });

  it("costs no more for many machines that shut themselves down: pages, and never a read each", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    for (let n = 0; n < 200; n++) cloud.stop(n);
    await cloud.clock.advance(600_000);
    expect(cloud.calls).toEqual({ lists: 2, reads: [], events: 1 });
    expect(new Set(cloud.queued).size).toBe(200);
  });
});

describe("the end of a term", () => {
  it("stops every timer for good, also what a request under way would set: another process may be leading", async () => {
    const cloud = new Cloud();
    await cloud.fleet(3);
    cloud.delayMs = 1_000;
    for (const n of [0, 1]) cloud.stop(n);
    cloud.inventory.refresh("ps0");
    await cloud.clock.advance(500);
    // Answered while the read is under way, so that the read would have to be done again.
    cloud.inventory.set("ps0", machine(0, "stopping"), cloud.clock.monotonic());
    cloud.inventory.refresh("ps1");
    cloud.inventory.events.track("ns/2", "e9");
    cloud.inventory.stop();
    cloud.forgetCalls();
    await cloud.clock.advance(3_600_000);
    expect(cloud.calls).toEqual({ lists: 0, reads: [], events: 0 });
    expect(cloud.clock.pending).toBe(0);
  });

  it("keeps a read that is under way from starting others, though it observes a change", async () => {
    const cloud = new Cloud();
    await cloud.fleet(1);
    cloud.delayMs = 1_000;
    cloud.stop(0);
    cloud.inventory.refresh("ps0");
    await cloud.clock.advance(500);
    cloud.inventory.stop();
    cloud.forgetCalls();
    await cloud.clock.advance(3_600_000);
    expect(cloud.calls).toEqual({ lists: 0, reads: [], events: 0 });
    expect(cloud.clock.pending).toBe(0);
  });
});
