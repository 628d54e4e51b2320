import { describe, expect, it } from "vitest";
import { createScript } from "../../../dev/simulator/world/scripts.ts";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import { ALPHA, setUp as simulate } from "../../../test/simulator/simulation.ts";
import { FakeKube } from "../../../test/support/fake-kube.ts";
import { simSockets } from "../../../test/support/sim-sockets.ts";
import { momentOf } from "../../base/clock.ts";
import { secrets as secretsOf } from "../../kube/resource.ts";
import { Throttle } from "../../paperspace/throttle.ts";
import { Transport } from "../../paperspace/transport.ts";
import { ListHistory } from "../list-history.ts";
import { DesktopSecrets } from "./desktop.ts";
import { FACT } from "./observation.ts";
import { type MachineSubject, RelatedFacts } from "./related.ts";
import { RelatedApi } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

const TEAM = "te-alpha";
const RESYNC_MS = 600_000;
const RECHECK_MS = 30_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const OWNER = { id: "ualphaowner", email: "owner@alpha.example" };
const USER = { id: "ualphauser1", email: "user@alpha.example" };
const TYPE = "A4000";
const SCRIPTS = "/v1/startup-scripts";
const AVAILABLE = "/v1/machine-availability";
const STANDING = "/v1/billing/account-standing";

/** The facts around a team, read over the real transport from a simulated account. */
function setUp() {
  const parts = simulate();
  const { clock, sim } = parts;
  sim.console.setBudget(TEAM, null);
  const transport = new Transport({
    clock,
    sockets: simSockets(sim, { dead: false, passed() {} }),
    throttle: new Throttle(clock, { requestsPerSecond: 1_000, burst: 1_000, concurrency: 200 }),
    baseUrl: "http://sim.invalid/v1",
    apiKey: ALPHA,
    version: "test",
  });
  const queued: string[] = [];
  const hear = { queued: (key: string) => void queued.push(key) };
  const enqueue = (key: string) => hear.queued(key);
  const kube = new FakeKube({ clock, namespace: "ns" });
  const desktops = new DesktopSecrets({ secrets: secretsOf(kube), clock, resyncMs: RESYNC_MS, enqueue });
  const lists = new ListHistory();
  const inventory = {
    lists,
    listError: undefined as unknown,
    refreshAnyList: enqueue,
    reloadList: (key: string) => queued.push(`list for ${key}`),
    get: () => undefined,
    refresh: () => {},
  };
  const relatedFacts = new RelatedFacts(
    {
      team: TEAM,
      clock,
      resyncMs: RESYNC_MS,
      recheckMs: RECHECK_MS,
      inventory,
      settleMs: 0,
      eventsOf: async () => [],
      desktops,
      priorities: {},
      enqueue,
      readErrorOf: (error) => ({
        kind: "Retry",
        reason: "ApiUnavailable",
        message: (error as Error).message,
      }),
    },
    new RelatedApi(transport),
  );
  const subject = (
    over: Partial<MachineSpec> = {},
    machineId?: string,
    more: Partial<MachineSubject> = {},
  ): MachineSubject => ({
    key: "ns/box",
    object: { metadata: { name: "box", namespace: "ns", uid: "uid-1" }, spec: { ...SPEC, ...over } },
    machineId,
    machineTypes: [TYPE],
    region: over.region ?? SPEC.region,
    candidates: [],
    waiter: { key: more.key ?? "ns/box", namespace: "ns", priority: 0, since: 0 },
    ...more,
  });
  const related = (over: Partial<MachineSpec> = {}, id?: string, more: Partial<MachineSubject> = {}) =>
    relatedFacts.related(subject(over, id, more));
  /** As a pass does it: observes, and then begins the reads that the decision needs and those that are due. */
  const pass = (of: MachineSubject, needs: string[] = []) => {
    const facts = relatedFacts.related(of);
    relatedFacts.track(of, { needs });
    return facts;
  };
  /** What is observed once what is needed has been read. */
  const observed = async (needs: string[], over: Partial<MachineSpec> = {}, id?: string) => {
    relatedFacts.track(subject(over, id), { needs });
    await clock.settle();
    return pass(subject(over, id));
  };
  const reads = (path: string) => sim.calls.list({ path }).length;
  const script = (name: string, machineId?: string) => {
    const made = createScript(sim.world, sim.console.team(TEAM), { name, script: "echo" });
    if (machineId !== undefined) made.assignedMachineIds.push(machineId);
    return made.id;
  };
  const standing = () => observed([FACT.standing]).then((facts) => facts.standing);
  const capacity = () => observed([FACT.capacity(TYPE)]).then((facts) => facts.capacity[TYPE]);
  return {
    ...parts,
    relatedFacts,
    inventory,
    hear,
    queued,
    subject,
    related,
    pass,
    observed,
    reads,
    script,
    standing,
    capacity,
  };
}

