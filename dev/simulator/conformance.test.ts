import { describe, expect, it } from "vitest";
import { DEPLOYMENT, PROJECT } from "../../test/simulator/deployments.ts";
import { MACHINE, setUp, vendor } from "../../test/simulator/simulation.ts";
import { OPERATIONS } from "./api/operations.ts";
import { ALLOWED_DEVIATIONS, VendorSchema } from "./conformance.ts";
import { toJsonSchema } from "./openapi.ts";
import type { Behaviour } from "./world/behaviour.ts";
import { METRICS } from "./world/metrics.ts";

/** Calls every operation, with answers of every kind, over the lifecycle of a machine. */
async function walk(behaviour: Partial<Behaviour> = {}, headers: Record<string, string> = {}) {
  const { clock, sim, call, ok, create } = setUp({ behaviour });
  const script = await ok<{ id: string }>("POST", "/startup-scripts", { name: "setup", script: "true" });
  const { data, event } = await create({
    startupScriptId: script.id,
    publicIpType: "static",
    networkId: "nalpha0ny2",
    accessorIds: ["ualphaadmin"],
    autoSnapshotEnabled: true,
    autoSnapshotFrequency: "daily",
    autoSnapshotSaveCount: 3,
    takeInitialSnapshot: true,
    restorePointEnabled: true,
    restorePointFrequency: "shutdown",
  });
  const path = `/machines/${data.id}`;
  const around = await otherOperations(ok, data.id);
  const projects = await inProjects(ok);
  const storage = await inStorage(ok);
  const deployments = await deploymentsOf(sim, ok);
  const everything = async () => {
    for (const at of [
      ...deployments.reads,
      ...around.reads,
      ...projects.reads,
      ...storage.reads,
      `/startup-scripts/${script.id}`,
      "/machines?limit=1&orderBy=name&order=asc&name=trainer&region=ny2",
      path,
      "/machine-events?limit=2",
      `/machine-events?machineId=${data.id}&order=asc`,
      `/machine-events/${event.id}`,
      `${path}/accessors`,
      `${path}/accessors/ualphaadmin`,
      `${path}/desktop`,
      "/machine-availability?machineType=A4000&region=ny2",
      "/os-templates?limit=2",
      "/auth/session",
      "/teams/te-alpha/users?role=member",
      "/billing/account-standing",
      "/health",
      "/openapi.json",
    ]) {
      await call("GET", at);
    }
  };
  const steps: Step[] = [
    ["PATCH", `${path}/restart`, {}],
    ["PUT", path, { name: "renamed", autoShutdownEnabled: true }],
    ["PATCH", `${path}/stop`, {}],
    ["PUT", path, { diskSize: 100 }],
    ["PATCH", `${path}/start`, {}],
    ["PATCH", `${path}/start`, {}],
    ["POST", `${path}/accessors`, { userId: "ualphauser1" }],
    ["DELETE", `${path}/accessors/ualphauser1`],
    ["POST", "/machines", { ...MACHINE, machineType: "Z9" }],
    ...around.writes,
    ...storage.writes,
    ...projects.writes,
    ...deployments.writes,
    ["POST", `/startup-scripts/${script.id}/unassign`, { machineId: data.id }],
    ["POST", `/startup-scripts/${script.id}/assign`, { machineId: data.id }],
    ["PUT", `/startup-scripts/${script.id}`, { script: "false", isEnabled: false }],
    ["DELETE", path],
    ["DELETE", `/startup-scripts/${script.id}`],
    ["DELETE", `/public-ips/${around.ip}`],
    ["POST", "/custom-templates", { name: "late", machineId: data.id }],
  ];
  await everything();
  await clock.advance(90_000);
  for (const [method, at, body] of steps) {
    await call(method, at, body, undefined, headers);
    await everything();
    await clock.advance(100_000);
    await everything();
  }
  await call("GET", "/machines", undefined, "sim-key-wrong");
  await call("GET", "/auth/session", undefined, "sim-key-wrong");
  return sim;
}

type Step = [method: string, path: string, body?: unknown];

