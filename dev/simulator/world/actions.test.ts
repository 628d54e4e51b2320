import { describe, expect, it } from "vitest";
import { MACHINE, refusal, setUp, type Written } from "../../../test/simulator/simulation.ts";
import { type Behaviour, behaviourWith, DEFAULT_BEHAVIOUR } from "./behaviour.ts";
import type { EventView, MachineState, MachineView } from "./records.ts";

/** What an action leads to: `refused`, or the event's name and state in the answer. */
async function outcomeOf(
  action: "start" | "stop" | "restart",
  state: MachineState,
  behaviour: Partial<Behaviour>,
): Promise<string> {
  const { act, machineIn } = setUp({ behaviour });
  const answer = await act(await machineIn(state), action);
  if (answer.status !== 200) return `${answer.status}`;
  const { event } = answer.json as Written;
  return `${event.name} ${event.state}`;
}

describe("actions whose effect is undocumented", () => {
  const rows: [string, "start" | "stop" | "restart", MachineState, Partial<Behaviour>, string][] = [
    ["start on a machine that is on is a no-op by default", "start", "ready", {}, "start done"],
    ["start on a machine that is on may be refused", "start", "ready", { startWhenOn: "error" }, "409"],
    ["start while starting is refused, as observed", "start", "starting", {}, "409"],
    [
      "start while starting may be a no-op",
      "start",
      "starting",
      { startWhileStarting: "doneEvent" },
      "start done",
    ],
    ["start while stopping is refused", "start", "stopping", {}, "409"],
    ["start from off works", "start", "off", {}, "start new"],
    ["stop on a machine that is off is a no-op by default", "stop", "off", {}, "stop done"],
    ["stop on a machine that is off may be refused", "stop", "off", { stopWhenOff: "error" }, "409"],
    ["stop while stopping is refused by default", "stop", "stopping", {}, "409"],
    [
      "stop while stopping may be a no-op",
      "stop",
      "stopping",
      { stopWhileStopping: "doneEvent" },
      "stop done",
    ],
    ["stop while starting is refused by default", "stop", "starting", {}, "409"],
    [
      "stop while starting may be carried out",
      "stop",
      "starting",
      { stopWhileStarting: "accept" },
      "stop new",
    ],
    ["stop works on a machine whose agent never came up", "stop", "serviceready", {}, "stop new"],
    ["restart from off is refused by default", "restart", "off", {}, "409"],
    ["restart from off may be a start", "restart", "off", { restartWhenOff: "start" }, "start new"],
    ["restart while restarting requests another one", "restart", "restarting", {}, "restart new"],
    [
      "restart while restarting may be refused",
      "restart",
      "restarting",
      { restartWhileRestarting: "error" },
      "409",
    ],
    ["restart while upgrading is refused", "restart", "upgrading", {}, "409"],
    [
      "the code of a wrong state can be set",
      "restart",
      "off",
      { wrongStateCode: "PRECONDITION_FAILED" },
      "412",
    ],
  ];
  it.each(rows)("%s", async (_name, action, state, behaviour, wanted) => {
    expect(await outcomeOf(action, state, behaviour)).toBe(wanted);
  });

  it("carries out the second restart after the first, each under its own event", async () => {
    const { clock, act, machineIn, machine, event } = setUp();
    const id = await machineIn("ready");
    const first = (await act(id, "restart")).json as Written;
    await clock.advance(10_000);
    const second = (await act(id, "restart")).json as Written;
    await clock.advance(70_000);
    expect([(await event(first.event.id)).state, (await event(second.event.id)).state]).toEqual([
      "done",
      "in progress",
    ]);
    await clock.advance(80_000);
    expect((await event(second.event.id)).state).toBe("done");
    expect((await machine(id)).state).toBe("ready");
  });

  it.each([
    ["sameEvent", 200],
    ["notFound", 404],
    ["error", 409],
  ] as const)("answers a second delete as deleteWhileDeleting specifies: %s", async (rule, status) => {
    const { call, ok, machineIn } = setUp({ behaviour: { deleteWhileDeleting: rule } });
    const id = await machineIn("ready");
    const first = await ok<Written>("DELETE", `/machines/${id}`);
    const second = await call("DELETE", `/machines/${id}`);
    expect(second.status).toBe(status);
    if (status === 200) expect((second.json as Written).event.id).toBe(first.event.id);
  });

  it.each([
    ["stopping", "stopping"],
    ["unchanged", "ready"],
  ] as const)("shows a machine on its way out as stateWhileDeleting specifies: %s", async (rule, state) => {
    const { clock, ok, machineIn, machine } = setUp({ behaviour: { stateWhileDeleting: rule } });
    const id = await machineIn("ready");
    await ok("DELETE", `/machines/${id}`);
    await clock.advance(20_000);
    expect((await machine(id)).state).toBe(state);
  });

  it("refuses everything but reads and deletes while a machine is being deleted", async () => {
    const { call, ok, act, machineIn } = setUp();
    const id = await machineIn("off");
    await ok("DELETE", `/machines/${id}`);
    expect(refusal(await act(id, "start")).code).toBe("CONFLICT");
    expect(refusal(await call("PUT", `/machines/${id}`, { name: "x" })).code).toBe("CONFLICT");
  });

  it("shows deleted machines with dtDeleted where the behaviour keeps them", async () => {
    const { clock, ok, act, machineIn, machine } = setUp({
      behaviour: { deletedMachines: "dtDeleted", listDeleted: true },
    });
    const id = await machineIn("ready");
    await ok("DELETE", `/machines/${id}`);
    await clock.advance(90_000);
    expect((await machine(id)).dtDeleted).not.toBeNull();
    expect((await ok<{ items: MachineView[] }>("GET", "/machines")).items).toHaveLength(1);
    expect((await act(id, "start")).status).toBe(404);
  });
});