describe("facts", () => {
  it("are read for what the spec manages only: absent means unmanaged, and costs nothing", async () => {
    const { clock, sim, machineIn, pass, related, script, subject } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const scriptId = script("one", id);
    const needs = [FACT.scripts, FACT.accessors];
    pass(subject({ startupScriptId: scriptId, accessors: {} }, id, { key: "ns/other" }), needs);
    await clock.settle();
    // Long after, all of it is old.
    await clock.advance(12 * HOUR_MS);
    sim.calls.clear();
    expect(pass(subject({}, id))).toEqual({ capacity: {}, readErrors: {} });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
    expect(related({ startupScriptId: scriptId, accessors: {} }, id)).toMatchObject({
      scripts: [scriptId],
      accessors: [OWNER],
    });
  });

  it("are not read about a machine that is not there yet", async () => {
    const { clock, sim, pass, observed, subject } = setUp();
    const managed = { startupScriptId: "s", accessors: { emails: [] } };
    await observed([FACT.scripts], managed, "ps1");
    sim.calls.clear();
    expect(pass(subject(managed), [FACT.accessors, FACT.desktop])).toEqual({ capacity: {}, readErrors: {} });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });

  it("that are missing are read only where a decision needs them", async () => {
    const { clock, sim, pass, subject } = setUp();
    const managed = { startupScriptId: "s", accessors: {}, desktopSecretRef: { name: "access" } };
    expect(pass(subject(managed, "ps1"))).toEqual({ capacity: {}, readErrors: {} });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });

  it("are read by no observation, however stale they are: reads begin after the decision only", async () => {
    const { clock, sim, machineIn, related, observed } = setUp();
    const id = await machineIn("ready", { templateId: "tdesk22u" });
    const managed = { startupScriptId: "s", accessors: {}, desktopSecretRef: { name: "access" } };
    const needs = [
      FACT.scripts,
      FACT.accessors,
      FACT.users,
      FACT.desktop,
      FACT.standing,
      FACT.capacity(TYPE),
    ];
    expect(await observed(needs, managed, id)).toMatchObject({
      desktop: "stale",
      accessors: [],
      scripts: [],
    });
    sim.calls.clear();
    await clock.advance(12 * HOUR_MS);
    expect(related(managed, id)).toMatchObject({ desktop: "stale", accessors: [], scripts: [] });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });

  it("of the team's scripts cost one list for all machines, once in each resync, and show which machines have them", async () => {
    const { clock, pass, script, subject, reads, queued } = setUp();
    const ids = Array.from({ length: 100 }, (_, n) => `ps${n}`);
    const scripts = ids.map((id) => script(`of ${id}`, id));
    const passes = (needs: string[] = []) =>
      ids.map((id, n) => {
        const of = subject({ startupScriptId: scripts[n] ?? "" }, id, { key: `ns/${n}` });
        return pass(of, needs).scripts;
      });
    passes([FACT.scripts]);
    await clock.settle();
    expect(reads(SCRIPTS)).toBe(1);
    expect(new Set(queued).size).toBe(100);
    expect(passes()).toEqual(scripts.map((script) => [script]));
    for (let resync = 0; resync < 6; resync++) {
      await clock.advance(RESYNC_MS);
      passes();
      await clock.settle();
    }
    expect(reads(SCRIPTS)).toBe(7);
  });

  it("of a single machine are read rarely, and not all at once", async () => {
    const { clock, machineIn, observed, pass, subject, reads } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const spec = { accessors: { userIds: [OWNER.id] } };
    expect((await observed([FACT.accessors], spec, id)).accessors).toEqual([OWNER]);
    for (let turn = 0; turn < 60; turn++) {
      await clock.advance(RESYNC_MS);
      expect(pass(subject(spec, id)).accessors).toEqual([OWNER]);
      await clock.settle();
    }
    expect(reads(`/v1/machines/${id}/accessors`)).toBe(11);
  });

  it("that decide on access and cost must be fresh: members and addresses go stale soon", async () => {
    const { clock, observed, related } = setUp();
    const spec = { accessors: { emails: ["x@y.z"] } };
    expect(await observed([FACT.users, FACT.addresses], spec, "ps1")).toMatchObject({
      users: expect.arrayContaining([OWNER]),
      addresses: [],
    });
    await clock.advance(MINUTE_MS);
    expect(related(spec, "ps1")).toEqual({ capacity: {}, readErrors: {} });
  });

  it("of addresses are dropped when one was released", async () => {
    const { relatedFacts, observed, related } = setUp();
    expect((await observed([FACT.addresses])).addresses).toEqual([]);
    relatedFacts.forgetAddresses();
    expect(related().addresses).toBeUndefined();
  });

  it("hold no password where they are shown: it goes into the Secret only", async () => {
    const { machineIn, relatedFacts, observed } = setUp();
    const id = await machineIn("ready", { templateId: "tdesk22u" });
    const facts = await observed([FACT.desktop], { desktopSecretRef: { name: "access" } }, id);
    expect(relatedFacts.desktopOf(id)).toMatchObject({ type: "vnc", password: `sim-${id}` });
    expect(JSON.stringify([facts, relatedFacts])).not.toContain(`sim-${id}`);
  });
});

