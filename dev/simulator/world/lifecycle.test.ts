import { describe, expect, it } from "vitest";
import { setUp, type Written } from "../../../test/simulator/simulation.ts";
import type { EventView, MachineView } from "./records.ts";

const START = Date.UTC(2026, 0, 1);
const secondsIn = (iso: string | null) => (Date.parse(iso ?? "") - START) / 1000;

describe("the lifecycle of a machine", () => {
  it("passes the states in the documented order, so that a client sees every transitional one", async () => {
    const { clock, create, machine } = setUp();
    const { data } = await create();
    const seen: string[] = [data.state];
    for (let second = 0; second < 70; second++) {
      await clock.advance(1_000);
      const { state } = await machine(data.id);
      if (seen.at(-1) !== state) seen.push(state);
    }
    expect(seen).toEqual(["provisioning", "starting", "serviceready", "ready"]);
  });

  it("ends the create event long before the machine is ready, which a separate start event reports", async () => {
    const { clock, ok, create, machine } = setUp();
    const { data } = await create();
    await clock.advance(38_000);
    expect((await machine(data.id)).state).toBe("starting");
    await clock.advance(60_000);
    const { items } = await ok<{ items: EventView[] }>(
      "GET",
      `/machine-events?machineId=${data.id}&order=asc`,
    );
    const [created, started] = items;
    expect(items.map((e) => [e.name, e.state])).toEqual([
      ["create", "done"],
      ["start", "done"],
    ]);
    expect(secondsIn(created?.dtFinished ?? null)).toBeCloseTo(37.2);
    expect(secondsIn(started?.dtCreated ?? null)).toBeCloseTo(37.1);
    expect(secondsIn(started?.dtFinished ?? null)).toBeCloseTo(66.9);
  });

  it("lets an event be new, then in progress, then done, in place and under one id", async () => {
    const { clock, create, event } = setUp();
    const { event: created } = await create();
    expect(created).toMatchObject({ state: "new", dtStarted: null, dtFinished: null, error: null });
    await clock.advance(1_000);
    expect(await event(created.id)).toMatchObject({ state: "in progress", dtFinished: null });
    await clock.advance(60_000);
    expect(await event(created.id)).toMatchObject({ id: created.id, state: "done" });
  });

  it("has placeholders right after create, so that no client takes them for facts", async () => {
    const { clock, create, machine } = setUp();
    const { data } = await create({ templateId: "tdesk22u", networkId: "nalpha0ny2" });
    const placeholders = { os: "", ram: 0, cpus: 1, storageTotal: 0, privateIp: null, networkId: null };
    expect(data).toMatchObject({ ...placeholders, publicIp: null, agentType: "LinuxHeadless" });
    await clock.advance(90_000);
    expect(await machine(data.id)).toMatchObject({
      os: "Ubuntu 22.04",
      agentType: "LinuxDesktop",
      ram: 45 * 1024 ** 3,
      cpus: 8,
      storageTotal: 53_687_091_200,
      networkId: "nalpha0ny2",
      privateIp: expect.stringMatching(/^10\./),
      publicIp: expect.stringMatching(/^184\./),
      accelerators: [{ name: "RTX A4000", count: 1, memory: 16 * 1024 ** 3 }],
    });
  });

  it("ends in off without a start event when it was not to start", async () => {
    const { clock, ok, create, machine } = setUp();
    const { data } = await create({ startOnCreate: false });
    await clock.advance(120_000);
    expect(await machine(data.id)).toMatchObject({ state: "off", publicIp: null });
    const { items } = await ok<{ items: EventView[] }>("GET", "/machine-events");
    expect(items.map((e) => e.name)).toEqual(["create"]);
  });

  it("still reads as before for some seconds after an accepted stop, so state alone proves nothing", async () => {
    const { clock, ok, machineIn, machine, event } = setUp();
    const id = await machineIn("ready");
    const stop = await ok<Written>("PATCH", `/machines/${id}/stop`, {});
    expect(stop.data.state).toBe("ready");
    await clock.advance(2_900);
    expect((await machine(id)).state).toBe("ready");
    await clock.advance(100);
    expect((await machine(id)).state).toBe("stopping");
    await clock.advance(60_000);
    expect((await machine(id)).state).toBe("off");
    expect((await event(stop.event.id)).state).toBe("done");
  });

  it("gives a new dynamic address at each start and none while off", async () => {
    const { clock, ok, machineIn, machine } = setUp();
    const id = await machineIn("ready");
    const first = (await machine(id)).publicIp;
    await ok("PATCH", `/machines/${id}/stop`, {});
    await clock.advance(90_000);
    expect((await machine(id)).publicIp).toBeNull();
    await ok("PATCH", `/machines/${id}/start`, {});
    await clock.advance(90_000);
    const second = (await machine(id)).publicIp;
    expect(second).not.toBeNull();
    expect(second).not.toBe(first);
  });

  it("keeps a static address while off, has it in the create answer, and leaves it to the team", async () => {
    const { clock, sim, ok, create, machine } = setUp();
    const { data } = await create({ publicIpType: "static" });
    expect(data.publicIp).toMatch(/^184\./);
    await clock.advance(90_000);
    await ok("PATCH", `/machines/${data.id}/stop`, {});
    await clock.advance(90_000);
    expect((await machine(data.id)).publicIp).toBe(data.publicIp);
    await ok("DELETE", `/machines/${data.id}`);
    await clock.advance(90_000);
    expect(sim.console.team("te-alpha").staticAddresses).toMatchObject([
      { ip: data.publicIp, region: "ny2", machineId: null },
    ]);
  });

  it("restarts under one event and comes back ready with another address", async () => {
    const { clock, ok, machineIn, machine } = setUp();
    const id = await machineIn("ready");
    const before = (await machine(id)).publicIp;
    await ok("PATCH", `/machines/${id}/restart`, {});
    await clock.advance(10_000);
    expect((await machine(id)).state).toBe("restarting");
    await clock.advance(70_000);
    const after = await machine(id);
    expect(after.state).toBe("ready");
    expect(after.publicIp).not.toBe(before);
  });

  it("takes a delete of a running machine at once and answers 404 half a minute later", async () => {
    const { clock, call, ok, machineIn } = setUp();
    const id = await machineIn("ready");
    const { event } = await ok<Written>("DELETE", `/machines/${id}`);
    expect(event.name).toBe("deactivate");
    await clock.advance(29_000);
    expect((await call("GET", `/machines/${id}`)).status).toBe(200);
    await clock.advance(2_000);
    expect((await call("GET", `/machines/${id}`)).status).toBe(404);
    expect((await ok<EventView>("GET", `/machine-events/${event.id}`)).state).toBe("done");
  });

  it("cancels the create when the machine is deleted meanwhile, so no event stays open", async () => {
    const { clock, ok, create, event } = setUp();
    const { data, event: created } = await create();
    await clock.advance(5_000);
    await ok("DELETE", `/machines/${data.id}`);
    expect((await event(created.id)).state).toBe("cancelled");
    await clock.advance(300_000);
    const { items } = await ok<{ items: MachineView[] }>("GET", "/machines");
    expect(items).toEqual([]);
  });

  it("resizes while off under an upgrade event, and the new facts hold only when that is done", async () => {
    const { clock, ok, machineIn, machine } = setUp();
    const id = await machineIn("off");
    const { event } = await ok<Written>("PUT", `/machines/${id}`, { machineType: "A5000", diskSize: 100 });
    expect(event.name).toBe("vm-upgrade");
    await clock.advance(30_000);
    expect(await machine(id)).toMatchObject({ state: "upgrading", machineType: "A4000" });
    await clock.advance(40_000);
    expect(await machine(id)).toMatchObject({
      state: "off",
      machineType: "A5000",
      storageTotal: 107_374_182_400,
    });
  });

  it("changes settings at once, without an event, and moves dtModified", async () => {
    const { clock, ok, machineIn } = setUp();
    const id = await machineIn("ready");
    const before = await ok<MachineView>("GET", `/machines/${id}`);
    await clock.advance(1_000);
    const answer = await ok<Written>("PUT", `/machines/${id}`, { name: "other", autoShutdownTimeout: 4 });
    expect(answer).not.toHaveProperty("event");
    expect(answer.data).toMatchObject({ name: "other", autoShutdownTimeout: 4, state: "ready" });
    expect(Date.parse(answer.data.dtModified)).toBeGreaterThan(Date.parse(before.dtModified));
  });

  it("takes the first boot's snapshot as restore point when requested", async () => {
    const { clock, create, ok, machine } = setUp();
    const { data } = await create({ takeInitialSnapshot: true, restorePointEnabled: true });
    await clock.advance(120_000);
    expect((await machine(data.id)).restorePointSnapshotId).toMatch(/^sn/);
    const { items } = await ok<{ items: EventView[] }>("GET", "/machine-events?limit=1");
    expect(items[0]).toMatchObject({ name: "snapshot-create", state: "done" });
  });

  it("runs a hundred times as fast at speed 100, stale reads included", async () => {
    const { clock, create, machine } = setUp({ speed: 100 });
    const { data } = await create();
    await clock.advance(668);
    expect((await machine(data.id)).state).toBe("serviceready");
    await clock.advance(2);
    expect((await machine(data.id)).state).toBe("ready");
  });

  it("takes its times from the behaviour: events at work at once, a late address, a late ready", async () => {
    const { clock, create, machine, event } = setUp({
      behaviour: { eventQueueMs: 0, addressMs: 40_000, readyLagMs: 5_000 },
    });
    const { data, event: created } = await create();
    expect((await event(created.id)).state).toBe("in progress");
    await clock.advance(67_000);
    expect(await machine(data.id)).toMatchObject({ state: "serviceready", publicIp: null });
    await clock.advance(5_000);
    expect(await machine(data.id)).toMatchObject({ state: "ready", publicIp: null });
    await clock.advance(10_000);
    expect((await machine(data.id)).publicIp).not.toBeNull();
  });

  it("may stay off where startOnCreate is left out, and bill every stop under an event of its own", async () => {
    const { clock, sim, ok, create, machine } = setUp({
      behaviour: { startOnCreateDefault: false, billingEvents: true },
    });
    const { data } = await create();
    await clock.advance(90_000);
    expect((await machine(data.id)).state).toBe("off");
    sim.console.start(data.id);
    await clock.advance(90_000);
    sim.console.stop(data.id);
    await clock.advance(90_000);
    const { items } = await ok<{ items: EventView[] }>("GET", "/machine-events?limit=1");
    expect(items[0]).toMatchObject({ name: "bill-sessions", state: "done" });
  });

  it("holds a machine in a state for good, as the stuck ones of the status page", async () => {
    const { clock, sim, call, create, machine } = setUp();
    sim.console.hold("next", "serviceready");
    const { data } = await create();
    await clock.advance(3_600_000);
    expect((await machine(data.id)).state).toBe("serviceready");
    await call("PATCH", `/machines/${data.id}/restart`, {});
    await clock.advance(120_000);
    expect((await machine(data.id)).state).toBe("ready");
  });

  it("lets an event fail with its text while the machine is left in a known state", async () => {
    const { clock, sim, ok, act, create, event, machine, machineIn } = setUp();
    sim.console.failNext({ event: "create", error: "disk image broken" });
    const failed = await create();
    await clock.advance(600_000);
    expect(await event(failed.event.id)).toMatchObject({ state: "error", error: "disk image broken" });
    expect((await machine(failed.data.id)).state).toBe("provisioning");

    const id = await machineIn("off");
    sim.console.failNext({ event: "start", machineId: id, state: "cancelled" });
    const started = (await act(id, "start")).json as Written;
    await clock.advance(120_000);
    expect(await ok<EventView>("GET", `/machine-events/${started.event.id}`)).toMatchObject({
      state: "cancelled",
      error: null,
    });
    expect((await machine(id)).state).toBe("off");
  });

  it("shuts itself down under the event that the behaviour names, or under none", async () => {
    for (const autoShutdownEvent of ["vm-shutdown-force", "stop", "none"] as const) {
      const { clock, sim, ok, machineIn, machine } = setUp({ behaviour: { autoShutdownEvent } });
      const id = await machineIn("ready");
      sim.console.autoShutdown(id);
      await clock.advance(90_000);
      expect((await machine(id)).state).toBe("off");
      const { items } = await ok<{ items: EventView[] }>("GET", "/machine-events?order=asc");
      const last = autoShutdownEvent === "none" ? "start" : autoShutdownEvent;
      expect(items.at(-1)?.name).toBe(last);
    }
  });
});

describe("determinism", () => {
  const eventLog = async (seed: number) => {
    const { clock, sim, create, ok } = setUp({ seed, behaviour: { jitter: 0.3 } });
    const { data } = await create();
    await create({ name: "second", publicIpType: "static" });
    await clock.advance(50_000);
    await ok("DELETE", `/machines/${data.id}`);
    await clock.advance(200_000);
    return JSON.stringify(sim.console.state());
  };

  it("gives the same event log for the same seed, so that a failing run can be repeated", async () => {
    expect(await eventLog(7)).toBe(await eventLog(7));
  });

  it("gives another one for another seed", async () => {
    expect(await eventLog(7)).not.toBe(await eventLog(8));
  });

  it("starts after a reset as if it had just been made", async () => {
    const { sim, create } = setUp();
    const first = await create();
    sim.reset();
    expect((await create()).data.id).toBe(first.data.id);
    expect(sim.console.state().machines).toHaveLength(1);
  });
});
