/** Shared by the tests of the reflector. */
import pino from "pino";
import { afterEach, expect } from "vitest";
import { type KubeObject, keyOf } from "../../src/kube/objects.ts";
import { Resource } from "../../src/kube/resource.ts";
import { Reflector, type ReflectorMetrics } from "../../src/runtime/reflector.ts";
import { Store, type StoreChange } from "../../src/runtime/store.ts";
import { FakeKube, type FakeType } from "../support/fake-kube.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

export const WIDGETS: FakeType = {
  group: "test",
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  namespaced: true,
};

export type Widget = KubeObject & { spec?: { size: number; text?: string } };

const stops: (() => Promise<void>)[] = [];

/** Stops all reflectors of the test. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

afterEach(stopAll);

/** A reflector of widgets on a fake API server, with all its notifications recorded. */
export function reflectorEnv() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, types: [WIDGETS] });
  const widgets = new Resource<Widget>(kube, WIDGETS);
  /** Called for each object of which the store works out what it holds. */
  const transformed: (() => void)[] = [];
  const store = new Store<Widget>(undefined, (object) => {
    for (const each of transformed) each();
    return object;
  });
  const notified: string[] = [];
  const changes: StoreChange<Widget>[] = [];
  const counts = { listed: 0, watched: 0, badLine: 0, failed: 0 };
  const metrics = Object.fromEntries(
    Object.keys(counts).map((name) => [name, () => counts[name as keyof typeof counts]++]),
  ) as unknown as ReflectorMetrics;
  const handler = (change: StoreChange<Widget>) => {
    changes.push(change);
    const initial = change.type === "added" && change.initial ? " initially" : "";
    notified.push(`${change.type}${initial} ${keyOf(change.object)}`);
  };
  const handlers = [handler];
  const logger = pino({ level: "silent" });
  const reflector = new Reflector<Widget>({ source: widgets, store, handlers, clock, logger, metrics });
  const controller = new AbortController();
  const start = async () => {
    const running = reflector.run(controller.signal);
    stops.push(async () => {
      controller.abort(new Error("test over"));
      await running;
    });
    await clock.settle();
  };
  const create = (name: string, size = 1) => widgets.create("ns", { metadata: { name }, spec: { size } });
  const resize = (name: string, size: number) => widgets.mergePatch("ns", name, { spec: { size } });
  const expectInSync = () => {
    const versions = (objects: KubeObject[]) =>
      objects.map((object) => `${keyOf(object)}@${object.metadata.resourceVersion}`).sort();
    expect(versions(store.list())).toEqual(versions(kube.storage.list(WIDGETS)));
  };
  return {
    clock,
    kube,
    widgets,
    store,
    transformed,
    notified,
    changes,
    counts,
    handlers,
    reflector,
    start,
    create,
    resize,
    expectInSync,
    controller,
  };
}

/** Paths and kinds of the list and watch calls, in short. */
export function reads(kube: FakeKube): string[] {
  return kube.calls
    .filter((call) => call.method === "GET")
    .map(({ query, watch }) =>
      watch
        ? query.sendInitialEvents
          ? "streaming list"
          : "watch"
        : query.continue
          ? "next page"
          : "first page",
    );
}
