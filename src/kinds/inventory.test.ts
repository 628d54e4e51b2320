import pino from "pino";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { Inventory } from "./inventory.ts";
import type { Source } from "./source.ts";

interface Thing {
  id: string;
  name: string;
  state: string;
}

const GONE = "gone";
const thing = (n: number, state = "ready"): Thing => ({ id: `ps${n}`, name: `box-${n}`, state });

class Cloud {
  readonly clock = new VirtualClock();
  readonly things = new Map<string, Thing>();
  readonly asked = { lists: 0, reads: [] as string[] };
  readonly queued: string[] = [];
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
    list: () => this.#list(),
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
        enqueue: (key) => this.queued.push(key),
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

  async *#list() {
    this.asked.lists++;
    if (this.fail ?? this.failList) throw this.fail ?? this.failList;
    yield { items: [...this.things.values()], beganAt: this.clock.monotonic() };
  }
}

describe("Inventory", () => {
  it("does many looks as one list, and a single one as a read: whichever is cheaper", async () => {
    const cloud = new Cloud();
    for (let n = 0; n < 30; n++) {
      cloud.things.set(`ps${n}`, thing(n));
      cloud.inventory.subscribe(`ns/${n}`, `ps${n}`);
      cloud.inventory.refresh(`ps${n}`);
    }
    await cloud.clock.advance(100);
    expect(cloud.asked).toMatchObject({ lists: 1, reads: [] });
    expect(new Set(cloud.queued).size).toBe(30);
    cloud.inventory.refresh("ps3");
    await cloud.clock.advance(100);
    expect(cloud.asked).toMatchObject({ lists: 1, reads: ["ps3"] });
  });

  it("does not believe a read that began before our last write was answered", async () => {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1, "ready"));
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.delayMs = 1_000;
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(500);
    cloud.things.set("ps1", thing(1, "stopping"));
    cloud.inventory.set("ps1", thing(1, "stopping"), cloud.clock.monotonic());
    await cloud.clock.advance(600);
    expect(cloud.inventory.get("ps1")?.item?.state).toBe("stopping");
    // The look that came too early is done again.
    await cloud.clock.advance(2_000);
    expect(cloud.asked.reads).toEqual(["ps1", "ps1"]);
  });

  it("looks by id for what a list lacks, since absence from a list proves nothing", async () => {
    const cloud = new Cloud();
    for (const n of [1, 2, 3]) {
      cloud.things.set(`ps${n}`, thing(n));
      cloud.inventory.subscribe(`ns/${n}`, `ps${n}`);
      cloud.inventory.refresh(`ps${n}`);
    }
    await cloud.clock.advance(100);
    cloud.things.delete("ps2");
    cloud.inventory.refreshList("ns/x");
    await cloud.clock.advance(200);
    expect(cloud.asked.reads).toEqual(["ps2"]);
    expect(cloud.inventory.get("ps2")?.item).toBeUndefined();
    expect(cloud.inventory.get("ps2")?.absentSince).toBeDefined();
  });

  it("reads once by id what was deleted, also when the list before it lacked it", async () => {
    const cloud = new Cloud();
    for (const n of [1, 2, 3]) {
      cloud.things.set(`ps${n}`, thing(n));
      cloud.inventory.subscribe(`ns/${n}`, `ps${n}`);
      cloud.inventory.refresh(`ps${n}`);
    }
    await cloud.clock.advance(100);
    cloud.things.clear();
    for (const n of [1, 2, 3]) cloud.inventory.refresh(`ps${n}`);
    await cloud.clock.advance(10_000);
    expect(cloud.asked.reads).toEqual(["ps1", "ps2", "ps3"]);
  });

  it("remembers since when a thing is absent, and forgets it when it is back", async () => {
    const cloud = new Cloud();
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(100);
    const since = cloud.inventory.get("ps1")?.absentSince;
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(10_000);
    expect(cloud.inventory.get("ps1")?.absentSince).toBe(since);
    cloud.things.set("ps1", thing(1));
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect(cloud.inventory.get("ps1")?.absentSince).toBeUndefined();
  });

  it("says what went wrong with a look, and asks ever more rarely while it goes on", async () => {
    const cloud = new Cloud();
    cloud.fail = new Error("503");
    cloud.inventory.subscribe("ns/a", "ps1");
    for (let i = 0; i < 60; i++) {
      cloud.inventory.refresh("ps1");
      await cloud.clock.advance(1_000);
    }
    expect(cloud.inventory.readError("ps1")).toBe(cloud.fail);
    expect(cloud.asked.reads.length).toBeLessThan(10);
    cloud.fail = undefined;
    cloud.things.set("ps1", thing(1));
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(60_000);
    expect(cloud.inventory.readError("ps1")).toBeUndefined();
  });

  it("of one id that fails delays no other id: only what was not read backs off", async () => {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1));
    cloud.broken.add("poison");
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.inventory.subscribe("ns/b", "poison");
    for (let i = 0; i < 600; i++) {
      cloud.inventory.refresh("poison");
      await cloud.clock.advance(1_000);
    }
    const reads = cloud.asked.reads.length;
    expect(reads).toBeLessThan(12);
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect(cloud.inventory.get("ps1")?.item).toEqual(thing(1));
    expect(cloud.asked.reads.slice(reads)).toEqual(["ps1"]);
    // At the user's request, whatever the back-off.
    expect(cloud.inventory.retryInMs("poison")).toBeGreaterThan(0);
    cloud.inventory.reload("poison");
    await cloud.clock.advance(100);
    expect(cloud.asked.reads.slice(reads)).toEqual(["ps1", "poison"]);
  });

  it("of a thousand that are in no list keeps no other one waiting: each read has a turn of its own", async () => {
    const cloud = new Cloud();
    const { clock, inventory, asked, queued } = cloud;
    for (let n = 0; n < 1_000; n++) {
      inventory.subscribe(`ns/${n}`, `none${n}`);
      inventory.refresh(`none${n}`);
    }
    cloud.delayMs = 60_000;
    await clock.advance(1_000);
    expect(asked.reads).toHaveLength(1_000);
    cloud.delayMs = 100;
    cloud.things.set("ps1", thing(1));
    inventory.subscribe("other/box", "ps1");
    inventory.refresh("ps1");
    await clock.advance(1_000);
    expect(inventory.get("ps1")?.item).toEqual(thing(1));
    expect(queued).toContain("other/box");
    // One that is asked for again while it is read is read once more after that, and not beside it.
    inventory.refresh("none1");
    await clock.advance(10_000);
    expect(asked.reads).toHaveLength(1_001);
    await clock.advance(60_000);
    expect(asked.reads).toHaveLength(1_002);
  });

  it("lists once in each resync while anybody follows, and never when nobody does", async () => {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1));
    cloud.inventory.subscribe("ns/a", "ps1");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
    cloud.inventory.unsubscribe("ns/a");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
  });
});

