import { describe, expect, it } from "vitest";
import { PROJECT, ROLLOUT_MS, setUpDeployments } from "../../../test/simulator/deployments.ts";
import type { RunView } from "./deployment-records.ts";

const ready = (runs: RunView[]) => runs.map((r) => [r.replicas, r.readyReplicas]);

describe("a rollout", () => {
  it("is applied first, then its instances come up one by one, and last of all it is healthy", async () => {
    const { clock, apply, spec, runs } = setUpDeployments();
    const id = await apply();
    expect(await spec(id)).toMatchObject({ externalApplied: null, dtHealthy: null });
    expect(await runs(id)).toEqual([]);
    await clock.advance(4_000);
    expect(await spec(id)).toMatchObject({ externalApplied: expect.any(String), dtHealthy: null });
    expect(ready(await runs(id))).toEqual([[2, 0]]);
    await clock.advance(23_000);
    expect(await runs(id)).toMatchObject([{ readyReplicas: 1, availableReplicas: 1 }]);
    await clock.advance(1_000);
    expect(ready(await runs(id))).toEqual([[2, 2]]);
    expect((await spec(id)).dtHealthy).toBeNull();
    await clock.advance(2_000);
    expect((await spec(id)).dtHealthy).not.toBeNull();
    const [run] = await runs(id);
    expect(run?.instances[0]).toMatchObject({ state: "running", stateMessage: null, dtFinished: null });
    expect(run?.instances[0]?.history.map((h) => h.state)).toEqual(["pending", "starting", "running"]);
  });

  it("keeps the old run until the new one is ready, so that nothing is cut off", async () => {
    const { clock, applied, apply, runs, spec } = setUpDeployments();
    const id = await applied();
    const [old] = await runs(id);
    await apply({ image: "nginx:1.28" });
    await clock.advance(26_000);
    expect(ready(await runs(id))).toEqual([
      [2, 0],
      [2, 2],
    ]);
    expect((await runs(id))[1]?.id).toBe(old?.id);
    await clock.advance(6_000);
    expect((await runs(id))[1]?.instances.map((i) => i.state)).toEqual(["stopping", "stopping"]);
    await clock.advance(10_000);
    expect(ready(await runs(id))).toEqual([[2, 2]]);
    expect((await spec(id)).dtHealthy).not.toBeNull();
  });

  it("passes over a spec that another one followed before it was applied", async () => {
    const { clock, apply, history } = setUpDeployments();
    const id = await apply({ image: "nginx:1" });
    await clock.advance(3_000);
    await apply({ image: "nginx:2" });
    await clock.advance(ROLLOUT_MS);
    expect(await history(id)).toMatchObject([
      { data: { image: "nginx:2" }, externalApplied: expect.any(String) },
      { data: { image: "nginx:1" }, externalApplied: null, dtHealthy: null },
    ]);
  });

  it.each([
    ["template", true],
    ["always", false],
  ] as const)("of other replicas alone scales the run as newRun specifies: %s", async (rule, isSame) => {
    const { clock, applied, apply, runs, spec } = setUpDeployments({ newRun: rule });
    const id = await applied();
    const [before] = await runs(id);
    await apply({ resources: { machineType: "C5", ports: [80], replicas: 3 } });
    await clock.advance(ROLLOUT_MS);
    const [after] = await runs(id);
    expect(after).toMatchObject({ replicas: 3, readyReplicas: 3 });
    expect(after?.id === before?.id).toBe(isSame);
    expect((await spec(id)).dtHealthy).not.toBeNull();
  });

  it("takes replicas away without a gap, listed as ended where finishedInstances specifies it", async () => {
    const { clock, applied, apply, runs, sim } = setUpDeployments();
    const id = await applied();
    await apply({ resources: { machineType: "C5", ports: [80], replicas: 1 } });
    await clock.advance(ROLLOUT_MS);
    expect((await runs(id))[0]?.instances.map((i) => i.state)).toEqual(["running", "stopped"]);
    expect((await runs(id))[0]?.instances[1]?.dtFinished).not.toBeNull();
    sim.world.setBehaviour({ finishedInstances: "gone" });
    expect((await runs(id))[0]?.instances).toHaveLength(1);
  });

  it("waits for the initial delays of its checks before anything counts as ready", async () => {
    const { applied, clock, runs } = setUpDeployments();
    const readiness = { path: "/", initialDelaySeconds: 60 };
    const id = await applied({ healthChecks: { readiness } });
    expect(ready(await runs(id))).toEqual([[2, 0]]);
    await clock.advance(60_000);
    expect(ready(await runs(id))).toEqual([[2, 2]]);
  });

  it("goes as fast as everything else at a higher speed", async () => {
    const { apply, clock, spec } = setUpDeployments({}, { speed: 10 });
    const id = await apply();
    await clock.advance(ROLLOUT_MS / 10);
    expect((await spec(id)).dtHealthy).not.toBeNull();
  });
});

