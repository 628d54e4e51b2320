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
  readonly asked = { lists: 0, reads: [] as string[], events: 0 };
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
        enqueue: (key) => this.queued.push(key),
      },
      {
        get: (id: string) => this.#get(id),
        list: () => this.#list(),
        events: () => this.#events(),
      } as unknown as MachineApi,
    );
  }

  /** Has `count` machines, each followed by an object, seen, and at rest. */
  async fleet(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      this.machines.set(`ps${n}`, machine(n));
      this.inventory.follow(`ns/${n}`, `ps${n}`);
      this.inventory.want(`ps${n}`);
    }
    await this.clock.advance(60_000);
    this.forgetCalls();
  }

  forgetCalls(): void {
    Object.assign(this.asked, { lists: 0, reads: [], events: 0 });
    this.queued.length = 0;
  }

  /** As somebody does it in the console: the state, and an event that tells. */
  stop(n: number): void {
    this.machines.set(`ps${n}`, machine(n, "off"));
    const dtCreated = new Date(this.clock.now()).toISOString();
    const event = { id: `e${n}`, name: "stop", state: "done", machineId: `ps${n}`, error: null, dtCreated };
    this.events.unshift(event);
  }

  async #get(id: string) {
    this.asked.reads.push(id);
    const beganAt = this.clock.monotonic();
    const body = this.machines.get(id);
    if (this.delayMs) await new Promise<void>((done) => void this.clock.after(this.delayMs, done));
    if (this.fail) throw this.fail;
    if (!body) throw new PaperspaceError("PS_NOT_FOUND", "no such machine", { effect: "none", status: 404 });
    return { body, status: 200, beganAt, answeredAt: this.clock.monotonic() };
  }

  async *#events() {
    for (let at = 0; at === 0 || at < this.events.length; at += 120) {
      this.asked.events++;
      yield { items: this.events.slice(at, at + 120), beganAt: 0, answeredAt: 0 };
    }
  }

  async *#list() {
    this.asked.lists++;
    if (this.fail) throw this.fail;
    yield {
      items: [...this.machines.values()],
      beganAt: this.clock.monotonic(),
      answeredAt: this.clock.monotonic(),
    };
  }
}

describe("MachineInventory", () => {
  it("does many looks as one list, and a single one as a read: whichever is cheaper", async () => {
    const cloud = new Cloud();
    for (let n = 0; n < 30; n++) {
      cloud.machines.set(`ps${n}`, machine(n));
      cloud.inventory.follow(`ns/${n}`, `ps${n}`);
      cloud.inventory.want(`ps${n}`);
    }
    await cloud.clock.advance(100);
    expect(cloud.asked).toMatchObject({ lists: 1, reads: [] });
    expect(new Set(cloud.queued).size).toBe(30);
    cloud.inventory.want("ps3");
    await cloud.clock.advance(100);
    expect(cloud.asked).toMatchObject({ lists: 1, reads: ["ps3"] });
  });

  it("does not believe a read that began before our last write was answered", async () => {
    const cloud = new Cloud();
    cloud.machines.set("ps1", machine(1, "ready"));
    cloud.inventory.follow("ns/a", "ps1");
    cloud.delayMs = 1_000;
    cloud.inventory.want("ps1");
    await cloud.clock.advance(500);
    cloud.machines.set("ps1", machine(1, "stopping"));
    cloud.inventory.noteWrite("ps1", machine(1, "stopping"), cloud.clock.monotonic());
    await cloud.clock.advance(600);
    expect(cloud.inventory.seen("ps1")?.machine?.state).toBe("stopping");
    // The look that came too early is done again.
    await cloud.clock.advance(2_000);
    expect(cloud.asked.reads).toEqual(["ps1", "ps1"]);
  });

  it("looks by id for what a list lacks, since absence from a list proves nothing", async () => {
    const cloud = new Cloud();
    for (const n of [1, 2, 3]) {
      cloud.machines.set(`ps${n}`, machine(n));
      cloud.inventory.follow(`ns/${n}`, `ps${n}`);
      cloud.inventory.want(`ps${n}`);
    }
    await cloud.clock.advance(100);
    cloud.machines.delete("ps2");
    cloud.inventory.wantList("ns/x");
    await cloud.clock.advance(200);
    expect(cloud.asked.reads).toEqual(["ps2"]);
    expect(cloud.inventory.seen("ps2")?.machine).toBeUndefined();
    expect(cloud.inventory.seen("ps2")?.absentSince).toBeDefined();
  });

  it("reads once by id what was deleted, also when the list before it lacked it", async () => {
    const cloud = new Cloud();
    for (const n of [1, 2, 3]) {
      cloud.machines.set(`ps${n}`, machine(n));
      cloud.inventory.follow(`ns/${n}`, `ps${n}`);
      cloud.inventory.want(`ps${n}`);
    }
    await cloud.clock.advance(100);
    cloud.machines.clear();
    for (const n of [1, 2, 3]) cloud.inventory.want(`ps${n}`);
    await cloud.clock.advance(10_000);
    expect(cloud.asked.reads).toEqual(["ps1", "ps2", "ps3"]);
  });

  it("remembers since when a machine is absent, and forgets it when the machine is back", async () => {
    const cloud = new Cloud();
    cloud.inventory.follow("ns/a", "ps1");
    cloud.inventory.want("ps1");
    await cloud.clock.advance(100);
    const since = cloud.inventory.seen("ps1")?.absentSince;
    cloud.inventory.want("ps1");
    await cloud.clock.advance(10_000);
    expect(cloud.inventory.seen("ps1")?.absentSince).toBe(since);
    cloud.machines.set("ps1", machine(1));
    cloud.inventory.want("ps1");
    await cloud.clock.advance(100);
    expect(cloud.inventory.seen("ps1")?.absentSince).toBeUndefined();
  });

  it("says what went wrong with a look, and asks ever more rarely while it goes on", async () => {
    const cloud = new Cloud();
    cloud.fail = new Error("503");
    cloud.inventory.follow("ns/a", "ps1");
    for (let i = 0; i < 60; i++) {
      cloud.inventory.want("ps1");
      await cloud.clock.advance(1_000);
    }
    expect(cloud.inventory.trouble("ps1")).toBe(cloud.fail);
    expect(cloud.asked.reads.length).toBeLessThan(10);
    cloud.fail = undefined;
    cloud.machines.set("ps1", machine(1));
    cloud.inventory.want("ps1");
    await cloud.clock.advance(60_000);
    expect(cloud.inventory.trouble("ps1")).toBeUndefined();
  });

  it("lists once in each resync while anybody follows, and never when nobody does", async () => {
    const cloud = new Cloud();
    cloud.machines.set("ps1", machine(1));
    cloud.inventory.follow("ns/a", "ps1");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
    cloud.inventory.unfollow("ns/a");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
  });
});

