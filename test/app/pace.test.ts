/**
 * What an object that cannot get on may cost: nothing is asked again and again at once, and one object's errors do not
 * slow the reads of the others. Each test is the smallest input of a class that did, run with the whole operator over a
 * cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import { KubeError } from "../../src/kube/errors.ts";
import { calls, checkTraffic, eventNotes, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const TEAM = "te-alpha";

checkTraffic();

const reason = (world: VirtualWorld, name: string, type = "Ready") => world.condition(name, type)?.reason;

describe("a request that is wrong itself", () => {
  it("is Refused until the spec changes, and not decided on again at once: it can never be sent", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.edit("box", { spec: { startupScriptId: " " } });
    await world.clock.advance(2 * MINUTE);
    world.sim.calls.clear();
    await world.clock.advance(MINUTE);
    expect(world.sim.calls.list().length).toBeLessThan(5);
    expect(reason(world, "box")).toBe("Refused");
    world.edit("box", { spec: { startupScriptId: world.script("good") } });
    await world.ready("box");
  });

  it("is Refused where it is a read as well", async () => {
    const world = running();
    world.apply("box", { adoptId: ".." });
    await world.clock.advance(MINUTE);
    expect(reason(world, "box")).toBe("Refused");
    expect(world.sim.calls.list({ path: /machines/ })).toEqual([]);
    world.edit("box", { spec: { adoptId: null } });
    await world.ready("box");
  });
});

describe("a Secret that cannot be written", () => {
  for (const [status, why] of [
    [400, "BadRequest"],
    [422, "Invalid"],
    [503, "ServiceUnavailable"],
  ] as const)
    it(`is tried ever more slowly after a ${status}, whatever is read between the tries`, async () => {
      const world = running();
      const sent: string[] = [];
      world.kube.intercept = ({ method, path }) => {
        if (!path.includes("/secrets")) return { delayMs: 1 };
        if (path.includes("esktop")) sent.push(method);
        if (method !== "POST") return { delayMs: 1 };
        sent.push(method);
        const body = { kind: "Status", reason: why, code: status, message: "no" };
        throw KubeError.fromAnswer(status, body, "POST");
      };
      world.apply("box", { templateId: "tdesk22u", desktopSecretRef: { name: "My_Desktop" } });
      await world.clock.advance(10 * MINUTE);
      expect(sent).toContain("POST");
      expect(sent.length).toBeLessThan(60);
      if (status !== 503) expect(reason(world, "box")).toBe("Refused");
    });
});

describe("a retry that ends as the one before", () => {
  it("is no news: neither an Event nor another condition comes of it, until it succeeds", async () => {
    const world = running();
    world.apply("box", { templateId: "tnowhere0" });
    await world.until("it is refused", () => reason(world, "box") === "Refused");
    await world.clock.advance(MINUTE);
    const seen = new Set<string | undefined>();
    world.kube.onChange = () => seen.add(reason(world, "box"));
    world.sim.calls.clear();
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "POST", /machines$/)).toHaveLength(6);
    expect([...seen]).toEqual(["Refused"]);
    expect(eventNotes(world, "Refused", "box")).toHaveLength(1);
    world.edit("box", { spec: { templateId: "t0nspur5" } });
    await world.ready("box");
    expect([...seen]).toEqual(
      ["Refused", "Creating", "Starting", "Available"].filter((one) => seen.has(one)),
    );
    expect(seen).toContain("Creating");
  });
});

describe("a change of power that fails each time", () => {
  /** A machine that is to start, at a vendor where each start fails. */
  async function failing() {
    const world = running();
    world.apply("box", { powerState: "Stopped" });
    await world.ready("box");
    for (let i = 0; i < 100; i++) world.sim.console.failNext({ event: "start" });
    world.edit("box", { spec: { powerState: "Running" } });
    return world;
  }
  const starts = (world: VirtualWorld) => calls(world, "PATCH", /start$/).length;

  it("is sent again after twice the time each time, up to the slow pace, also by the next process", async () => {
    const world = await failing();
    await world.clock.advance(30 * MINUTE);
    expect(starts(world)).toBeLessThanOrEqual(7);
    world.sim.calls.clear();
    await world.clock.advance(60 * MINUTE);
    expect(starts(world)).toBeGreaterThanOrEqual(4);
    expect(starts(world)).toBeLessThanOrEqual(6);
    await world.until("it has failed", () => reason(world, "box") === "StartFailed");
    world.sim.calls.clear();
    world.start();
    await world.clock.advance(5 * MINUTE);
    expect(starts(world)).toBeLessThanOrEqual(1);
  });

  it.each([
    [
      "the user asks for it",
      { metadata: { annotations: { "paperspace.com/reconcile-requested-at": "now" } } },
    ],
    ["the spec has changed", { spec: { autoShutdown: { enabled: true, timeoutHours: 1 } } }],
  ])("is sent again soon where %s", async (_what, patch) => {
    const world = await failing();
    await world.clock.advance(90 * MINUTE);
    const sent = starts(world);
    await world.until("it is sent once more", () => starts(world) > sent);
    await world.until("it has failed", () => reason(world, "box") === "StartFailed");
    world.sim.calls.clear();
    world.edit("box", patch);
    await world.clock.advance(MINUTE);
    expect(starts(world)).toBe(1);
  });
});