describe("capacity", () => {
  it("that is free is believed for a moment only", async () => {
    const { clock, related, capacity, reads } = setUp();
    expect(await capacity()).toEqual({ hint: "free" });
    await clock.advance(14_000);
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
    expect(reads(AVAILABLE)).toBe(1);
    await clock.advance(1_000);
    expect(related().capacity).toEqual({});
  });

  it("that was free counts as free for who has waited since for its turn, however long that takes", async () => {
    const { clock, pass, related, subject, relatedFacts, reads } = setUp();
    pass(subject(), [FACT.capacity(TYPE)]);
    await clock.advance(HOUR_MS);
    expect(pass(subject()).capacity).toEqual({ [TYPE]: { hint: "free" } });
    expect(related().capacity).toEqual({});
    // Another one does not rely on it, and what waits for its permit does not lose it.
    pass(subject(), [FACT.capacity(TYPE)]);
    await clock.advance(HOUR_MS);
    expect(related({}, undefined, { key: "ns/other" }).capacity).toEqual({});
    relatedFacts.track(subject(), { waits: true });
    await clock.advance(HOUR_MS);
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
    expect(reads(AVAILABLE)).toBe(2);
  });

  it("is cached by type and region: a shortage in one proves nothing for another", async () => {
    const { clock, sim, pass, related, observed, subject } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const needs = [FACT.capacity(TYPE), FACT.capacity("C5")];
    expect((await observed(needs)).capacity).toMatchObject({ [TYPE]: { hint: "short" } });
    pass(subject({ region: "ca1" }), needs);
    await clock.settle();
    expect(related({ region: "ca1" }, undefined, { machineTypes: [TYPE, "C5"] }).capacity).toEqual({
      [TYPE]: { hint: "free" },
      C5: { hint: "free" },
    });
  });

  it("that is short is requested ever more rarely, for all objects together, however many wait", async () => {
    const { clock, sim, hear, relatedFacts, subject, reads } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const waiting = new Map<string, number>();
    const wait = (key: string) => {
      const of = subject({}, undefined, { key });
      const capacity = relatedFacts.related(of).capacity[TYPE];
      if (capacity?.hint !== "short") return relatedFacts.track(of, { needs: [FACT.capacity(TYPE)] });
      relatedFacts.track(of, {});
      waiting.set(key, capacity.retryMs);
      clock.after(capacity.retryMs, () => wait(key));
    };
    hear.queued = (key) => void clock.after(0, () => wait(key));
    for (let n = 0; n < 100; n++) wait(`ns/${n}`);
    await clock.advance(2 * MINUTE_MS);
    expect(waiting.size).toBe(100);
    // 15, 30, 60, 120 s … five minutes, each up to a fifth less.
    expect(reads(AVAILABLE)).toBeLessThanOrEqual(5);
    await clock.advance(HOUR_MS);
    expect(reads(AVAILABLE)).toBeLessThanOrEqual(5 + 3 + 15);
    expect(Math.min(...waiting.values())).toBeGreaterThan(200_000);
    expect(Math.max(...waiting.values())).toBeLessThanOrEqual(5 * MINUTE_MS);
  });

  it("lets one object at a time go for what is free after a shortage: it may be a single machine", async () => {
    const { clock, sim, hear, relatedFacts, subject, reads } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const taken: string[] = [];
    const wait = (key: string) => {
      const of = subject({}, undefined, { key });
      const capacity = relatedFacts.related(of).capacity[TYPE];
      if (!capacity) return relatedFacts.track(of, { needs: [FACT.capacity(TYPE)] });
      relatedFacts.track(of, {});
      if (capacity.hint === "short") return void clock.after(capacity.retryMs, () => wait(key));
      relatedFacts.take({ key, namespace: "ns" }, { machineType: TYPE, region: "ny2" });
      expect(relatedFacts.related(of).capacity[TYPE]).toEqual({ hint: "free" });
      taken.push(key);
      // The API takes notice long after, when the machine was stopped and changed for it.
      clock.after(120_000, () => void sim.console.create(TEAM, { machineType: TYPE }));
      clock.after(121_000, () => relatedFacts.release(key));
    };
    hear.queued = (key) => void clock.after(0, () => wait(key));
    for (let n = 0; n < 100; n++) wait(`ns/${n}`);
    await clock.advance(20 * MINUTE_MS);
    expect(taken).toEqual([]);
    sim.world.setCapacity(TYPE, "ny2", 3);
    await clock.advance(HOUR_MS);
    expect(taken).toHaveLength(3);
    expect(new Set(taken).size).toBe(3);
    expect(reads(AVAILABLE)).toBeLessThan(50);
  });

  it("that was never short is free for all objects, and so it is again some time after a shortage", async () => {
    const { clock, sim, related, relatedFacts, capacity } = setUp();
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take({ key: "ns/other", namespace: "ns" }, { machineType: TYPE, region: "ny2" });
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
    await clock.advance(MINUTE_MS);
    sim.world.setCapacity(TYPE, "ny2", 0);
    expect(await capacity()).toMatchObject({ hint: "short" });
    sim.world.setCapacity(TYPE, "ny2", null);
    await clock.advance(MINUTE_MS);
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take({ key: "ns/other", namespace: "ns" }, { machineType: TYPE, region: "ny2" });
    expect(related().capacity).toMatchObject({ [TYPE]: { hint: "short" } });
    await clock.advance(10 * MINUTE_MS);
    relatedFacts.release("ns/other");
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take({ key: "ns/other", namespace: "ns" }, { machineType: TYPE, region: "ny2" });
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
  });

  it("is unknown of a type that is not offered: the attempt must decide, so that it is refused by its name", async () => {
    const { clock, observed, related, reads } = setUp();
    const misspelt = { machineType: "A4OOO" };
    await observed([FACT.capacity("A4OOO")], misspelt);
    expect(related(misspelt, undefined, { machineTypes: ["A4OOO"] }).capacity).toEqual({
      A4OOO: { hint: "unknown" },
    });
    await clock.advance(RESYNC_MS - 1_000);
    expect(related(misspelt, undefined, { machineTypes: ["A4OOO"] }).capacity).toEqual({
      A4OOO: { hint: "unknown" },
    });
    expect(reads(AVAILABLE)).toBe(1);
    expect(reads("/v1/os-templates")).toBe(1);
  });

  it("reads seldom what is offered at all: that is a long list, and shortages are many", async () => {
    const { clock, sim, capacity, reads } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    for (let n = 0; n < 10; n++) {
      await capacity();
      await clock.advance(5 * MINUTE_MS);
    }
    expect(reads(AVAILABLE)).toBe(10);
    expect(reads("/v1/os-templates")).toBe(1);
  });
});

