import pino from "pino";
import { describe, expect, it, vi } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KubeError } from "../kube/errors.ts";
import { namespaceResource, Resource, secrets } from "../kube/resource.ts";
import { Store } from "../runtime/store.ts";
import { CredentialGuard, needsKey } from "./credential-guard.ts";
import { Credentials } from "./credentials.ts";
import type { Observation } from "./decision.ts";
import type { Kind, Performed } from "./kind.ts";
import type { CloudAccount, ManagedObject, Operation, Step } from "./managed.ts";
import { Namespaces } from "./namespaces.ts";
import { holdingOf } from "./ownership-facts.ts";
import { partialIfLarge } from "./partial.ts";
import type { PermitAnswer, PermitRequest, Permits } from "./permit.ts";
import { Reconciler } from "./reconciler.ts";
import { ANNOTATION, FINALIZER, parseAttempt } from "./record.ts";
import { managedStatus } from "./status.ts";
import { ObjectWriter } from "./writer.ts";

const SAMPLES = { group: "test", version: "v1", plural: "samples", kind: "Sample", namespaced: true };
const KEY = "default/box";
const NOW = Date.UTC(2026, 5, 1);

interface Memory {
  operation?: Operation;
  ready?: string;
  left?: boolean;
}
interface Sample extends ManagedObject {
  status?: ManagedObject["status"] & Memory;
}
interface SampleTypes {
  object: Sample;
  account: CloudAccount;
  observation: Observation<Memory>;
  step: Step & { do: "prepare" | "tidy" | "put" };
}

/** A kind that prepares something before its resource is created, and cleans up before the object is released. */
class SampleKind implements Kind<SampleTypes> {
  readonly definition = { ...SAMPLES, shortName: "sm", noun: "sample" };
  readonly done: string[] = [];
  /** The result of a "put". */
  performed: Pick<Performed<SampleTypes>, "outcome" | "refused"> = {
    outcome: { kind: "Done", reason: "Good", message: "" },
  };
  /** What a "put" throws. */
  thrown: unknown;
  readonly seen: { attempt?: unknown; ready?: string | undefined } = {};
  readonly forgotten: string[] = [];
  cancelled = 0;

  readonly observer: Kind<SampleTypes>["observer"] = {
    observe(facts, { object }) {
      const { operation, ready, left } = object.status ?? {};
      const memory = { ...(operation && { operation }), ...(ready && { ready }), ...(left && { left }) };
      const limits = { lookMs: 1_000, slowMs: 600_000, absenceGraceMs: 120_000, deleteMs: 600_000 };
      return { ...facts, spec: {}, resource: { state: "present" }, memory, now: NOW, limits };
    },
    resolve: () => ({ state: "surelyNone" }),
    track() {},
    cancel: () => void this.cancelled++,
    forget: (key) => void this.forgotten.push(key),
    reset() {},
  };

  readonly policy: Kind<SampleTypes>["policy"] = {
    phases: {
      beforeCreate: ({ memory }) => (memory.ready ? undefined : { step: { do: "prepare" }, memory }),
      leftovers: (_, memory) =>
        memory.ready && !memory.left ? { memory, decision: { step: { do: "tidy" }, memory } } : { memory },
      converge: ({ memory }) => ({ step: { do: "put" }, memory }),
    },
    attemptName: ({ memory }, { object }, unique) => ({
      name: object.metadata.name,
      mark: `${memory.ready}/${unique}`,
    }),
    expectCreate: ({ memory }, _context, attempt) => {
      this.seen.attempt = attempt;
      return { deadlineMs: 0, memory };
    },
    fields: ({ do: what }) => (what === "put" ? ["size"] : []),
    status: (observation, outcome, context) =>
      managedStatus<Memory>(observation, outcome, context, {
        facts: {},
        memory: observation.memory,
        conditions: [],
      }),
  };

