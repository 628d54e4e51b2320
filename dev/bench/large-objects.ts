/**
 * Lists and watches objects as large as etcd takes them, with the operator's own informer and a source in this process, and
 * prints the heap that is left of it. large-objects.process.test.ts runs it in a small heap.
 *
 *   node --max-old-space-size=<MiB> dev/bench/large-objects.ts <objects> stream|pages
 */
import pino from "pino";
import { systemClock } from "../../src/base/clock.ts";
import { KubeError } from "../../src/kube/errors.ts";
import type { KubeCallOptions, ListQuery, WatchQuery } from "../../src/kube/resource.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { holdingOf } from "../../src/reconcile/ownership-facts.ts";
import { partialIfLarge } from "../../src/reconcile/partial.ts";
import { type ListerWatcher, Reflector } from "../../src/runtime/reflector.ts";
import { Store } from "../../src/runtime/store.ts";

const BYTES = 1_300_000;
const VARIABLES = 160;

const [count = 250, mode = "stream"] = [Number(process.argv[2]), process.argv[3]];

/** A new text each time, as from a server: nothing of it is shared. */
function json(n: number): string {
  const env = Array.from({ length: VARIABLES }, (_, i) => ({
    name: `A${i}`,
    value: `${n}/`.padEnd(BYTES / VARIABLES, "x"),
  }));
  const metadata = { name: `web-${n}`, namespace: "ns", uid: `u${n}`, resourceVersion: String(n + 1) };
  return JSON.stringify({ apiVersion: "paperspace.com/v1alpha1", kind: "Sample", metadata, spec: { env } });
}

const version = String(count + 1);

async function* streamed(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (mode === "stream") yield* initialEvents();
  signal?.throwIfAborted();
  await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}

function* initialEvents(): Generator<Uint8Array> {
  for (let n = 0; n < count; n++) yield Buffer.from(`{"type":"ADDED","object":${json(n)}}\n`);
  const annotations = { "k8s.io/initial-events-end": "true" };
  const object = { metadata: { resourceVersion: version, annotations } };
  yield Buffer.from(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
}

const source: ListerWatcher<ManagedObject> = {
  async list({ limit = count, continue: from = "0" }: ListQuery, { maxBytes = 0 }: KubeCallOptions) {
    const end = Math.min(Number(from) + limit, count);
    if ((end - Number(from)) * BYTES > maxBytes)
      throw new KubeError({ code: "KUBE_TOO_LARGE", message: "too large" });
    const items = Array.from({ length: end - Number(from) }, (_, i) => JSON.parse(json(Number(from) + i)));
    return {
      metadata: { resourceVersion: version, ...(end < count && { continue: String(end) }) },
      items: items as ManagedObject[],
    };
  },
  async watch({ sendInitialEvents }: WatchQuery, { signal }: KubeCallOptions) {
    if (sendInitialEvents && mode === "pages")
      throw new KubeError({ code: "KUBE_INVALID", message: "no streaming lists" });
    return streamed(signal);
  },
};

const store = new Store<ManagedObject>(holdingOf, partialIfLarge);
const over = new AbortController();
const logger = pino({ level: "silent" });
const reflector = new Reflector({ source, store, handlers: [], clock: systemClock, logger });
const running = reflector.run(over.signal);
await reflector.whenSynced();
over.abort(new Error("over"));
await running;
(globalThis as { gc?: () => void }).gc?.();
const heapMiB = process.memoryUsage().heapUsed / 2 ** 20;
process.stdout.write(`${JSON.stringify({ held: store.size, heapMiB: Math.round(heapMiB) })}\n`);
