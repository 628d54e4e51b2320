import pino from "pino";
import { expect, test } from "vitest";
import { reads, reflectorEnv, WIDGETS } from "../../test/runtime/reflector.ts";
import { keyOf } from "../kube/objects.ts";
import { Reflector } from "./reflector.ts";
import { lines } from "./watch-stream.ts";

test("the streaming list becomes visible at once, at its end mark, and the same stream goes on as the watch", async () => {
  const { kube, create, start, store, notified, reflector, resize, clock, expectInSync } = reflectorEnv();
  await create("a");
  await create("b");
  expect(reflector.synced).toBe(false);
  await start();
  expect(reflector.synced && reflector.healthy).toBe(true);
  expect(store.size).toBe(2);
  await create("c");
  await resize("a", 2);
  await kube.request({ method: "DELETE", path: "/apis/test/v1/namespaces/ns/widgets/b" });
  await clock.settle();
  expect(notified).toEqual([
    "added initially ns/a",
    "added initially ns/b",
    "added ns/c",
    "updated ns/a",
    "deleted ns/b",
  ]);
  expect(reads(kube)).toEqual(["streaming list"]);
  expectInSync();
});

test("nothing of a streaming list becomes visible when it breaks before its end mark", async () => {
  const { kube, create, start, store, notified, clock, reflector, expectInSync } = reflectorEnv();
  await create("a");
  let cut = true;
  const stream = kube.stream.bind(kube);
  kube.stream = async (request) => {
    const bytes = await stream(request);
    if (!cut) return bytes;
    cut = false;
    return (async function* () {
      for await (const line of lines(bytes)) {
        if (line.includes("BOOKMARK")) throw new Error("connection reset");
        yield Buffer.from(`${line}\n`);
      }
    })();
  };
  await start();
  expect([store.size, notified.length, reflector.synced]).toEqual([0, 0, false]);
  await clock.advance(1_000);
  expect(notified).toEqual(["added initially ns/a"]);
  expectInSync();
});

test("a server that refuses streaming lists is listed by pages of 500, without a wait, also the next time", async () => {
  const { kube, create, start, store, clock, expectInSync, resize } = reflectorEnv();
  kube.streamingLists = false;
  for (let i = 0; i < 1_001; i++) await create(`w${i}`);
  await start();
  expect(clock.monotonic()).toBe(0);
  expect(store.size).toBe(1_001);
  expect(reads(kube)).toEqual(["streaming list", "first page", "next page", "next page", "watch"]);
  expect(store.get("ns/w7")).toMatchObject({ kind: "Widget", apiVersion: "test/v1" });
  await resize("w3", 9);
  await clock.settle();
  kube.compact();
  await create("late");
  kube.compact();
  kube.cutStreams();
  await clock.advance(60_000);
  expect(reads(kube).filter((read) => read === "streaming list")).toHaveLength(1);
  expectInSync();
});

test("a first list of many objects is made known over several turns, in between which probes and the lease have theirs", async () => {
  const { create, start, notified, reflector, clock, expectInSync } = reflectorEnv();
  for (let i = 0; i < 2_500; i++) await create(`w${i}`);
  const seen = new Set<number>();
  let isOver = false;
  const look = () => {
    seen.add(notified.length);
    if (!isOver) clock.nextTurn(look);
  };
  void reflector.whenSynced().then(() => {
    seen.add(notified.length);
    isOver = true;
  });
  look();
  await start();
  expect([...seen]).toEqual([0, 1_000, 2_000, 2_500]);
  expectInSync();
});

test("an expired continue token starts the pages again, and nothing of the broken list becomes visible", async () => {
  const { kube, create, start, clock, notified, expectInSync } = reflectorEnv();
  kube.streamingLists = false;
  for (let i = 0; i < 600; i++) await create(`w${i}`);
  let expire = true;
  kube.intercept = (_request, call) => {
    if (call.query.continue && expire) {
      expire = false;
      kube.compact();
      kube.storage.delete(WIDGETS, "ns", "w0");
    }
    return undefined;
  };
  await start();
  expect(notified).toHaveLength(0);
  await clock.advance(1_000);
  expect(notified).toHaveLength(599);
  expect(reads(kube)).toEqual([
    "streaming list",
    "first page",
    "next page",
    "first page",
    "next page",
    "watch",
  ]);
  expectInSync();
});

