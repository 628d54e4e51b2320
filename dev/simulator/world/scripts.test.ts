import { describe, expect, it } from "vitest";
import { BETA, MACHINE, refusal, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { scriptView } from "./views.ts";

type Script = ReturnType<typeof scriptView>;

const TEXT = "#!/bin/sh\necho a-secret-of-mine";

function withScripts(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const script = (name = "setup", change: object = {}) =>
    parts.ok<Script>("POST", "/startup-scripts", { name, script: TEXT, ...change });
  const read = (id: string) => parts.ok<Script>("GET", `/startup-scripts/${id}`);
  const assign = (id: string, machineId: string) =>
    parts.call("POST", `/startup-scripts/${id}/assign`, { machineId });
  const unassign = (id: string, machineId: string) =>
    parts.call("POST", `/startup-scripts/${id}/unassign`, { machineId });
  return { ...parts, script, read, assign, unassign };
}

describe("a startup script", () => {
  it("is enabled and runs at every boot by default, since creation has no switch for the first", async () => {
    const { script } = withScripts();
    expect(await script()).toMatchObject({
      name: "setup",
      description: null,
      isEnabled: true,
      isRunOnce: false,
      assignedMachineIds: [],
      dtDeleted: null,
    });
    expect((await script("once", { isRunOnce: true })).isRunOnce).toBe(true);
  });

  it("never shows its text again, so that a client that needs it must store it", async () => {
    const { call, script, read, sim } = withScripts();
    const { id } = await script();
    const answers = [
      await call("GET", `/startup-scripts/${id}`),
      await call("GET", "/startup-scripts"),
      await call("PUT", `/startup-scripts/${id}`, { script: `${TEXT} again` }),
    ];
    for (const answer of answers) expect(answer.body).not.toContain("a-secret-of-mine");
    expect(await read(id)).not.toHaveProperty("script");
    expect(sim.console.state().scripts).toMatchObject([{ id, script: `${TEXT} again` }]);
  });

  it("changes what is named and leaves the rest, as every update does", async () => {
    const { ok, script } = withScripts();
    const { id } = await script("setup", { isRunOnce: true });
    expect(await ok<Script>("PUT", `/startup-scripts/${id}`, { isEnabled: false })).toMatchObject({
      name: "setup",
      isRunOnce: true,
      isEnabled: false,
    });
  });

  it("is listed newest first or by name, and found by name as nameFilter specifies", async () => {
    const { clock, ok, script } = withScripts({ nameFilter: "prefix" });
    for (const name of ["b", "a", "b2"]) {
      await script(name);
      await clock.advance(1_000);
    }
    const names = async (query: string) =>
      (await ok<Page<Script>>("GET", `/startup-scripts?${query}`)).items.map((s) => s.name);
    expect(await names("")).toEqual(["b2", "a", "b"]);
    expect(await names("orderBy=name&order=asc")).toEqual(["a", "b", "b2"]);
    expect(await names("name=b&order=asc")).toEqual(["b", "b2"]);
  });

  it("cannot be reached with another team's key, whatever the request", async () => {
    const { call, ok, script } = withScripts();
    const { id } = await script();
    expect((await ok<Page<Script>>("GET", "/startup-scripts", undefined, BETA)).items).toEqual([]);
    for (const method of ["GET", "DELETE"])
      expect((await call(method, `/startup-scripts/${id}`, undefined, BETA)).status).toBe(404);
  });

  it("may be missed by lists and by id right after the create, as a machine may", async () => {
    const { clock, call, ok, script } = withScripts({
      getAfterCreateMissMs: 3_000,
      listAfterCreateMissMs: 8_000,
    });
    const { id } = await script();
    const look = async () => [
      (await call("GET", `/startup-scripts/${id}`)).status,
      (await ok<Page<Script>>("GET", "/startup-scripts")).items.length,
    ];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 1]);
  });

  it("may be left out of one list by a fault, though it was made, as after a lost answer", async () => {
    const { ok, script, sim } = withScripts();
    await script("old");
    const { id } = await script("new");
    const names = async () => (await ok<Page<Script>>("GET", "/startup-scripts")).items.map((s) => s.name);
    for (const omitFromList of ["newest", id]) {
      sim.faults.add({ match: { path: "startup-scripts$" }, do: { omitFromList } });
      expect(await names()).toEqual(["old"]);
      expect(await names()).toEqual(["new", "old"]);
    }
  });

  it.each([
    ["gone", 404, 0],
    ["dtDeleted", 200, 1],
  ] as const)("once deleted reads as deletedResources specifies: %s", async (rule, status, listed) => {
    const { call, ok, script, assign, machineIn } = withScripts({ deletedResources: rule });
    const { id } = await script();
    const deleted = await ok<Script>("DELETE", `/startup-scripts/${id}`);
    expect(deleted.dtDeleted).not.toBeNull();
    expect((await call("GET", `/startup-scripts/${id}`)).status).toBe(status);
    expect((await ok<Page<Script>>("GET", "/startup-scripts")).items).toHaveLength(listed);
    expect((await assign(id, await machineIn("ready"))).status).toBe(404);
  });
});

