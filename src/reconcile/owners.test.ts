import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { Store } from "../runtime/store.ts";
import type { ManagedObject } from "./managed.ts";
import { Owners } from "./owners.ts";
import { holdingOf } from "./ownership-facts.ts";

const EARLY = "2026-06-01T00:00:00.000000Z";
const LATE = "2026-06-01T00:00:00.001000Z";

const TEAM = "te1";
const ADOPTS = { name: "web", team: TEAM };

interface Given {
  ownedSince?: string;
  created?: string;
  id?: string;
  uid?: string;
  /** Announced at this time, under the name "web". */
  creating?: string;
  team?: string;
  name?: string;
}

/** Its uid is "uid-<name>" unless given. */
function object(
  name: string,
  { ownedSince, created, id, uid = `uid-${name}`, creating, team = TEAM, name: known }: Given = {},
): ManagedObject {
  const metadata = { name, namespace: "ns", uid, resourceVersion: "1" };
  return {
    metadata: { ...metadata, ...(created && { creationTimestamp: created }) },
    spec: {},
    status: {
      uid: `uid-${name}`,
      teamId: team,
      ...(id && { id }),
      ...(ownedSince && { ownedSince }),
      ...(known && { name: known }),
      ...(creating && {
        operation: { intent: "Create", name: "web", requestedAt: creating, deadline: creating },
      }),
    },
  };
}

function owners(...objects: ManagedObject[]) {
  const clock = new VirtualClock();
  const store = new Store<ManagedObject>(holdingOf);
  store.replace(objects);
  return { owners: new Owners({ store, clock }), store, clock };
}

describe("of two objects that record one id", () => {
  it("the one that has owned it longer does, not the older object: an old one could steal what it adopts", () => {
    const first = object("b", { id: "ps1", ownedSince: EARLY, created: LATE });
    const second = object("a", { id: "ps1", ownedSince: LATE, created: EARLY });
    const { owners: both } = owners(first, second);
    expect(both.rivalOf("ps1", first)).toBeUndefined();
    expect(both.rivalOf("ps1", second)).toBe("ns/b");
  });

  it("exactly one does, also where both began at once, or before that was kept", () => {
    for (const since of [{ ownedSince: EARLY }, {}]) {
      const [a, b] = [object("a", { id: "ps1", ...since }), object("b", { id: "ps1", ...since })];
      const { owners: both } = owners(a, b);
      expect([both.rivalOf("ps1", a), both.rivalOf("ps1", b)]).toEqual([undefined, "ns/a"]);
    }
  });

  it("one from before the time was kept is the older owner", () => {
    const former = object("b", { id: "ps1" });
    const { owners: both } = owners(former, object("a", { id: "ps1", ownedSince: EARLY }));
    expect(both.rivalOf("ps1", former)).toBeUndefined();
  });
});

describe("an owner", () => {
  it("is none whose status was written for another object", () => {
    const { owners: all } = owners(object("copy", { id: "ps1", uid: "another" }));
    expect(all.rivalOf("ps1", object("a"))).toBeUndefined();
  });

  it("is none any more once its object is gone", () => {
    const owner = object("a", { id: "ps1", ownedSince: EARLY });
    const { owners: all, store } = owners(owner);
    expect(all.rivalOf("ps1", object("b"))).toBe("ns/a");
    store.replace([]);
    expect(all.rivalOf("ps1", object("b"))).toBeUndefined();
  });
});

describe("a claim", () => {
  const [a, b] = [object("a"), object("b")];

  it("keeps all others from recording the id while it is being recorded", () => {
    const { owners: all } = owners(a, b);
    expect(all.claim("ps1", a, ADOPTS)).toBeUndefined();
    expect(all.claim("ps1", b, ADOPTS)).toBe("ns/a");
    expect(all.rivalOf("ps1", b)).toBe("ns/a");
    expect(all.claim("ps1", a, ADOPTS)).toBeUndefined();
    expect(all.claim("ps2", b, ADOPTS)).toBeUndefined();
  });

  it("is a UID's: it ends with the object", () => {
    const { owners: all, store } = owners(a, b);
    all.claim("ps1", a, ADOPTS);
    store.replace([b]);
    expect(all.claim("ps1", b, ADOPTS)).toBeUndefined();
  });

  it("does not outlive the pass that records by much: the record may have failed", async () => {
    const { owners: all, clock } = owners(a, b);
    all.claim("ps1", a, ADOPTS);
    await clock.advance(60_000);
    expect(all.claim("ps1", b, ADOPTS)).toBeUndefined();
  });

  it("is refused where another object owns the id", () => {
    const { owners: all } = owners(object("a", { id: "ps1", ownedSince: LATE }), b);
    expect(all.claim("ps1", b, ADOPTS)).toBe("ns/a");
  });

  it("takes nothing from the owner", () => {
    const owner = object("a", { id: "ps1", ownedSince: LATE });
    const { owners: all } = owners(owner);
    expect(all.claim("ps1", owner, ADOPTS)).toBeUndefined();
    expect(all.rivalOf("ps1", owner)).toBeUndefined();
  });
});

describe("what an open create is making", () => {
  const SECOND = "2026-06-01T00:00:00Z";
  const BEFORE = "2026-05-31T23:59:59.000000Z";
  const AFTER = "2026-06-01T00:00:05.000000Z";
  const maker = object("a", { creating: SECOND });
  const b = object("b");

  it("is not another's to adopt, though no status has its id yet", () => {
    const { owners: all } = owners(maker, b);
    expect(all.makerOf("web", TEAM, b)).toBe("ns/a");
    expect(all.makerOf("Web ", TEAM, b)).toBe("ns/a");
    expect(all.claim("ps1", b, ADOPTS)).toBe("ns/a");
    expect(all.claim("ps1", maker, { attempt: { time: SECOND } })).toBeUndefined();
  });

  it("is of its name, its team and where the create puts it: no other name is taken", () => {
    const { owners: all, store, clock } = owners(maker, b);
    expect(all.makerOf("other", TEAM, b)).toBeUndefined();
    expect(all.makerOf(undefined, TEAM, b)).toBeUndefined();
    expect(all.makerOf("web", "te2", b)).toBeUndefined();
    expect(all.makerOf("web", TEAM, maker)).toBeUndefined();
    const inProjects = new Owners({
      store,
      clock,
      createdAs: (name, { metadata }) => `${metadata.name}/${name}`,
    });
    expect(inProjects.makerOf("web", TEAM, b)).toBeUndefined();
  });

  it("is its own even where another object has recorded it since: a process that knew less may have", () => {
    const thief = object("b", { id: "ps1", ownedSince: AFTER, name: "web" });
    const { owners: all, store } = owners(maker, thief);
    expect(all.rivalOf("ps1", thief)).toBe("ns/a");
    expect(all.claim("ps1", maker, { attempt: { time: SECOND } })).toBeUndefined();
    const since = "2026-06-01T00:00:00.999000Z";
    const owner = { ...object("a", { id: "ps1", ownedSince: since }) };
    owner.metadata.resourceVersion = "2";
    store.upsert(owner);
    expect([all.rivalOf("ps1", owner), all.rivalOf("ps1", thief)]).toEqual([undefined, "ns/a"]);
  });

  it("is not what another object has owned since before it was announced", () => {
    const owner = object("b", { id: "ps1", ownedSince: BEFORE, name: "web" });
    const { owners: all } = owners(maker, owner);
    expect(all.rivalOf("ps1", owner)).toBeUndefined();
    expect(all.claim("ps1", maker, { attempt: { time: SECOND } })).toBe("ns/b");
  });
});