describe("hints that cannot be had", () => {
  const body = { code: "X", message: "no" };

  it.each([
    ["is not there (404)", { status: 404, body }],
    ["is forbidden (403)", { status: 403, body }],
    ["fails (500)", { status: 500 }],
    ["never answers", { hang: true }],
  ])("do not stop anything when the endpoint %s, and are not requested each time", async (_, fault) => {
    const { clock, sim, pass, subject, related, queued } = setUp();
    sim.faults.add({ match: { times: "always" }, do: fault });
    pass(subject(), [FACT.standing, FACT.capacity(TYPE)]);
    await clock.advance(3 * MINUTE_MS);
    expect(queued).toEqual(["ns/box", "ns/box"]);
    expect(related()).toEqual({
      standing: { good: true, messages: [] },
      capacity: { [TYPE]: { hint: "unknown" } },
      readErrors: {},
    });
    sim.calls.clear();
    await clock.advance(RESYNC_MS / 2);
    expect(related().standing).toBeDefined();
    expect(related().capacity[TYPE]).toBeDefined();
    expect(sim.calls.list()).toEqual([]);
  });

  it("leave a shortage unknown where it cannot be distinguished from a misspelt type", async () => {
    const { clock, sim, capacity, related } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    sim.faults.add({ match: { path: "os-templates", times: "always" }, do: { status: 503 } });
    await capacity();
    await clock.advance(MINUTE_MS);
    expect(related().capacity).toEqual({ [TYPE]: { hint: "unknown" } });
  });
});