  readonly actuator: Kind<SampleTypes>["actuator"] = {
    sends: ({ do: what }) => (what === "tidy" ? "delete" : "change"),
    create: async (observation, _context, _attempt, { memory }) => {
      this.seen.ready = observation.memory.ready;
      this.done.push("create");
      const outcome = { kind: "RequeueAfter", reason: "Creating", message: "", afterMs: 0 } as const;
      return { id: "t1", memory, outcome };
    },
    perform: async ({ do: what }, _observation, _context, { memory, gate }) => {
      if (gate() !== undefined) return { outcome: { kind: "Requeue" }, memory };
      this.done.push(what);
      if (what === "put" && this.thrown) throw this.thrown;
      if (what === "put") return { ...this.performed, memory };
      const made = what === "prepare" ? { ready: "r1" } : { left: true };
      const outcome = { kind: "RequeueAfter", reason: "Working", message: what, afterMs: 0 } as const;
      return { outcome, memory: { ...memory, ...made } };
    },
    failure: () => undefined,
  };
}

/** Grants at once unless it has another answer. */
class SamplePermits implements Permits<CloudAccount> {
  answer: Exclude<PermitAnswer<CloudAccount>, { state: "granted" }> | undefined;
  readonly asked: PermitRequest[] = [];
  readonly kept: string[] = [];
  readonly released: string[] = [];

  ask(account: CloudAccount, request: PermitRequest): PermitAnswer<CloudAccount> {
    this.asked.push(request);
    return this.answer ?? { state: "granted", account };
  }

  keep(holder: string): void {
    this.kept.push(holder);
  }

  release(holder: string): void {
    this.released.push(holder);
  }
}

async function setUp() {
  const clock = new VirtualClock(NOW);
  const kube = new FakeKube({ clock, types: [SAMPLES] });
  const resource = new Resource<Sample>(kube, SAMPLES);
  const store = new Store<Sample>(holdingOf, partialIfLarge);
  const kind = new SampleKind();
  const credentials = new Credentials<CloudAccount>({
    secrets: secrets(kube),
    checker: {
      open: () => ({ team: "te1", fingerprint: "f" }),
      explain: () => ({ state: "invalid", message: "no" }),
    },
    clock,
    secretTtlMs: 0,
    operatorKeyNamespaces: [],
  });
  const guard = new CredentialGuard({
    secrets: secrets(kube),
    credentials,
    kinds: () => [{ name: SAMPLES.plural, keyUsers: () => store.list().filter(needsKey) }],
    complete: () => true,
  });
  const leads = { now: true };
  const permits = new SamplePermits();
  const queued: string[] = [];
  const settings = {
    resyncMs: 600_000,
    recheckMs: 30_000,
    slowMs: 600_000,
    sendWindowMs: 60_000,
    graceMs: 120_000,
    adoptWithOperatorKey: false,
    allowSharedReferences: false,
    management: { managementPolicy: "Manage", deletionProtection: false } as const,
  };
  const reconciler = new Reconciler<SampleTypes>({
    kind,
    store,
    writer: new ObjectWriter(resource, store),
    credentials,
    namespaces: new Namespaces({ namespaces: namespaceResource(kube), clock, ttlMs: 0, changed() {} }),
    permits,
    enqueue: (key) => void queued.push(key),
    secrets: guard,
    recorder: { record() {} },
    mayWrite: () => leads.now,
    clusterId: () => ({ state: "known", id: "0123abcd" }),
    leaked() {},
    clock,
    logger: pino({ level: "silent" }),
    settings,
  });
  const data = { apiKey: Buffer.from("key").toString("base64") };
  await secrets(kube).create("default", { metadata: { name: "paperspace-credentials" }, data });
  await resource.create("default", { metadata: { name: "box" }, spec: {} });
  /** One pass over the object as the server has it. */
  const pass = async () => {
    store.replace([await resource.get("default", "box")]);
    return reconciler.reconcile(KEY);
  };
  const object = () => resource.get("default", "box");
  const secret = () => secrets(kube).get("default", "paperspace-credentials");
  return { clock, kind, pass, object, secret, resource, leads, permits, queued, reconciler, store };
}