/** What a machine can touch: made at once, to be read and written on the way. */
async function otherOperations(ok: ReturnType<typeof setUp>["ok"], machineId: string) {
  const network = await ok<{ id: string }>("POST", "/private-networks", { name: "lab", region: "ny2" });
  const { ip } = await ok<{ ip: string }>("POST", "/public-ips", { region: "ny2" });
  const made = async (path: string) =>
    (await ok<{ data: { id: string } }>("POST", path, { name: "first", machineId })).data.id;
  const snapshot = `/snapshots/${await made("/snapshots")}`;
  const template = `/custom-templates/${await made("/custom-templates")}`;
  const writes: Step[] = [
    ["PUT", `/private-networks/${network.id}`, { name: "laboratory" }],
    ["PUT", `/public-ips/${ip}`, { machineId }],
    ["PUT", `/public-ips/${ip}`, { machineId: null }],
    ["PUT", snapshot, { name: "second" }],
    ["PUT", `/machines/${machineId}`, { restorePointSnapshotId: snapshot.split("/")[2] }],
    ["POST", `${snapshot}/restore`, { createSnapshotBeforeRestore: true }],
    ["DELETE", snapshot],
    ["PUT", template, { name: "golden" }],
    ["POST", "/machines", { ...MACHINE, templateId: template.split("/")[2] }],
    ["DELETE", template],
    ["DELETE", `/private-networks/${network.id}`],
  ];
  const reads = [
    "/startup-scripts?name=setup&orderBy=name",
    "/private-networks?region=ny2&name=lab",
    `/private-networks/${network.id}`,
    "/public-ips?region=ny2&limit=1",
    `/snapshots?machineId=${machineId}&orderBy=dtCreated&order=asc`,
    snapshot,
    `/custom-templates?machineId=${machineId}&name=golden`,
    "/custom-templates",
    template,
  ];
  return { ip, reads, writes };
}

/** A project and what it and its team hold. */
async function inProjects(ok: ReturnType<typeof setUp>["ok"]) {
  const { id } = await ok<{ id: string }>("POST", "/projects", { name: "vision" });
  const settings = { name: "images", namespace: "lab", url: "ghcr.io", username: "robot", password: "p" };
  const registry = await ok<{ id: string }>("POST", "/container-registries", settings);
  const registryPath = `/container-registries/${registry.id}`;
  const scopes = [`/projects/${id}/secrets`, "/teams/te-alpha/secrets"];
  for (const path of scopes) await ok("POST", path, { name: "TOKEN", value: "v" });
  const writes: Step[] = [
    ["PUT", `/projects/${id}`, { name: "sight" }],
    ["PUT", registryPath, { password: "q", kind: "ghcr" }],
    ...scopes.flatMap((path): Step[] => [
      ["POST", path, { name: "TOKEN", value: "again" }],
      ["PATCH", `${path}/TOKEN`, { value: "w" }],
      ["DELETE", `${path}/TOKEN`],
    ]),
    ["DELETE", registryPath],
    ["DELETE", `/projects/${id}`],
  ];
  const reads = [
    "/projects?limit=1&orderBy=dtCreated&order=asc",
    `/projects/${id}`,
    ...scopes.flatMap((path) => [`${path}?limit=1&order=desc`, `${path}/TOKEN`]),
    "/container-registries?limit=1",
    registryPath,
    `${registryPath}/test-connection`,
  ];
  return { reads, writes };
}

