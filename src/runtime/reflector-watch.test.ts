import { expect, test } from "vitest";
import { reads, reflectorEnv } from "../../test/runtime/reflector.ts";
import { answer } from "../../test/support/fake-storage.ts";

test("a cut watch resumes from the last version: nothing lost, no change notified twice, no list", async () => {
  const { kube, create, start, clock, notified, resize, expectInSync } = reflectorEnv();
  await create("a");
  await start();
  await resize("a", 2);
  await clock.settle();
  kube.cutStreams();
  await resize("a", 3);
  await clock.advance(2_000);
  expect(notified).toEqual(["added initially ns/a", "updated ns/a", "updated ns/a"]);
  expect(reads(kube)).toEqual(["streaming list", "watch"]);
  expectInSync();
});

test("bookmarks advance the version, so that a quiet kind survives a compaction without a new list", async () => {
  const { kube, create, start, clock, expectInSync } = reflectorEnv();
  await create("a");
  await start();
  // Other kinds write; this one is silent.
  for (let i = 0; i < 5; i++) {
    await kube.request({
      method: "POST",
      path: "/api/v1/namespaces/ns/configmaps",
      body: { metadata: { name: `c${i}` } },
    });
  }
  kube.bookmark();
  await clock.settle();
  kube.compact();
  kube.endStreams();
  await clock.advance(2_000);
  expect(reads(kube)).toEqual(["streaming list", "watch"]);
  expect(kube.calls.at(-1)?.query.resourceVersion).toBe(String(kube.storage.version));
  expectInSync();
});

for (const bad of [
  "{not json\n",
  '"a string"\n',
  '{"type":"SURPRISE","object":{}}\n',
  '{"type":"ADDED","object":{}}\n',
]) {
  test(`the unreadable line ${JSON.stringify(bad)} closes the stream, which resumes where it was`, async () => {
    const { kube, create, start, clock, notified, resize, counts, expectInSync } = reflectorEnv();
    await create("a");
    await start();
    await resize("a", 2);
    kube.writeRaw(bad);
    await resize("a", 3);
    await clock.advance(2_000);
    expect(notified).toEqual(["added initially ns/a", "updated ns/a", "updated ns/a"]);
    expect(counts.badLine).toBe(1);
    expect(reads(kube)).toEqual(["streaming list", "watch"]);
    expectInSync();
  });
}

test("a line that stays unreadable leads to a new list", async () => {
  const { kube, create, start, clock, resize, counts, expectInSync } = reflectorEnv();
  await create("a");
  await start();
  const stream = kube.stream.bind(kube);
  kube.stream = async (request) => {
    const bytes = await stream(request);
    if (Number(request.query?.resourceVersion) > 101) return bytes;
    return (async function* () {
      yield Buffer.from("garbage\n");
    })();
  };
  kube.cutStreams();
  await resize("a", 2);
  await clock.advance(60_000);
  expect(counts.badLine).toBe(3);
  expectInSync();
});

test("a name that is reused under another UID between two watches is a delete and an add", async () => {
  const { kube, create, start, clock, notified, widgets, changes, expectInSync } = reflectorEnv();
  await create("a", 1);
  await start();
  kube.cutStreams();
  kube.compact();
  await widgets.delete("ns", "a");
  await create("a", 2);
  kube.compact();
  await clock.advance(10_000);
  expect(notified).toEqual(["added initially ns/a", "deleted ns/a", "added ns/a"]);
  expect(changes[1]?.object.metadata.uid).not.toBe(changes[2]?.object.metadata.uid);
  expectInSync();
});

test("401 reloads the credentials, then goes on", async () => {
  const { kube, create, start, clock, reflector, expectInSync } = reflectorEnv();
  await create("a");
  kube.intercept = () =>
    kube.reloads === 0 ? { fail: "before", error: answer(401, "Unauthorized", "no") } : {};
  await start();
  expect([kube.reloads, reflector.healthy]).toEqual([1, false]);
  await clock.advance(1_000);
  expect([kube.reloads, reflector.healthy]).toEqual([1, true]);
  expectInSync();
});

