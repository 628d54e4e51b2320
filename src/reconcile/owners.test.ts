import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { Store } from "../runtime/store.ts";
import type { ManagedObject } from "./managed.ts";
import { Owners } from "./owners.ts";
import { vouchedId } from "./ownership-facts.ts";

const EARLY = "2026-06-01T00:00:00.000000Z";
const LATE = "2026-06-01T00:00:00.001000Z";

interface Given {
  ownedSince?: string;
  created?: string;
  id?: string;
  uid?: string;
}

/** Its uid is "uid-<name>" unless given. */
function object(name: string, { ownedSince, created, id, uid = `uid-${name}` }: Given = {}): ManagedObject {
  const metadata = { name, namespace: "ns", uid, resourceVersion: "1" };
  return {
    metadata: { ...metadata, ...(created && { creationTimestamp: created }) },
    spec: {},
    status: { uid: `uid-${name}`, ...(id && { id }), ...(ownedSince && { ownedSince }) },
  };
}

function owners(...objects: ManagedObject[]) {
  const clock = new VirtualClock();
  const store = new Store<ManagedObject>(vouchedId);
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
    expect(all.claim("ps1", a)).toBeUndefined();
    expect(all.claim("ps1", b)).toBe("ns/a");
    expect(all.rivalOf("ps1", b)).toBe("ns/a");
    expect(all.claim("ps1", a)).toBeUndefined();
    expect(all.claim("ps2", b)).toBeUndefined();
  });

  it("is a UID's: it ends with the object", () => {
    const { owners: all, store } = owners(a, b);
    all.claim("ps1", a);
    store.replace([b]);
    expect(all.claim("ps1", b)).toBeUndefined();
  });

  it("does not outlive the pass that records by much: the record may have failed", async () => {
    const { owners: all, clock } = owners(a, b);
    all.claim("ps1", a);
    await clock.advance(60_000);
    expect(all.claim("ps1", b)).toBeUndefined();
  });

  it("is refused where another object owns the id", () => {
    const { owners: all } = owners(object("a", { id: "ps1", ownedSince: LATE }), b);
    expect(all.claim("ps1", b)).toBe("ns/a");
  });

  it("takes nothing from the owner", () => {
    const owner = object("a", { id: "ps1", ownedSince: LATE });
    const { owners: all } = owners(owner);
    expect(all.claim("ps1", owner)).toBeUndefined();
    expect(all.rivalOf("ps1", owner)).toBeUndefined();
  });
});