describe("a kind's own step before the create", () => {
  it("is performed though there is no record, with the Secret protected before it: it may create something in the cloud", async () => {
    const { kind, pass, object, secret } = await setUp();
    await pass();
    expect((await secret()).metadata.finalizers ?? []).toEqual([]);
    await pass();
    expect(kind.done).toEqual(["prepare"]);
    expect((await secret()).metadata.finalizers).toEqual([FINALIZER]);
    expect((await object()).status).toMatchObject({ ready: "r1" });
    expect((await object()).metadata.annotations ?? {}).toEqual({});
  });

  it("is what the create relies on: name, mark, expectation and create get the observation of the decision", async () => {
    const { kind, pass, object } = await setUp();
    for (let passes = 0; passes < 3; passes++) await pass();
    expect(kind.done).toEqual(["prepare", "create"]);
    expect(kind.seen).toMatchObject({
      ready: "r1",
      attempt: { name: "box", mark: expect.stringMatching(/^r1\/box-0123abcd[0-9a-f]{12}$/) },
    });
    const { metadata, status } = await object();
    expect(parseAttempt(metadata)).toEqual({ state: "absent" });
    expect(metadata.annotations?.[ANNOTATION.record]).toContain('"name":"box"');
    expect(status?.operation?.mark).toBe((kind.seen.attempt as { mark: string }).mark);
  });
});

describe("a kind's own step before the release", () => {
  it("is performed though there is no record, before the object is released", async () => {
    const { kind, pass, resource, object } = await setUp();
    for (let passes = 0; passes < 2; passes++) await pass();
    await resource.delete("default", "box");
    await pass();
    expect(kind.done).toEqual(["prepare", "tidy"]);
    expect((await object()).metadata.finalizers).toEqual([FINALIZER]);
    await pass();
    await expect(object()).rejects.toMatchObject({ code: "KUBE_NOT_FOUND" });
  });
});

describe("a field that is put back again and again", () => {
  async function owning() {
    const world = await setUp();
    for (let passes = 0; passes < 3; passes++) await world.pass();
    world.kind.done.length = 0;
    const stalled = async () =>
      (await world.object()).status?.conditions?.find(({ type }) => type === "Stalled")?.reason;
    return { ...world, stalled };
  }

  it("is left alone for a while after five times, and reported as contended", async () => {
    const { kind, pass, stalled } = await owning();
    for (let times = 0; times < 5; times++) await pass();
    expect(kind.done).toHaveLength(5);
    expect(await stalled()).toBeUndefined();
    const result = await pass();
    expect(kind.done).toHaveLength(5);
    expect(await stalled()).toBe("Contended");
    expect(result).toEqual({ kind: "after", ms: 600_000 });
  });

  it("does not count what was refused: nothing was put back, and the refusal is what is reported", async () => {
    const { kind, pass, stalled } = await owning();
    const outcome = { kind: "RequeueAfter", reason: "No", message: "refused", afterMs: 0 } as const;
    kind.performed = { outcome, refused: true };
    for (let times = 0; times < 9; times++) await pass();
    expect(kind.done).toHaveLength(9);
    expect(await stalled()).toBeUndefined();
  });
});

describe("a step in which a call to the cluster fails", () => {
  const error = (code: number) =>
    KubeError.fromAnswer(code, { kind: "Status", code, message: "no" }, "POST secrets");

  async function failing(code: number) {
    const world = await setUp();
    for (let passes = 0; passes < 3; passes++) await world.pass();
    world.kind.done.length = 0;
    world.kind.thrown = error(code);
    await expect(world.pass()).rejects.toThrow();
    return world;
  }

  it("backs off by itself: reads that end queue the key at once, whatever the back-off of the queue", async () => {
    const { kind, pass, object, clock } = await failing(503);
    expect(await pass()).toMatchObject({ kind: "retry", atLeastMs: expect.any(Number) });
    expect(kind.done).toEqual(["put"]);
    const ready = (await object()).status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready).toMatchObject({ reason: "ApiUnavailable", message: expect.stringContaining("503") });
    await clock.advance(1_000);
    await expect(pass()).rejects.toThrow();
    expect(kind.done).toEqual(["put", "put"]);
  });

  it("that only lost a race is not held back: the change that it lost to is observed next", async () => {
    const world = await setUp();
    for (let passes = 0; passes < 3; passes++) await world.pass();
    world.kind.done.length = 0;
    world.kind.thrown = error(409);
    for (let passes = 0; passes < 2; passes++) expect(await world.pass()).toEqual({ kind: "retry" });
    expect(world.kind.done).toEqual(["put", "put"]);
  });
});

