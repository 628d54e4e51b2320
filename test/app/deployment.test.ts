/**
 * The lifecycle of deployments, run with the whole operator over a cluster and an account in memory, in virtual time. A
 * scenario a test; the checks use the simulator's own state, not the object's status.
 */
import { describe, expect, it } from "vitest";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, onlyDeployment as deployment, running } from "../support/scenario-world.ts";
import {
  annotate,
  BAD_IMAGE,
  configMap,
  edit,
  keep,
  MINUTE,
  message,
  PROJECT,
  projectSecrets,
  ready,
  reason,
  status,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";

checkTraffic();

describe("creation", () => {
  it("makes one deployment and is Ready once its rollout is healthy", async () => {
    const world = running();
    world.deployments.apply("web");
    await world.deployments.ready("web");
    expect(deployment(world).specs).toHaveLength(1);
    expect(upserts(world)).toHaveLength(1);
    expect(status(world)).toMatchObject({
      id: deployment(world).id,
      url: expect.stringMatching(/^https:/),
      replicas: 1,
      readyReplicas: 1,
      spec: { hash: expect.any(String), healthyAt: expect.any(String) },
    });
    expect(reason(world, "Healthy")).toBe("Healthy");
    expect(reason(world, "Synced")).toBe("Synced");
  });

  it("leaves a deployment of that name alone that is not its own, until the spec adopts it", async () => {
    const world = running();
    const there = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    world.deployments.apply("web");
    await world.deployments.reports("web", "AlreadyExists");
    expect(upserts(world)).toHaveLength(0);
    const uid = world.deployments.get("web")?.metadata.uid;
    world.deployments.edit("web", {
      metadata: { annotations: { [ANNOTATION.adopt]: `${there.id}@${uid}` } },
    });
    await world.deployments.ready("web");
    expect(deployment(world).id).toBe(there.id);
    expect(upserts(world)).toHaveLength(1);
  });
});

describe("a changed spec", () => {
  it("is one upsert, and Ready only for itself", async () => {
    const world = await ready();
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(deployment(world).specs).toHaveLength(2);
  });

  it("is not taken for healthy because the one before it was: the first read is stale", async () => {
    const world = await ready();
    world.sim.world.setBehaviour({ staleSpecMs: 20_000 });
    edit(world, { image: BAD_IMAGE });
    await world.until("it was sent", () => upserts(world).length === 1);
    await world.clock.advance(MINUTE);
    expect(world.deployments.condition("web", "Ready")?.status).toBe("False");
    expect(upserts(world)).toHaveLength(1);
  });
});

describe("deletion", () => {
  it("deletes the deployment and then releases the object", async () => {
    const world = await ready();
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("every field", () => {
  const key = (name: string) => ({ name: "hub", key: name });
  const ALL: Partial<DeploymentSpec> = {
    name: "site",
    image: "ghcr.io/acme/model:7",
    command: ["serve", "", "--all"],
    region: "ams1",
    containerRegistry: "acme-hub",
    replicas: 2,
    machineType: "A100-80G",
    ports: [8080, 9090],
    autoscaling: {
      enabled: true,
      maxReplicas: 5,
      metrics: [
        { metric: "cpu", value: 80 },
        { metric: "memory", summary: "average", value: 70 },
        { metric: "requestDuration", value: 0.5 },
      ],
    },
    env: [
      { name: "PLAIN", value: "1" },
      { name: "TOKEN", valueFrom: { secretKeyRef: key("token") } },
      { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } },
    ],
    healthChecks: {
      liveness: {
        path: "/live",
        port: 8080,
        host: "x",
        headers: [{ name: "A", value: "b" }],
        periodSeconds: 7,
      },
      readiness: { exec: { command: ["check"] }, initialDelaySeconds: 2, timeoutSeconds: 3 },
      startup: { path: "/start", failureThreshold: 30 },
    },
    integrations: [
      { type: "model", name: "weights", id: "mo1", path: "/weights" },
      {
        type: "s3",
        name: "data",
        url: "s3://bucket/x",
        accessKeyId: "AK",
        secretAccessKeyRef: key("s3"),
        region: "us-east-1",
        endpoint: "https://s3.example",
      },
      {
        type: "spaces",
        name: "space",
        endpoint: "https://b.ams3.digitaloceanspaces.com",
        secretAccessKeyRef: key("spaces"),
      },
      { type: "volume", name: "scratch" },
      { type: "git-lfs", name: "repo", url: "https://git.example/x", path: "/repo" },
    ],
    basicAuthSecretRef: key("door"),
    git: { host: "github", actor: "ada", owner: "acme", repo: "site", ref: "main", sha: "abc123" },
  };

  it("arrives as it was declared, and is not sent twice", async () => {
    const world = running();
    keep(world, "hub", { token: "t", s3: "k3", spaces: "k4", door: "d" });
    configMap(world, "settings", { level: "debug" });
    await world.sim.handle({
      method: "POST",
      path: "/v1/container-registries",
      headers: { authorization: "Bearer sim-key-alpha", "content-type": "application/json" },
      body: JSON.stringify({
        name: "acme-hub",
        namespace: "acme",
        url: "https://hub",
        username: "u",
        password: "p",
      }),
    });
    world.deployments.apply("web", ALL);
    await world.deployments.ready("web");
    const secret = (name: string) => expect.stringMatching(new RegExp(`^secret:k8s_hub_${name}_`));
    expect(upserts(world)).toHaveLength(1);
    const sent = (upserts(world)[0]?.body as { config?: object } | undefined)?.config;
    expect(sent).toEqual({
      apiVersion: "v1",
      name: "site",
      image: "ghcr.io/acme/model:7",
      enabled: true,
      command: ALL.command,
      region: "ams1",
      containerRegistry: "acme-hub",
      basicAuthKey: secret("door"),
      resources: {
        machineType: "A100-80G",
        ports: [8080, 9090],
        replicas: 2,
        autoscaling: {
          enabled: true,
          maxReplicas: 5,
          metrics: [
            { metric: "cpu", summary: "average", value: 80 },
            { metric: "memory", summary: "average", value: 70 },
            { metric: "requestDuration", summary: "average", value: 0.5 },
          ],
        },
      },
      env: [
        { name: "PLAIN", value: "1" },
        { name: "TOKEN", value: secret("token") },
        { name: "LEVEL", value: "debug" },
      ],
      healthChecks: ALL.healthChecks,
      integrations: [
        { type: "model", name: "weights", id: "mo1", path: "/weights" },
        {
          type: "s3",
          name: "data",
          url: "s3://bucket/x",
          accessKeyId: "AK",
          secretAccessKey: secret("s3"),
          region: "us-east-1",
          endpoint: "https://s3.example",
        },
        {
          type: "spaces",
          name: "space",
          endpoint: "https://b.ams3.digitaloceanspaces.com",
          secretAccessKey: secret("spaces"),
        },
        { type: "volume", name: "scratch" },
        { type: "git-lfs", name: "repo", url: "https://git.example/x", path: "/repo" },
      ],
    });
    expect(projectSecrets(world)).toHaveLength(4);
    expect(deployment(world).specs[0]?.gitHeaders).toEqual({
      "x-git-host": "github",
      "x-git-actor": "ada",
      "x-git-owner": "acme",
      "x-git-repo": "site",
      "x-git-ref": "main",
      "x-git-sha": "abc123",
    });
    expect(status(world)?.history?.[0]?.git).toEqual(ALL.git);
    await world.clock.advance(45 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
  });

  it("can be taken out again", async () => {
    const world = running();
    keep(world, "hub", { token: "t", s3: "k3", spaces: "k4", door: "d" });
    configMap(world, "settings", { level: "debug" });
    world.deployments.apply("web", { ...ALL, containerRegistry: undefined as never });
    await world.deployments.ready("web");
    const taken = [
      "command",
      "region",
      "autoscaling",
      "env",
      "healthChecks",
      "integrations",
      "basicAuthSecretRef",
      "git",
      "name",
    ];
    edit(world, Object.fromEntries(taken.map((field) => [field, null])));
    await world.deployments.ready("web");
    expect(stored(world)).toEqual({
      apiVersion: "v1",
      name: "web",
      image: "ghcr.io/acme/model:7",
      enabled: true,
      resources: { machineType: "A100-80G", ports: [8080, 9090], replicas: 2 },
    });
  });
});

describe("switches", () => {
  it.each([{ enabled: false }, { replicas: 0 }])(
    "%j switches it off, and is Ready once no instance is left",
    async (off) => {
      const world = await ready();
      edit(world, off);
      await world.until("it goes", () => reason(world) === "Disabling");
      await world.deployments.reports("web", "Disabled");
      expect(deployment(world).runs.filter(({ dtFinished }) => !dtFinished)).toEqual([]);
      expect(status(world)).toMatchObject({ replicas: 0, readyReplicas: 0 });
      edit(world, { enabled: true, replicas: 1 });
      await world.deployments.reports("web", "Available");
      expect(upserts(world)).toHaveLength(2);
    },
  );

  it("scales up and down, and counts what is there", async () => {
    const world = await ready();
    for (const replicas of [4, 2]) {
      edit(world, { replicas });
      await world.deployments.ready("web");
      // It is Ready with more than that, too, and Reconciling until the others have gone.
      await world.until("so many are there", () => status(world)?.replicas === replicas);
      expect(status(world)).toMatchObject({ replicas, readyReplicas: replicas });
    }
    expect(status(world)?.selector).toContain(world.deployments.get("web")?.metadata.uid);
  });

  it("what Paperspace scales by itself is no drift", async () => {
    const world = await ready({
      autoscaling: { enabled: true, maxReplicas: 4, metrics: [{ metric: "cpu", value: 50 }] },
    });
    world.sim.console.deployments.autoscale(deployment(world).id, 3);
    await world.clock.advance(70 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(status(world)?.readyReplicas).toBe(3);
    expect(reason(world)).toBe("Available");
  });

  it("pause stops everything, deletion included", async () => {
    const world = await ready();
    annotate(world, { [ANNOTATION.paused]: "true" });
    edit(world, { image: "ghcr.io/acme/model:2" });
    world.deployments.delete("web");
    await world.clock.advance(30 * MINUTE);
    expect(calls(world, "POST", /./)).toEqual([]);
    expect(calls(world, "DELETE", /./)).toEqual([]);
    annotate(world, { [ANNOTATION.paused]: null });
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("dry-run of a create reports what would be sent, and sends nothing", async () => {
    const world = running();
    keep(world, "hub", { token: "t0k3n" });
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { env }, { annotations: { [ANNOTATION.dryRun]: "true" } });
    await world.until("the plan is there", () => (status(world)?.plan ?? []).length > 3);
    expect(status(world)?.plan?.[0]).toEqual({ action: "Create" });
    expect(JSON.stringify(status(world))).not.toContain("t0k3n");
    expect(calls(world, "POST", /./)).toEqual([]);
    annotate(world, { [ANNOTATION.dryRun]: null });
    await world.deployments.ready("web");
  });
});

describe("idling", () => {
  it("costs pages of lists, and no write", async () => {
    const world = await ready();
    const before = world.kube.calls.length;
    await world.clock.advance(60 * MINUTE);
    const writes = world.kube.calls
      .slice(before)
      .filter(({ method, path }) => method !== "GET" && !path.includes("leases"));
    expect(writes).toEqual([]);
    expect(message(world)).toContain("healthy");
    expect(
      calls(world, "GET", /./)
        .map(({ path }) => path)
        .filter((path) => !/projects\/p-alpha\/deployments$/.test(path)).length,
    ).toBeLessThan(10);
  });
});