describe("standing", () => {
  it("that is good is requested once in a resync, for all objects", async () => {
    const { clock, pass, subject, related, reads } = setUp();
    for (let n = 0; n < 100; n++) pass(subject({}, undefined, { key: `ns/${n}` }), [FACT.standing]);
    await clock.settle();
    expect(related().standing).toEqual({ good: true, messages: [] });
    await clock.advance(RESYNC_MS - 1_000);
    expect(related().standing).toBeDefined();
    await clock.advance(1_000);
    expect(related().standing).toBeUndefined();
    expect(reads(STANDING)).toBe(1);
  });

  it("that is bad is requested again soon, since the user may be about to settle it", async () => {
    const { clock, sim, related, standing } = setUp();
    sim.console.setStanding(TEAM, false, ["a payment is due"]);
    expect(await standing()).toEqual({ good: false, messages: ["a payment is due"] });
    await clock.advance(RECHECK_MS - 1_000);
    expect(related().standing).toMatchObject({ good: false });
    sim.console.setStanding(TEAM, true);
    await clock.advance(1_000);
    expect(related().standing).toBeUndefined();
    expect(await standing()).toEqual({ good: true, messages: [] });
  });
});

describe("our own writes", () => {
  it("of a script are cached without another read, and a read from before them does not undo them", async () => {
    const { clock, sim, relatedFacts, script, observed, related, reads } = setUp();
    const [one, two] = [script("one", "ps1"), script("two")];
    const spec = { startupScriptId: two };
    expect((await observed([FACT.scripts], spec, "ps1")).scripts).toEqual([one]);
    sim.faults.add({ match: { path: "startup-scripts" }, do: { answerDelayMs: 1_000 } });
    await observed([FACT.scripts], spec, "ps1");
    await clock.advance(500);
    relatedFacts.noteScript(one, [], clock.monotonic());
    relatedFacts.noteScript(two, ["ps1"], clock.monotonic());
    await clock.advance(500);
    expect(related(spec, "ps1").scripts).toEqual([two]);
    expect(reads(SCRIPTS)).toBe(2);
  });

  it("of a script count as well where nothing was cached: the read under way may be of before them", async () => {
    const { clock, sim, relatedFacts, script, observed, related, queued } = setUp();
    const one = script("one");
    const spec = { startupScriptId: one };
    sim.faults.add({ match: { path: "startup-scripts" }, do: { answerDelayMs: 1_000 } });
    await observed([FACT.scripts], spec, "ps1");
    await clock.advance(500);
    sim.world.scripts.get(one)?.assignedMachineIds.push("ps1");
    relatedFacts.noteScript(one, ["ps1"], clock.monotonic());
    await clock.advance(500);
    expect(related(spec, "ps1").scripts).toBeUndefined();
    expect(queued).toEqual(["ns/box"]);
    expect((await observed([FACT.scripts], spec, "ps1")).scripts).toEqual([one]);
  });

  it("of access are cached without another read; one that was so already means that the cache was wrong", async () => {
    const { clock, relatedFacts, machineIn, observed, related } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const spec = { accessors: {} };
    await observed([FACT.accessors], spec, id);
    const now = clock.monotonic();
    relatedFacts.noteAccess(id, USER, "grant", now);
    relatedFacts.noteAccess(id, USER, "grant", now);
    expect(related(spec, id).accessors).toEqual([OWNER, USER]);
    relatedFacts.noteAccess(id, OWNER, "revoke", now);
    expect(related(spec, id).accessors).toEqual([USER]);
    relatedFacts.noteAccess(id, USER, "revoke", undefined);
    expect(related(spec, id).accessors).toBeUndefined();
    expect((await observed([FACT.accessors], spec, id)).accessors).toEqual([OWNER]);
  });
});

