import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { secrets } from "../kube/resource.ts";
import { CredentialGuard, needsKey } from "./credential-guard.ts";
import type { ManagedObject } from "./managed.ts";
import { ANNOTATION, FINALIZER } from "./record.ts";

const KEY = "default/key";

/** An object that owns something; two of different kinds may bear one name. */
function owner(uid: string, name = "box"): ManagedObject {
  const record = JSON.stringify({ id: `id-of-${uid}`, team: "te1", name, uid });
  const annotations = { [ANNOTATION.record]: record };
  return { metadata: { name, namespace: "default", uid, annotations }, spec: {} };
}

/** A Secret that is held, and the objects that the stores of all kinds show, whatever became of them. */
async function setUp(users: ManagedObject[]) {
  const resource = secrets(new FakeKube({ clock: new VirtualClock() }));
  await resource.create("default", { metadata: { name: "key", namespace: "default" } });
  const known = { users, complete: true };
  const hold = new CredentialGuard({
    secrets: resource,
    credentials: { note() {}, referenceOf: () => KEY },
    users: () => known.users,
    complete: () => known.complete,
  });
  await hold.protect(await resource.get("default", "key"));
  const order: string[] = [];
  const letGo = (object: ManagedObject) =>
    hold.release(
      object,
      async () => void order.push(`settle ${object.metadata.uid}`),
      async () => void order.push(`release ${object.metadata.uid}`),
    );
  const isHeld = async () => {
    const { finalizers = [] } = (await resource.get("default", "key")).metadata;
    return finalizers.includes(FINALIZER);
  };
  return { known, letGo, isHeld, order };
}

describe("a Secret that objects of two kinds use", () => {
  it("is held until the last of both is gone, whichever kind that is", async () => {
    for (const [first, last] of [
      ["machine", "deployment"],
      ["deployment", "machine"],
    ] as const) {
      const { letGo, isHeld, order } = await setUp([owner("machine"), owner("deployment")]);
      expect(await letGo(owner(first))).toBe(true);
      expect(await isHeld()).toBe(true);
      expect(await letGo(owner(last))).toBe(true);
      expect(await isHeld()).toBe(false);
      expect(order).toEqual([`release ${first}`, `settle ${last}`, `release ${last}`]);
    }
  });

  it("is given free though the stores still show both of one name: what went is known by its uid", async () => {
    const [machine, deployment, third] = [owner("machine"), owner("deployment"), owner("third", "other")];
    const { letGo, isHeld } = await setUp([machine, deployment, third]);
    await letGo(machine);
    await letGo(deployment);
    expect(await isHeld()).toBe(true);
    await letGo(third);
    expect(await isHeld()).toBe(false);
  });

  it("is held for one of the same name that came after: it is another object", async () => {
    const { known, letGo, isHeld } = await setUp([owner("first"), owner("second", "other")]);
    await letGo(owner("first"));
    known.users = [owner("again"), owner("second", "other")];
    await letGo(owner("second", "other"));
    expect(await isHeld()).toBe(true);
  });

  it("is not given free, nor its last known user, before all kinds are listed: there may be more of them", async () => {
    const { known, letGo, isHeld, order } = await setUp([owner("machine")]);
    known.complete = false;
    expect(await letGo(owner("machine"))).toBe(false);
    expect(await isHeld()).toBe(true);
    expect(order).toEqual([]);
    known.complete = true;
    expect(await letGo(owner("machine"))).toBe(true);
    expect(await isHeld()).toBe(false);
  });

  it("keeps nobody who is not the last from going before all kinds are listed", async () => {
    const { known, letGo, isHeld } = await setUp([owner("machine"), owner("other", "other")]);
    known.complete = false;
    expect(await letGo(owner("machine"))).toBe(true);
    expect(await isHeld()).toBe(true);
  });
});

describe("needsKey", () => {
  it("counts what is owned, and what a create may have made", () => {
    const { metadata, spec } = owner("machine");
    const bare = { ...metadata, annotations: {} };
    expect(needsKey({ metadata, spec })).toBe(true);
    expect(needsKey({ metadata: bare, spec })).toBe(false);
    const pending = { ...bare, annotations: { [ANNOTATION.createPending]: "{}" } };
    expect(needsKey({ metadata: pending, spec })).toBe(true);
    expect(needsKey({ metadata: bare, spec, status: { id: "ps1" } })).toBe(true);
    const operation = { intent: "Create", requestedAt: "", deadline: "" };
    expect(needsKey({ metadata: bare, spec, status: { operation } })).toBe(true);
  });
});