describe("an id that cannot be read", () => {
  for (const [what, adoptId] of [
    ["that is none", ".."],
    ["that the API always fails on", "psbroken"],
  ] as const)
    it(`${what} does not delay the reads of other ids: each backs off by itself`, async () => {
      const world = running();
      world.sim.faults.add({ match: { path: "psbroken", times: "always" }, do: { status: 500 } });
      world.apply("box");
      await world.ready("box");
      world.apply("poison", { adoptId });
      await world.clock.advance(10 * MINUTE);
      const at = world.clock.monotonic();
      world.apply("fresh");
      await world.ready("fresh");
      expect((world.clock.monotonic() - at) / 1000).toBeLessThan(80);
    });
});

describe("a quota that is used up", () => {
  async function waiting() {
    const world = running();
    world.sim.console.team(TEAM).maxMachines = 1;
    world.apply("one");
    await world.ready("one");
    world.apply("two");
    await world.until("quota", () => reason(world, "two") === "QuotaExceeded");
    return world;
  }

  it("is noticed within a resync when it is raised, as the message advises", async () => {
    const world = await waiting();
    world.sim.console.team(TEAM).maxMachines = 50;
    await world.clock.advance(15 * MINUTE);
    expect(reason(world, "two")).toBe("Available");
  });

  it("is read again at once when the user asks for it", async () => {
    const world = await waiting();
    world.sim.console.team(TEAM).maxMachines = 50;
    world.edit("two", { metadata: { annotations: { "paperspace.com/reconcile-requested-at": "now" } } });
    await world.clock.advance(2 * MINUTE);
    expect(reason(world, "two")).toBe("Available");
  });

  it("costs one read of the session a resync while it is waited for, and no list beside the regular one", async () => {
    const world = await waiting();
    await world.clock.advance(5 * MINUTE);
    world.sim.calls.clear();
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "GET", /session/).length).toBeLessThanOrEqual(7);
    expect(calls(world, "GET", /machines$/).length).toBeLessThanOrEqual(7);
    expect(world.sim.calls.list().length).toBeLessThanOrEqual(20);
  });

  it("is free at once when another object's machine is deleted, without a list", async () => {
    const world = await waiting();
    await world.clock.advance(MINUTE);
    world.sim.calls.clear();
    world.delete("one");
    await world.gone("one");
    await world.clock.advance(MINUTE);
    expect(calls(world, "POST", /machines$/)).toHaveLength(1);
  });
});