describe("what is reserved for a step", () => {
  async function converging() {
    const world = await setUp();
    for (let passes = 0; passes < 3; passes++) await world.pass();
    world.kind.cancelled = 0;
    return world;
  }

  it("is kept where the write went out", async () => {
    const { kind, pass } = await converging();
    await pass();
    expect(kind.cancelled).toBe(0);
  });

  it("is released where the write was refused, and in each pass in which the step backs off", async () => {
    const { kind, pass } = await converging();
    kind.performed = { outcome: { kind: "Terminal", reason: "Refused", message: "no", recheckMs: 600_000 } };
    await pass();
    expect(kind.cancelled).toBe(1);
    await pass();
    expect(kind.cancelled).toBe(2);
  });

  it("is released where the gate let nothing out", async () => {
    const { kind, pass, leads } = await converging();
    leads.now = false;
    kind.done.length = 0;
    await pass();
    expect(kind.done).toEqual([]);
    expect(kind.cancelled).toBe(1);
  });
});

describe("an object that follows another one under its name, before a pass has seen the end of the first", () => {
  const REFUSED = { kind: "Terminal", reason: "Refused", message: "no", recheckMs: 600_000 } as const;

  /** Passes until it owns something, then those of its convergence. */
  async function converging() {
    const world = await setUp();
    const converge = async (times = 1) => {
      for (let passes = 0; passes < 3; passes++) await world.pass();
      world.kind.done.length = 0;
      for (let passes = 0; passes < times; passes++) await world.pass();
    };
    /** As `kubectl replace --force`. */
    const replace = async () => {
      await world.resource.mergePatch("default", "box", { metadata: { finalizers: null } });
      await world.resource.delete("default", "box");
      await world.resource.create("default", { metadata: { name: "box" }, spec: {} });
    };
    return { ...world, converge, replace };
  }

  it("is not held back by a refusal of the former one: the generation is the same, the object is not", async () => {
    const { kind, converge, replace } = await converging();
    kind.performed = { outcome: REFUSED };
    await converge(2);
    expect(kind.done).toEqual(["put"]);
    await replace();
    await converge();
    expect(kind.done).toEqual(["put"]);
  });

  it("does not count what was put back of the former one", async () => {
    const { kind, converge, replace } = await converging();
    await converge(6);
    expect(kind.done).toHaveLength(5);
    await replace();
    await converge(6);
    expect(kind.done).toHaveLength(5);
  });

  it("inherits no subscription and no reservation, and keeps its own from pass to pass", async () => {
    const { kind, converge, replace } = await converging();
    await converge(3);
    expect(kind.forgotten).toEqual([]);
    await replace();
    await converge(3);
    expect(kind.forgotten).toEqual([KEY]);
  });
});