describe("when the user requests a read", () => {
  it("all is invalidated, of this machine and of the team, and of no other machine; what was shown is read at once", async () => {
    const { clock, sim, relatedFacts, machineIn, observed, related, subject, standing } = setUp();
    const id = await machineIn("ready", { templateId: "tdesk22u" });
    const other = await machineIn("ready");
    const spec = { startupScriptId: "", accessors: {}, desktopSecretRef: { name: "access" } };
    sim.console.setStanding(TEAM, false);
    await standing();
    await observed([FACT.accessors], spec, other);
    await observed([FACT.scripts, FACT.accessors, FACT.users, FACT.desktop], spec, id);
    expect(Object.keys(related(spec, id)).sort()).toEqual([
      "accessors",
      "capacity",
      "desktop",
      "readErrors",
      "scripts",
      "standing",
      "users",
    ]);
    sim.calls.clear();
    relatedFacts.reload(subject(spec, id));
    expect(related(spec, id)).toEqual({ capacity: {}, readErrors: {} });
    expect(relatedFacts.desktopOf(id)).toBeUndefined();
    expect(related(spec, other).accessors).toEqual([]);
    await clock.settle();
    expect(
      sim.calls
        .list()
        .map(({ path }) => path)
        .sort(),
    ).toEqual([`/v1/machines/${id}/accessors`, `/v1/machines/${id}/desktop`, SCRIPTS]);
    expect(related(spec, id)).toMatchObject({ scripts: [], accessors: [], desktop: "stale" });
  });

  it("nothing is read that was not shown: a machine that is off would answer that it has no desktop", async () => {
    const { clock, sim, machineIn, relatedFacts, subject } = setUp();
    const id = await machineIn("ready");
    sim.calls.clear();
    relatedFacts.reload(subject({ accessors: {}, desktopSecretRef: { name: "access" } }, id));
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });
});

it("drops what a refused write rested on, of the team and of this machine, so that it is read anew", async () => {
  const { relatedFacts, observed, related, machineIn } = setUp();
  const id = await machineIn("ready");
  const other = await machineIn("ready");
  const spec = { startupScriptId: "", accessors: {} };
  await observed([FACT.accessors], spec, other);
  await observed([FACT.scripts, FACT.accessors, FACT.users, FACT.standing], spec, id);
  relatedFacts.invalidate(id);
  expect(related(spec, id)).toEqual({ capacity: {}, readErrors: {} });
  expect(related(spec, other).accessors).toEqual([]);
});

