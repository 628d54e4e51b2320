import { describe, expect, it } from "vitest";
import { PROJECT, ROLLOUT_MS, setUpDeployments } from "../../../test/simulator/deployments.ts";
import { ApiError } from "./errors.ts";

const setUp = (...args: Parameters<typeof setUpDeployments>) => {
  const parts = setUpDeployments(...args);
  return { ...parts, person: parts.sim.console.deployments };
};

describe("a user of the console", () => {
  it("makes deployments that no client created, settled at once where a test must not wait", async () => {
    const { person, get, runs } = setUp();
    const { id } = person.create(
      PROJECT,
      { name: "foreign", resources: { replicas: 3 } },
      {
        settled: true,
        userId: "ualphaadmin",
      },
    );
    expect(await get(id)).toMatchObject({
      name: "foreign",
      latestSpec: { userId: "ualphaadmin", dtHealthy: expect.any(String) },
    });
    expect(await runs(id)).toMatchObject([{ replicas: 3, readyReplicas: 3 }]);
    expect(() => person.create("p-nothing")).toThrow(/no project/);
    expect(() => person.create(PROJECT, { region: "mars" })).toThrow(ApiError);
  });

  it("changes any part of a configuration behind a client, and leaves the rest", async () => {
    const { applied, person, spec, get } = setUp();
    const id = await applied({ command: ["nginx"], env: [{ name: "A", value: "1" }] });
    person.edit(id, { image: "busybox", command: undefined, env: [{ name: "B", value: "2" }] });
    expect((await spec(id)).data).toMatchObject({
      image: "busybox",
      env: [{ name: "B", value: "2" }],
      resources: { replicas: 2 },
    });
    expect((await spec(id)).data).not.toHaveProperty("command");
    person.scale(id, 5);
    person.enable(id, false);
    person.edit(id, { name: "renamed" });
    expect(await get(id)).toMatchObject({
      name: "renamed",
      latestSpec: { data: { enabled: false, resources: { replicas: 5 } } },
    });
    person.settle(id);
  });

  it("deletes, at once where it matters", async () => {
    const { applied, person, call } = setUp({ deploymentDeleteMs: 60_000 });
    const id = await applied();
    person.delete(id);
    expect((await call("GET", `/deployments/${id}`)).status).toBe(200);
    person.delete(id, true);
    expect((await call("GET", `/deployments/${id}`)).status).toBe(404);
    expect(() => person.delete(id)).toThrow(/no deployment/);
  });

  it("finds data of old versions, which still mean the same", async () => {
    const { applied, apply, person, spec, runs, clock } = setUp();
    const id = await applied({
      healthChecks: { liveness: { path: "/live" } },
      integrations: [
        { type: "git-lfs", name: "repo", url: "https://git.example/repo" },
        { type: "model", id: "m1", name: "llm" },
      ],
    });
    const before = await runs(id);
    person.rewrite(id, "v0alpha1");
    expect((await spec(id)).data).toMatchObject({ apiVersion: "v0alpha1", resources: { machineType: "C5" } });
    person.rewrite(id, "v0alpha0");
    expect((await spec(id)).data).toMatchObject({
      apiVersion: "v0alpha0",
      port: 80,
      resources: { instanceType: "C5", replicas: 2 },
      healthChecks: { liveness: { path: "/live" } },
      models: [{ id: "m1", path: "/opt/models" }],
      repositories: { repositories: [{ name: "repo" }] },
    });
    expect(await runs(id)).toEqual(before);
    await apply();
    await clock.advance(ROLLOUT_MS);
    expect((await spec(id)).data?.apiVersion).toBe("v1");
  });

  it("may have an unreadable stored configuration, until the next upsert", async () => {
    const { applied, apply, person, get, history } = setUp();
    const id = await applied();
    person.invalidate(id);
    expect((await get(id)).latestSpec).toBeNull();
    expect(await history(id)).toMatchObject([{ data: null }]);
    await apply({ image: "nginx:1.28" });
    expect((await get(id)).latestSpec).not.toBeNull();
  });
});