for (const [status, why, unserved] of [
  [403, "RBAC not yet there", false],
  [404, "the CRD not yet installed", true],
] as const) {
  test(`${status} (${why}) is not ready and retried, at least every 30 s`, async () => {
    const { kube, create, start, clock, reflector, expectInSync } = reflectorEnv();
    await create("a");
    let allowed = false;
    kube.intercept = () => (allowed ? {} : { fail: "before", error: answer(status, "", why) });
    await start();
    await clock.advance(10 * 60_000);
    expect([reflector.synced, reflector.healthy]).toEqual([false, false]);
    // A kind that is not served has no objects; one that may not be read may have some.
    expect(reflector.unserved).toBe(unserved);
    expect(kube.calls.length).toBeGreaterThanOrEqual(20);
    expect(kube.calls.length).toBeLessThanOrEqual(32);
    allowed = true;
    await clock.advance(30_000);
    expect([reflector.synced, reflector.healthy]).toEqual([true, true]);
    expect(reflector.unserved).toBe(false);
    expectInSync();
  });
}

test("429 waits for as long as the server requests", async () => {
  const { kube, create, start, clock } = reflectorEnv();
  await create("a");
  kube.calls.length = 0;
  const busy = answer(429, "TooManyRequests", "busy");
  Object.assign(busy, { retryAfterMs: 20_000 });
  kube.intercept = () => ({ fail: "before", error: busy });
  await start();
  await clock.advance(19_999);
  expect(kube.calls).toHaveLength(1);
  await clock.advance(1);
  expect(kube.calls).toHaveLength(2);
});

test("a handler that throws neither stops the reflector nor prevents the next handler", async () => {
  const { handlers, create, start, clock, notified, reflector, resize, expectInSync } = reflectorEnv();
  handlers.unshift(() => {
    throw new Error("handler bug");
  });
  await create("a");
  await start();
  await resize("a", 2);
  await clock.settle();
  expect(notified).toEqual(["added initially ns/a", "updated ns/a"]);
  expect(reflector.healthy).toBe(true);
  expectInSync();
});

test("a watch that the server does not end in time has a dead connection: it is closed and opened again", async () => {
  const { kube, create, start, clock, expectInSync, resize } = reflectorEnv();
  await create("a");
  const stream = kube.stream.bind(kube);
  // The stream stays open and silent for ever, whatever timeoutSeconds is.
  kube.stream = (request) => stream({ ...request, query: { ...request.query, timeoutSeconds: undefined } });
  await start();
  kube.watchLagMs = () => Number.MAX_SAFE_INTEGER;
  await resize("a", 2);
  await clock.advance(329_999);
  expect(reads(kube)).toEqual(["streaming list"]);
  await clock.advance(2_000);
  expect(reads(kube)).toEqual(["streaming list", "watch"]);
  expect(kube.watches).toBe(1);
  expectInSync();
});

test("a watch that the server ends in time is reopened at once, and does not count as a failure", async () => {
  const { kube, create, start, clock, counts, reflector } = reflectorEnv();
  await create("a");
  await start();
  await clock.advance(300_000);
  expect(reads(kube)).toEqual(["streaming list", "watch"]);
  expect([counts.failed, reflector.healthy]).toEqual([0, true]);
});

test("watches that end as soon as they begin back off, up to 30 s; a long one resets that", async () => {
  const { kube, create, start, clock } = reflectorEnv();
  await create("a");
  await start();
  kube.intercept = (_request, call) => (call.watch ? { fail: "before" } : {});
  kube.cutStreams();
  kube.calls.length = 0;
  await clock.advance(600_000);
  expect(kube.calls.length).toBeLessThan(30);
  kube.intercept = () => ({});
  await clock.advance(60_000);
  kube.calls.length = 0;
  kube.cutStreams();
  await clock.advance(1_000);
  expect(kube.calls).toHaveLength(1);
});

test("run ends on abort, in every state, and leaves no timer and no stream", async () => {
  for (const state of ["streaming", "watching", "sleeping"]) {
    const { kube, start, clock, controller, create } = reflectorEnv();
    await create("a");
    if (state === "streaming") kube.intercept = () => ({ fail: "hang" });
    if (state === "sleeping") kube.intercept = () => ({ fail: "before" });
    await start();
    controller.abort(new Error("stop"));
    await clock.settle();
    expect([kube.watches, clock.pending], state).toEqual([0, 0]);
  }
});
