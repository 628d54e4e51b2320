/**
 * The connection, the reflector and the lease against a real kube-apiserver; and the statements that keep the fake API
 * server of the unit tests correct, on the real one.
 */
import pino from "pino";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { systemClock } from "../src/base/clock.ts";
import { connect, type KubeConnection } from "../src/kube/connection.ts";
import { EventRecorder } from "../src/kube/events.ts";
import { type KubeObject, keyOf } from "../src/kube/objects.ts";
import { EVENTS, events, type KubeEvent, leases, Resource } from "../src/kube/resource.ts";
import { Leadership } from "../src/runtime/lease.ts";
import { Reflector } from "../src/runtime/reflector.ts";
import { Store } from "../src/runtime/store.ts";
import { KUBE_CONTRACT } from "./support/kube-contract.ts";

const NAMESPACE = "kube-contract";
const GROUP = "contract.test";
const THINGS = { group: GROUP, version: "v1", plural: "things", kind: "Thing", namespaced: true };
const CRDS = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

const logger = pino({ level: "silent" });
const stop = new AbortController();
let kube: KubeConnection;
let things: Resource<KubeObject>;

beforeAll(async () => {
  kube = await connect({ kubeconfig: inject("kubeconfig"), clock: systemClock });
  things = new Resource(kube, THINGS);
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const crds = new Resource<KubeObject>(kube, CRDS);
  await crds.create("", {
    metadata: { name: `things.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } },
        },
      ],
    },
  });
  const namespaces = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
  await new Resource<KubeObject>(kube, namespaces).create("", { metadata: { name: NAMESPACE } });
  await vi.waitFor(() => things.list(), { timeout: 30_000 });
});

afterAll(async () => {
  stop.abort(new Error("over"));
  await kube.close();
});

for (const [sentence, holds] of Object.entries(KUBE_CONTRACT)) {
  test(`a real API server: ${sentence}`, async () => {
    await holds({ things, leases: leases(kube), namespace: NAMESPACE });
  });
}

test("the reflector lists by one stream, and follows", async () => {
  const store = new Store<KubeObject>();
  const changes: string[] = [];
  const handlers = [
    ({ type, object }: { type: string; object: KubeObject }) => changes.push(`${type} ${keyOf(object)}`),
  ];
  const namespace = NAMESPACE;
  const before = await things.list({ namespace });
  const counts = { listed: 0, watched: 0, badLine: 0, failed: 0 };
  const metrics = {
    listed: () => counts.listed++,
    watched: () => counts.watched++,
    badLine: () => counts.badLine++,
    failed: () => counts.failed++,
  };
  const reflector = new Reflector({
    source: things,
    store,
    handlers,
    namespace,
    clock: systemClock,
    logger,
    metrics,
  });
  const running = reflector.run(stop.signal);
  await reflector.whenSynced();
  expect(store.list().map(keyOf).sort()).toEqual(before.items.map(keyOf).sort());
  changes.length = 0;
  const made = await things.create(namespace, { metadata: { name: "reflected" }, spec: { size: 1 } });
  store.observeWrite(made);
  await expect.poll(() => store.get(keyOf(made))).toBeDefined();
  store.observeWrite(await things.patchStatus(namespace, "reflected", { status: { state: "on" } }));
  expect(store.get(keyOf(made))?.status).toEqual({ state: "on" });
  await things.delete(namespace, "reflected");
  await expect.poll(() => store.get(keyOf(made))).toBeUndefined();
  expect([changes[0], changes.at(-1)]).toEqual([`added ${keyOf(made)}`, `deleted ${keyOf(made)}`]);
  expect(counts).toEqual({ listed: 1, watched: 1, badLine: 0, failed: 0 });
  expect(store.list().every((object) => object.metadata.managedFields === undefined)).toBe(true);
  stop.abort(new Error("over"));
  await running;
});

test("the lease passes from one to the other on release, with whole seconds for less than one", async () => {
  const short = { leaseDurationMs: 900, renewDeadlineMs: 600, retryPeriodMs: 100 };
  const candidate = (identity: string) => {
    const leadership = new Leadership({
      leases: leases(kube),
      namespace: NAMESPACE,
      name: "election",
      identity,
      clock: systemClock,
      logger,
      ...short,
    });
    const controller = new AbortController();
    const running = leadership.run(controller.signal);
    const stop = () => {
      controller.abort(new Error("stop"));
      return running;
    };
    return { leadership, stop };
  };
  const a = candidate("a");
  await expect.poll(() => a.leadership.holds()).toBe(true);
  const b = candidate("b");
  await a.stop();
  await expect.poll(() => b.leadership.holds(), { timeout: 10_000 }).toBe(true);
  expect((await leases(kube).get(NAMESPACE, "election")).spec).toMatchObject({
    holderIdentity: "b",
    leaseDurationSeconds: 1,
    leaseTransitions: 1,
  });
  await b.stop();
  expect((await leases(kube).get(NAMESPACE, "election")).spec?.holderIdentity ?? "").toBe("");
});

test("an event is taken by the API server, and a second one of the same id is not written", async () => {
  const regarding = await things.create(NAMESPACE, { metadata: { name: "eventful" }, spec: {} });
  const counts = { written: 0, dropped: 0 };
  for (let process = 0; process < 2; process++) {
    const recorder = new EventRecorder({
      events: events(kube),
      clock: systemClock,
      logger,
      controller: "paperspace.com/operator",
      instance: "test",
      metrics: { written: () => counts.written++, dropped: () => counts.dropped++ },
    });
    const note = "é".repeat(2_000);
    recorder.record({ regarding, type: "Normal", reason: "Tested", action: "Test", note, id: "1" });
    await recorder.flush();
  }
  expect(counts).toEqual({ written: 2, dropped: 0 });
  const written = await new Resource<KubeEvent>(kube, EVENTS).list({ namespace: NAMESPACE });
  expect(written.items.filter((item) => item.regarding?.uid === regarding.metadata.uid)).toHaveLength(1);
});
