import { afterEach, describe, expect, it } from "vitest";
import { DEPLOYMENT, PROJECT, ROLLOUT_MS } from "../../../test/simulator/deployments.ts";
import { ALPHA } from "../../../test/simulator/simulation.ts";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import { type Simulator, startSimulator } from "../simulator.ts";
import type { DeploymentView, RunView } from "../world/deployment-records.ts";

let running: Simulator | undefined;
const clock = new VirtualClock();

afterEach(() => running?.stop());

async function start() {
  running = await startSimulator({ clock, vendorOpenapi: false });
  const { url, controlUrl } = running;
  const ask = async <T>(method: string, at: string, body?: unknown, headers = {}): Promise<T> => {
    const response = await fetch(at, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    sim: running,
    send: <T>(method: string, path: string, body?: unknown, headers = {}) =>
      ask<T>(method, `${url}${path}`, body, { authorization: `Bearer ${ALPHA}`, ...headers }),
    control: <T>(method: string, path: string, body?: unknown) =>
      ask<T>(method, `${controlUrl}${path}`, body),
  };
}

describe("deployments over HTTP", () => {
  it("take along the git headers of the upsert, and of other headers nothing", async () => {
    const { send } = await start();
    const body = { projectId: PROJECT, config: DEPLOYMENT };
    const headers = { "X-Git-Sha": "0123abc", "x-git-colour": "red", "x-client": "cli" };
    const { deploymentId } = await send<{ deploymentId: string }>("POST", "/deployments", body, headers);
    const { latestSpec } = await send<DeploymentView>("GET", `/deployments/${deploymentId}`);
    expect(latestSpec?.metadata).toEqual({ gitHeaders: { "x-git-sha": "0123abc" } });
  });
});

describe("the control port, of deployments", () => {
  it("makes, changes, breaks, mends and deletes them from another process", async () => {
    const { sim, send, control } = await start();
    const { id } = await control<{ id: string }>("POST", "/deployments", {
      project: PROJECT,
      config: { name: "foreign", resources: { replicas: 2 } },
      settled: true,
    });
    const path = `/deployments/${id}`;
    const runs = () => send<RunView[]>("GET", `${path}/runs`);
    expect(await runs()).toMatchObject([{ readyReplicas: 2 }]);
    const { instanceId } = await control<{ instanceId: string }>("POST", `${path}/crash`, { message: "oom" });
    await control("POST", `${path}/logs`, { message: "hello", instanceId });
    await control("POST", `${path}/state`, { state: "teleporting", instanceId });
    await control("PUT", `${path}/metrics/cpu`, { values: [] });
    expect((await runs())[0]?.instances[0]).toMatchObject({ state: "teleporting", instanceId });
    expect(await send("GET", `${path}/metrics?metric=cpu`)).toEqual([]);
    expect(await send("GET", `${path}/logs?limit=1`)).toMatchObject({ items: [{ message: "hello" }] });

    await control("PATCH", path, { trouble: { fate: "crash" }, workflowRun: { phase: "Running" } });
    await control("PATCH", path, { trouble: null, hold: "unapplied", config: { image: "busybox" } });
    await clock.advance(ROLLOUT_MS);
    await control("PATCH", path, { hold: null });
    await control("POST", `${path}/settle`);
    expect(await send("GET", path)).toMatchObject({
      latestSpec: { data: { image: "busybox" }, dtHealthy: expect.any(String) },
    });
    await control("PATCH", path, { storedAs: "v0alpha0", invalid: true });
    expect(await send("GET", path)).toMatchObject({ latestSpec: null });
    const state = await control<ReturnType<Simulator["console"]["state"]>>("GET", "/state");
    expect(state.deployments).toMatchObject([{ id, isInvalid: true, specs: [{}, { data: { port: 80 } }] }]);
    await control("DELETE", `${path}?now=true`);
    expect(sim.world.deployments.get(id)?.dtDeleted).not.toBeNull();
  });

  it("sets up what the next ones meet", async () => {
    const { sim, control } = await start();
    await control("PATCH", "/deployments/next", { hold: "pending" });
    await control("PUT", "/image-fates", { part: "nginx", fate: "startup" });
    await control("POST", "/spec-failures", { error: "no", name: "web" });
    await control("PUT", "/capacity", { machineType: "C4", region: "ny2", machines: 0 });
    const { world } = sim;
    expect(world.holdNextRollout).toBe("pending");
    expect(world.imageFates.get("nginx")).toBe("startup");
    expect(world.specFailures).toEqual([{ error: "no", name: "web" }]);
    await control("POST", "/reset");
    expect(world).toMatchObject({ holdNextRollout: null, specFailures: [], capacity: {} });
    expect(world.imageFates.size).toBe(0);
  });

  it("names what is wrong with an order", async () => {
    const { control } = await start();
    await expect(control("POST", "/deployments", { project: "p-none" })).rejects.toThrow(/no project/);
    await expect(control("PATCH", "/deployments/none", { config: {} })).rejects.toThrow(/no deployment/);
    await expect(control("PATCH", "/deployments/none", { hold: "up" })).rejects.toThrow(/400/);
    await expect(control("PUT", "/deployments/none/metrics/tea", { values: null })).rejects.toThrow(/tea/);
    const bad = { project: PROJECT, config: { resources: { replicas: -1 } } };
    await expect(control("POST", "/deployments", bad)).rejects.toThrow(/replicas/);
  });
});