test("a streaming list that ends without its mark, as old servers do it, falls back to pages", async () => {
  const { kube, create, start, clock, notified, expectInSync } = reflectorEnv();
  await create("a");
  const stream = kube.stream.bind(kube);
  kube.stream = async (request) =>
    request.query?.sendInitialEvents ? (async function* () {})() : stream(request);
  await start();
  expect(notified).toEqual([]);
  await clock.advance(1_000);
  expect(notified).toEqual(["added initially ns/a"]);
  expectInSync();
});

for (const goneAs of ["event", "http"] as const) {
  test(`410 as ${goneAs} leads to a new list; objects that vanished meanwhile are notified as deleted, unchanged ones are not`, async () => {
    const { kube, create, start, clock, notified, expectInSync, widgets } = reflectorEnv();
    kube.goneAs = goneAs;
    await create("stays");
    await create("goes");
    await start();
    kube.intercept = () => ({ fail: "before" });
    kube.cutStreams();
    await clock.advance(5_000);
    notified.length = 0;
    kube.intercept = () => undefined;
    await widgets.delete("ns", "goes");
    await create("comes");
    kube.compact();
    await clock.advance(60_000);
    expect(notified).toEqual(["deleted ns/goes", "added ns/comes"]);
    expect(reads(kube).slice(-2)).toEqual(["watch", "streaming list"]);
    expectInSync();
  });
}

test("a list older than the store is refused, and retried until the server has caught up", async () => {
  const { kube, create, start, clock, notified, store, reflector, resize, expectInSync } = reflectorEnv();
  await create("a");
  await start();
  const backup = kube.backup();
  await resize("a", 2);
  await resize("a", 3);
  await clock.settle();
  notified.length = 0;
  kube.restore(backup);
  kube.storage.compacted = 10_000;
  await clock.advance(120_000);
  expect(store.get("ns/a")?.spec?.size).toBe(3);
  expect(notified).toEqual([]);
  expect(reflector.healthy).toBe(false);
  kube.storage.compacted = 0;
  for (let size = 4; size < 8; size++) await resize("a", size);
  await clock.advance(60_000);
  expect(reflector.healthy).toBe(true);
  expect(notified).toEqual(["updated ns/a"]);
  expectInSync();
});

test("whenSynced resolves with the first list, and rejects when its signal aborts first", async () => {
  const { kube, create, start, clock, reflector } = reflectorEnv();
  await create("a");
  let open = false;
  kube.intercept = () => (open ? {} : { fail: "before" });
  await start();
  const gaveUp = new AbortController();
  const waiting = expect(reflector.whenSynced(gaveUp.signal)).rejects.toThrow("enough");
  gaveUp.abort(new Error("enough"));
  await waiting;
  const synced = reflector.whenSynced();
  open = true;
  await clock.advance(30_000);
  await synced;
  await reflector.whenSynced();
});

test("one namespace's reflector neither reads nor deletes what other reflectors put into the same store", async () => {
  const { kube, widgets, clock, store } = reflectorEnv();
  const logger = pino({ level: "silent" });
  const controller = new AbortController();
  await widgets.create("one", { metadata: { name: "a" } });
  await widgets.create("two", { metadata: { name: "a" } });
  const running = ["one", "two"].map((namespace) =>
    new Reflector({ source: widgets, store, handlers: [], namespace, clock, logger }).run(controller.signal),
  );
  await clock.settle();
  expect(store.list().map(keyOf).sort()).toEqual(["one/a", "two/a"]);
  kube.compact();
  await widgets.delete("one", "a");
  kube.compact();
  kube.cutStreams();
  await clock.advance(10_000);
  expect(store.list().map(keyOf)).toEqual(["two/a"]);
  controller.abort(new Error("test over"));
  await Promise.all(running);
});

test.each([true, false])(
  "a list is gathered as the store holds it, never whole, whether it is streamed (%s) or paged: objects that fill the memory do so before its end",
  async (streaming) => {
    const { kube, create, start, transformed, store, counts } = reflectorEnv();
    kube.streamingLists = streaming;
    for (let i = 0; i < 3; i++) await create(`w${i}`);
    const listed: number[] = [];
    transformed.push(() => listed.push(counts.listed));
    await start();
    expect(store.size).toBe(3);
    expect(listed.slice(0, 3)).toEqual([0, 0, 0]);
  },
);
