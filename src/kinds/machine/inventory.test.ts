import pino from "pino";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { Machine, MachineApi } from "./api.ts";
import { MachineInventory } from "./inventory.ts";

const machine = (n: number, state = "ready"): Machine => ({ id: `ps${n}`, name: `box-${n}`, state });

class Cloud {
  readonly clock = new VirtualClock();
  readonly machines = new Map<string, Machine>();
  readonly asked = { lists: 0, reads: [] as string[] };
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
      { get: (id: string) => this.#get(id), list: () => this.#list() } as unknown as MachineApi,
    );
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
    expect(cloud.asked).toEqual({ lists: 1, reads: [] });
    expect(new Set(cloud.queued).size).toBe(30);
    cloud.inventory.want("ps3");
    await cloud.clock.advance(100);
    expect(cloud.asked).toEqual({ lists: 1, reads: ["ps3"] });
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
