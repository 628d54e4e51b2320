import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { secrets } from "../kube/resource.ts";
import { CredentialGuard, needsKey } from "./credential-guard.ts";
import type { ManagedObject } from "./managed.ts";
import { ANNOTATION, FINALIZER, kindFinalizer } from "./record.ts";

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
    kinds: () => [{ name: "boxes", keyUsers: () => listed.users }],
    complete: () => listed.complete,
  });
  const first = users[0] ?? owner("none");
  await guard.protect(await resource.get("default", "key"), first, "boxes");
  guard.passEnded(first);
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
  return { guard, resource, listed, release, isProtected, order };
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

describe("a Secret that passes protect", () => {
  it("is not released to an object beside one whose create is about to be announced", async () => {
    const { guard, resource, release, isProtected } = await setUp([owner("machine")]);
    const creating = { metadata: { name: "new", namespace: "default", uid: "new" }, spec: {} };
    await guard.protect(await resource.get("default", "key"), creating, "boxes");
    await release(owner("machine"));
    expect(await isProtected()).toBe(true);
    guard.passEnded(creating);
    await guard.review(KEY);
    expect(await isProtected()).toBe(false);
  });

  it("is released with the last object though the pass that released another one still runs", async () => {
    const [first, last] = [owner("first"), owner("last", "other")];
    const { guard, resource, listed, release, isProtected } = await setUp([first, last]);
    for (const object of [first, last])
      await guard.protect(await resource.get("default", "key"), object, "boxes");
    await release(first);
    listed.users = [last];
    await release(last);
    expect(await isProtected()).toBe(false);
  });
});

describe("a Secret beside an operator that serves other kinds", () => {
  /** Serves boxes; `elsewhere` is what can be read of the others. */
  async function setUpPartial(elsewhere: boolean | undefined, finalizers: string[]) {
    const resource = secrets(new FakeKube({ clock: new VirtualClock() }));
    await resource.create("default", { metadata: { name: "key", namespace: "default", finalizers } });
    const guard = new CredentialGuard({
      secrets: resource,
      credentials: { note() {}, referenceOf: () => KEY },
      kinds: () => [{ name: "boxes", keyUsers: () => [] }],
      complete: () => true,
      isNeededElsewhere: async () => elsewhere,
    });
    await guard.review(KEY);
    return (await resource.get("default", "key")).metadata.finalizers ?? [];
  }
  const [OURS, OTHERS] = [kindFinalizer("boxes"), kindFinalizer("crates")];

  it("keeps the other's finalizer, whatever is known of its objects", async () => {
    for (const elsewhere of [true, false, undefined])
      expect(await setUpPartial(elsewhere, [OTHERS, OURS, "example.org/theirs"])).toEqual([
        OTHERS,
        "example.org/theirs",
      ]);
  });

  it("keeps the one that stands for all kinds until no object of any needs it; where that cannot be read, too", async () => {
    expect(await setUpPartial(true, [FINALIZER])).toEqual([FINALIZER]);
    expect(await setUpPartial(undefined, [FINALIZER, OURS])).toEqual([FINALIZER]);
    expect(await setUpPartial(false, [FINALIZER, OURS])).toEqual([]);
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
