import { describe, expect, it } from "vitest";
import { ThingCloud, thing } from "../../test/support/thing-cloud.ts";

describe("refreshes", () => {
  it("are done as one list where they are many, and a single one as a read: whichever is cheaper", async () => {
    const cloud = new ThingCloud();
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

  it("of many that came after the list of a start are done as another list: which page they are on is not known", async () => {
    const cloud = new ThingCloud();
    const { clock, inventory, asked } = cloud;
    cloud.pageSize = 120;
    const follow = (n: number) => {
      inventory.subscribe(`ns/${n}`, `ps${n}`);
      inventory.refresh(`ps${n}`);
    };
    for (let n = 0; n < 1_200; n++) cloud.things.set(`ps${n}`, thing(n));
    // The first passes of a start: the list begins before the objects behind them are looked at.
    for (let n = 0; n < 100; n++) follow(n);
    await clock.advance(100);
    expect(asked).toEqual({ lists: 1, reads: [] });
    expect(cloud.pages).toBe(10);
    for (let n = 100; n < 1_200; n++) follow(n);
    await clock.advance(100);
    expect(asked.reads).toEqual([]);
    expect(cloud.pages).toBeLessThanOrEqual(22);
    expect(inventory.get("ps700")?.item).toEqual(thing(700));
    // From now on their pages are known.
    for (const n of [700, 701]) inventory.refresh(`ps${n}`);
    const { pages } = cloud;
    await clock.advance(100);
    expect(cloud.pages - pages).toBe(1);
  });

  it("of what is known queue objects as changes do, and first reads behind them: a start delays no change", async () => {
    const cloud = new ThingCloud();
    const { clock, inventory, initial, queued } = cloud;
    cloud.things.set("ps1", thing(1));
    inventory.subscribe("ns/a", "ps1");
    inventory.refresh("ps1");
    await clock.advance(100);
    expect(new Set(initial)).toEqual(new Set(["ns/a"]));
    expect(initial).toEqual(queued);
    const before = initial.length;
    cloud.things.set("ps1", thing(1, "off"));
    inventory.refresh("ps1");
    await clock.advance(100);
    expect(queued.length).toBeGreaterThan(before);
    expect(initial).toHaveLength(before);
  });

  it("that fail are repeated ever more rarely, and the error is kept until a read succeeds", async () => {
    const cloud = new ThingCloud();
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

  it("of an id that fails delay no other id: only what was not read backs off", async () => {
    const cloud = new ThingCloud();
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

  it("of a thousand that are in no list keep no other one waiting: each read has a turn of its own", async () => {
    const cloud = new ThingCloud();
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
    // One that is refreshed again while it is read is read once more after that, and not beside it.
    inventory.refresh("none1");
    await clock.advance(10_000);
    expect(asked.reads).toHaveLength(1_001);
    await clock.advance(60_000);
    expect(asked.reads).toHaveLength(1_002);
  });
});

describe("a list", () => {
  it("that fails is not counted as complete, and what waits for it is queued to request it again", async () => {
    const cloud = new ThingCloud();
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

  it("that fails does not hide what can be read by id: one broken list must not stop the objects of a team", async () => {
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
    for (let n = 0; n < 50; n++) cloud.inventory.refreshList(`ns/${n % 25}`);
    await cloud.clock.advance(60_000);
    expect(cloud.asked).toEqual({ lists: 1, reads: [] });
    expect(cloud.queued).toHaveLength(25);
  });
});