/** A shared drive, a storage provider, a dataset with a version and a model, and the members of a team. */
async function inStorage(ok: ReturnType<typeof setUp>["ok"]) {
  const made = async (path: string, body: object) =>
    `${path}/${(await ok<{ id: string }>("POST", path, body)).id}`;
  const s3Config = { bucket: "b", accessKey: "a", secretAccessKey: "s", endpoint: "https://s3.example" };
  const drive = await made("/shared-drives", {
    name: "data",
    size: 50,
    region: "ny2",
    networkId: "nalpha0ny2",
  });
  const provider = await made("/storage-providers", {
    name: "bucket",
    storageProviderType: "s3",
    s3Config,
    isTeamDefault: true,
  });
  const storageProviderId = provider.split("/").at(-1);
  const dataset = await made("/datasets", { name: "images", storageProviderId, description: null });
  const { version } = await ok<{ version: string }>("POST", `${dataset}/versions`, {
    message: "first",
    tags: "a, b",
    metadata: { rows: 1 },
  });
  const model = await made("/models", { name: "net", isPublic: false, projectId: "p-alpha" });
  const modelOfProject = `/projects/p-alpha/models/${model.split("/").at(-1)}`;
  await ok("POST", "/projects/p-alpha/tags", { name: "lab" });
  await ok("POST", "/projects/p-alpha/collaborators", { userId: "ualphauser1" });
  const writes: Step[] = [
    ["PUT", drive, { name: "moved" }],
    ["PUT", provider, { name: "bucket", isTeamDefault: false, s3Config }],
    ["PUT", dataset, { description: "cats" }],
    ["PUT", `${dataset}/versions/${version}`, { isCommitted: true, tags: "c" }],
    ["DELETE", modelOfProject],
    ["POST", modelOfProject],
    ["DELETE", model],
    ["DELETE", "/projects/p-alpha/tags?name=lab"],
    ["DELETE", "/projects/p-alpha/collaborators/ualphauser1"],
    ["PUT", "/teams/te-alpha/users/ualphaguest", { isAdmin: true }],
    ["DELETE", "/teams/te-alpha/users/ualphaguest"],
    ["DELETE", `${dataset}/versions/${version}`],
    ["DELETE", dataset],
    ["DELETE", provider],
    ["DELETE", drive],
  ];
  const reads = [
    "/shared-drives?limit=1&name=data&region=ny2&orderBy=name",
    drive,
    "/storage-providers?limit=1",
    "/storage-providers/utilization",
    provider,
    "/datasets?teamId=te-alpha&privacy=PRIVATE",
    dataset,
    `${dataset}/versions?tags=a`,
    `${dataset}/versions/${version}`,
    "/models?projectId=p-alpha",
    model,
    "/projects/p-alpha/models?name=net",
    "/projects/p-alpha/tags?limit=1",
    "/projects/p-alpha/collaborators?order=asc",
  ];
  return { reads, writes };
}

/** A deployment whose configuration goes through all that one can hold, in all versions. */
async function deploymentsOf(sim: ReturnType<typeof setUp>["sim"], ok: ReturnType<typeof setUp>["ok"]) {
  const upsert = (change: object): Step => [
    "POST",
    "/deployments",
    { projectId: PROJECT, config: { ...DEPLOYMENT, ...change } },
  ];
  const { deploymentId: id } = await ok<{ deploymentId: string }>(...upsert({}));
  sim.console.deployments.attachWorkflowRun(id, "Failed", "no such base image");
  sim.console.setSecret(PROJECT, "KEY", "k");
  const metrics = [{ metric: "requestDuration", summary: "average", value: 0.5 }];
  const autoscaling = { enabled: true, maxReplicas: 4, metrics };
  const writes: Step[] = [
    upsert({
      apiVersion: "latest",
      region: "ny2",
      command: ["serve"],
      basicAuthKey: "secret:KEY",
      env: [{ name: "A", value: "1" }],
      resources: { machineType: "A4000", ports: [80, 81], replicas: 2, autoscaling },
      healthChecks: {
        liveness: { path: "/", port: 80, headers: [] },
        startup: { exec: { command: ["ok"] } },
      },
      integrations: [
        { type: "model", id: "m", name: "model" },
        { type: "s3", name: "s3", url: "s3://bucket/data", secretAccessKey: "secret:KEY" },
        { type: "spaces", name: "spaces", endpoint: "https://a.nyc3.digitaloceanspaces.com" },
        { type: "volume", name: "volume" },
        { type: "git-lfs", name: "git", url: "https://git.example/a" },
      ],
    }),
    upsert({ apiVersion: "v0alpha0", resources: { instanceType: "C5" }, models: [{ id: "m" }] }),
    upsert({ apiVersion: "v0alpha1", healthchecks: { readiness: { path: "/" } } }),
    upsert({ image: "does-not-exist" }),
    upsert({ image: "invalid-config" }),
    upsert({ enabled: false }),
    ["POST", "/deployments", { projectId: PROJECT, deploymentId: "nothing", config: DEPLOYMENT }],
    ["DELETE", `/deployments/${id}`],
  ];
  const path = `/deployments/${id}`;
  const reads = [
    "/deployments?limit=1&orderBy=dtCreated&order=asc",
    path,
    `${path}/history?limit=3`,
    `${path}/logs?limit=2&order=asc`,
    `${path}/runs?limit=5`,
    ...METRICS.map((metric) => `${path}/metrics?metric=${metric}&timeframe=day`),
    `/projects/${PROJECT}/deployments?name=web`,
    `/projects/${PROJECT}/activity?limit=2&deploymentId=${id}`,
  ];
  return { reads, writes };
}