describe("a list", () => {
  it("that fails is not counted as complete, and who waits for it is queued to ask again", async () => {
    const cloud = new Cloud();
    cloud.fail = new Error("503");
    cloud.inventory.refreshList("ns/new");
    await cloud.clock.advance(100);
    expect(cloud.queued).toEqual(["ns/new"]);
    expect(cloud.inventory.lists.count).toBeUndefined();
    expect(cloud.inventory.lists.newest).toBeUndefined();
    for (let i = 0; i < 60; i++) {
      cloud.inventory.refreshList("ns/new");
      await cloud.clock.advance(1_000);
    }
    expect(cloud.asked.lists).toBeLessThan(10);
    cloud.fail = undefined;
    cloud.inventory.refreshList("ns/new");
    await cloud.clock.advance(60_000);
    expect(cloud.inventory.lists.count).toBe(0);
  });

  it("with more of names and ids than is kept fails, before it is read to its end", async () => {
    const cloud = new Cloud();
    for (let n = 0; n < 20; n++) cloud.things.set(`ps${n}`, { ...thing(n), name: "x".repeat(1024 * 1024) });
    cloud.inventory.refreshList("ns/a");
    await cloud.clock.advance(100);
    expect(String(cloud.inventory.listError)).toContain("the list of things has ids and names of more than");
    expect([cloud.inventory.lists.count, cloud.queued]).toEqual([undefined, ["ns/a"]]);
  });

  it("that fails does not hide what can be read by id: one broken list must not stop the objects of a team", async () => {
    const cloud = new Cloud();
    cloud.failList = new Error("500");
    cloud.things.set("ps1", thing(1));
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.inventory.refresh("ps1");
    cloud.inventory.refreshList("ns/new");
    await cloud.clock.advance(100);
    expect(cloud.inventory.get("ps1")?.item).toEqual(thing(1));
    expect(cloud.inventory.readError("ps1")).toBeUndefined();
    expect(cloud.inventory.listError).toBe(cloud.failList);
    expect(new Set(cloud.queued)).toEqual(new Set(["ns/a", "ns/new"]));
  });

  it("that fails costs a bounded number of reads by id, and one where these fail as well", async () => {
    const cloud = new Cloud();
    const follow = () => {
      for (let n = 0; n < 100; n++) {
        cloud.things.set(`ps${n}`, thing(n));
        cloud.inventory.subscribe(`ns/${n}`, `ps${n}`);
        cloud.inventory.refresh(`ps${n}`);
      }
    };
    cloud.fail = new Error("503");
    follow();
    await cloud.clock.advance(100);
    expect(cloud.asked).toMatchObject({ lists: 1, reads: ["ps0"] });
    cloud.failList = cloud.fail;
    cloud.fail = undefined;
    follow();
    await cloud.clock.advance(10_000);
    expect(cloud.asked).toMatchObject({ lists: 2, reads: { length: 31 } });
    const unread = [...cloud.things.keys()].filter((id) => cloud.inventory.readError(id) !== undefined);
    expect(unread).toHaveLength(70);
    // They are read in their turn, as each object's next pass refreshes what could not be read.
    for (let turns = 0; turns < 3; turns++) {
      for (const id of unread) if (cloud.inventory.readError(id) !== undefined) cloud.inventory.refresh(id);
      await cloud.clock.advance(60_000);
    }
    expect(unread.filter((id) => cloud.inventory.readError(id) !== undefined)).toEqual([]);
  });

  it("is one for all that wait for it, and queues each of them once", async () => {
    const cloud = new Cloud();
    for (let n = 0; n < 50; n++) cloud.inventory.refreshList(`ns/${n % 25}`);
    await cloud.clock.advance(60_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: [] });
    expect(cloud.queued).toHaveLength(25);
  });
});

