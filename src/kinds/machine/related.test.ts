import { describe, expect, it } from "vitest";
import { createScript } from "../../../dev/simulator/world/scripts.ts";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import { ALPHA, setUp as simulate } from "../../../test/simulator/simulation.ts";
import { simSockets } from "../../../test/support/sim-sockets.ts";
import { Throttle } from "../../paperspace/throttle.ts";
import { Transport } from "../../paperspace/transport.ts";
import { FACT } from "./observation.ts";
import { RelatedFacts } from "./related.ts";
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

/** What is known around a team, read over the real transport from a simulated account. */
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
  const relatedFacts = new RelatedFacts(
    {
      team: TEAM,
      clock,
      resyncMs: RESYNC_MS,
      recheckMs: RECHECK_MS,
      enqueue: (key) => hear.queued(key),
      readErrorOf: (error) => ({
        kind: "Retry",
        reason: "ApiUnavailable",
        message: (error as Error).message,
      }),
    },
    new RelatedApi(transport),
  );
  const spec = (over: Partial<MachineSpec> = {}): MachineSpec => ({ ...SPEC, ...over });
  const related = (over: Partial<MachineSpec> = {}, id?: string, types = [TYPE]) =>
    relatedFacts.related("ns/box", spec(over), id, types);
  /** What is known once what is asked for has been read. */
  const known = async (needs: string[], over: Partial<MachineSpec> = {}, id?: string) => {
    relatedFacts.ask("ns/box", spec(over), id, needs);
    await clock.settle();
    return related(over, id);
  };
  const reads = (path: string) => sim.calls.list({ path }).length;
  const script = (name: string, machineId?: string) => {
    const made = createScript(sim.world, sim.console.team(TEAM), { name, script: "echo" });
    if (machineId !== undefined) made.assignedMachineIds.push(machineId);
    return made.id;
  };
  const standing = () => known([FACT.standing]).then((facts) => facts.standing);
  const capacity = () => known([FACT.capacity(TYPE)]).then((facts) => facts.capacity[TYPE]);
  return { ...parts, relatedFacts, hear, queued, spec, related, known, reads, script, standing, capacity };
}

