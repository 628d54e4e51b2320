import { describe, expect, it } from "vitest";
import { createScript } from "../../../dev/simulator/world/scripts.ts";
import type { World } from "../../../dev/simulator/world/world.ts";
import { ALPHA, setUpConforming } from "../../../test/simulator/simulation.ts";
import { simSockets } from "../../../test/support/sim-sockets.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { Throttle } from "../../paperspace/throttle.ts";
import { Transport } from "../../paperspace/transport.ts";
import { RelatedApi } from "./related-api.ts";

const TEAM = "te-alpha";
const OWNER = { id: "ualphaowner", email: "owner@alpha.example" };
const DESKTOP = { templateId: "tdesk22u" };
const WINDOWS = { templateId: "twin10vd" };
const may = { gate: () => undefined };

type Behaviour = Parameters<World["setBehaviour"]>[0];

/** The real transport over a simulated account; what goes over it must fit the vendor's schema. */
function setUp(behaviour: Behaviour = {}) {
  const parts = setUpConforming({ behaviour });
  const { clock, sim } = parts;
  sim.console.setBudget(TEAM, null);
  const transport = new Transport({
    clock,
    sockets: simSockets(sim, { dead: false, passed() {} }),
    throttle: new Throttle(clock, { requestsPerSecond: 1_000, burst: 1_000, concurrency: 10 }),
    baseUrl: "http://sim.invalid/v1",
    apiKey: ALPHA,
    version: "test",
  });
  const api = new RelatedApi(transport);
  const team = sim.console.team(TEAM);
  const script = (name: string) => createScript(sim.world, team, { name, script: "echo" }).id;
  /** Advances the clock until the call is answered, as retries need it. */
  const over = async <T>(answer: Promise<T>): Promise<T> => {
    answer.catch(() => {});
    await clock.advance(600_000);
    return answer;
  };
  const failure = async (answer: Promise<unknown>): Promise<PaperspaceError> => {
    const error = await over(answer).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof PaperspaceError)) throw new Error(`no PaperspaceError: ${String(error)}`);
    return error;
  };
  return { ...parts, api, team, script, over, failure };
}

describe("users and accessors", () => {
  it("are those with access now: one that is listed as removed has none", async () => {
    const { api, machineIn } = setUp({ removedAccessors: "dtDeleted" });
    const id = await machineIn("ready", { accessorIds: [OWNER.id, "ualphauser1"] });
    expect(await api.accessors(id)).toHaveLength(2);
    await api.revoke(id, "ualphauser1", may);
    expect(await api.accessors(id)).toEqual([OWNER]);
  });

  it("have their addresses in lower case, since spellings differ", async () => {
    const { api, sim, machineIn } = setUp();
    sim.console.addUser(TEAM, { id: "uloud", email: "Ada.Loud@ALPHA.example" });
    const id = await machineIn("ready", { accessorIds: ["uloud"] });
    const ada = { id: "uloud", email: "ada.loud@alpha.example" };
    expect(await api.accessors(id)).toEqual([ada]);
    expect(await api.users(TEAM)).toContainEqual(ada);
  });

  it("of a team are all its members, also past the first page, without those who have left", async () => {
    const { api, sim } = setUp();
    for (let n = 0; n < 150; n++) sim.console.addUser(TEAM, { id: `u${n}`, email: `u${n}@alpha.example` });
    sim.console.removeUser(TEAM, "u149");
    const ids = (await api.users(TEAM)).map(({ id }) => id);
    expect(ids).toContain("u0");
    expect(ids).toContain("u148");
    expect(ids).not.toContain("u149");
    expect(new Set(ids).size).toBe(ids.length);
    expect(sim.calls.list({ path: `/v1/teams/${TEAM}/users` })).toHaveLength(2);
  });

  it("of another team are an error, and no empty team", async () => {
    const { api, failure } = setUp();
    expect((await failure(api.users("te-beta"))).code).toBe("PS_FORBIDDEN");
  });

  it("get access and lose it, and the time of the answer is returned: later reads are newer than it", async () => {
    const { api, clock, machineIn } = setUp();
    const id = await machineIn("ready");
    const before = clock.monotonic();
    expect(await api.grant(id, OWNER.id, may)).toBeGreaterThanOrEqual(before);
    expect(await api.accessors(id)).toEqual([OWNER]);
    expect(await api.revoke(id, OWNER.id, may)).toBeGreaterThanOrEqual(before);
    expect(await api.accessors(id)).toEqual([]);
  });

  it("that have no access any more count as removed, at an unknown time", async () => {
    const { api, machineIn } = setUp();
    const id = await machineIn("ready");
    expect(await api.revoke(id, OWNER.id, may)).toBeUndefined();
  });

  it("that do not exist are refused, and do not count as done", async () => {
    const { api, machineIn, failure } = setUp();
    const id = await machineIn("ready");
    expect((await failure(api.grant(id, "unobody", may))).code).toBe("PS_NOT_FOUND");
  });
});