describe("a step that sends something", () => {
  const PAUSED = { state: "paused", forMs: 10_000 } as const;

  async function owning() {
    const world = await setUp();
    for (let passes = 0; passes < 3; passes++) await world.pass();
    world.kind.done.length = 0;
    world.permits.released.length = 0;
    return world;
  }

  it("is asked for by the UID of its object, on behalf of its namespace, and gives its permit back with the pass", async () => {
    const { pass, object, permits } = await owning();
    await pass();
    const { uid } = (await object()).metadata;
    expect(permits.asked.at(-1)).toMatchObject({ holder: uid, group: "default", sends: "change" });
    expect(permits.released).toEqual([uid]);
  });

  it("is neither begun nor announced without a permit: nothing is written to the object, and the permit queues its key", async () => {
    const { kind, pass, object, permits, queued } = await setUp();
    for (let passes = 0; passes < 2; passes++) await pass();
    permits.released.length = 0;
    permits.answer = { state: "waiting" };
    const before = await object();
    expect(await pass()).toEqual({ kind: "wait" });
    expect(await object()).toEqual(before);
    expect(kind.done).toEqual(["prepare"]);
    expect(permits.released).toEqual([]);
    permits.asked.at(-1)?.granted();
    expect(queued).toEqual([KEY]);
    permits.answer = undefined;
    await pass();
    expect(kind.done).toEqual(["prepare", "create"]);
  });

  it("reports a pause that the API asked for, with the memory from before the decision, and keeps its turn", async () => {
    const { kind, pass, object, permits } = await owning();
    permits.answer = PAUSED;
    expect(await pass()).toMatchObject({ kind: "retry", atLeastMs: 10_000 });
    const { conditions } = (await object()).status ?? {};
    expect(conditions?.find(({ type }) => type === "Ready")?.reason).toBe("RateLimited");
    expect(kind.done).toEqual([]);
    expect(permits.released).toEqual([]);
  });

  it("needs none where it backs off or is contested: it is not sent anyway", async () => {
    const { kind, pass, permits } = await owning();
    kind.performed = { outcome: { kind: "Terminal", reason: "Refused", message: "no", recheckMs: 600_000 } };
    await pass();
    permits.asked.length = 0;
    await pass();
    expect(permits.asked).toEqual([]);
  });

  it("keeps its permit, or its turn, where the pass fails before it is sent; after the end of a term nothing is kept", async () => {
    const { pass, object, permits, reconciler, resource, store } = await setUp();
    for (let passes = 0; passes < 2; passes++) await pass();
    const stale = await object();
    const { uid } = stale.metadata;
    await resource.mergePatch("default", "box", { metadata: { labels: { changed: "meanwhile" } } });
    permits.kept.length = 0;
    permits.released.length = 0;
    store.replace([stale]);
    expect(await reconciler.reconcile(KEY)).toEqual({ kind: "retry" });
    expect(permits).toMatchObject({ kept: [uid], released: [] });
    const inFlight = reconciler.reconcile(KEY);
    reconciler.reset();
    await inFlight;
    expect(permits.kept).toEqual([uid]);
    expect(permits.released.at(-1)).toBe(uid);
  });

  it("gives its permit up where the object is gone, and at the start of a term", async () => {
    const { pass, object, permits, store, reconciler } = await owning();
    permits.answer = { state: "waiting" };
    await pass();
    const { uid } = (await object()).metadata;
    store.replace([]);
    await reconciler.reconcile(KEY);
    expect(permits.released).toEqual([uid]);
    await pass();
    reconciler.reset();
    expect(permits.released).toEqual([uid, uid]);
  });
});

describe("the account of a key", () => {
  it("is the Secret that names it until a pass has found its team", async () => {
    const { pass, reconciler, store, object } = await setUp();
    store.replace([await object()]);
    expect(reconciler.accountOf(KEY)).toBe("default/paperspace-credentials");
    await pass();
    expect(reconciler.accountOf(KEY)).toBe("te1");
  });
});

describe("an object that is too large to be held", () => {
  const large = async () => {
    const env = await setUp();
    const annotations = { note: "x".repeat(50_000) };
    await env.resource.mergePatch("default", "box", { metadata: { annotations } });
    return env;
  };

  it("is reconciled as any other: its pass reads all of it", async () => {
    const { kind, pass, object, store } = await large();
    for (let i = 0; i < 5; i++) await pass();
    expect(kind.done).toContain("create");
    expect((await object()).metadata.annotations?.note).toHaveLength(50_000);
    expect(store.get(KEY)?.metadata).toMatchObject({ partial: true });
  });

  it("is tried again where it is another one by now: nothing is decided on what the store holds", async () => {
    const { kind, pass, resource, reconciler, object } = await large();
    await pass();
    const before = [...kind.done];
    const { uid, resourceVersion } = (await object()).metadata;
    const get = vi.spyOn(resource, "get");
    for (const metadata of [{ uid: "other" }, { uid, resourceVersion: "1" }]) {
      get.mockResolvedValueOnce({
        metadata: { name: "box", resourceVersion, ...metadata },
        spec: {},
      } as never);
      expect(await reconciler.reconcile(KEY)).toEqual({ kind: "retry" });
    }
    expect(kind.done).toEqual(before);
  });
});
