/** What the tests of the reflector share. */
import pino from "pino";
import { afterEach, expect } from "vitest";
import { type KubeObject, keyOf } from "../../src/kube/objects.ts";
import { Resource } from "../../src/kube/resource.ts";
import { Reflector, type ReflectorMetrics } from "../../src/runtime/reflector.ts";
import { type Change, Store } from "../../src/runtime/store.ts";
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

/** Ends all reflectors of the test. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

afterEach(stopAll);

/** A reflector of widgets on a fake API server, everything of it recorded. */
export function world() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, types: [WIDGETS] });
  const widgets = new Resource<Widget>(kube, WIDGETS);
  const store = new Store<Widget>();
  const told: string[] = [];
  const changes: Change<Widget>[] = [];
  const counts = { listed: 0, watched: 0, badLine: 0, failed: 0 };
  const metrics = Object.fromEntries(
    Object.keys(counts).map((name) => [name, () => counts[name as keyof typeof counts]++]),
  ) as unknown as ReflectorMetrics;
  const handler = (change: Change<Widget>) => {
    changes.push(change);
    const initial = change.type === "added" && change.initial ? " initially" : "";
    told.push(`${change.type}${initial} ${keyOf(change.object)}`);
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
  const same = () => {
    const held = (objects: KubeObject[]) =>
      objects.map((object) => `${keyOf(object)}@${object.metadata.resourceVersion}`).sort();
    expect(held(store.list())).toEqual(held(kube.storage.list(WIDGETS)));
  };
  return {
    clock,
    kube,
    widgets,
    store,
    told,
    changes,
    counts,
    handlers,
    reflector,
    start,
    create,
    resize,
    same,
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
