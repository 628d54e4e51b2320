import { describe, expect, it } from "vitest";
import { BETA, MACHINE, refusal, setUpConforming, type Written } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { EventView } from "./records.ts";

interface Network {
  id: string;
  name: string;
  region: string;
  network: string;
  dtDeleted?: string | null | object;
}

function withNetworks(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const network = (change: object = {}) =>
    parts.ok<Network>("POST", "/private-networks", { name: "lab", region: "ny2", ...change });
  const remove = (id: string) => parts.call("DELETE", `/private-networks/${id}`);
  return { ...parts, network, remove };
}

describe("a private network", () => {
  it("is there at once, with addresses of its own", async () => {
    const { ok, network } = withNetworks();
    const [a, b] = [await network(), await network({ region: "Europe (AMS1)" })];
    expect(a).toMatchObject({ name: "lab", region: "ny2", netmask: "255.255.255.0", dtDeleted: null });
    expect(b.region).toBe("ams1");
    expect(a.network).not.toBe(b.network);
    expect(await ok("GET", `/private-networks/${a.id}`)).toEqual(a);
  });

  it("that does not exist reads as null with 200, so that a client cannot go by the status", async () => {
    const { call, network } = withNetworks();
    const { id } = await network();
    for (const [path, key] of [
      ["/private-networks/nnothing", undefined],
      [`/private-networks/${id}`, BETA],
    ] as const) {
      const answer = await call("GET", path, undefined, key);
      expect([answer.status, answer.body]).toEqual([200, "null"]);
    }
    expect((await call("PUT", "/private-networks/nnothing", { name: "x" })).status).toBe(404);
  });

  it("that a seed names by its id alone is in the region of the id's suffix", async () => {
    const { ok } = withNetworks({ listAfterCreateMissMs: 60_000 });
    const { items } = await ok<Page<Network>>("GET", "/private-networks?orderBy=name&order=asc");
    expect(items.map((n) => [n.id, n.region])).toEqual([
      ["nalpha0ca1", "ca1"],
      ["nalpha0ny2", "ny2"],
    ]);
    expect((await ok<Page<Network>>("GET", "/private-networks?region=CA1")).items).toHaveLength(1);
    expect((await ok<Page<Network>>("GET", "/private-networks?name=nalpha0ny2")).items).toHaveLength(1);
  });

  it("that a seed spells out is as specified", async () => {
    const { ok } = setUpConforming({
      teams: [{ keys: ["sim-key-alpha"], networks: [{ id: "n1", name: "office", region: "ams1" }, "n2"] }],
    });
    const { items } = await ok<Page<Network>>("GET", "/private-networks?order=asc");
    expect(items).toMatchObject([
      { id: "n1", name: "office", region: "ams1" },
      { id: "n2", name: "n2", region: "ny2" },
    ]);
  });

  it("can be renamed, and two may have one name", async () => {
    const { ok, network } = withNetworks();
    const [a, b] = [await network(), await network()];
    expect(a.id).not.toBe(b.id);
    expect((await ok<Network>("PUT", `/private-networks/${a.id}`, { name: "office" })).name).toBe("office");
  });

  it.each([
    ["null", null],
    ["absent", undefined],
  ] as const)("that exists has dtDeleted as liveDtDeleted specifies: %s", async (rule, value) => {
    const { network } = withNetworks({ liveDtDeleted: rule });
    expect((await network()).dtDeleted).toBe(value);
  });

  it("may read an empty object there, as the documents' samples do, so that clients decode it leniently", async () => {
    const { network } = withNetworks({ liveDtDeleted: "object" });
    expect((await network()).dtDeleted).toEqual({});
  });

  it("is billed, so that a team in bad standing cannot have one more", async () => {
    const { sim, call } = withNetworks();
    sim.console.setStanding("te-alpha", false);
    expect((await call("POST", "/private-networks", { name: "lab", region: "ny2" })).status).toBe(412);
  });
});

