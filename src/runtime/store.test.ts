import { expect, test } from "vitest";
import type { KubeObject } from "../kube/objects.ts";
import { Store, type StoreChange } from "./store.ts";

type Thing = KubeObject & { spec: number };

function thing(version: number, options: { name?: string; uid?: string; spec?: number } = {}): Thing {
  const { name = "a", uid = "u1", spec = version } = options;
  return { metadata: { name, namespace: "ns", uid, resourceVersion: String(version) }, spec };
}

/** Changes in short: type, and the versions before and after. */
function short(changes: StoreChange<Thing>[]): string[] {
  return changes.map((change) =>
    change.type === "updated"
      ? `updated ${change.old.metadata.resourceVersion}-${change.object.metadata.resourceVersion}`
      : `${change.type} ${change.object.metadata.resourceVersion}`,
  );
}

test("versions compare as numbers, however long: 99 is older than 100", () => {
  const store = new Store<Thing>();
  store.upsert(thing(100));
  expect(short(store.upsert(thing(99)))).toEqual([]);
  const long = {
    ...thing(0),
    metadata: { ...thing(0).metadata, resourceVersion: "10000000000000000000001" },
  };
  expect(store.upsert(long)).toHaveLength(1);
  expect(store.upsert(thing(2_000))).toEqual([]);
});

test("what is never read is dropped: managedFields and the last applied configuration, but for its length", () => {
  const store = new Store<Thing>();
  const object = thing(1);
  object.metadata.managedFields = [{}];
  object.metadata.annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", mine: "yes" };
  store.replace([object]);
  expect(store.get("ns/a")?.metadata).toEqual({
    ...thing(1).metadata,
    annotations: { mine: "yes" },
    droppedAnnotationBytes: 50,
  });
});

test("an observed write is visible at once, and its watch event is no change", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  store.observeWrite(thing(2));
  expect(store.get("ns/a")?.spec).toBe(2);
  expect(short(store.upsert(thing(2)))).toEqual([]);
  expect(short(store.upsert(thing(3)))).toEqual(["updated 2-3"]);
});

test("an observed write older than the store, of another UID, or of an unknown object is ignored", () => {
  const store = new Store<Thing>();
  store.observeWrite(thing(5));
  expect(store.size).toBe(0);
  store.upsert(thing(7));
  store.observeWrite(thing(6));
  store.observeWrite(thing(9, { uid: "u2" }));
  expect(store.get("ns/a")?.spec).toBe(7);
});

test("several writes of ours in a row are no change when the watch reaches them one by one", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  store.observeWrite(thing(2));
  store.observeWrite(thing(3));
  expect(short(store.upsert(thing(2)))).toEqual([]);
  expect(store.get("ns/a")?.spec).toBe(3);
  expect(short(store.upsert(thing(3)))).toEqual([]);
});

test("a user's change that our write overtook is notified, else it would wait for the resync", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  // The user writes 2; our status patch, made without a precondition, answers 3 with the user's spec inside.
  store.observeWrite(thing(3));
  expect(short(store.upsert(thing(2)))).toEqual(["updated 1-3"]);
  expect(short(store.upsert(thing(3)))).toEqual([]);
  expect(store.get("ns/a")?.spec).toBe(3);
});

test("a write of ours that changed nothing is answered with a foreign version, which is notified as foreign", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  // The user writes 2; our write conflicts, we read 2, and write what is stored already.
  store.observeWrite(thing(2), thing(2));
  expect(short(store.upsert(thing(2)))).toEqual(["updated 1-2"]);
});

test("a list that skips versions may have skipped a user's change: an object with unconfirmed writes is notified", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  store.observeWrite(thing(3));
  expect(short(store.replace([thing(3)]))).toEqual(["updated 1-3"]);
  expect(short(store.replace([thing(3)]))).toEqual([]);
});

test("a list older than our own write does not roll it back", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  store.observeWrite(thing(9));
  store.replace([thing(5)]);
  expect(store.get("ns/a")?.spec).toBe(9);
  expect(short(store.upsert(thing(9)))).toEqual([]);
});

test("a late deletion of an earlier UID does not remove its successor", () => {
  const store = new Store<Thing>();
  store.upsert(thing(1));
  expect(short(store.upsert(thing(5, { uid: "u2" })))).toEqual(["deleted 1", "added 5"]);
  expect(store.remove(thing(3))).toEqual([]);
  expect(store.upsert(thing(2))).toEqual([]);
  expect(store.get("ns/a")?.metadata.uid).toBe("u2");
  expect(short(store.remove(thing(6, { uid: "u2" })))).toEqual(["deleted 6"]);
});

test("replace returns exactly the difference, and marks additions as initial only on request", () => {
  const store = new Store<Thing>();
  const first = store.replace([thing(1, { name: "a" }), thing(2, { name: "b" })], { initial: true });
  expect(first).toMatchObject([
    { type: "added", initial: true },
    { type: "added", initial: true },
  ]);
  const second = store.replace([thing(2, { name: "b" }), thing(4, { name: "c" })]);
  expect(second).toMatchObject([
    { type: "deleted", object: { metadata: { name: "a" } } },
    { type: "added", initial: false, object: { metadata: { name: "c" } } },
  ]);
});

test("objects are found by the value of the index, whatever changed them last", () => {
  const store = new Store<Thing>(({ spec }) => (spec === 0 ? undefined : `spec ${spec}`));
  const found = (spec: number) => store.indexed(`spec ${spec}`).map(({ metadata }) => metadata.name);
  store.replace([thing(1, { spec: 7 }), thing(2, { name: "b", spec: 7 }), thing(3, { name: "c", spec: 0 })]);
  expect([found(7), found(0)]).toEqual([["a", "b"], []]);
  store.observeWrite(thing(4, { spec: 8 }));
  expect([found(7), found(8)]).toEqual([["b"], ["a"]]);
  store.upsert(thing(5, { spec: 7 }));
  store.upsert(thing(6, { name: "b", uid: "u2", spec: 9 }));
  expect([found(7), found(8), found(9)]).toEqual([["a"], [], ["b"]]);
  store.remove(thing(7, { spec: 7 }));
  store.replace([thing(3, { name: "c", spec: 0 })]);
  expect([found(7), found(9)]).toEqual([[], []]);
});

test("a lookup in a store without an index is an error, since it would find nothing", () => {
  expect(() => new Store<Thing>().indexed("7")).toThrow();
});

test("what is held of an object is what goes to handlers and is the state before the next change: nothing keeps the rest", () => {
  const store = new Store<Thing>(undefined, (object) => ({ ...object, spec: Math.min(object.spec, 5) }));
  const changes = [
    ...store.upsert(thing(3)),
    ...store.upsert(thing(7)),
    ...store.replace([thing(8)]),
    ...store.upsert(thing(9, { uid: "u2" })),
  ];
  store.observeWrite(thing(10, { uid: "u2" }));
  changes.push(...store.remove(thing(11, { uid: "u2" })));
  expect(changes.map(({ object }) => object.spec)).toEqual([3, 5, 5, 5, 5, 5]);
});