describe("a credential that sees less than another one of its team", () => {
  const MISSING = new PaperspaceError("PS_NOT_FOUND", "no such thing", { effect: "none", status: 404 });
  /** `poor` is the newest, and sees nothing. */
  function setUp() {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1));
    const { inventory } = cloud;
    inventory.use(cloud.source, "rich");
    inventory.use(
      {
        get: () => Promise.reject(MISSING),
        list: async function* () {
          yield { items: [] as Thing[], beganAt: cloud.clock.monotonic() };
        },
      },
      "poor",
    );
    return { cloud, inventory };
  }

  it("hides nothing from the objects of the others: each item is read with its own", async () => {
    const { cloud, inventory } = setUp();
    inventory.subscribe("ns/a", "ps1", "rich");
    inventory.refresh("ps1");
    await cloud.clock.advance(100);
    inventory.refreshList("ns/b", "poor");
    await cloud.clock.advance(10_000);
    expect(inventory.get("ps1")?.item).toEqual(thing(1));
    expect(inventory.listed("rich").lists.newestList).toBeUndefined();
    expect(inventory.listed("poor").lists.newestList?.ids.size).toBe(0);
  });

  it("proves the absence of an item only for the objects that have it, and for none while another one finds it", async () => {
    const { cloud, inventory } = setUp();
    inventory.subscribe("ns/b", "ps1", "poor");
    inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect([...(inventory.get("ps1")?.misses?.keys() ?? [])]).toEqual(["poor"]);
    inventory.subscribe("ns/a", "ps1", "rich");
    inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect(inventory.get("ps1")?.item).toEqual(thing(1));
  });

  it("that was withdrawn hides nothing either: the newest one finds the item, and its misses prove nothing", async () => {
    const { cloud, inventory } = setUp();
    const withdrawn = new PaperspaceError("PS_UNAUTHORIZED", "no", { effect: "none", status: 401 });
    inventory.use({ ...cloud.source, get: () => Promise.reject(withdrawn) }, "dead");
    inventory.use(cloud.source, "rich");
    inventory.subscribe("ns/a", "ps1", "dead");
    inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect(inventory.get("ps1")?.item).toEqual(thing(1));
    cloud.things.clear();
    inventory.refresh("ps1");
    await cloud.clock.advance(100);
    expect(inventory.readError("ps1")).toBe(withdrawn);
    expect(inventory.get("ps1")?.item).toEqual(thing(1));
  });
});

describe("what is gone and yet shown", () => {
  it("counts as absent by id, and is in no list: it would be taken for the thing of an attempt", async () => {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1, GONE));
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(100);
    const misses = new Map([["", { since: 50, at: 50 }]]);
    expect(cloud.inventory.get("ps1")).toEqual({ beganAt: 50, absentSince: 50, misses, sameSince: 50 });
    cloud.inventory.refreshList("ns/b");
    await cloud.clock.advance(100);
    expect(cloud.inventory.lists.idsNamed("box-1")).toEqual([]);
  });
});

describe("the hooks", () => {
  it("tell what another witness needs: what changed, what nobody follows any more, each regular list", async () => {
    const cloud = new Cloud();
    cloud.things.set("ps1", thing(1));
    for (const key of ["ns/a", "ns/b"]) cloud.inventory.subscribe(key, "ps1");
    expect(cloud.notified).toEqual(["ns/a left nothing", "ns/b left nothing"]);
    cloud.notified.length = 0;
    await cloud.clock.advance(2 * 600_000);
    expect(cloud.notified).toEqual(["resync", "ps1 changed", "resync"]);
    cloud.notified.length = 0;
    for (const key of ["ns/a", "ns/b"]) cloud.inventory.unsubscribe(key);
    expect(cloud.notified).toEqual(["ns/a left nothing", "ns/b left ps1"]);
    expect(cloud.inventory.get("ps1")).toBeUndefined();
  });
});

describe("what a list shows in doubt", () => {
  it("is read by id before it is believed, once for each list", async () => {
    const cloud = new Cloud();
    const ids = [1, 2, 3].map((n) => {
      cloud.things.set(`ps${n}`, thing(n));
      cloud.inventory.subscribe(`ns/${n}`, `ps${n}`);
      return `ps${n}`;
    });
    for (const id of ids) cloud.inventory.refresh(id);
    cloud.doubted.add("ps2");
    await cloud.clock.advance(1_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: ["ps2"] });
    expect(ids.every((id) => cloud.inventory.get(id)?.item)).toBe(true);
    await cloud.clock.advance(600_000);
    expect(cloud.asked).toEqual({ lists: 2, reads: ["ps2", "ps2"] });
  });
});
