import { describe, expect, it } from "vitest";
import { refusal, setUpConforming, type Written } from "../../../test/simulator/simulation.ts";
import type { Behaviour } from "../world/behaviour.ts";
import type { MachineState } from "../world/records.ts";

describe("deleting a machine that is not off", () => {
  it.each([
    ["ready", {}, 200],
    ["ready", { deleteWhenOn: "error" }, 409],
    ["starting", { deleteWhenOn: "error" }, 409],
    ["ready", { deleteWhenOn: "error", wrongStateCode: "PRECONDITION_FAILED" }, 412],
    ["off", { deleteWhenOn: "error" }, 200],
    ["provisioning", { deleteWhenOn: "error" }, 200],
  ] as [MachineState, Partial<Behaviour>, number][])(
    "from %s is answered as deleteWhenOn specifies: %o",
    async (state, behaviour, status) => {
      const { call, machineIn } = setUpConforming({ behaviour });
      expect((await call("DELETE", `/machines/${await machineIn(state)}`)).status).toBe(status);
    },
  );

  it("is possible after a stop, and at any time for the console's own broom", async () => {
    const { clock, sim, act, call, machineIn } = setUpConforming({ behaviour: { deleteWhenOn: "error" } });
    const [id, other] = [await machineIn("ready"), await machineIn("ready")];
    await act(id, "stop");
    await clock.advance(90_000);
    expect((await call("DELETE", `/machines/${id}`)).status).toBe(200);
    expect(() => sim.console.delete(other)).toThrow(/must be off/);
    sim.console.delete(other, true);
    expect((await call("GET", `/machines/${other}`)).status).toBe(404);
  });
});

describe("the desktop's password", () => {
  const DESKTOP = { templateId: "tdesk22u" };
  function withDesktop(behaviour: Partial<Behaviour> = {}) {
    const parts = setUpConforming({ behaviour });
    const password = async (id: string) =>
      (await parts.ok<{ vnc?: { password: string } }>("GET", `/machines/${id}/desktop`)).vnc?.password;
    return { ...parts, password };
  }

  it("is the machine's own and stays the same until it is renewed", async () => {
    const { clock, sim, act, machineIn, password } = withDesktop();
    const [id, other] = [await machineIn("ready", DESKTOP), await machineIn("ready", DESKTOP)];
    const first = await password(id);
    expect(await password(other)).not.toBe(first);
    await act(id, "restart");
    await clock.advance(120_000);
    expect(await password(id)).toBe(first);
    sim.console.renewDesktop(id);
    expect(await password(id)).not.toBe(first);
    expect(await password(id)).toBe(await password(id));
  });

  it.each([
    ["never", 1],
    ["start", 3],
  ] as const)(
    "is renewed at every start as desktopPasswordRenewed specifies: %s",
    async (rule, passwords) => {
      const { clock, act, machineIn, password } = withDesktop({ desktopPasswordRenewed: rule });
      const id = await machineIn("ready", DESKTOP);
      const seen = new Set([await password(id)]);
      for (const step of ["stop", "start", "restart"] as const) {
        await act(id, step);
        await clock.advance(120_000);
        seen.add(await password(id));
      }
      seen.delete(undefined);
      expect(seen.size).toBe(passwords);
    },
  );
});

describe("capacity and resizing", () => {
  it("does not bind an upgrade to a type that is sold out, only the start that follows", async () => {
    const { clock, sim, act, ok, event, machine, machineIn } = setUpConforming();
    const id = await machineIn("off");
    sim.world.setCapacity("A6000", "ny2", 0);
    const { event: upgrade } = await ok<Written>("PUT", `/machines/${id}`, { machineType: "A6000" });
    await clock.advance(90_000);
    expect((await event(upgrade.id)).state).toBe("done");
    expect(await machine(id)).toMatchObject({ state: "off", machineType: "A6000" });
    await act(id, "start");
    await clock.advance(90_000);
    expect((await machine(id)).state).toBe("off");
    sim.world.setBehaviour({ capacityShortage: "refuse" });
    expect(refusal(await act(id, "start")).code).toBe("PRECONDITION_FAILED");
  });

  it("binds the start that an upgrade of a running machine ends with", async () => {
    const { clock, sim, ok, machine, machineIn } = setUpConforming({
      behaviour: { updateWhileRunning: "accept", upgradeEndsIn: "previous" },
    });
    const id = await machineIn("ready");
    sim.world.setCapacity("A6000", "ny2", 0);
    await ok("PUT", `/machines/${id}`, { machineType: "A6000" });
    await clock.advance(90_000);
    expect(await machine(id)).toMatchObject({ state: "off", machineType: "A6000" });
    expect(sim.world.hasCapacity("A4000", "ny2")).toBe(true);
  });

  it("keeps a running machine's own capacity while its disk grows", async () => {
    const { clock, sim, ok, machine, machineIn } = setUpConforming({
      behaviour: { updateWhileRunning: "accept", upgradeEndsIn: "previous" },
    });
    const id = await machineIn("ready");
    sim.world.setCapacity("A4000", "ny2", 1);
    await ok("PUT", `/machines/${id}`, { diskSize: 100 });
    await clock.advance(90_000);
    expect((await machine(id)).state).toBe("ready");
    expect(sim.world.hasCapacity("A4000", "ny2")).toBe(false);
  });
});

describe("what the console shows of a machine", () => {
  it("is also what no answer shows: disk, network, scripts, accessors", async () => {
    const { sim, ok, create } = setUpConforming();
    const script = await ok<{ id: string }>("POST", "/startup-scripts", { name: "s", script: "true" });
    await create({
      diskSize: 100,
      networkId: "nalpha0ny2",
      startupScriptId: script.id,
      accessorIds: ["ualphauser1"],
    });
    const state = sim.console.state();
    expect(state.machines).toMatchObject([
      {
        diskSize: 100,
        networkId: "nalpha0ny2",
        startupScriptIds: [script.id],
        accessorIds: ["ualphauser1"],
        restoredFrom: null,
        shown: { networkId: null },
      },
    ]);
    expect(state.networks.map((n) => n.id)).toEqual(["nalpha0ny2", "nalpha0ca1", "nbeta00ny2"]);
  });
});
