import pino from "pino";
import { expect, test } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { answer } from "../../test/support/fake-storage.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { EventRecorder, type EventToRecord } from "./events.ts";
import type { KubeObject } from "./objects.ts";
import { EVENTS, events, type KubeEvent } from "./resource.ts";

function recorderEnv(options: { capacity?: number } = {}) {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock });
  const counts = { written: 0, dropped: 0 };
  const make = () =>
    new EventRecorder({
      events: events(kube),
      clock,
      logger: pino({ level: "silent" }),
      controller: "paperspace.com/operator",
      instance: "pod-1",
      metrics: { written: () => counts.written++, dropped: () => counts.dropped++ },
      ...options,
    });
  const written = () => kube.storage.list(EVENTS) as KubeEvent[];
  return { clock, kube, make, recorder: make(), counts, written };
}

const machine: KubeObject = {
  apiVersion: "paperspace.com/v1alpha1",
  kind: "PaperspaceMachine",
  metadata: { name: "gpu", namespace: "ns", uid: "u1", resourceVersion: "7" },
};

const event = (id: string, more: Partial<EventToRecord> = {}): EventToRecord => ({
  regarding: machine,
  type: "Normal",
  reason: "Created",
  action: "Create",
  note: "made",
  id,
  ...more,
});

test("an event has all fields that the API server requires", async () => {
  const { recorder, written, clock } = recorderEnv();
  recorder.record(event("1"));
  await clock.settle();
  expect(written()[0]).toMatchObject({
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: expect.stringMatching(/^gpu\.[0-9a-f]{16}$/), namespace: "ns" },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "paperspace.com/operator",
    reportingInstance: "pod-1",
    action: "Create",
    reason: "Created",
    type: "Normal",
    note: "made",
    regarding: { kind: "PaperspaceMachine", name: "gpu", namespace: "ns", uid: "u1", resourceVersion: "7" },
  });
});

test("none is written twice: one process sends no second request, and the next gets AlreadyExists", async () => {
  const { recorder, make, written, clock, kube, counts } = recorderEnv();
  recorder.record(event("1"));
  recorder.record(event("1"));
  await clock.settle();
  recorder.record(event("1"));
  await clock.settle();
  expect(kube.calls).toHaveLength(1);
  make().record(event("1"));
  await clock.settle();
  expect(kube.calls).toHaveLength(2);
  expect(written()).toHaveLength(1);
  expect(counts).toEqual({ written: 2, dropped: 0 });
  recorder.record(event("1", { regarding: { ...machine, metadata: { ...machine.metadata, uid: "u2" } } }));
  await clock.settle();
  expect(written()).toHaveLength(2);
});

test("writes to a failing API server are retried in order, then the event is dropped and may be recorded again", async () => {
  const { recorder, written, clock, kube, counts } = recorderEnv();
  let failures = 3;
  kube.intercept = () => (failures-- > 0 ? { fail: "before" } : {});
  recorder.record(event("1"));
  recorder.record(event("2"));
  await clock.advance(60_000);
  expect(counts).toEqual({ written: 2, dropped: 0 });
  failures = 4;
  recorder.record(event("3"));
  await clock.advance(60_000);
  expect(counts.dropped).toBe(1);
  recorder.record(event("3"));
  await clock.advance(60_000);
  expect(written()).toHaveLength(3);
});

test("a refusal is not retried: RBAC, or a terminating namespace", async () => {
  const { recorder, clock, kube, counts } = recorderEnv();
  kube.intercept = () => ({
    fail: "before",
    error: answer(403, "Forbidden", "namespace is being terminated"),
  });
  recorder.record(event("1"));
  await clock.advance(60_000);
  expect([kube.calls.length, counts.dropped]).toEqual([1, 1]);
});

test("the queue is bounded, and a caller never waits or sees an error", async () => {
  const { recorder, clock, kube, counts } = recorderEnv({ capacity: 3 });
  kube.intercept = () => ({ fail: "hang" });
  for (let i = 0; i < 10; i++) recorder.record(event(String(i)));
  expect(counts.dropped).toBe(7);
  kube.intercept = () => ({});
  await clock.advance(60_000);
  expect(counts.written).toBe(3);
});

test("flush waits for what was recorded, but not for ever", async () => {
  const { recorder, clock, kube, written } = recorderEnv();
  await recorder.flush();
  kube.intercept = () => ({ delayMs: 1_000 });
  recorder.record(event("1"));
  let flushed = false;
  const first = recorder.flush().then(() => (flushed = true));
  await clock.advance(999);
  expect(flushed).toBe(false);
  await clock.advance(1);
  await first;
  expect(written()).toHaveLength(1);
  kube.intercept = () => ({ fail: "hang" });
  recorder.record(event("2"));
  const second = recorder.flush(3_000);
  await clock.advance(3_000);
  await second;
});

test("names and notes fit the limits of the API server, and notes are cut at whole characters", async () => {
  const { recorder, clock, written } = recorderEnv();
  const metadata = { ...machine.metadata, name: `${"n".repeat(235)}.${"x".repeat(17)}` };
  recorder.record(event("1", { regarding: { ...machine, metadata }, note: "é".repeat(1_000) }));
  await clock.settle();
  const [one] = written();
  expect(one?.metadata.name).toMatch(/^n{235}\.[0-9a-f]{16}$/);
  expect(Buffer.byteLength(one?.note ?? "")).toBeLessThanOrEqual(1_024);
  expect(one?.note).toBe(`${"é".repeat(510)}...`);
});

test("an event about a cluster-scoped object goes to the default namespace, as the API server requires", async () => {
  const { recorder, clock, written } = recorderEnv();
  recorder.record(event("1", { regarding: { kind: "Node", metadata: { name: "n", uid: "u" } } }));
  await clock.settle();
  expect(written()[0]?.metadata.namespace).toBe("default");
});
