import { describe, expect, it } from "vitest";
import { DEPLOYMENT, PROJECT, setUpDeployments } from "../../../test/simulator/deployments.ts";
import { BETA, refusal } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { DeploymentView } from "./deployment-records.ts";

const otherProject = (sim: ReturnType<typeof setUpDeployments>["sim"]) =>
  sim.console.createProject("te-alpha", "second").id;

describe("an upsert", () => {
  it("makes one deployment of a name, however often it is sent, since a retry must not double it", async () => {
    const { apply, ok } = setUpDeployments();
    const id = await apply();
    expect(await apply({ image: "nginx:1.28" })).toBe(id);
    expect(await apply({}, { deploymentId: null })).toBe(id);
    expect((await ok<Page<DeploymentView>>("GET", "/deployments")).items).toHaveLength(1);
  });

  it("takes the name as a key within its project only", async () => {
    const { apply, sim } = setUpDeployments();
    const projectId = otherProject(sim);
    const id = await apply();
    expect(await apply({}, { projectId })).not.toBe(id);
  });

  it("answers with the id alone, so that only latestSpec.id distinguishes a client's spec from the one before", async () => {
    const { apply, submit, spec } = setUpDeployments();
    const id = await apply();
    const before = await spec(id);
    expect((await submit({ image: "nginx:1.28" })).json).toEqual({ deploymentId: id });
    const after = await spec(id);
    expect(after.id).not.toBe(before.id);
    expect(after).toMatchObject({
      deploymentId: id,
      userId: "ualphaowner",
      externalApplied: null,
      error: null,
    });
  });

  it("renames by the id, and the old name is free then", async () => {
    const { apply, get } = setUpDeployments();
    const id = await apply();
    expect(await apply({ name: "site" }, { deploymentId: id })).toBe(id);
    expect((await get(id)).name).toBe("site");
    expect(await apply()).not.toBe(id);
  });

  it("refuses what has no project, no deployment or another one's name, under codes that can be set", async () => {
    const { apply, submit, sim } = setUpDeployments();
    const projectId = otherProject(sim);
    const id = await apply();
    await apply({ name: "site" });
    const code = async (change: object, more: object) => refusal(await submit(change, more)).code;
    expect(await code({}, { projectId: "p-nothing" })).toBe("NOT_FOUND");
    expect(await code({}, { projectId: "p-beta" })).toBe("NOT_FOUND");
    expect(await code({}, { deploymentId: "nothing" })).toBe("NOT_FOUND");
    expect(await code({}, { deploymentId: id, projectId })).toBe("FORBIDDEN");
    expect(await code({ name: "site" }, { deploymentId: id })).toBe("CONFLICT");
    sim.world.setBehaviour({
      invalidProjectCode: "FORBIDDEN",
      unknownDeploymentCode: "BAD_REQUEST",
      otherProjectCode: "NOT_FOUND",
      deploymentNameTakenCode: "PRECONDITION_FAILED",
    });
    expect(await code({}, { projectId: "p-nothing" })).toBe("FORBIDDEN");
    expect(await code({}, { deploymentId: "nothing" })).toBe("BAD_REQUEST");
    expect(await code({}, { deploymentId: id, projectId })).toBe("NOT_FOUND");
    expect(await code({ name: "site" }, { deploymentId: id })).toBe("PRECONDITION_FAILED");
    expect(sim.world.deployments.size).toBe(2);
  });

  it("may ignore an unknown id, as no document excludes it", async () => {
    const { apply } = setUpDeployments({ unknownDeploymentId: "byName" });
    const id = await apply();
    expect(await apply({}, { deploymentId: "nothing" })).toBe(id);
  });

  it("needs an account in good standing, as all that costs money does", async () => {
    const { submit, sim } = setUpDeployments();
    sim.console.setStanding("te-alpha", false);
    expect((await submit()).status).toBe(412);
  });

  it.each([
    ["newSpec", 2],
    ["sameSpec", 1],
  ] as const)(
    "of an unchanged configuration makes specs as identicalConfig specifies: %s",
    async (rule, specs) => {
      const { apply, applied, history, get } = setUpDeployments({ identicalConfig: rule });
      const id = await applied();
      const { latestSpecHash } = await get(id);
      // The order of keys and a default that is filled in anyway make no difference.
      await apply({ resources: { replicas: 2, ports: [80], machineType: "C5" }, enabled: undefined });
      expect(await history(id)).toHaveLength(specs);
      expect((await get(id)).latestSpecHash).toBe(latestSpecHash);
      await apply({ image: "nginx:1.28" });
      expect((await get(id)).latestSpecHash).not.toBe(latestSpecHash);
    },
  );
});