describe("what goes wrong with instances", () => {
  it("starts over after a crash, while dtHealthy stays what it was: a moment, not a level", async () => {
    const { clock, applied, person, runs, spec } = setUp();
    const id = await applied();
    const { dtHealthy } = await spec(id);
    const { instanceId } = person.crash(id, { message: "out of memory" });
    expect((await runs(id))[0]).toMatchObject({ readyReplicas: 1 });
    expect((await runs(id))[0]?.instances.find((i) => i.instanceId === instanceId)).toMatchObject({
      state: "errored",
      stateMessage: "out of memory",
    });
    await clock.advance(ROLLOUT_MS);
    expect((await runs(id))[0]).toMatchObject({ readyReplicas: 2 });
    expect((await spec(id)).dtHealthy).toBe(dtHealthy);
  });

  it("stays crashed where it is to, and crashes where it is named", async () => {
    const { clock, applied, person, runs } = setUp();
    const id = await applied();
    const last = (await runs(id))[0]?.instances.at(-1)?.instanceId ?? "";
    person.crash(id, { instanceId: last, startsOver: false });
    await clock.advance(3_600_000);
    expect((await runs(id))[0]?.instances.map((i) => i.state)).toEqual(["running", "errored"]);
    expect(() => person.crash(id, { instanceId: "in-nothing" })).toThrow(/no instance/);
  });

  it("goes on until it is mended, with and without another configuration", async () => {
    const { clock, applied, person, runs } = setUp();
    const id = await applied();
    person.fail(id, "pull", "registry is down");
    await clock.advance(ROLLOUT_MS);
    expect((await runs(id))[0]).toMatchObject({ readyReplicas: 0 });
    expect(JSON.stringify(await runs(id))).toContain("registry is down");
    person.recover(id);
    await clock.advance(ROLLOUT_MS);
    expect((await runs(id))[0]).toMatchObject({ readyReplicas: 2 });
  });

  it("can be tied to any part of an image's name, and taken back", async () => {
    const { clock, applied, person, runs, spec } = setUp();
    person.setImageFate("nginx", "crash");
    const id = await applied();
    expect((await runs(id))[0]).toMatchObject({ readyReplicas: 0 });
    person.setImageFate("nginx", null);
    person.recover(id);
    await clock.advance(ROLLOUT_MS);
    expect((await spec(id)).dtHealthy).not.toBeNull();
    person.setImageFate("does-not-exist", null);
    expect((await spec(await applied({ name: "two", image: "does-not-exist" }))).dtHealthy).not.toBeNull();
  });

  it("may be an undocumented state, which a client must tolerate", async () => {
    const { clock, applied, person, runs } = setUp();
    const id = await applied();
    person.setInstanceState(id, "teleporting", { message: "?" });
    await clock.advance(ROLLOUT_MS);
    expect((await runs(id))[0]?.instances[0]).toMatchObject({ state: "teleporting", stateMessage: "?" });
  });

  it("fails a configuration as a whole when that is planned, once", async () => {
    const { applied, person, spec } = setUp();
    person.failNext({ error: "quota of the cluster", name: "web" });
    const other = await applied({ name: "other" });
    const id = await applied();
    expect((await spec(other)).error).toBeNull();
    expect((await spec(id)).error).toBe("quota of the cluster");
    await applied();
    expect((await spec(id)).error).toBeNull();
  });
});

describe("a rollout that is held", () => {
  it.each([
    ["unapplied", { applied: false, state: undefined, ready: undefined }],
    ["pending", { applied: true, state: "pending", ready: 0 }],
    ["starting", { applied: true, state: "starting", ready: 0 }],
    ["unready", { applied: true, state: "running", ready: 0 }],
    ["unhealthy", { applied: true, state: "running", ready: 2 }],
  ] as const)("at %s stays there, and continues when it is released", async (hold, expected) => {
    const { clock, applied, person, runs, spec } = setUp();
    person.hold("next", hold);
    const id = await applied();
    const [run] = await runs(id);
    expect({
      applied: (await spec(id)).externalApplied !== null,
      state: run?.instances[0]?.state,
      ready: run?.readyReplicas,
    }).toEqual(expected);
    expect((await spec(id)).dtHealthy).toBeNull();
    person.hold(id, hold);
    person.hold(id, null);
    await clock.advance(ROLLOUT_MS);
    expect((await spec(id)).dtHealthy).not.toBeNull();
  });

  it("applies the latest configuration only when it is released", async () => {
    const { clock, apply, applied, person, history } = setUp();
    person.hold("next", "unapplied");
    const id = await applied({ image: "nginx:1" });
    await apply({ image: "nginx:2" });
    await clock.advance(ROLLOUT_MS);
    person.hold(id, null);
    expect((await history(id)).map((s) => s.externalApplied !== null)).toEqual([true, false]);
  });
});

describe("the cloud itself", () => {
  it("scales between the bounds of autoscaling, and a new configuration keeps what it chose", async () => {
    const { clock, applied, person, runs, sim } = setUp();
    const autoscaling = {
      enabled: true,
      maxReplicas: 5,
      metrics: [{ metric: "cpu", summary: "average", value: 80 }],
    };
    const resources = { machineType: "C5", ports: [80], replicas: 2, autoscaling };
    const id = await applied({ resources });
    person.autoscale(id, 4);
    await clock.advance(ROLLOUT_MS);
    expect(await runs(id)).toMatchObject([{ replicas: 4, readyReplicas: 4 }]);
    expect(() => person.autoscale(id, 6)).toThrow(/between 2 and 5/);
    expect(sim.world.activity.at(-1)).toMatchObject({ data: { from: 2, to: 4 }, userId: null });
    await applied({ resources: { ...resources, autoscaling: { ...autoscaling, maxReplicas: 3 } } });
    expect(await runs(id)).toMatchObject([{ replicas: 3, readyReplicas: 3 }]);
  });

  it("shows everything in its state, for users and tests", async () => {
    const { applied, person, sim } = setUp({ staleSpecMs: 5_000 });
    const id = await applied();
    person.edit(id, { image: "nginx:1.28" });
    const state = sim.console.state();
    expect(state.deployments).toMatchObject([
      {
        id,
        specs: [{ data: { image: "nginx:1.27" } }, { data: { image: "nginx:1.28" } }],
        runs: [{ readyReplicas: 2, isEnding: false }],
        shown: { latestSpec: { data: { image: "nginx:1.27" } } },
      },
    ]);
    expect(state.activity.map((a) => a.action)).toEqual(["deployment.created", "deployment.updated"]);
  });
});