describe("machines in private networks", () => {
  it("move in when the network is made, where requested: all of its region that are in none", async () => {
    const { create, ok, sim, network } = withNetworks();
    const free = await create();
    const going = await create();
    await ok("DELETE", `/machines/${going.data.id}`);
    const taken = await create({ networkId: "nalpha0ny2" });
    const far = await create({ region: "ca1" });
    await network();
    expect(sim.console.machine(free.data.id).networkId).toBeNull();
    const { id } = await network({ migrateMachines: true });
    const networkOf = (written: Written) => sim.console.machine(written.data.id).networkId;
    expect([free, taken, far, going].map(networkOf)).toEqual([id, "nalpha0ny2", null, null]);
  });

  it.each([
    ["error", 404],
    ["accept", 200],
  ] as const)(
    "cannot be in one of another region, unless networkOfOtherRegion specifies: %s",
    async (rule, status) => {
      const { call, machineIn } = withNetworks({ networkOfOtherRegion: rule });
      expect((await call("POST", "/machines", { ...MACHINE, networkId: "nalpha0ca1" })).status).toBe(status);
      const id = await machineIn("ready");
      expect((await call("PUT", `/machines/${id}`, { networkId: "nalpha0ca1" })).status).toBe(status);
    },
  );

  it.each([
    ["refuse", 409, "nalpha0ny2"],
    ["accept", 200, null],
  ] as const)(
    "hold a network that is to be deleted as deleteUsedNetwork specifies: %s",
    async (rule, status, left) => {
      const { machine, machineIn, remove } = withNetworks({ deleteUsedNetwork: rule });
      const id = await machineIn("ready", { networkId: "nalpha0ny2" });
      expect((await remove("nalpha0ny2")).status).toBe(status);
      expect((await machine(id)).networkId).toBe(left);
    },
  );

  it("do not hold it once their deletion is requested, since a client deletes it five seconds later", async () => {
    const { clock, ok, machineIn, remove } = withNetworks();
    const id = await machineIn("ready", { networkId: "nalpha0ny2" });
    await ok("DELETE", `/machines/${id}`);
    await clock.advance(5_000);
    expect((await remove("nalpha0ny2")).json).toEqual({ id: "nalpha0ny2" });
  });

  it("may hold it until they are gone", async () => {
    const { clock, ok, machineIn, remove } = withNetworks({ networkOfDeleting: "held" });
    const id = await machineIn("ready", { networkId: "nalpha0ny2" });
    await ok("DELETE", `/machines/${id}`);
    expect(refusal(await remove("nalpha0ny2")).code).toBe("CONFLICT");
    await clock.advance(90_000);
    expect((await remove("nalpha0ny2")).json).toEqual({ id: "nalpha0ny2" });
    expect((await remove("nalpha0ny2")).status).toBe(404);
  });

  it("cannot be put into one that was deleted", async () => {
    const { call, remove } = withNetworks();
    await remove("nalpha0ny2");
    const answer = await call("POST", "/machines", { ...MACHINE, networkId: "nalpha0ny2" });
    expect(refusal(answer).code).toBe("NOT_FOUND");
  });

  it("get there though they are stopped and resized meanwhile, when moving takes an event", async () => {
    const { clock, ok, act, event, machine, machineIn, network } = withNetworks({
      networkChange: "migrateEvent",
      migrateMs: 80_000,
    });
    const id = await machineIn("ready", { networkId: "nalpha0ny2" });
    const other = await network();
    const moved = await ok<Written>("PUT", `/machines/${id}`, { networkId: other.id });
    await act(id, "stop");
    await clock.advance(70_000);
    await ok("PUT", `/machines/${id}`, { diskSize: 100 });
    await clock.advance(90_000);
    expect((await event(moved.event.id)).state).toBe("done");
    expect(await machine(id)).toMatchObject({ networkId: other.id, state: "off" });
  });

  it("fail to get there when the network goes before they are in it", async () => {
    const { clock, ok, machine, machineIn, network, remove } = withNetworks({
      networkChange: "migrateEvent",
    });
    const id = await machineIn("ready", { networkId: "nalpha0ny2" });
    const other = await network();
    const { event } = await ok<Written>("PUT", `/machines/${id}`, { networkId: other.id });
    expect((await remove(other.id)).status).toBe(200);
    await clock.advance(10_000);
    expect(await ok<EventView>("GET", `/machine-events/${event.id}`)).toMatchObject({ state: "error" });
    expect((await machine(id)).networkId).toBe("nalpha0ny2");
  });
});
