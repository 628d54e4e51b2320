import { describe, expect, it } from "vitest";
import { needsKey } from "./credential-guard.ts";
import type { ManagedObject } from "./managed.ts";
import { holdingOf, leakedResource } from "./ownership-facts.ts";
import { partialIfLarge } from "./partial.ts";
import { ANNOTATION, FINALIZER, isOn, parseRecord } from "./record.ts";

const DEFINITION = {
  group: "paperspace.com",
  version: "v1alpha1",
  kind: "Sample",
  plural: "samples",
  shortName: "s",
  noun: "sample",
};
const BIG = "x".repeat(1_000_000);
const RECORD = JSON.stringify({ id: "d1", team: "te1", name: "web-1", uid: "u1" });

function object(more: { annotations?: Record<string, string>; status?: object; spec?: object } = {}) {
  return {
    metadata: {
      name: "web",
      namespace: "ns",
      uid: "u1",
      resourceVersion: "7",
      finalizers: ["example.com/other", FINALIZER],
      labels: { a: "b" },
      annotations: { note: "n", [ANNOTATION.record]: RECORD, ...more.annotations },
    },
    spec: {
      projectId: "p1",
      deletionPolicy: "Delete",
      adoptId: "d1",
      credentialsSecretRef: { name: "mine", key: "k" },
      env: [{ name: "A", value: BIG }],
      ...more.spec,
    },
    status: { id: "d1", uid: "u1", teamId: "te1", secrets: ["s1"], ...more.status },
  } as unknown as ManagedObject;
}

describe("of a large object, the store holds", () => {
  it("what the passes of other objects, the queue and metrics read: nothing of it is overlooked for its size", () => {
    const whole = object({ annotations: { [ANNOTATION.paused]: "true" } });
    const held = partialIfLarge(whole);
    expect(held.metadata).toMatchObject({ uid: "u1", resourceVersion: "7", partial: true });
    for (const read of [holdingOf, needsKey, (o: ManagedObject) => leakedResource(o, DEFINITION)])
      expect(read(held)).toEqual(read(whole));
    expect(parseRecord(held.metadata)).toEqual(parseRecord(whole.metadata));
    expect(isOn(held.metadata, ANNOTATION.paused)).toBe(true);
    expect(held.metadata.finalizers).toEqual([FINALIZER]);
    const { env: _, ...small } = whole.spec as ManagedObject["spec"] & { env: unknown };
    expect(held.spec).toEqual(small);
    expect(held.status).toEqual(whole.status);
  });

  it("that something is there, where it is too long itself: a record that cannot be read still blocks", () => {
    const held = partialIfLarge(
      object({ annotations: { [ANNOTATION.record]: BIG }, status: { secrets: [BIG, BIG] } }),
    );
    expect(parseRecord(held.metadata).state).toBe("unreadable");
    expect(needsKey(held)).toBe(true);
  });

  it("how it stands, without the messages", () => {
    const conditions = Array.from({ length: 32 }, (_, i) => ({
      type: `T${i}`,
      status: "True",
      reason: "R",
      message: "m".repeat(1_024),
      lastTransitionTime: "2026-01-01T00:00:00Z",
    }));
    const held = partialIfLarge(object({ status: { conditions } }));
    expect(held.status?.conditions?.map(({ type, status }) => [type, status])).toEqual(
      conditions.map(({ type, status }) => [type, status]),
    );
  });

  it("no more than this, wherever it is large: so a tenant's objects fill no memory", () => {
    const many = (name: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i}`, "x".repeat(5_000)]));
    const whole = object({
      annotations: { ...many("a", 40), [ANNOTATION.adopt]: BIG, [ANNOTATION.record]: BIG },
      spec: many("s", 200),
      status: { ...many("t", 200), secrets: Array.from({ length: 10_000 }, () => "s".repeat(100)) },
    });
    whole.metadata.labels = many("l", 100);
    whole.metadata.finalizers = Object.keys(many("f", 10_000));
    whole.metadata.ownerReferences = Array.from({ length: 10_000 }, () => ({}) as never);
    expect(JSON.stringify(partialIfLarge(whole)).length).toBeLessThan(16 * 1024);
  });
});

it.each(["labels", "annotations", "finalizers", "ownerReferences"])(
  "an object with hundreds of %s is held in part, however few characters they have: each is a multiple of that in memory",
  (field) => {
    const whole = object({ spec: { env: [] } });
    const names = Array.from({ length: 65 }, (_, i) => `n${i}`);
    const isList = field === "finalizers" || field === "ownerReferences";
    Object.assign(whole.metadata, {
      [field]: isList ? names : Object.fromEntries(names.map((name) => [name, ""])),
    });
    const {
      labels = {},
      annotations = {},
      finalizers = [],
      ownerReferences = [],
    } = partialIfLarge(whole).metadata;
    const held = [...Object.keys({ ...labels, ...annotations }), ...finalizers, ...ownerReferences];
    expect(held.filter((name) => names.includes(String(name)))).toEqual([]);
  },
);

it("a small object is held as it is, and what is held in part stays as it is", () => {
  const small = object({ spec: { env: [] } });
  expect(partialIfLarge(small)).toBe(small);
  const held = partialIfLarge(object());
  expect(partialIfLarge(held)).toBe(held);
});