describe("updates", () => {
  it.each([
    ["refused by default", {}, 409, undefined],
    ["taken down and left off", { updateWhileRunning: "accept" }, 200, "off"],
    ["taken down and up again", { updateWhileRunning: "accept", upgradeEndsIn: "previous" }, 200, "ready"],
  ] as [string, Partial<Behaviour>, number, MachineState | undefined][])(
    "treats a resize of a running machine as configured: %s",
    async (_name, behaviour, status, end) => {
      const { clock, call, machineIn, machine } = setUp({ behaviour });
      const id = await machineIn("ready");
      const answer = await call("PUT", `/machines/${id}`, { machineType: "A5000" });
      expect(answer.status).toBe(status);
      await clock.advance(120_000);
      if (end) expect(await machine(id)).toMatchObject({ state: end, machineType: "A5000" });
    },
  );

  it("needs no machine work, and gives no event, when the machine has the requested hardware already", async () => {
    const { ok, machineIn } = setUp();
    const id = await machineIn("ready");
    const answer = await ok<Written>("PUT", `/machines/${id}`, { machineType: "A4000", diskSize: 50 });
    expect(answer.event).toBeUndefined();
  });

  it("refuses a smaller disk and a type of another group, because neither can be undone", async () => {
    const { call, machineIn } = setUp();
    const id = await machineIn("off", { diskSize: 100 });
    expect(refusal(await call("PUT", `/machines/${id}`, { diskSize: 50 })).code).toBe("BAD_REQUEST");
    expect(refusal(await call("PUT", `/machines/${id}`, { machineType: "C5" })).code).toBe("BAD_REQUEST");
  });

  it.each([
    ["settings", undefined],
    ["migrateEvent", "vm-migrate"],
  ] as const)("moves a machine to another network as networkChange specifies: %s", async (rule, name) => {
    const { clock, ok, machineIn, machine } = setUp({ behaviour: { networkChange: rule } });
    const id = await machineIn("ready", { networkId: "nalpha0ny2" });
    const other = await ok<{ id: string }>("POST", "/private-networks", { name: "other", region: "ny2" });
    const { event } = await ok<Written>("PUT", `/machines/${id}`, { networkId: other.id });
    expect(event?.name).toBe(name);
    await clock.advance(10_000);
    expect((await machine(id)).networkId).toBe(other.id);
  });

  it("gives and takes addresses when the kind of address changes", async () => {
    const { ok, machineIn, machine } = setUp();
    const id = await machineIn("ready");
    await ok("PUT", `/machines/${id}`, { publicIpType: "none" });
    expect((await machine(id)).publicIp).toBeNull();
    await ok("PUT", `/machines/${id}`, { publicIpType: "static" });
    expect((await machine(id)).publicIp).not.toBeNull();
  });

  it("may show old settings for a while after an update, as no document excludes it", async () => {
    const { clock, ok, machineIn, machine } = setUp({ behaviour: { staleSettingsMs: 5_000 } });
    const id = await machineIn("ready");
    await ok("PUT", `/machines/${id}`, { name: "renamed" });
    expect((await machine(id)).name).toBe(MACHINE.name);
    await clock.advance(5_000);
    expect((await machine(id)).name).toBe("renamed");
  });

  it("shows new settings even while the state is still the old one", async () => {
    const { ok, act, machineIn, machine } = setUp();
    const id = await machineIn("ready");
    await act(id, "stop");
    await ok("PUT", `/machines/${id}`, { name: "renamed" });
    expect(await machine(id)).toMatchObject({ name: "renamed", state: "ready" });
  });
});