describe("assignment of a script", () => {
  it("shows in assignedMachineIds from the create on, the only place where it can be seen", async () => {
    const { create, read, script, sim } = withScripts();
    const { id } = await script();
    const { data } = await create({ startupScriptId: id });
    expect((await read(id)).assignedMachineIds).toEqual([data.id]);
    expect(sim.console.state().machines[0]).toMatchObject({ startupScriptIds: [id] });
  });

  it("refuses an unknown script at create, with a configurable code, and makes nothing", async () => {
    const { sim, call, script } = withScripts();
    const { id } = await script();
    const bad = { ...MACHINE, startupScriptId: "scnothing" };
    expect(refusal(await call("POST", "/machines", bad)).code).toBe("NOT_FOUND");
    sim.world.setBehaviour({ invalidScriptCode: "BAD_REQUEST" });
    expect((await call("POST", "/machines", bad)).status).toBe(400);
    const foreign = { ...MACHINE, startupScriptId: id };
    expect((await call("POST", "/machines", foreign, BETA)).status).toBe(400);
    expect(sim.world.machines.size).toBe(0);
  });

  it("changes nothing when it exists already, and ends on request", async () => {
    const { machineIn, read, script, assign, unassign } = withScripts();
    const { id } = await script();
    const machineId = await machineIn("ready");
    await assign(id, machineId);
    expect(((await assign(id, machineId)).json as Script).assignedMachineIds).toEqual([machineId]);
    expect(((await unassign(id, machineId)).json as Script).assignedMachineIds).toEqual([]);
    expect((await read(id)).assignedMachineIds).toEqual([]);
  });

  it.each([
    ["several", 1],
    ["replace", 0],
  ] as const)(
    "of a second script leaves the first as scriptsPerMachine specifies: %s",
    async (rule, left) => {
      const { create, read, script, assign } = withScripts({ scriptsPerMachine: rule });
      const [first, second] = [await script("first"), await script("second")];
      const { data } = await create({ startupScriptId: first.id });
      await assign(second.id, data.id);
      expect((await read(first.id)).assignedMachineIds).toHaveLength(left);
      expect((await read(second.id)).assignedMachineIds).toEqual([data.id]);
    },
  );

  it.each([
    ["same", 200],
    ["error", 409],
  ] as const)("that is not there is taken away as scriptNotAssigned specifies: %s", async (rule, status) => {
    const { machineIn, script, unassign } = withScripts({ scriptNotAssigned: rule });
    const { id } = await script();
    expect((await unassign(id, await machineIn("ready"))).status).toBe(status);
  });

  it("needs a machine of the team that is not on its way out, with a configurable code", async () => {
    const { sim, ok, machineIn, script, assign } = withScripts();
    const { id } = await script();
    expect(refusal(await assign(id, "psnothing")).code).toBe("NOT_FOUND");
    sim.world.setBehaviour({ invalidMachineCode: "BAD_REQUEST" });
    const foreign = sim.console.create("te-beta", {}, "ready");
    expect((await assign(id, foreign.id)).status).toBe(400);
    const going = await machineIn("ready");
    await ok("DELETE", `/machines/${going}`);
    expect((await assign(id, going)).status).toBe(409);
  });

  it("ends with the machine, so that no script points at what is gone", async () => {
    const { clock, create, ok, read, script } = withScripts();
    const { id } = await script();
    const { data } = await create({ startupScriptId: id });
    await ok("DELETE", `/machines/${data.id}`);
    expect((await read(id)).assignedMachineIds).toEqual([data.id]);
    await clock.advance(90_000);
    expect((await read(id)).assignedMachineIds).toEqual([]);
  });

  it.each([
    ["accept", 200],
    ["refuse", 409],
  ] as const)(
    "holds a script that is to be deleted as deleteUsedScript specifies: %s",
    async (rule, status) => {
      const { call, create, sim, script } = withScripts({ deleteUsedScript: rule });
      const { id } = await script();
      await create({ startupScriptId: id });
      expect((await call("DELETE", `/startup-scripts/${id}`)).status).toBe(status);
      expect(sim.console.state().machines[0]?.startupScriptIds).toHaveLength(status === 200 ? 0 : 1);
    },
  );
});