describe("snapshots", () => {
  it("are found by their name among those of the machine, with the events of all of them", async () => {
    const { api, clock, machineIn } = setUp();
    const [id, other] = [await machineIn("off"), await machineIn("off")];
    await api.snapshot(other, "mine", may);
    expect(await api.findSnapshot(id, "mine")).toEqual({ events: [] });
    const { body } = await api.snapshot(id, "mine", may);
    await clock.advance(60_000);
    const found = await api.findSnapshot(id, "mine");
    expect(found).toMatchObject({ id: body.data.id, events: [{ id: body.event?.id, state: "done" }] });
  });

  it("are listed twice before one counts as not found, since a list may lag behind", async () => {
    const { api, sim, machineIn } = setUp();
    const id = await machineIn("off");
    const { body } = await api.snapshot(id, "mine", may);
    sim.faults.add({
      match: { method: "GET", path: "/snapshots", times: 1 },
      do: { omitFromList: body.data.id },
    });
    expect(await api.findSnapshot(id, "mine")).toMatchObject({ id: body.data.id });
  });

  it("are never requested twice for one answer that is lost", async () => {
    const { api, sim, machineIn, failure } = setUp();
    const id = await machineIn("off");
    sim.faults.add({ match: { method: "POST", path: "/snapshots" }, do: { cut: "after" } });
    expect((await failure(api.snapshot(id, "mine", may))).effect).toBe("unknown");
    expect(sim.world.snapshots.size).toBe(1);
  });
});

describe("startup scripts", () => {
  it("are listed with the machines that have them: no machine shows its scripts itself", async () => {
    const { api, script, machineIn } = setUp();
    const [one, two] = [script("one"), script("two")];
    const id = await machineIn("ready", { startupScriptId: one });
    expect(await api.scripts()).toEqual({ [one]: [id], [two]: [] });
  });

  it("that were deleted count for nothing, though lists may show them with a date", async () => {
    const { api, ok, script } = setUp({ deletedResources: "dtDeleted" });
    const [one, two] = [script("one"), script("two")];
    await ok("DELETE", `/startup-scripts/${one}`);
    expect(await api.scripts()).toEqual({ [two]: [] });
  });

  it.each([
    ["null", { dtDeleted: null }],
    ["absent", {}],
    ["an empty object", { dtDeleted: {} }],
  ])("are alive when dtDeleted is %s, since only a text is a date", async (_, mark) => {
    const { api, sim } = setUp();
    const items = [
      { id: "s1", assignedMachineIds: ["ps1"], ...mark },
      { id: "s2", assignedMachineIds: ["ps1"], dtDeleted: "2026-01-01T00:00:00.000Z" },
      { id: "s3", ...mark },
    ];
    sim.faults.add({ do: { status: 200, body: { hasMore: false, items } } });
    expect(await api.scripts()).toEqual({ s1: ["ps1"], s3: [] });
  });

  it("are assigned and unassigned, and the answer shows which machines have them then", async () => {
    const { api, script, machineIn } = setUp();
    const [one, first, second] = [script("one"), await machineIn("ready"), await machineIn("ready")];
    await api.assign(one, first, "assign", may);
    expect(await api.assign(one, second, "assign", may)).toMatchObject({ machineIds: [first, second] });
    expect(await api.assign(one, first, "unassign", may)).toMatchObject({ machineIds: [second] });
    expect(await api.scripts()).toEqual({ [one]: [second] });
  });

  it("are not read in part: a list that breaks off is none", async () => {
    const { api, sim, script, failure } = setUp();
    for (let n = 0; n < 130; n++) script(`s${n}`);
    sim.faults.add({ match: { path: "startup-scripts", skip: 1, times: "always" }, do: { status: 503 } });
    expect((await failure(api.scripts())).code).toBe("PS_SERVER");
    sim.faults.clear();
    expect(Object.keys(await api.scripts())).toHaveLength(130);
  });
});

describe("static addresses", () => {
  it("are listed with the machine that has them, or none", async () => {
    const { api, ok, machineIn } = setUp();
    const id = await machineIn("ready", { publicIpType: "static" });
    const { ip } = await ok<{ ip: string }>("POST", "/public-ips", { region: "ny2" });
    const all = await api.addresses();
    expect(all).toHaveLength(2);
    expect(all).toContainEqual({ ip, machineId: null });
    expect(all.map(({ machineId }) => machineId)).toContain(id);
  });

  it("are released, and one that is gone already counts as released", async () => {
    const { api, ok } = setUp();
    const { ip } = await ok<{ ip: string }>("POST", "/public-ips", { region: "ny2" });
    await api.release(ip, may);
    expect(await api.addresses()).toEqual([]);
    await expect(api.release(ip, may)).resolves.toBeUndefined();
  });

  it("that a machine has may be refused, which is reported", async () => {
    const { api, failure, machineIn } = setUp({ releaseUsedAddress: "refuse" });
    await machineIn("ready", { publicIpType: "static" });
    const [address] = await api.addresses();
    expect((await failure(api.release(address?.ip ?? "", may))).code).toBe("PS_CONFLICT");
    expect(await api.addresses()).toHaveLength(1);
  });
});