describe("a change of an idle machine that the regular list shows", () => {
  it("costs one page of events, which may tell who did it, and no read of the machine", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    cloud.machines.set("ps7", machine(7, "off"));
    await cloud.clock.advance(600_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: [], events: 1 });
    expect(cloud.queued).toEqual(["ns/7"]);
    expect(cloud.inventory.seen("ps7")?.machine?.state).toBe("off");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked).toEqual({ lists: 4, reads: [], events: 1 });
  });

  it("is looked at once more where an event tells of it, since that may be of a moment later", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    cloud.stop(7);
    await cloud.clock.advance(600_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: ["ps7"], events: 1 });
    expect(cloud.inventory.events.of("ps7").map(({ id }) => id)).toEqual(["e7"]);
  });

  it("costs no more for a whole fleet that shut itself down: pages, and never a read each", async () => {
    const cloud = new Cloud();
    await cloud.fleet(200);
    for (let n = 0; n < 200; n++) cloud.stop(n);
    await cloud.clock.advance(600_000);
    expect(cloud.asked).toEqual({ lists: 2, reads: [], events: 1 });
    expect(new Set(cloud.queued).size).toBe(200);
  });
});

describe("a list", () => {
  it("that fails is not counted as complete, and who waits for it is queued to ask again", async () => {
    const cloud = new Cloud();
    cloud.fail = new Error("503");
    cloud.inventory.wantList("ns/new");
    await cloud.clock.advance(100);
    expect(cloud.queued).toEqual(["ns/new"]);
    expect(cloud.inventory.lists.count).toBeUndefined();
    expect(cloud.inventory.lists.newest).toBe(0);
    for (let i = 0; i < 60; i++) {
      cloud.inventory.wantList("ns/new");
      await cloud.clock.advance(1_000);
    }
    expect(cloud.asked.lists).toBeLessThan(10);
    cloud.fail = undefined;
    cloud.inventory.wantList("ns/new");
    await cloud.clock.advance(60_000);
    expect(cloud.inventory.lists.count).toBe(0);
  });

  it("is one for all that wait for it, and queues each of them once", async () => {
    const cloud = new Cloud();
    for (let n = 0; n < 50; n++) cloud.inventory.wantList(`ns/${n % 25}`);
    await cloud.clock.advance(60_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: [], events: 0 });
    expect(cloud.queued).toHaveLength(25);
  });
});

describe("the end of a term", () => {
  it("stops every timer for good, also what a request under way would set: another process may be leading", async () => {
    const cloud = new Cloud();
    await cloud.fleet(3);
    cloud.delayMs = 1_000;
    for (const n of [0, 1]) cloud.stop(n);
    cloud.inventory.want("ps0");
    await cloud.clock.advance(500);
    // Answered while the read is under way, so that the read would have to be done again.
    cloud.inventory.noteWrite("ps0", machine(0, "stopping"), cloud.clock.monotonic());
    cloud.inventory.want("ps1");
    cloud.inventory.events.track("ns/2", "e9");
    cloud.inventory.stop();
    cloud.forgetCalls();
    await cloud.clock.advance(3_600_000);
    expect(cloud.asked).toEqual({ lists: 0, reads: [], events: 0 });
    expect(cloud.clock.pending).toBe(0);
  });

  it("lets a look that is under way begin nothing, though it sees a change", async () => {
    const cloud = new Cloud();
    await cloud.fleet(1);
    cloud.delayMs = 1_000;
    cloud.stop(0);
    cloud.inventory.want("ps0");
    await cloud.clock.advance(500);
    cloud.inventory.stop();
    cloud.forgetCalls();
    await cloud.clock.advance(3_600_000);
    expect(cloud.asked).toEqual({ lists: 0, reads: [], events: 0 });
    expect(cloud.clock.pending).toBe(0);
  });
});
