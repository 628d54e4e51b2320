import fc from "fast-check";
import { expect, test } from "vitest";
import { reflectorEnv, stopAll, WIDGETS, type Widget } from "../../test/runtime/reflector.ts";
import { compareVersions, type KubeObject, keyOf } from "../kube/objects.ts";

test("whatever the network does, the store ends equal to the server, and handlers were notified of every foreign write", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("write" as const), name: fc.constantFrom("a", "b", "c"), size: fc.nat(9) }),
    fc.record({ do: fc.constant("own" as const), name: fc.constantFrom("a", "b", "c"), size: fc.nat(9) }),
    fc.record({ do: fc.constant("delete" as const), name: fc.constantFrom("a", "b", "c") }),
    fc.record({
      do: fc.constantFrom(
        "cut" as const,
        "end" as const,
        "garbage" as const,
        "compact" as const,
        "bookmark" as const,
      ),
    }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(3_000) }),
    fc.record({ do: fc.constant("lag" as const), ms: fc.nat(500) }),
    fc.record({ do: fc.constant("outage" as const), on: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 60, size: "max" }),
      fc.boolean(),
      async (steps, streaming) => {
        const { kube, clock, create, resize, store, start, widgets, expectInSync, changes } = reflectorEnv();
        kube.streamingLists = streaming;
        await start();
        let outage = false;
        /** The last write of each object that was not ours. */
        const strangers = new Map<string, KubeObject>();
        kube.intercept = (request) => (outage && request.method === "GET" ? { fail: "before" } : {});
        for (const action of steps) {
          const exists = "name" in action ? kube.storage.find(WIDGETS, "ns", action.name) : undefined;
          if (action.do === "write" || action.do === "own") {
            const answered = exists
              ? await resize(action.name, action.size)
              : await create(action.name, action.size);
            // Nothing runs between the read and the write here: the write is as good as conditional on what was read.
            if (action.do === "own") store.observeWrite(answered, exists as Widget | undefined);
            // A write that changes nothing makes no version and no event.
            else if (answered.metadata.resourceVersion !== exists?.metadata.resourceVersion) {
              strangers.set(keyOf(answered), answered);
            }
          } else if (action.do === "delete" && exists) await widgets.delete("ns", action.name);
          else if (action.do === "cut") kube.cutStreams();
          else if (action.do === "end") kube.endStreams();
          else if (action.do === "garbage") kube.writeRaw("garbage\n");
          else if (action.do === "compact") kube.compact();
          else if (action.do === "bookmark") kube.bookmark();
          else if (action.do === "wait") await clock.advance(action.ms);
          else if (action.do === "lag") kube.watchLagMs = () => action.ms;
          else if (action.do === "outage") outage = action.on;
        }
        outage = false;
        await clock.advance(120_000);
        expectInSync();
        const alive = new Map<string, string | undefined>();
        const notified = new Map<string, KubeObject>();
        for (const { type, object } of changes) {
          const key = keyOf(object);
          expect(type === "added").toBe(!alive.has(key));
          if (type === "updated") expect(object.metadata.uid).toBe(alive.get(key));
          if (type === "deleted") alive.delete(key);
          else alive.set(key, object.metadata.uid);
          notified.set(key, object);
        }
        for (const object of store.list()) {
          const written = strangers.get(keyOf(object))?.metadata;
          if (written?.uid !== object.metadata.uid) continue;
          const notifiedVersion = notified.get(keyOf(object))?.metadata.resourceVersion;
          expect(compareVersions(notifiedVersion, written?.resourceVersion)).toBeGreaterThanOrEqual(0);
        }
        expect([...alive.keys()].sort()).toEqual(store.list().map(keyOf).sort());
        await stopAll();
      },
    ),
    { numRuns: 60 },
  );
});