describe.skipIf(!vendor)("every request and answer of a walk through all operations", () => {
  it("fits the vendor's document, and the walk leaves no operation out", async () => {
    const sim = await walk();
    const report = sim.conformance.report();
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ checked: true, requests: report.answers });
    expect(report.deviations.map((d) => d.id)).toEqual([
      "health",
      "account-standing",
      "document",
      "empty-object-for-actions",
    ]);
    const answered = sim.calls.list().filter((c) => c.status === 200);
    const called = answered.map((c) => `${c.method} ${c.path}`);
    for (const { method, path } of OPERATIONS) {
      const pattern = new RegExp(`^${method} /v1${path.replace(/:\w+/g, "[^/]+")}$`);
      expect(
        called.some((c) => pattern.test(c)),
        `${method} ${path}`,
      ).toBe(true);
    }
  });

  it("covers every path and method of the vendor's document", () => {
    const served = OPERATIONS.map(({ method, path }) => `${method} ${path.replace(/:\w+/g, "{}")}`);
    const declared = vendor?.operations.map((one) => one.replace(/\{\w+\}/g, "{}")) ?? [];
    expect(declared).toHaveLength(113);
    expect(declared.filter((one) => !served.includes(one))).toEqual([]);
  });

  it("differs only in the listed deviations when switches enable them", async () => {
    const switches = {
      nextPageWhenLast: "null",
      createPlaceholders: "legacy",
      errorField: "issues",
      liveDtDeleted: "object",
    } as const;
    const sim = await walk(switches, { "x-git-sha": "0123abc" });
    const report = sim.conformance.report();
    expect(report.violations).toEqual([]);
    expect(report.deviations.map((d) => d.id)).toEqual(ALLOWED_DEVIATIONS.map((d) => d.id));
  });

  it("finds a client that sends what the document does not define", async () => {
    const { sim, call } = setUp();
    await call("POST", "/machines", { ...MACHINE, tags: [] });
    await call("GET", "/machines?colour=red");
    await call("GET", "/nothing");
    expect(sim.conformance.report().violations.map((v) => [v.side, v.reason])).toEqual([
      ["request", "/ additional properties: tags"],
      ["request", "query / additional properties: colour"],
      ["request", "operation: not in the document"],
    ]);
    expect(sim.conformance.report().summary).toBe("checked 3 requests / 3 answers, 3 violations");
  });

  it("lets answers pass that a fault made up, since they are no work of the simulator's", async () => {
    const { sim, call } = setUp();
    sim.faults.add({ do: { status: 502, body: { oops: true } } });
    await call("GET", "/machines");
    expect(sim.conformance.report()).toMatchObject({ requests: 1, answers: 0, violations: [] });
  });
});

describe("without the vendor's document", () => {
  it("reports that nothing was checked, so that no run passes for a checked one", async () => {
    const { sim, call } = setUp({ vendorOpenapi: "no-such-file.json" });
    await call("GET", "/machines");
    expect(sim.conformance.report()).toMatchObject({
      checked: false,
      requests: 0,
      summary: "vendor-openapi.json not there: not checked",
    });
  });
});

describe("OpenAPI 3.0 as JSON Schema", () => {
  it("turns nullable into a choice that holds for enums too", () => {
    expect(toJsonSchema({ type: "string", enum: ["a"], nullable: true })).toEqual({
      anyOf: [{ type: "string", enum: ["a"] }, { type: "null" }],
    });
  });

  it("turns boolean bounds into the numbers they stand for", () => {
    expect(toJsonSchema({ type: "number", minimum: 0, exclusiveMinimum: true })).toEqual({
      type: "number",
      exclusiveMinimum: 0,
    });
    expect(toJsonSchema({ type: "number", maximum: 9, exclusiveMaximum: false })).toEqual({
      type: "number",
      maximum: 9,
    });
  });

  it("reaches schemas at every depth, and takes a property called `nullable` for a property", () => {
    const inner = { type: "string", nullable: true };
    expect(
      toJsonSchema({ type: "object", properties: { nullable: { type: "array", items: inner } } }),
    ).toEqual({
      type: "object",
      properties: { nullable: { type: "array", items: { anyOf: [{ type: "string" }, { type: "null" }] } } },
    });
  });

  it("is what a loaded document is checked by", () => {
    expect(VendorSchema.load("no-such-file.json")).toBeUndefined();
  });
});