describe("a read after an upsert", () => {
  it("may still show the spec before with its dtHealthy, the false success that clients must not fall for", async () => {
    const { clock, apply, applied, get, ok } = setUpDeployments({ staleSpecMs: 3_000 });
    const id = await applied();
    const before = await get(id);
    await apply({ image: "nginx:1.28" });
    await clock.advance(2_000);
    await apply({ image: "nginx:1.29" });
    expect(await get(id)).toEqual(before);
    expect((await ok<Page<DeploymentView>>("GET", "/deployments")).items).toEqual([before]);
    await clock.advance(3_000);
    expect((await get(id)).latestSpec).toMatchObject({ data: { image: "nginx:1.29" }, dtHealthy: null });
  });

  it("may miss a deployment that was just made, by id and in lists", async () => {
    const { clock, apply, call, ok } = setUpDeployments({
      getAfterCreateMissMs: 3_000,
      listAfterCreateMissMs: 8_000,
    });
    const id = await apply();
    const look = async () => [
      (await call("GET", `/deployments/${id}`)).status,
      (await ok<Page<DeploymentView>>("GET", `/projects/${PROJECT}/deployments`)).items.length,
    ];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 1]);
  });
});

describe("the stored form of a configuration", () => {
  const bare = {
    enabled: undefined,
    resources: { machineType: "C5", ports: [80] },
    healthChecks: { readiness: { path: "/" } },
    integrations: [{ type: "model", id: "m1", name: "llm" }],
  };

  it("has the defaults filled in, so that a byte-wise comparison sees a difference where none is", async () => {
    const { apply, spec } = setUpDeployments();
    const readiness = {
      path: "/",
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 1,
      failureThreshold: 3,
    };
    expect((await spec(await apply(bare))).data).toEqual({
      ...DEPLOYMENT,
      enabled: true,
      resources: { machineType: "C5", ports: [80], replicas: 1 },
      healthChecks: { readiness },
      integrations: [{ type: "model", id: "m1", name: "llm", path: "/opt/models" }],
    });
  });

  it("is what was sent where storedDefaults specifies it, yet means the same", async () => {
    const { applied, spec, runs } = setUpDeployments({ storedDefaults: "asSent" });
    const id = await applied(bare);
    expect((await spec(id)).data).toEqual(JSON.parse(JSON.stringify({ ...DEPLOYMENT, ...bare })));
    expect(await runs(id)).toMatchObject([{ replicas: 1, readyReplicas: 1 }]);
  });

  it("may spell health checks and the version in another way", async () => {
    const { apply, spec } = setUpDeployments({ storedHealthChecks: "healthchecks", storedApiVersion: "v1" });
    const { data } = await spec(await apply({ ...bare, apiVersion: "latest" }));
    expect(data).toMatchObject({ apiVersion: "v1", healthchecks: { readiness: { periodSeconds: 10 } } });
    expect(data).not.toHaveProperty("healthChecks");
  });

  it("keeps references of secrets as references, and shows the key of the endpoint unless it is hidden", async () => {
    const { apply, get, sim } = setUpDeployments();
    sim.console.setSecret(PROJECT, "KEY", "open sesame");
    const id = await apply({ basicAuthKey: "secret:KEY" });
    expect(await get(id)).toMatchObject({
      basicAuthKey: "secret:KEY",
      latestSpec: { data: { basicAuthKey: "secret:KEY" } },
    });
    sim.world.setBehaviour({ basicAuthKeyShown: "null" });
    expect((await get(id)).basicAuthKey).toBeNull();
  });
});

