import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KubeError } from "../kube/errors.ts";
import { configMaps as configMapsOf, secrets as secretsOf } from "../kube/resource.ts";
import { type KubeRef, KubeRefs, type KubeRefsOptions, type RefData } from "./kube-refs.ts";

const STALE_MS = 60_000;
const KEY = "ns/a";
const secretRef: KubeRef = { kind: "Secret", namespace: "ns", name: "hub" };
const configMapRef: KubeRef = { kind: "ConfigMap", namespace: "ns", name: "hub" };
const base64 = (value: string | Uint8Array) => Buffer.from(value).toString("base64");

/** All that it holds. */
function select({ keys, text, owner }: RefData) {
  const values = Object.fromEntries(keys.map((key) => [key, text(key)]));
  return { values, ...(owner !== undefined && { owner }) };
}

function setUp(over: Partial<KubeRefsOptions<Partial<ReturnType<typeof select>>>> = {}) {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, namespace: "ns" });
  const secrets = secretsOf(kube);
  const configMaps = configMapsOf(kube);
  const queued: string[] = [];
  const enqueue = (key: string) => void queued.push(key);
  const staleTimeMs = () => STALE_MS;
  const refs = new KubeRefs<Partial<ReturnType<typeof select>>>({
    select,
    secrets,
    configMaps,
    clock,
    enqueue,
    staleTimeMs,
    gcTimeMs: 10 * STALE_MS,
    forbiddenIs: "error",
    ...over,
  });
  const read = async (ref: KubeRef) => {
    refs.fetchIfStale(ref, KEY);
    await clock.settle();
    return refs.get(ref);
  };
  const reads = () => kube.calls.filter(({ method }) => method === "GET").length;
  const metadata = { name: "hub", namespace: "ns" };
  return { clock, kube, secrets, configMaps, queued, refs, read, reads, metadata };
}

const forbidden = new KubeError({ code: "KUBE_FORBIDDEN", status: 403, message: "secrets is forbidden" });

describe("a reference", () => {
  it("to a Secret and to a ConfigMap of one name lead to different contents", async () => {
    const { secrets, configMaps, read, metadata } = setUp();
    await secrets.create("ns", { metadata, data: { token: base64("secret") } });
    await configMaps.create("ns", {
      metadata,
      data: { level: "debug" },
      binaryData: { size: base64("größe") },
    });
    expect(await read(secretRef)).toEqual({ state: "found", kept: { values: { token: "secret" } } });
    expect(await read(configMapRef)).toEqual({
      state: "found",
      kept: { values: { level: "debug", size: "größe" } },
    });
  });

  it("keeps the key of a value that is not UTF-8 text: the user must learn which one it is", async () => {
    const { secrets, read, metadata } = setUp();
    await secrets.create("ns", { metadata, data: { binary: base64(new Uint8Array([0xff, 0xfe])) } });
    expect(await read(secretRef)).toEqual({ state: "found", kept: { values: { binary: undefined } } });
  });

  it("shows who controls the Secret, and not who merely owns it", async () => {
    const { secrets, read, metadata } = setUp();
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "x" };
    const ownerReferences = [
      { ...owner, uid: "u1" },
      { ...owner, uid: "u2", controller: true },
    ];
    await secrets.create("ns", { metadata: { ...metadata, ownerReferences }, data: {} });
    expect(await read(secretRef)).toEqual({ state: "found", kept: { values: {}, owner: "u2" } });
  });

  it("to nothing is content as well, which goes stale like any other", async () => {
    const { clock, secrets, read, reads, metadata } = setUp();
    expect(await read(secretRef)).toEqual({ state: "notFound" });
    await secrets.create("ns", { metadata, data: {} });
    expect(await read(secretRef)).toEqual({ state: "notFound" });
    expect(reads()).toBe(1);
    await clock.advance(STALE_MS);
    expect(await read(secretRef)).toMatchObject({ state: "found" });
  });
});