describe("capacity", () => {
  const events = (items: EventView[]) => items.map((e) => `${e.name} ${e.state}`);

  it("leaves a machine off and reports nothing, as live clients observed it", async () => {
    const { clock, sim, ok, create, machine } = setUp();
    sim.world.setCapacity("A4000", "ny2", 0);
    const { data } = await create();
    await clock.advance(4_000_000);
    expect((await machine(data.id)).state).toBe("off");
    expect(events((await ok<{ items: EventView[] }>("GET", "/machine-events")).items)).toEqual([
      "create done",
    ]);
    await ok("PATCH", `/machines/${data.id}/start`, {});
    await clock.advance(120_000);
    expect((await machine(data.id)).state).toBe("off");
  });

  it("may fail the start event with a reason instead", async () => {
    const { clock, sim, ok, create, machine } = setUp({ behaviour: { capacityShortage: "eventError" } });
    sim.world.setCapacity("A4000", "ny2", 0);
    const { data } = await create();
    await clock.advance(120_000);
    expect((await machine(data.id)).state).toBe("off");
    const { items } = await ok<{ items: EventView[] }>("GET", "/machine-events");
    expect(events(items)).toEqual(["start error", "create done"]);
    expect(items[0]?.error).toMatch(/capacity/);
  });

  it("may refuse create and start outright, and creates nothing then", async () => {
    const { sim, call, act, machineIn } = setUp({ behaviour: { capacityShortage: "refuse" } });
    const id = await machineIn("off");
    sim.world.setCapacity("A4000", "ny2", 0);
    expect(refusal(await call("POST", "/machines", MACHINE))).toEqual({
      status: 412,
      code: "PRECONDITION_FAILED",
    });
    expect((await act(id, "start")).status).toBe(412);
    expect(sim.world.machines.size).toBe(1);
  });

  it("counts machines that are on, by type and region, and the availability endpoint reports it", async () => {
    const { clock, sim, ok, act, create, machine } = setUp();
    sim.world.setCapacity("A4000", "ny2", 1);
    const available = async (region: string) =>
      (await ok<{ available: boolean }>("GET", `/machine-availability?machineType=A4000&region=${region}`))
        .available;
    expect(await available("ny2")).toBe(true);
    const { data } = await create();
    expect([await available("ny2"), await available("ca1")]).toEqual([false, true]);
    await clock.advance(120_000);
    await act(data.id, "stop");
    await clock.advance(120_000);
    expect(await available("ny2")).toBe(true);
    await act(data.id, "start");
    await clock.advance(120_000);
    expect((await machine(data.id)).state).toBe("ready");
  });

  it.each([
    ["always", 0, true],
    ["never", 1, false],
  ] as const)(
    "may answer %s, whatever there is: it is a hint",
    async (availabilityHint, machines, available) => {
      const { sim, ok } = setUp({ behaviour: { availabilityHint } });
      sim.world.setCapacity("A4000", "ny2", machines);
      expect(await ok("GET", "/machine-availability?machineType=A4000&region=ny2")).toEqual({ available });
    },
  );

  it("has no capacity for what does not exist, and may lack the endpoint", async () => {
    const { sim, call, ok } = setUp();
    const path = "/machine-availability?machineType=Z9&region=ny2";
    expect(await ok("GET", path)).toEqual({ available: false });
    sim.world.setBehaviour({ availabilityEndpoint: "absent" });
    expect((await call("GET", path)).status).toBe(404);
  });
});

it("refuses the start of a starting machine with the text that a client matches literally", async () => {
  const { act, machineIn } = setUp();
  const answer = await act(await machineIn("starting"), "start");
  expect(answer.json).toMatchObject({ message: "This machine is currently starting." });
});

describe("switches", () => {
  it("refuses a switch that does not exist and a value it does not take, by name", () => {
    expect(() => behaviourWith(DEFAULT_BEHAVIOUR, { nonsense: 1 } as never)).toThrow(/nonsense/);
    expect(() => behaviourWith(DEFAULT_BEHAVIOUR, { nameFilter: "regex" as never })).toThrow(
      /nameFilter must be one of prefix, exact, contains/,
    );
    expect(() => behaviourWith(DEFAULT_BEHAVIOUR, { quotaCode: "NOPE" as never })).toThrow(/quotaCode/);
  });
});