describe("git headers of an upsert", () => {
  const six = {
    "x-git-host": "github",
    "x-git-actor": "ada",
    "x-git-owner": "alpha",
    "x-git-repo": "site",
    "x-git-ref": "main",
    "x-git-sha": "0123abc",
  };
  const body = { projectId: PROJECT, config: DEPLOYMENT };

  it("are kept with the spec, and those of a read are ignored", async () => {
    const { call, spec } = setUpDeployments();
    const answer = await call("POST", "/deployments", body, undefined, { ...six, "x-client": "cli" });
    const { deploymentId } = answer.json as { deploymentId: string };
    expect((await spec(deploymentId)).metadata).toEqual({ gitHeaders: six });
    await call("GET", `/deployments/${deploymentId}`, undefined, undefined, { "x-git-sha": "ffff" });
    expect((await spec(deploymentId)).metadata).toEqual({ gitHeaders: six });
  });

  it.each([
    ["stored", { gitHeaders: { "x-git-sha": "0123abc" } }],
    ["dropped", null],
    ["refused", 400],
  ] as const)("that are not all six are taken as partialGitHeaders specifies: %s", async (rule, expected) => {
    const { call, spec } = setUpDeployments({ partialGitHeaders: rule });
    const answer = await call("POST", "/deployments", body, undefined, { "x-git-sha": "0123abc" });
    if (rule === "refused") return expect(answer.status).toBe(expected);
    expect((await spec((answer.json as { deploymentId: string }).deploymentId)).metadata).toEqual(expected);
  });
});

describe("deletion", () => {
  it("answers with the id, ends all at once and leaves the name free", async () => {
    const { applied, apply, call, ok, sim } = setUpDeployments();
    const id = await applied();
    expect(await ok("DELETE", `/deployments/${id}`)).toEqual({ id });
    for (const at of ["", "/runs", "/history", "/logs", "/metrics?metric=cpu"])
      expect((await call("GET", `/deployments/${id}${at}`)).status, at).toBe(404);
    expect((await call("DELETE", `/deployments/${id}`)).status).toBe(404);
    expect((await ok<Page<DeploymentView>>("GET", "/deployments")).items).toEqual([]);
    expect(sim.world.deployments.get(id)?.runs.every((r) => r.dtFinished)).toBe(true);
    expect(await apply()).not.toBe(id);
  });

  it("may leave it readable for a while, in which it is gone for all writes", async () => {
    const { clock, applied, call, submit, get } = setUpDeployments({ deploymentDeleteMs: 20_000 });
    const id = await applied();
    await call("DELETE", `/deployments/${id}`);
    await clock.advance(19_000);
    expect((await get(id)).latestSpec).not.toBeNull();
    expect((await call("DELETE", `/deployments/${id}`)).status).toBe(404);
    expect((await submit({}, { deploymentId: id })).status).toBe(404);
    await clock.advance(1_000);
    expect((await call("GET", `/deployments/${id}`)).status).toBe(404);
  });

  it("lets nothing happen afterwards, not even what lay ahead", async () => {
    const { clock, apply, call, sim } = setUpDeployments();
    const id = await apply();
    await call("DELETE", `/deployments/${id}`);
    await clock.advance(600_000);
    expect(sim.world.deployments.get(id)).toMatchObject({ runs: [], logs: [] });
    expect(clock.pending).toBe(0);
  });

  it("of a project takes its deployments along where it does not refuse", async () => {
    const { applied, call, sim } = setUpDeployments();
    const id = await applied();
    expect((await call("DELETE", `/projects/${PROJECT}`)).status).toBe(409);
    sim.world.setBehaviour({ deleteUsedProject: "accept" });
    expect((await call("DELETE", `/projects/${PROJECT}`)).status).toBe(200);
    expect((await call("GET", `/deployments/${id}`)).status).toBe(404);
  });
});

describe("another team", () => {
  it("sees and touches nothing, whatever it tries", async () => {
    const { applied, call, ok } = setUpDeployments();
    const id = await applied();
    for (const at of ["", "/runs", "/history", "/logs", "/metrics?metric=cpu"])
      expect((await call("GET", `/deployments/${id}${at}`, undefined, BETA)).status, at).toBe(404);
    expect((await call("DELETE", `/deployments/${id}`, undefined, BETA)).status).toBe(404);
    for (const at of ["deployments", "activity"])
      expect((await call("GET", `/projects/${PROJECT}/${at}`, undefined, BETA)).status, at).toBe(404);
    const body = { projectId: "p-beta", deploymentId: id, config: DEPLOYMENT };
    expect((await call("POST", "/deployments", body, BETA)).status).toBe(404);
    expect((await ok<Page<DeploymentView>>("GET", "/deployments", undefined, BETA)).items).toEqual([]);
  });
});
