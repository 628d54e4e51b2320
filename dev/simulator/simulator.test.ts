import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ALPHA, MACHINE, type Written } from "../../test/simulator/simulation.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { type Simulator, startSimulator } from "./simulator.ts";

let running: Simulator | undefined;
const clock = new VirtualClock();

async function start(): Promise<Simulator> {
  running = await startSimulator({ clock, vendorOpenapi: false });
  return running;
}

afterEach(() => running?.stop());

const send = (sim: Simulator, method: string, path: string, body?: unknown) =>
  fetch(`${sim.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ALPHA}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

const control = async <T>(sim: Simulator, method: string, path: string, body?: unknown): Promise<T> => {
  const response = await fetch(`${sim.controlUrl}${path}`, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return answer as T;
};

describe("over HTTP", () => {
  it("serves the same answers as without it, a query and a body included", async () => {
    const sim = await start();
    const created = (await (await send(sim, "POST", "/machines", MACHINE)).json()) as Written;
    const listed = await send(sim, "GET", "/machines?name=trainer&limit=1");
    expect(listed.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await listed.json()).toMatchObject({ hasMore: false, items: [{ id: created.data.id }] });
    expect((await send(sim, "PUT", "/machines", {})).status).toBe(404);
  });

  it("refuses an empty JSON body only where the API does, whatever the HTTP library thinks of it", async () => {
    const sim = await start();
    const { id } = sim.console.create("te-alpha", {}, "ready");
    const headers = { authorization: `Bearer ${ALPHA}`, "content-type": "application/json" };
    expect((await fetch(`${sim.url}/machines/${id}/stop`, { method: "PATCH", headers })).status).toBe(400);
    expect((await fetch(`${sim.url}/machines/${id}`, { method: "DELETE", headers })).status).toBe(200);
  });

  it("answers a body beyond all measure with 413 and keeps nothing of it", async () => {
    const sim = await start();
    const response = await send(sim, "POST", "/machines", { name: "x".repeat(2 * 1024 * 1024) });
    expect(response.status).toBe(413);
    expect(sim.calls.list()).toEqual([]);
  });

  it("turns an answer that does not fit its schema into a 500 that reports it", async () => {
    const sim = await start();
    const { id } = sim.console.create("te-alpha", {}, "ready");
    Object.assign(sim.world.machines.get(id) ?? {}, { region: 7 });
    const response = await send(sim, "GET", `/machines/${id}`);
    expect(response.status).toBe(500);
    expect(await response.text()).toMatch(/does not fit its schema/);
  });

  it("breaks real connections, before and after the effect and in mid-answer", async () => {
    const sim = await start();
    sim.faults.add({ do: { cut: "before" } });
    sim.faults.add({ do: { cut: "after" } });
    sim.faults.add({ do: { cut: "during" } });
    await expect(send(sim, "POST", "/machines", MACHINE)).rejects.toThrow();
    expect(sim.world.machines.size).toBe(0);
    await expect(send(sim, "POST", "/machines", MACHINE)).rejects.toThrow();
    expect(sim.world.machines.size).toBe(1);
    const halved = await send(sim, "POST", "/machines", MACHINE);
    expect(halved.status).toBe(200);
    await expect(halved.text()).rejects.toThrow();
    expect(sim.world.machines.size).toBe(2);
  });

  it("stops at once though a request hangs, one waits, and an idle client stays connected", async () => {
    const sim = await start();
    sim.faults.add({ do: { hang: true } });
    sim.faults.add({ do: { delayMs: 3_600_000 } });
    const idle = connect(Number(new URL(sim.url).port), "127.0.0.1");
    await once(idle, "connect");
    idle.on("error", () => {});
    const ended = once(idle, "close");
    const stuck = Promise.allSettled([send(sim, "GET", "/machines"), send(sim, "GET", "/machines")]);
    while (sim.calls.list().length < 2) await clock.settle();
    await sim.stop();
    await ended;
    expect((await stuck).map((s) => s.status)).toEqual(["rejected", "rejected"]);
    expect(clock.pending).toBe(0);
  });

  it("gives up its ports when it cannot have both", async () => {
    const sim = await start();
    const taken = Number(new URL(sim.controlUrl).port);
    await expect(startSimulator({ clock, vendorOpenapi: false, controlPort: taken })).rejects.toThrow(
      /EADDRINUSE/,
    );
  });
});

describe("the control port", () => {
  it("does from another process what the objects do in this one", async () => {
    const sim = await start();
    const { id } = await control<{ id: string }>(sim, "POST", "/machines", {
      team: "te-beta",
      machine: { name: "foreign" },
      state: "ready",
    });
    await control(sim, "PATCH", `/machines/${id}`, { settings: { name: "moved" } });
    await control(sim, "POST", `/machines/${id}/auto-shutdown`);
    await control(sim, "POST", "/failures", { event: "create", error: "no" });
    await control(sim, "PUT", "/capacity", { machineType: "a4000", region: "NY2", machines: 0 });
    await control(sim, "PATCH", "/teams/te-alpha", { maxMachines: 3, budget: null, goodStanding: false });
    await control(sim, "POST", "/teams/te-alpha/keys", { key: "sim-key-3" });
    await control(sim, "DELETE", `/keys/${ALPHA}`);
    await control(sim, "PATCH", "/behaviour", { staleStateMs: 0 });
    await control(sim, "PATCH", "/machines/next", { hold: "provisioning" });

    const state = await control<ReturnType<Simulator["console"]["state"]>>(sim, "GET", "/state");
    expect(state.machines).toMatchObject([
      { id, teamId: "te-beta", state: "stopping", shown: { name: "moved" } },
    ]);
    expect(state.events.map((e) => e.name)).toContain("vm-shutdown-force");
    expect(state).toMatchObject({ capacity: { "ny2/A4000": 0 }, behaviour: { staleStateMs: 0 } });
    expect(state.teams[0]).toMatchObject({ maxMachines: 3, budget: null, goodStanding: false, keys: 2 });
    expect(sim.world.failures).toHaveLength(1);
    expect(sim.world.holdNext).toBe("provisioning");
    expect((await send(sim, "GET", "/machines")).status).toBe(401);

    await control(sim, "DELETE", `/machines/${id}?now=true`);
    expect(sim.world.machines.get(id)?.dtDeleted).not.toBeNull();
    await control(sim, "POST", "/reset");
    expect(sim.world.machines.size).toBe(0);
    expect((await send(sim, "GET", "/machines")).status).toBe(200);
  });

  it("does what happens around machines: members, passwords, snapshots, standing", async () => {
    const sim = await start();
    const { id } = sim.console.create("te-alpha", { accessorIds: ["ualphauser1"] }, "ready");
    const user = await control<{ id: string }>(sim, "POST", "/teams/te-alpha/users", {
      email: "new@alpha.example",
    });
    await control(sim, "DELETE", "/teams/te-alpha/users/ualphauser1");
    await control(sim, "POST", `/machines/${id}/auto-snapshot`);
    await control(sim, "POST", `/machines/${id}/renew-desktop`);
    await control(sim, "PATCH", "/teams/te-alpha", { goodStanding: false, messages: ["pay"] });
    await control(sim, "PATCH", "/teams/te-alpha", { messages: ["pay now"] });
    await control(sim, "POST", "/failures", { event: "snapshot-restore" });
    await send(sim, "POST", "/startup-scripts", { name: "setup", script: "true" });

    const state = await control<ReturnType<Simulator["console"]["state"]>>(sim, "GET", "/state");
    expect(state.teams[0]).toMatchObject({ goodStanding: false, standingMessages: ["pay now"] });
    expect(state.teams[0]?.users.map((u) => u.id)).toContain(user.id);
    expect(state.machines).toMatchObject([{ id, accessorIds: [] }]);
    expect(state.snapshots).toMatchObject([{ machineId: id, isAutoSnapshot: true, isDeleting: false }]);
    expect(state.scripts).toMatchObject([{ name: "setup", script: "true" }]);
    expect(state).toMatchObject({ staticAddresses: [], templates: [] });
    expect(sim.console.machine(id).desktopRenewals).toBe(1);
    const routes = await (await fetch(sim.controlUrl)).text();
    for (const route of ["auto-snapshot", "renew-desktop", "/teams/:id/users"])
      expect(routes).toContain(route);
  });

  it("makes and deletes projects, secrets and registries, and shows them without what is secret", async () => {
    const sim = await start();
    const made = (path: string, body: object) => control<{ id: string }>(sim, "POST", path, body);
    const project = await made("/projects", { team: "te-alpha", name: "vision" });
    const registry = await made("/registries", { team: "te-alpha", registry: { password: "hush-1" } });
    await control(sim, "PATCH", `/projects/${project.id}`, { name: "sight" });
    for (const owner of [project.id, "te-alpha"])
      await control(sim, "PUT", `/secrets/${owner}/TOKEN`, { value: "hush-2" });
    await control(sim, "PATCH", `/registries/${registry.id}`, {
      settings: { url: "ghcr.io" },
      connection: { success: false, error: "no" },
    });
    await send(sim, "PATCH", "/teams/te-alpha/secrets/TOKEN", { value: "hush-3" });

    const state = await control<ReturnType<Simulator["console"]["state"]>>(sim, "GET", "/state");
    expect(state.projects).toContainEqual(expect.objectContaining({ id: project.id, name: "sight" }));
    expect(state.secrets).toMatchObject([
      { projectId: project.id, name: "TOKEN", valueLength: 6, hasDeploymentAttached: false },
      { teamId: "te-alpha", projectId: null },
    ]);
    expect(state.registries).toMatchObject([
      { id: registry.id, url: "ghcr.io", connection: { success: false, error: "no" } },
    ]);
    expect(JSON.stringify([state, await control(sim, "GET", "/calls")])).not.toContain("hush");

    await control(sim, "DELETE", "/secrets/te-alpha/TOKEN");
    await control(sim, "DELETE", `/registries/${registry.id}`);
    await control(sim, "DELETE", `/projects/${project.id}`);
    expect(sim.console.state()).toMatchObject({ secrets: [], registries: [] });
    await expect(control(sim, "PUT", "/secrets/te-alpha/1X", { value: "v" })).rejects.toThrow(/400/);
    await expect(control(sim, "POST", "/projects", { team: "te-none", name: "x" })).rejects.toThrow(
      /te-none/,
    );
  });

  it("shows faults, calls and conformance, and empties them", async () => {
    const sim = await start();
    const { id } = await control<{ id: string }>(sim, "POST", "/faults", {
      match: { method: "GET", path: "machines$" },
      do: { status: 503 },
    });
    expect((await send(sim, "GET", "/machines")).status).toBe(503);
    expect(await control(sim, "GET", "/faults")).toMatchObject([{ id, struck: 1 }]);
    expect(await control(sim, "DELETE", `/faults/${id}`)).toEqual({ removed: true });
    expect(await control(sim, "GET", "/calls?method=GET&path=machines")).toMatchObject([{ status: 503 }]);
    await control(sim, "DELETE", "/calls");
    expect(await control(sim, "GET", "/calls")).toEqual([]);
    expect(await control(sim, "GET", "/conformance")).toMatchObject({ checked: false });
  });

  it("names what is wrong with an order instead of taking it for something else", async () => {
    const sim = await start();
    await expect(control(sim, "POST", "/faults", { do: { stauts: 1 } })).rejects.toThrow(/400.*stauts/);
    await expect(control(sim, "PATCH", "/behaviour", { nameFilter: "regex" })).rejects.toThrow(/nameFilter/);
    await expect(control(sim, "POST", "/machines/ps1/stop")).rejects.toThrow(/there is no machine ps1/);
    await expect(control(sim, "POST", "/machines/ps1/explode")).rejects.toThrow(/explode/);
  });
});
