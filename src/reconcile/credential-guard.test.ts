import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { secrets } from "../kube/resource.ts";
import { CredentialGuard, needsKey } from "./credential-guard.ts";
import type { ManagedObject } from "./managed.ts";
import { ANNOTATION, FINALIZER } from "./record.ts";

const KEY = "default/key";

/** An object that owns something; two of different kinds may have one name. */
function owner(uid: string, name = "box"): ManagedObject {
  const record = JSON.stringify({ id: `id-of-${uid}`, team: "te1", name, uid });
  const annotations = { [ANNOTATION.record]: record };
  return { metadata: { name, namespace: "default", uid, annotations }, spec: {} };
}

/** A protected Secret, and the objects that the stores of all kinds show, which may be out of date. */
async function setUp(users: ManagedObject[]) {
  const resource = secrets(new FakeKube({ clock: new VirtualClock() }));
  await resource.create("default", { metadata: { name: "key", namespace: "default" } });
  const listed = { users, complete: true };
  const guard = new CredentialGuard({
    secrets: resource,
    credentials: { note() {}, referenceOf: () => KEY },
    users: () => listed.users,
    complete: () => listed.complete,
  });
  await guard.protect(await resource.get("default", "key"));
  const order: string[] = [];
  const release = (object: ManagedObject) =>
    guard.release(
      object,
      async () => void order.push(`settle ${object.metadata.uid}`),
      async () => void order.push(`release ${object.metadata.uid}`),
    );
  const isProtected = async () => {
    const { finalizers = [] } = (await resource.get("default", "key")).metadata;
    return finalizers.includes(FINALIZER);
  };
  return { listed, release, isProtected, order };
}

describe("a Secret that objects of two kinds use", () => {
  it("is protected until the last of both is gone, of whichever kind", async () => {
    for (const [first, last] of [
      ["machine", "deployment"],
      ["deployment", "machine"],
    ] as const) {
      const { release, isProtected, order } = await setUp([owner("machine"), owner("deployment")]);
      expect(await release(owner(first))).toBe(true);
      expect(await isProtected()).toBe(true);
      expect(await release(owner(last))).toBe(true);
      expect(await isProtected()).toBe(false);
      expect(order).toEqual([`release ${first}`, `settle ${last}`, `release ${last}`]);
    }
  });

  it("is released though the stores still show both of one name: released objects are identified by uid", async () => {
    const [machine, deployment, third] = [owner("machine"), owner("deployment"), owner("third", "other")];
    const { release, isProtected } = await setUp([machine, deployment, third]);
    await release(machine);
    await release(deployment);
    expect(await isProtected()).toBe(true);
    await release(third);
    expect(await isProtected()).toBe(false);
  });

  it("stays protected for a new object of the same name: it is another object", async () => {
    const { listed, release, isProtected } = await setUp([owner("first"), owner("second", "other")]);
    await release(owner("first"));
    listed.users = [owner("again"), owner("second", "other")];
    await release(owner("second", "other"));
    expect(await isProtected()).toBe(true);
  });

  it("is not released, nor its last listed user, before all kinds are listed: there may be more users", async () => {
    const { listed, release, isProtected, order } = await setUp([owner("machine")]);
    listed.complete = false;
    expect(await release(owner("machine"))).toBe(false);
    expect(await isProtected()).toBe(true);
    expect(order).toEqual([]);
    listed.complete = true;
    expect(await release(owner("machine"))).toBe(true);
    expect(await isProtected()).toBe(false);
  });

  it("does not delay the release of an object that is not the last, before all kinds are listed", async () => {
    const { listed, release, isProtected } = await setUp([owner("machine"), owner("other", "other")]);
    listed.complete = false;
    expect(await release(owner("machine"))).toBe(true);
    expect(await isProtected()).toBe(true);
  });
});

describe("needsKey", () => {
  it("counts what is owned, and what a create may have created", () => {
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
