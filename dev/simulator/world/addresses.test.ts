import { describe, expect, it } from "vitest";
import { BETA, refusal, setUp, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { addressView } from "./views.ts";

type Address = ReturnType<typeof addressView>;

function withAddresses(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const claim = (region = "ny2") => parts.ok<Address>("POST", "/public-ips", { region });
  const assign = (ip: string, machineId: string | null) =>
    parts.call("PUT", `/public-ips/${ip}`, { machineId });
  const release = (ip: string) => parts.call("DELETE", `/public-ips/${ip}`);
  const addresses = async (query = "") => (await parts.ok<Page<Address>>("GET", `/public-ips${query}`)).items;
  return { ...parts, claim, assign, release, addresses };
}

describe("a static address", () => {
  it("is claimed by every call, so that a lost answer leaves one that only the list shows", async () => {
    const { clock, addresses, claim } = withAddresses();
    const first = await claim();
    await clock.advance(1_000);
    const second = await claim("Europe (AMS1)");
    expect(second.ip).not.toBe(first.ip);
    expect(first).not.toHaveProperty("assignedMachineId");
    expect(await addresses()).toEqual([second, first]);
    expect(await addresses("?region=NY2")).toEqual([first]);
  });

  it("belongs to the team that claimed it, and there is no reading a single one", async () => {
    const { call, ok, claim } = withAddresses();
    const { ip } = await claim();
    expect((await ok<Page<Address>>("GET", "/public-ips", undefined, BETA)).items).toEqual([]);
    expect((await call("DELETE", `/public-ips/${ip}`, undefined, BETA)).status).toBe(404);
  });

  it("cannot be read by itself, because the API has no such operation", async () => {
    const { call, ok } = setUp();
    const { ip } = await ok<Address>("POST", "/public-ips", { region: "ny2" });
    expect((await call("GET", `/public-ips/${ip}`)).status).toBe(404);
  });

  it("is billed, so that a team in bad standing cannot claim one", async () => {
    const { sim, call } = withAddresses();
    sim.console.setStanding("te-alpha", false);
    expect((await call("POST", "/public-ips", { region: "ny2" })).status).toBe(412);
  });

  it("needs a machineId in the body, or is refused", async () => {
    const { call, ok } = setUp();
    const { ip } = await ok<Address>("POST", "/public-ips", { region: "ny2" });
    expect((await call("PUT", `/public-ips/${ip}`, {})).status).toBe(400);
  });
});

describe("assigning a static address", () => {
  it("makes the machine static with that address, on or off", async () => {
    const { machine, machineIn, addresses, assign, claim } = withAddresses();
    for (const state of ["ready", "off"] as const) {
      const id = await machineIn(state, { publicIpType: "none" });
      const { ip } = await claim();
      expect((await assign(ip, id)).json).toMatchObject({ ip, assignedMachineId: id });
      expect(await machine(id)).toMatchObject({ publicIp: ip, publicIpType: "static", state });
      expect(await addresses("?limit=1")).toMatchObject([{ ip, assignedMachineId: id }]);
    }
  });

  it("moves it from the machine that had it, which has none then", async () => {
    const { create, machine, machineIn, addresses, assign } = withAddresses();
    const { data } = await create({ publicIpType: "static" });
    const ip = data.publicIp ?? "";
    const id = await machineIn("ready");
    await assign(ip, id);
    expect(await machine(data.id)).toMatchObject({ publicIp: null, publicIpType: "none" });
    expect((await machine(id)).publicIp).toBe(ip);
    expect(await addresses()).toMatchObject([{ ip, assignedMachineId: id }]);
    expect((await assign(ip, id)).status).toBe(200);
  });

  it("leaves the machine's other static address in the account, still claimed", async () => {
    const { create, machine, addresses, assign, claim } = withAddresses();
    const { data } = await create({ publicIpType: "static" });
    const { ip } = await claim();
    await assign(ip, data.id);
    expect((await machine(data.id)).publicIp).toBe(ip);
    const before = (await addresses()).find((a) => a.ip === data.publicIp);
    expect(before).not.toHaveProperty("assignedMachineId");
  });

  it.each([
    ["none", null],
    ["dynamic", expect.stringMatching(/^184\./)],
  ] as const)("to null leaves the machine as typeAfterUnassign specifies: %s", async (type, publicIp) => {
    const { machine, machineIn, assign } = withAddresses({ typeAfterUnassign: type });
    const id = await machineIn("ready", { publicIpType: "static" });
    const ip = (await machine(id)).publicIp ?? "";
    expect((await assign(ip, null)).json).not.toHaveProperty("assignedMachineId");
    expect(await machine(id)).toMatchObject({ publicIpType: type, publicIp });
    expect((await machine(id)).publicIp).not.toBe(ip);
    expect((await assign(ip, null)).status).toBe(200);
  });

  it("while the machine starts leaves it with the address of its type once it is on", async () => {
    const { clock, act, machine, machineIn, assign } = withAddresses({ typeAfterUnassign: "dynamic" });
    const id = await machineIn("off", { publicIpType: "static" });
    await act(id, "start");
    await assign((await machine(id)).publicIp ?? "", null);
    expect((await machine(id)).publicIp).toBeNull();
    await clock.advance(90_000);
    expect((await machine(id)).publicIp).not.toBeNull();
  });

  it.each([
    ["error", 404],
    ["accept", 200],
  ] as const)("stays within its region, unless addressOfOtherRegion specifies: %s", async (rule, status) => {
    const { machineIn, assign, claim } = withAddresses({ addressOfOtherRegion: rule });
    const { ip } = await claim("ca1");
    expect((await assign(ip, await machineIn("ready"))).status).toBe(status);
  });

  it("needs an address and a machine of the team, and changes nothing without", async () => {
    const { sim, machineIn, addresses, assign, claim } = withAddresses();
    const { ip } = await claim();
    expect((await assign("1.2.3.4", await machineIn("ready"))).status).toBe(404);
    const foreign = sim.console.create("te-beta", {}, "ready");
    expect((await assign(ip, foreign.id)).status).toBe(404);
    expect(await addresses()).toEqual([
      expect.not.objectContaining({ assignedMachineId: expect.anything() }),
    ]);
  });

  it("reads at once, even while the state is still the old one", async () => {
    const { act, machine, machineIn, assign, claim } = withAddresses();
    const id = await machineIn("ready");
    const { ip } = await claim();
    await act(id, "stop");
    await assign(ip, id);
    expect(await machine(id)).toMatchObject({ publicIp: ip, publicIpType: "static", state: "ready" });
  });

  it("may be late to read, where settings are", async () => {
    const { clock, machine, machineIn, assign, claim } = withAddresses({ staleSettingsMs: 5_000 });
    const id = await machineIn("ready");
    const { ip } = await claim();
    await assign(ip, id);
    expect((await machine(id)).publicIpType).toBe("dynamic");
    await clock.advance(5_000);
    expect((await machine(id)).publicIp).toBe(ip);
  });
});

describe("a static address that is not needed any more", () => {
  it.each(["dynamic", "none"])(
    "stays claimed when its machine becomes %s, since it is billed until released",
    async (type) => {
      const { ok, machine, machineIn, addresses } = withAddresses();
      const id = await machineIn("ready", { publicIpType: "static" });
      const ip = (await machine(id)).publicIp ?? "";
      await ok("PUT", `/machines/${id}`, { publicIpType: type });
      const [address] = await addresses();
      expect(address).toMatchObject({ ip, region: "ny2" });
      expect(address).not.toHaveProperty("assignedMachineId");
      expect((await machine(id)).publicIp).not.toBe(ip);
    },
  );

  it("stays claimed when its machine is deleted, and is assigned until that is gone", async () => {
    const { clock, ok, machineIn, addresses, release } = withAddresses();
    const id = await machineIn("ready", { publicIpType: "static" });
    await ok("DELETE", `/machines/${id}`);
    const [address] = await addresses();
    expect(address?.assignedMachineId).toBe(id);
    await clock.advance(90_000);
    expect((await addresses())[0]).not.toHaveProperty("assignedMachineId");
    expect((await release(address?.ip ?? "")).json).toEqual({ ip: address?.ip });
    expect(await addresses()).toEqual([]);
    expect((await release(address?.ip ?? "")).status).toBe(404);
  });

  it("may not be released from under a living machine", async () => {
    const { sim, machine, machineIn, release } = withAddresses({ releaseUsedAddress: "refuse" });
    const id = await machineIn("ready", { publicIpType: "static" });
    const ip = (await machine(id)).publicIp ?? "";
    expect(refusal(await release(ip)).code).toBe("CONFLICT");
    sim.world.setBehaviour({ wrongStateCode: "PRECONDITION_FAILED" });
    expect((await release(ip)).status).toBe(412);
    expect((await machine(id)).publicIp).toBe(ip);
  });

  it("is released by default while the machine has it, as a client does before it deletes the machine", async () => {
    const { machine, machineIn, addresses, release } = withAddresses();
    const id = await machineIn("ready", { publicIpType: "static" });
    await release((await machine(id)).publicIp ?? "");
    expect(await machine(id)).toMatchObject({ publicIp: null, publicIpType: "none" });
    expect(await addresses()).toEqual([]);
  });
});