describe("the quota", () => {
  const few = [{ id: "ps1", name: "one" }];
  const SESSION = "/v1/auth/session";
  const began = ({ clock }: ReturnType<typeof setUp>) => momentOf(clock);

  /** Full, by a list and a session of now. */
  async function full() {
    const world = setUp();
    world.sim.console.setQuota(TEAM, 1);
    world.inventory.lists.add(began(world), few);
    expect((await world.observed([FACT.machines])).machines).toEqual({ count: 1, most: 1 });
    world.sim.calls.clear();
    world.queued.length = 0;
    return world;
  }

  it("is that of the newest list and of the session, and needs both where there is none", async () => {
    const world = setUp();
    const { pass, subject, queued, related, inventory, clock } = world;
    expect(pass(subject(), [FACT.machines]).machines).toBeUndefined();
    await clock.settle();
    // Once for the list, and once the session is read.
    expect(queued).toEqual(["ns/box", "ns/box"]);
    inventory.lists.add(began(world), few);
    expect(related().machines).toEqual({ count: 1, most: 100 });
  });

  it("is read again once a resync where it prevents a create, and not before: it is raised on request only", async () => {
    const world = await full();
    const { clock, related, observed, reads, sim, inventory, queued } = world;
    await clock.advance(0.8 * RESYNC_MS);
    expect(related().machines).toEqual({ count: 1, most: 1 });
    sim.console.setQuota(TEAM, 2);
    await clock.advance(0.3 * RESYNC_MS);
    expect(related().machines).toBeUndefined();
    // As a regular list does.
    inventory.lists.add(began(world), few);
    expect((await observed([FACT.machines])).machines).toEqual({ count: 1, most: 2 });
    expect(reads(SESSION)).toBe(1);
    expect(queued).toEqual(["ns/box"]);
    // What does not speak against it may be old: the API decides in the end.
    await clock.advance(HOUR_MS);
    expect(related().machines).toEqual({ count: 1, most: 2 });
  });

  it("needs a list where no regular one is made: nobody of the team follows a machine", async () => {
    const { clock, related, pass, subject, queued } = await full();
    await clock.advance(2 * RESYNC_MS);
    expect(related().machines).toBeUndefined();
    pass(subject(), [FACT.machines]);
    expect(queued).toEqual(["ns/box"]);
  });

  it("is free again as soon as a read shows that a machine of the list is gone", async () => {
    const { clock, inventory, related } = await full();
    inventory.lists.recordGone("ps1", clock.monotonic());
    expect(related().machines).toEqual({ count: 0, most: 1 });
  });

  it("is read at once at the user's request, for an object that waits for it alone", async () => {
    const { clock, sim, relatedFacts, subject, related, reads, queued } = await full();
    sim.console.setQuota(TEAM, 5);
    relatedFacts.reload(subject({}, "ps1"));
    await clock.settle();
    expect(reads(SESSION)).toBe(0);
    relatedFacts.reload(subject());
    await clock.settle();
    expect(related().machines).toEqual({ count: 1, most: 5 });
    expect(queued).toContain("list for ns/box");
  });

  it("stops nothing where it cannot be read: the attempt decides", async () => {
    const world = setUp();
    const { inventory, observed, related, sim } = world;
    sim.faults.add({ match: { path: SESSION, times: "always" }, do: { html: true } });
    expect((await observed([FACT.machines])).machines).toEqual({ count: 0, most: Number.POSITIVE_INFINITY });
    sim.faults.clear();
    const other = setUp();
    other.inventory.listError = new Error("503");
    expect((await other.observed([FACT.machines])).machines).toEqual({ count: 0, most: 100 });
    inventory.lists.add(began(world), few);
    expect(related().machines?.most).toBe(Number.POSITIVE_INFINITY);
  });

  it("stays what it was known to be where it cannot be read again: a create would be refused", async () => {
    const world = await full();
    world.sim.faults.add({ match: { path: SESSION, times: "always" }, do: { html: true } });
    await world.clock.advance(RESYNC_MS);
    world.inventory.lists.add(began(world), few);
    expect((await world.observed([FACT.machines])).machines).toEqual({ count: 1, most: 1 });
  });
});

describe("readError", () => {
  it("is shown to the objects that use the fact, with the time until it is retried, and until a read succeeds", async () => {
    const { clock, sim, observed, related } = setUp();
    const accessorsOnly = { accessors: {} };
    const needs = [FACT.accessors, FACT.users, FACT.scripts, FACT.addresses];
    sim.faults.add({ match: { times: "always" }, do: { status: 503 } });
    const all = { ...accessorsOnly, startupScriptId: "s" };
    await observed(needs, all, "ps1");
    await clock.advance(10_000);
    sim.faults.clear();
    const shown = (over: Partial<MachineSpec>, id?: string) =>
      Object.keys(related(over, id).readErrors).sort();
    expect(shown(accessorsOnly, "ps1")).toEqual(["accessors", "addresses", "users"]);
    expect(shown({ startupScriptId: "s" }, "ps1")).toEqual(["addresses", "scripts"]);
    expect(shown({}, "ps2")).toEqual(["addresses"]);
    await clock.advance(MINUTE_MS);
    await observed([FACT.scripts, FACT.users], all, "ps1");
    expect(shown(all, "ps1")).toEqual(["accessors", "addresses"]);
  });

  it("is not retried while the back-off lasts, also where an older answer is cached", async () => {
    const { clock, sim, observed, related } = setUp();
    const spec = { accessors: { emails: ["x@y.z"] } };
    await observed([FACT.users], spec, "ps1");
    await clock.advance(MINUTE_MS);
    sim.faults.add({ match: { path: "users", times: "always" }, do: { html: true } });
    const { users } = (await observed([FACT.users], spec, "ps1")).readErrors;
    expect(users?.kind === "Retry" && users.atLeastMs).toBeGreaterThan(0);
    expect(related(spec, "ps1").users).toBeUndefined();
  });
});