describe("a read that RBAC refuses", () => {
  it("is an error that is retried with back-off, and leaves the last content", async () => {
    const { clock, kube, secrets, refs, read, metadata } = setUp();
    await secrets.create("ns", { metadata, data: { token: base64("one") } });
    await read(secretRef);
    await clock.advance(STALE_MS);
    kube.intercept = () => ({ fail: "before", error: forbidden });
    expect(await read(secretRef)).toMatchObject({ kept: { values: { token: "one" } } });
    expect(refs.error(secretRef)).toBe(forbidden);
    expect(refs.retryInMs(secretRef)).toBeGreaterThan(0);
  });

  it("is a content of its own where the kind can go on without, so that it is not retried with each pass", async () => {
    const { kube, refs, read, reads } = setUp({ forbiddenIs: "content" });
    kube.intercept = () => ({ fail: "before", error: forbidden });
    expect(await read(secretRef)).toEqual({ state: "forbidden" });
    expect(refs.error(secretRef)).toBeUndefined();
    await read(secretRef);
    expect(reads()).toBe(1);
  });
});

it("keeps what is selected of it and nothing else: a Secret may be a megabyte, and of many namespaces", async () => {
  const { secrets, read, metadata } = setUp({ select: ({ text }) => ({ values: { token: text("token") } }) });
  await secrets.create("ns", { metadata, data: { token: base64("one"), other: base64("two") } });
  expect(await read(secretRef)).toEqual({ state: "found", kept: { values: { token: "one" } } });
});

it("is read by a few at once, and namespaces take turns: a thousand Secrets of one keep no other waiting", async () => {
  const { clock, kube, refs } = setUp();
  const paths: string[] = [];
  kube.intercept = ({ path }) => {
    paths.push(path.split("/").slice(-3).join("/"));
    return { delayMs: 100 };
  };
  for (let i = 0; i < 100; i++) refs.fetch({ kind: "Secret", namespace: "many", name: `s${i}` }, KEY);
  refs.fetch({ ...secretRef, namespace: "one" }, KEY);
  await clock.settle();
  expect(paths).toHaveLength(8);
  await clock.advance(100);
  expect(paths).toHaveLength(16);
  expect(paths).toContain("one/secrets/hub");
});

it("holds no value where it can be printed: what a Secret holds goes nowhere by itself", async () => {
  const { secrets, refs, read, metadata } = setUp();
  await secrets.create("ns", { metadata, data: { token: base64("hunter2") } });
  await read(secretRef);
  expect(JSON.stringify(refs)).not.toContain("hunter2");
});

describe("a namespace with more references than are read at once", () => {
  it("has few reads that wait, and each of its objects is queued until all are read: none is forgotten", async () => {
    const { clock, configMaps, queued, refs, reads, kube } = setUp();
    const names = [...Array(1_000).keys()].map((n) => `m${n}`);
    for (const name of names)
      await configMaps.create("ns", { metadata: { name, namespace: "ns" }, data: { level: name } });
    const refsOf = (key: string) =>
      names
        .filter((_, n) => `ns/o${n % 100}` === key)
        .map((name): KubeRef => ({ kind: "ConfigMap", namespace: "ns", name }));
    const pass = (key: string) => {
      for (const ref of refsOf(key)) refs.fetchIfStale(ref, key);
    };
    kube.calls.length = 0;
    for (let n = 0; n < 100; n++) pass(`ns/o${n}`);
    expect(refs.size).toBeLessThan(300);
    for (let turn = 0; turn < 100 && names.some((name) => !refs.get({ ...configMapRef, name })); turn++) {
      await clock.settle();
      for (const key of queued.splice(0)) pass(key);
    }
    expect(names.filter((name) => !refs.get({ ...configMapRef, name }))).toEqual([]);
    expect(reads()).toBe(1_000);
  });
});