describe("facts", () => {
  it("are read for what the spec manages only: absent means unmanaged, and costs nothing", async () => {
    const { clock, sim, machineIn, relatedFacts, related, script, spec } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const scriptId = script("one", id);
    relatedFacts.ask("ns/other", spec({ startupScriptId: scriptId, accessors: {} }), id, [
      FACT.scripts,
      FACT.accessors,
    ]);
    await clock.settle();
    // Long after, all of it is old.
    await clock.advance(12 * HOUR_MS);
    sim.calls.clear();
    expect(related({}, id)).toEqual({ capacity: {}, readErrors: {} });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
    expect(related({ startupScriptId: scriptId, accessors: {} }, id)).toMatchObject({
      scripts: [scriptId],
      accessors: [OWNER],
    });
  });

  it("are not read about a machine that is not there yet", async () => {
    const { clock, sim, relatedFacts, known, related, spec } = setUp();
    const managed = spec({ startupScriptId: "s", accessors: { emails: [] } });
    await known([FACT.scripts], managed, "ps1");
    sim.calls.clear();
    expect(related(managed)).toEqual({ capacity: {}, readErrors: {} });
    relatedFacts.ask("ns/box", managed, undefined, [FACT.accessors, FACT.desktop]);
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });

  it("are asked for, and read by nobody who does not ask", async () => {
    const { clock, sim, related } = setUp();
    expect(related({ startupScriptId: "s", accessors: {} }, "ps1")).toEqual({ capacity: {}, readErrors: {} });
    await clock.settle();
    expect(sim.calls.list()).toEqual([]);
  });

  it("of the team's scripts cost one list for all machines, once in each resync, and say whose they are", async () => {
    const { clock, relatedFacts, script, spec, reads, queued } = setUp();
    const ids = Array.from({ length: 100 }, (_, n) => `ps${n}`);
    const scripts = ids.map((id) => script(`of ${id}`, id));
    const managed = (n: number) => spec({ startupScriptId: scripts[n] ?? "" });
    const passes = () => ids.map((id, n) => relatedFacts.related(`ns/${n}`, managed(n), id, []).scripts);
    for (const [n, id] of ids.entries()) relatedFacts.ask(`ns/${n}`, managed(n), id, [FACT.scripts]);
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
    const { clock, machineIn, known, related, reads } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const spec = { accessors: { userIds: [OWNER.id] } };
    expect((await known([FACT.accessors], spec, id)).accessors).toEqual([OWNER]);
    for (let turn = 0; turn < 60; turn++) {
      await clock.advance(RESYNC_MS);
      expect(related(spec, id).accessors).toEqual([OWNER]);
      await clock.settle();
    }
    expect(reads(`/v1/machines/${id}/accessors`)).toBe(11);
  });

  it("that decide of people and money must be of now: members and addresses are not believed for long", async () => {
    const { clock, known, related } = setUp();
    const spec = { accessors: { emails: ["x@y.z"] } };
    expect(await known([FACT.users, FACT.addresses], spec, "ps1")).toMatchObject({
      users: expect.arrayContaining([OWNER]),
      addresses: [],
    });
    await clock.advance(MINUTE_MS);
    expect(related(spec, "ps1")).toEqual({ capacity: {}, readErrors: {} });
  });

  it("of addresses are forgotten with the word that one was given back", async () => {
    const { relatedFacts, known, related } = setUp();
    expect((await known([FACT.addresses])).addresses).toEqual([]);
    relatedFacts.forgetAddresses();
    expect(related().addresses).toBeUndefined();
  });

  it("hold no password where they are shown: it goes into the Secret only", async () => {
    const { machineIn, relatedFacts, known } = setUp();
    const id = await machineIn("ready", { templateId: "tvimtol9" });
    const facts = await known([FACT.desktop], { desktopSecretRef: { name: "access" } }, id);
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

  it("is known by type and region: a shortage here says nothing of there", async () => {
    const { clock, sim, relatedFacts, known, spec } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const needs = [FACT.capacity(TYPE), FACT.capacity("C5")];
    expect((await known(needs)).capacity).toMatchObject({ [TYPE]: { hint: "short" } });
    const there = spec({ region: "ca1" });
    relatedFacts.ask("ns/box", there, undefined, needs);
    await clock.settle();
    expect(relatedFacts.related("ns/box", there, undefined, [TYPE, "C5"]).capacity).toEqual({
      [TYPE]: { hint: "free" },
      C5: { hint: "free" },
    });
  });

  it("that is short is asked ever more rarely, for all objects together, however many wait", async () => {
    const { clock, sim, hear, relatedFacts, spec, reads } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const waiting = new Map<string, number>();
    const pass = (key: string) => {
      const capacity = relatedFacts.related(key, spec(), undefined, [TYPE]).capacity[TYPE];
      if (capacity?.hint !== "short") return relatedFacts.ask(key, spec(), undefined, [FACT.capacity(TYPE)]);
      waiting.set(key, capacity.retryMs);
      clock.after(capacity.retryMs, () => pass(key));
    };
    hear.queued = (key) => void clock.after(0, () => pass(key));
    for (let n = 0; n < 100; n++) pass(`ns/${n}`);
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
    const { clock, sim, hear, relatedFacts, spec, reads } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    const taken: string[] = [];
    const pass = (key: string) => {
      const capacity = relatedFacts.related(key, spec(), undefined, [TYPE]).capacity[TYPE];
      if (!capacity) return relatedFacts.ask(key, spec(), undefined, [FACT.capacity(TYPE)]);
      if (capacity.hint === "short") return void clock.after(capacity.retryMs, () => pass(key));
      relatedFacts.take(key, TYPE, "ny2");
      expect(relatedFacts.related(key, spec(), undefined, [TYPE]).capacity[TYPE]).toEqual({ hint: "free" });
      taken.push(key);
      // The API takes notice long after, when the machine was stopped and changed for it.
      clock.after(120_000, () => void sim.console.create(TEAM, { machineType: TYPE }));
      clock.after(121_000, () => relatedFacts.release(key));
    };
    hear.queued = (key) => void clock.after(0, () => pass(key));
    for (let n = 0; n < 100; n++) pass(`ns/${n}`);
    await clock.advance(20 * MINUTE_MS);
    expect(taken).toEqual([]);
    sim.world.setCapacity(TYPE, "ny2", 3);
    await clock.advance(HOUR_MS);
    expect(taken).toHaveLength(3);
    expect(new Set(taken).size).toBe(3);
    expect(reads(AVAILABLE)).toBeLessThan(50);
  });

  it("that was never short is everybody's, and so it is again some time after a shortage", async () => {
    const { clock, sim, related, relatedFacts, capacity } = setUp();
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take("ns/other", TYPE, "ny2");
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
    await clock.advance(MINUTE_MS);
    sim.world.setCapacity(TYPE, "ny2", 0);
    expect(await capacity()).toMatchObject({ hint: "short" });
    sim.world.setCapacity(TYPE, "ny2", null);
    await clock.advance(MINUTE_MS);
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take("ns/other", TYPE, "ny2");
    expect(related().capacity).toMatchObject({ [TYPE]: { hint: "short" } });
    await clock.advance(10 * MINUTE_MS);
    relatedFacts.release("ns/other");
    expect(await capacity()).toEqual({ hint: "free" });
    relatedFacts.take("ns/other", TYPE, "ny2");
    expect(related().capacity).toEqual({ [TYPE]: { hint: "free" } });
  });

  it("is unknown of a type that nobody sells: the attempt must decide, so that it is refused by its name", async () => {
    const { clock, known, related, reads } = setUp();
    const misspelt = { machineType: "A4OOO" };
    await known([FACT.capacity("A4OOO")], misspelt);
    expect(related(misspelt, undefined, ["A4OOO"]).capacity).toEqual({ A4OOO: { hint: "unknown" } });
    await clock.advance(RESYNC_MS - 1_000);
    expect(related(misspelt, undefined, ["A4OOO"]).capacity).toEqual({ A4OOO: { hint: "unknown" } });
    expect(reads(AVAILABLE)).toBe(1);
    expect(reads("/v1/os-templates")).toBe(1);
  });

  it("asks seldom what is sold at all: that is a long list, and shortages are many", async () => {
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
  ])("do not stop anything when the endpoint %s, and are not asked for each time", async (_, fault) => {
    const { clock, sim, relatedFacts, spec, related, queued } = setUp();
    sim.faults.add({ match: { times: "always" }, do: fault });
    relatedFacts.ask("ns/box", spec(), undefined, [FACT.standing, FACT.capacity(TYPE)]);
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

  it("leave a shortage unknown where it cannot be told from a misspelt type", async () => {
    const { clock, sim, capacity, related } = setUp();
    sim.world.setCapacity(TYPE, "ny2", 0);
    sim.faults.add({ match: { path: "os-templates", times: "always" }, do: { status: 503 } });
    await capacity();
    await clock.advance(MINUTE_MS);
    expect(related().capacity).toEqual({ [TYPE]: { hint: "unknown" } });
  });
});

describe("standing", () => {
  it("that is good is asked once in a resync, for all objects", async () => {
    const { clock, relatedFacts, spec, related, reads } = setUp();
    for (let n = 0; n < 100; n++) relatedFacts.ask(`ns/${n}`, spec(), undefined, [FACT.standing]);
    await clock.settle();
    expect(related().standing).toEqual({ good: true, messages: [] });
    await clock.advance(RESYNC_MS - 1_000);
    expect(related().standing).toBeDefined();
    await clock.advance(1_000);
    expect(related().standing).toBeUndefined();
    expect(reads(STANDING)).toBe(1);
  });

  it("that is bad is asked again soon, since somebody is about to settle it", async () => {
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
  it("of a script are known without another read, and a read from before them does not undo them", async () => {
    const { clock, sim, relatedFacts, script, known, related, reads } = setUp();
    const [one, two] = [script("one", "ps1"), script("two")];
    const spec = { startupScriptId: two };
    expect((await known([FACT.scripts], spec, "ps1")).scripts).toEqual([one]);
    sim.faults.add({ match: { path: "startup-scripts" }, do: { answerDelayMs: 1_000 } });
    await known([FACT.scripts], spec, "ps1");
    await clock.advance(500);
    relatedFacts.noteScript(one, [], clock.monotonic());
    relatedFacts.noteScript(two, ["ps1"], clock.monotonic());
    await clock.advance(500);
    expect(related(spec, "ps1").scripts).toEqual([two]);
    expect(reads(SCRIPTS)).toBe(2);
  });

  it("of a script count as well where nothing was known: the read under way may be of before them", async () => {
    const { clock, sim, relatedFacts, script, known, related, queued } = setUp();
    const one = script("one");
    const spec = { startupScriptId: one };
    sim.faults.add({ match: { path: "startup-scripts" }, do: { answerDelayMs: 1_000 } });
    await known([FACT.scripts], spec, "ps1");
    await clock.advance(500);
    sim.world.scripts.get(one)?.assignedMachineIds.push("ps1");
    relatedFacts.noteScript(one, ["ps1"], clock.monotonic());
    await clock.advance(500);
    expect(related(spec, "ps1").scripts).toBeUndefined();
    expect(queued).toEqual(["ns/box"]);
    expect((await known([FACT.scripts], spec, "ps1")).scripts).toEqual([one]);
  });

  it("of access are known without another read; one that was so already means that we knew it wrongly", async () => {
    const { clock, relatedFacts, machineIn, known, related } = setUp();
    const id = await machineIn("ready", { accessorIds: [OWNER.id] });
    const spec = { accessors: {} };
    await known([FACT.accessors], spec, id);
    const now = clock.monotonic();
    relatedFacts.noteAccess(id, USER, "grant", now);
    relatedFacts.noteAccess(id, USER, "grant", now);
    expect(related(spec, id).accessors).toEqual([OWNER, USER]);
    relatedFacts.noteAccess(id, OWNER, "revoke", now);
    expect(related(spec, id).accessors).toEqual([USER]);
    relatedFacts.noteAccess(id, USER, "revoke", undefined);
    expect(related(spec, id).accessors).toBeUndefined();
    expect((await known([FACT.accessors], spec, id)).accessors).toEqual([OWNER]);
  });
});

it("forgets whatever the user says is old, of this machine and of the team, and of no other machine", async () => {
  const { sim, relatedFacts, machineIn, known, related, standing } = setUp();
  const id = await machineIn("ready", { templateId: "tvimtol9" });
  const other = await machineIn("ready");
  const spec = { startupScriptId: "", accessors: {} };
  sim.console.setStanding(TEAM, false);
  await standing();
  await known([FACT.accessors], spec, other);
  await known([FACT.scripts, FACT.accessors, FACT.users, FACT.desktop], spec, id);
  relatedFacts.lookAnew(id);
  expect(related(spec, id)).toEqual({ capacity: {}, readErrors: {} });
  expect(relatedFacts.desktopOf(id)).toBeUndefined();
  expect(related(spec, other).accessors).toEqual([]);
});

describe("readError", () => {
  it("is told to whom it concerns, with the time until it is tried again, and until it is over", async () => {
    const { clock, sim, known, related } = setUp();
    const people = { accessors: {} };
    const needs = [FACT.accessors, FACT.users, FACT.scripts, FACT.addresses];
    sim.faults.add({ match: { times: "always" }, do: { status: 503 } });
    await known(needs, people, "ps1");
    await clock.advance(10_000);
    sim.faults.clear();
    const told = (over: Partial<MachineSpec>, id?: string) =>
      Object.keys(related(over, id).readErrors).sort();
    expect(told(people, "ps1")).toEqual(["accessors", "addresses", "users"]);
    expect(told({ startupScriptId: "s" }, "ps1")).toEqual(["addresses", "scripts"]);
    expect(told({}, "ps2")).toEqual(["addresses"]);
    await clock.advance(MINUTE_MS);
    await known([FACT.scripts, FACT.users], people, "ps1");
    expect(told({ ...people, startupScriptId: "s" }, "ps1")).toEqual(["accessors", "addresses"]);
  });

  it("keeps its askers off while the back-off lasts, also where an older answer is known", async () => {
    const { clock, sim, known, related } = setUp();
    const spec = { accessors: { emails: ["x@y.z"] } };
    await known([FACT.users], spec);
    await clock.advance(MINUTE_MS);
    sim.faults.add({ match: { path: "users", times: "always" }, do: { html: true } });
    expect((await known([FACT.users], spec)).readErrors.users?.atLeastMs).toBeGreaterThan(0);
    expect(related(spec).users).toBeUndefined();
  });
});