describe("a deployment that is switched off", () => {
  it.each([
    ["enabled", { enabled: false }],
    ["replicas", { resources: { machineType: "C5", ports: [80], replicas: 0 } }],
  ])("by %s ends its runs, until there are none", async (_, change) => {
    const { clock, applied, apply, runs, spec } = setUpDeployments();
    const id = await applied();
    await apply(change);
    await clock.advance(4_000);
    expect(await spec(id)).toMatchObject({ externalApplied: expect.any(String), dtHealthy: null });
    expect(await runs(id)).toHaveLength(1);
    await clock.advance(10_000);
    expect(await runs(id)).toEqual([]);
    await apply();
    await clock.advance(ROLLOUT_MS);
    expect(ready(await runs(id))).toEqual([[2, 2]]);
  });

  it("may count as healthy, as no document excludes it", async () => {
    const { applied, spec } = setUpDeployments({ disabledHealthy: "set" });
    expect((await spec(await applied({ enabled: false }))).dtHealthy).not.toBeNull();
  });
});

describe("a configuration that leads nowhere", () => {
  it("is a fatal error where the cluster cannot apply it, and the old run goes on", async () => {
    const { applied, runs, spec } = setUpDeployments();
    const id = await applied();
    await applied({ image: "invalid-config:1" });
    expect(await spec(id)).toMatchObject({
      externalApplied: null,
      dtHealthy: null,
      error: expect.stringContaining("Invalid configuration"),
    });
    expect(ready(await runs(id))).toEqual([[2, 2]]);
    await applied({ image: "fails-prebuild" });
    expect((await spec(id)).error).toMatch(/Pre-build/);
    await applied({ image: "nginx:1.28" });
    expect(await spec(id)).toMatchObject({ error: null, dtHealthy: expect.any(String) });
  });

  it.each([
    ["does-not-exist", "errored", /Back-off pulling image "does-not-exist"/],
    ["fails-startup", "errored", /Startup probe failed/],
    ["crashes", "errored", /Back-off restarting/],
    ["never-ready", "running", /Readiness probe failed/],
  ])(
    "has instances with the reason for the image %s, and is never healthy",
    async (image, state, message) => {
      const { clock, applied, runs, spec } = setUpDeployments();
      const id = await applied();
      await applied({ image });
      const [run, old] = await runs(id);
      expect(run).toMatchObject({ readyReplicas: 0 });
      for (const instance of run?.instances ?? []) {
        expect(instance.history.some((h) => h.state === state)).toBe(true);
        const messages = [instance.stateMessage, ...instance.history.map((h) => h.message)];
        expect(messages.join()).toMatch(message);
      }
      expect(old).toMatchObject({ readyReplicas: 2 });
      await clock.advance(3_600_000);
      expect((await spec(id)).dtHealthy).toBeNull();
    },
  );

  it("starts its containers over again and again, slower each time, without filling the memory", async () => {
    const { clock, applied, runs } = setUpDeployments();
    const id = await applied({ image: "crashes" });
    await clock.advance(24 * 3_600_000);
    const history = (await runs(id))[0]?.instances[0]?.history ?? [];
    expect(history).toHaveLength(50);
    const starts = history.filter((h) => h.state === "starting").map((h) => Date.parse(h.timestamp));
    expect((starts.at(-1) ?? 0) - (starts.at(-2) ?? 0)).toBeGreaterThan(300_000);
  });

  it("waits for ever on an unknown machine type", async () => {
    const { clock, applied, runs } = setUpDeployments();
    const id = await applied({ resources: { machineType: "Z9", ports: [80] } });
    await clock.advance(3_600_000);
    expect((await runs(id))[0]?.instances).toMatchObject([
      { state: "pending", stateMessage: expect.stringContaining("Z9") },
    ]);
  });

  it("waits for capacity and takes it when it comes, from machines and other deployments alike", async () => {
    const { clock, applied, runs, sim } = setUpDeployments();
    sim.world.setCapacity("C5", "ny2", 1);
    const id = await applied({ region: "East Coast (NY2)" });
    const states = async () => (await runs(id))[0]?.instances.map((i) => i.state);
    expect(await states()).toEqual(["running", "pending"]);
    expect(sim.world.hasCapacity("C5", "ny2")).toBe(false);
    sim.world.setCapacity("C5", "ny2", 2);
    await clock.advance(ROLLOUT_MS);
    expect(await states()).toEqual(["running", "running"]);
  });
});

describe("what a configuration refers to", () => {
  const env = [{ name: "TOKEN", value: "secret:TOKEN" }];

  it.each([
    ["secret", { env }, /Secret TOKEN not found/],
    ["registry", { containerRegistry: "images" }, /registry images not found/],
  ])("must be there, or the %s is a fatal error or one of instances", async (_, change, message) => {
    const { applied, spec, runs, sim } = setUpDeployments();
    const id = await applied(change);
    expect((await spec(id)).error).toMatch(message);
    sim.world.setBehaviour({ missingSecret: "instanceError", missingRegistry: "instanceError" });
    await applied(change);
    expect(await spec(id)).toMatchObject({ error: null, dtHealthy: null });
    expect((await runs(id))[0]?.instances[0]?.history.at(-1)?.message ?? "").toMatch(message);
  });

  it.each([
    ["project", PROJECT],
    ["team", "te-alpha"],
  ])("may be a secret of the %s", async (_, owner) => {
    const { applied, spec, sim } = setUpDeployments();
    sim.console.setSecret(owner, "TOKEN", "t");
    sim.console.createRegistry("te-alpha", { name: "images" });
    const id = await applied({ env, containerRegistry: "images" });
    expect((await spec(id)).dtHealthy).not.toBeNull();
  });
});