describe("desktop", () => {
  it("of Linux is reached by VNC with a password", async () => {
    const { api, machineIn } = setUp();
    const id = await machineIn("ready", DESKTOP);
    const host = `${id}.paperspace.example`;
    expect(await api.desktop(id)).toEqual({ type: "vnc", host, port: "5900", password: `sim-${id}` });
  });

  it("of Windows is reached without one, by its public address where it has one", async () => {
    const { api, sim, machineIn } = setUp();
    const id = await machineIn("ready", { ...WINDOWS, publicIpType: "dynamic" });
    const { publicIp } = sim.console.machine(id);
    const host = `${id}.paperspace.example`;
    expect(await api.desktop(id)).toEqual({ type: "windows", host, port: "3389", publicIp });
    const inside = await machineIn("ready", { ...WINDOWS, publicIpType: "none" });
    expect(await api.desktop(inside)).not.toHaveProperty("publicIp");
  });

  it("is none on a headless machine, which differs from unknown", async () => {
    const { api, machineIn } = setUp();
    expect(await api.desktop(await machineIn("ready"))).toBeNull();
  });

  it("keeps the password out of the error where the answer has another shape", async () => {
    const { api, sim, failure } = setUp();
    const vnc = { hostname: 7, port: 5900, password: "hunter2" };
    sim.faults.add({ do: { status: 200, body: { vnc } } });
    const error = await failure(api.desktop("ps1"));
    expect(error.code).toBe("PS_UNEXPECTED");
    const text = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(Object.entries(error))}`;
    expect(text).not.toContain("hunter2");
  });
});

describe("hints", () => {
  it("show whether hardware is free just now, and which types are offered at all", async () => {
    const { api, sim } = setUp();
    expect(await api.available("A4000", "ny2")).toBe(true);
    sim.world.setCapacity("A4000", "ny2", 0);
    expect(await api.available("A4000", "ny2")).toBe(false);
    expect(await api.available("A4000", "ca1")).toBe(true);
    expect(await api.available("A4OOO", "ny2")).toBe(false);
    const types = await api.machineTypes();
    expect(types).toContain("a4000");
    expect(types).not.toContain("a4ooo");
    expect(new Set(types).size).toBe(types?.length);
  });

  it("show the account's standing with the vendor's own messages", async () => {
    const { api, sim } = setUp();
    expect(await api.standing()).toEqual({ good: true, messages: [] });
    sim.console.setStanding(TEAM, false, ["a payment is due"]);
    expect(await api.standing()).toEqual({ good: false, messages: ["a payment is due"] });
  });

  it.each([
    ["is not there (404)", { status: 404, body: { code: "NOT_FOUND", message: "no such endpoint" } }],
    ["is forbidden (403)", { status: 403, body: { code: "FORBIDDEN", message: "not for this key" } }],
    ["fails (500)", { status: 500 }],
    ["is blocked by a page", { html: true }],
    ["answers nonsense", { status: 200, body: { available: "perhaps" } }],
    ["never answers", { hang: true }],
  ])("are undefined where the endpoint %s: a hint must not stop anything", async (_, fault) => {
    const { api, sim, over } = setUp();
    sim.faults.add({ match: { times: "always" }, do: fault });
    expect(await over(api.available("A4000", "ny2"))).toBeUndefined();
    expect(await over(api.standing())).toBeUndefined();
    expect(await over(api.machineTypes())).toBeUndefined();
  });

  it("are undefined where this generation of the API does not have them", async () => {
    const { api } = setUp({ availabilityEndpoint: "absent", accountStandingEndpoint: "absent" });
    expect(await api.available("A4000", "ny2")).toBeUndefined();
    expect(await api.standing()).toBeUndefined();
  });
});

describe("writes", () => {
  it("check the gate before they are sent: a pause that comes while they wait applies to them, too", async () => {
    const { api, sim, failure } = setUp();
    const paused = { gate: () => "the object was paused" };
    for (const write of [
      () => api.grant("ps1", OWNER.id, paused),
      () => api.revoke("ps1", OWNER.id, paused),
      () => api.assign("s1", "ps1", "assign", paused),
      () => api.release("10.0.0.1", paused),
    ])
      expect(await failure(write())).toMatchObject({ code: "PS_NOT_SENT", effect: "none" });
    expect(sim.calls.list()).toEqual([]);
  });

  it("encode special characters of an id in the path, and refuse what would be another path", async () => {
    const { api, sim } = setUp();
    await expect(api.grant("ps1/../../startup-scripts", OWNER.id, may)).rejects.toMatchObject({
      code: "PS_INVALID",
    });
    expect(await api.revoke("ps1", "u?x=1#y", may)).toBeUndefined();
    expect(sim.calls.list().map(({ path }) => path)).toEqual(["/v1/machines/ps1/accessors/u%3Fx%3D1%23y"]);
  });
});
