import { describe, expect, it } from "vitest";
import { GONE, type Thing, ThingCloud, thing } from "../../test/support/thing-cloud.ts";
import { PaperspaceError } from "../paperspace/errors.ts";

describe("Inventory", () => {
  it("does not believe a read that began before our last write was answered", async () => {
    const cloud = new ThingCloud();
    cloud.things.set("ps1", thing(1, "ready"));
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.delayMs = 1_000;
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(500);
    cloud.things.set("ps1", thing(1, "stopping"));
    cloud.inventory.set("ps1", thing(1, "stopping"), cloud.clock.monotonic());
    await cloud.clock.advance(600);
    expect(cloud.inventory.get("ps1")?.item?.state).toBe("stopping");
    // The read that came too early is done again.
    await cloud.clock.advance(2_000);
    expect(cloud.asked.reads).toEqual(["ps1", "ps1"]);
  });

  it("looks by id for what a list lacks, since absence from a list proves nothing", async () => {
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
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

  it("lists once in each resync while there is a subscriber, and never when there is none", async () => {
    const cloud = new ThingCloud();
    cloud.things.set("ps1", thing(1));
    cloud.inventory.subscribe("ns/a", "ps1");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
    cloud.inventory.unsubscribe("ns/a");
    await cloud.clock.advance(3 * 600_000);
    expect(cloud.asked.lists).toBe(3);
  });
});

describe("a credential that sees less than another one of its team", () => {
  const MISSING = new PaperspaceError("PS_NOT_FOUND", "no such thing", { effect: "none", status: 404 });
  /** `poor` is the newest, and sees nothing. */
  function setUp() {
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
    cloud.things.set("ps1", thing(1, GONE));
    cloud.inventory.subscribe("ns/a", "ps1");
    cloud.inventory.refresh("ps1");
    await cloud.clock.advance(100);
    const misses = new Map([["", { since: 50, at: 50 }]]);
    const read = { beganAt: 50, absentSince: 50, misses, sameSince: 50, isFirst: true };
    expect(cloud.inventory.get("ps1")).toEqual(read);
    cloud.inventory.refreshList("ns/b");
    await cloud.clock.advance(100);
    expect(cloud.inventory.lists.idsNamed("box-1")).toEqual([]);
  });
});

describe("the hooks", () => {
  it("show what another source about the items needs: what changed, what has no subscriber any more, each regular list", async () => {
    const cloud = new ThingCloud();
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
    const cloud = new ThingCloud();
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
