/**
 * `kubectl paperspace` as users type it: a real kubectl that finds it on the PATH, a real API server with its own
 * authorization, and the simulated Paperspace. No operator runs: the objects' statuses are written by the tests.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, test as base, beforeAll, describe, expect, inject } from "vitest";
import { kubeconfigFor } from "../dev/control-plane/kubeconfig.ts";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import { checkConformance, TestEnv } from "./support/cluster.ts";
import { manifest } from "./support/manifest.ts";
import type { CommandResult } from "./support/run-command.ts";

const PLUGIN = fileURLToPath(new URL("../bin/kubectl-paperspace.js", import.meta.url));
const TEAM = "te-alpha";
const PROJECT = "p-alpha";

let testEnv: TestEnv;
let bin: string;

beforeAll(async () => {
  // Times as they are: what is listed and logged has dates, and --since uses them.
  testEnv = await TestEnv.open({ simulation: { speed: 1 } });
  // As `npm install -g .` leaves it: a link of the plugin's name on the PATH. The node there is ours.
  bin = mkdtempSync(join(tmpdir(), "kubectl-paperspace-"));
  symlinkSync(PLUGIN, join(bin, "kubectl-paperspace"));
  symlinkSync(process.execPath, join(bin, "node"));
});

afterAll(async () => {
  await testEnv?.close();
  rmSync(bin, { recursive: true, force: true });
});

interface Setting {
  /** Another user's. */
  kubeconfig?: string;
  env?: Record<string, string>;
}

/** A line behind `kubectl`, with the plugin on the PATH. */
function type(line: string, { kubeconfig, env = {} }: Setting = {}): Promise<CommandResult> {
  const variables = {
    PAPERSPACE_API_URL: testEnv.sim.url,
    PAPERSPACE_API_KEY: "",
    ...(kubeconfig && { KUBECONFIG: kubeconfig }),
    ...env,
  };
  const set = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  return testEnv.shell([`export PATH='${bin}':"$PATH"`, ...set, `kubectl ${line}`].join("; "));
}

async function shown(line: string, setting?: Setting): Promise<string> {
  const result = await type(`paperspace ${line}`, setting);
  expect(result).toMatchObject({ code: 0, err: "" });
  return result.out;
}

/** Rows of a table, cut into cells. */
const cells = (table: string) =>
  table
    .trimEnd()
    .split("\n")
    .map((row) => row.split(/\s{2,}/));

/** An object with a deployment behind it, whose status has its id. */
async function deployment(name: string, spec: object = {}) {
  const { id, runs } = testEnv.sim.console.deployments.create(
    PROJECT,
    { name, resources: { machineType: "A4000", replicas: 2 } },
    { settled: true },
  );
  const object = {
    apiVersion: "paperspace.com/v1alpha1",
    kind: "PaperspaceDeployment",
    metadata: { name },
    spec: { projectId: PROJECT, image: "nginx:1.27", machineType: "A4000", ports: [80], ...spec },
  };
  await testEnv.kubectl("apply -f -", object);
  await testEnv.kubectl(`patch psd ${name} --subresource=status --type=merge -p '{"status":{"id":"${id}"}}'`);
  return { id, instances: runs.flatMap((run) => run.instances.map(({ instanceId }) => instanceId)) };
}

describe("kubectl", () => {
  base("finds the plugin, and warns about nothing in its file", async () => {
    const { out, err, code } = await type("plugin list");
    expect(out.split("\n")).toContain(join(bin, "kubectl-paperspace"));
    expect(err).not.toContain(bin);
    expect(code).toBe(0);
  });

  base("hands over arguments, help and exit codes as they are", async () => {
    expect(await shown("--help")).toContain("kubectl paperspace COMMAND [flags]");
    const { code, out, err } = await type("paperspace lsit");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(
      /^error: there is no command "lsit"; did you mean "list"\?; there are list, .*, completion\n$/,
    );
  });
});

describe("list", () => {
  base("shows the ids of all that specs refer to", async () => {
    const script = await fetch(`${testEnv.sim.url}/startup-scripts`, {
      method: "POST",
      headers: { authorization: `Bearer ${DEMO_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "setup", script: "true" }),
    });
    const { id: scriptId } = (await script.json()) as { id: string };
    testEnv.sim.console.createRegistry(TEAM, { name: "ghcr" });
    expect(cells(await shown("list templates --name 22.04"))).toEqual([
      ["ID", "NAME", "OS", "SIZE", "KIND", "REGION"],
      ...["t7vp562h", "tilqt47t", "tqqsxr6b", "tvimtol9"].map((id) => [
        id,
        "ML-in-a-Box Ubuntu 22.04",
        "Ubuntu 22.04",
        "100Gi",
        "os",
        "<none>",
      ]),
      ["tdesk22u", "Ubuntu 22.04 Desktop", "Ubuntu 22.04", "100Gi", "os", "<none>"],
      ["t0nspur5", "Ubuntu 22.04 Server", "Ubuntu 22.04", "50Gi", "os", "<none>"],
    ]);
    expect(cells(await shown("list types --name a100"))).toEqual([
      ["TYPE", "TEMPLATES"],
      ["A100", "5/9"],
      ["A100-80G", "5/9"],
      ["A100-80Gx8", "5/9"],
    ]);
    expect(cells(await shown("list users"))).toContainEqual([
      "ualphaadmin",
      "admin@alpha.example",
      "Grace Hopper",
      "admin",
      "true",
    ]);
    expect((await shown("list networks --region ny2 -o name")).trim()).toBe("nalpha0ny2");
    expect(cells(await shown("list scripts"))[1]?.slice(0, 5)).toEqual([
      scriptId,
      "setup",
      "true",
      "false",
      "0",
    ]);
    expect(cells(await shown("list projects"))[1]?.[0]).toBe(PROJECT);
    expect(cells(await shown("list registries"))[1]?.[1]).toBe("ghcr");
    expect(JSON.parse(await shown("list registries -o json"))).toMatchObject([{ name: "ghcr" }]);
  });

  base("checks whether hardware is free, for the types that are shown", async () => {
    expect(cells(await shown("list types --name a100 --available --region ny2"))[1]).toEqual([
      "A100",
      "5/9",
      "true",
    ]);
  });

  base("reads the Secret with the user's own rights, and names the missing one", async () => {
    const user = `ada-${testEnv.namespace}`;
    const kubeconfig = await kubeconfigFor(inject("kubeconfig"), user);
    const line = `list projects -n ${testEnv.namespace} -o name`;
    const { code, err } = await type(`paperspace ${line}`, { kubeconfig });
    expect([code, err]).toEqual([
      1,
      `error: no API key: you may not read the Secret ${testEnv.namespace}/paperspace-credentials. Ask for the right "get secrets" in namespace ${testEnv.namespace}, or set PAPERSPACE_API_KEY.\n`,
    ]);
    expect(await shown(line, { kubeconfig, env: { PAPERSPACE_API_KEY: DEMO_KEY } })).toBe(`${PROJECT}\n`);
    await testEnv.kubectl("create role reader --verb=get --resource=secrets");
    await testEnv.kubectl(`create rolebinding ada --role=reader --user=${user}`);
    // The API server applies a right a moment later.
    await expect
      .poll(() => type(`auth can-i get secrets -n ${testEnv.namespace}`, { kubeconfig }), { timeout: 20_000 })
      .toMatchObject({ code: 0 });
    expect(await shown(line, { kubeconfig })).toBe(`${PROJECT}\n`);
  });

  base("takes another Secret, and names one that is not there", async () => {
    await testEnv.secret("sim-key-beta", "beta", "token");
    expect(await shown("list users --secret beta/token -o name")).toBe("ubetaowner0\n");
    const { code, err } = await type("paperspace list users --secret gamma");
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(`no Secret "gamma" in namespace ${testEnv.namespace}`),
    ]);
  });

  base("never prints a key, not even one that is refused", async () => {
    await testEnv.secret("wrong-key-wrong-key", "wrong");
    const { code, out, err } = await type("paperspace list users --secret wrong");
    expect(code).toBe(1);
    expect(err).toContain(`the Secret ${testEnv.namespace}/wrong`);
    expect(out + err).not.toContain("wrong-key-wrong-key");
  });
});

describe("capacity", () => {
  const PLACE = { machineType: "A100-of-this-suite", region: "ny2" };
  const since = "2026-01-31T08:00:00Z";

  async function waits(name: string, namespace: string, position: number): Promise<void> {
    await testEnv.kubectl("apply -f -", manifest(name, { ...PLACE, capacity: {} }, { namespace }));
    const ready = { type: "Ready", status: "False", reason: "WaitingForCapacity", message: "none is free" };
    const status = {
      observedGeneration: 1,
      teamId: TEAM,
      operation: { intent: "AwaitCapacity", requestedAt: since, deadline: since },
      capacity: { ...PLACE, waitingSince: since, position, of: 2 },
      conditions: [{ ...ready, lastTransitionTime: since }],
    };
    const patch = JSON.stringify({ status });
    await testEnv.kubectl(
      `patch psm ${name} -n ${namespace} --subresource=status --type=merge -p '${patch}'`,
    );
  }

  base("shows the queue, and names of other namespaces only to those who may list them", async () => {
    const own = testEnv.namespace;
    const other = `${own}-other`;
    await testEnv.kubectl(`create namespace ${other}`);
    await waits("first", other, 1);
    await waits("second", own, 2);
    // Those of other suites may wait as well.
    const { short, waiting } = JSON.parse(await shown("capacity -o json"));
    expect(waiting).toContainEqual(expect.objectContaining({ namespace: other, name: "first" }));
    const next = { namespace: other, name: "first" };
    expect(short).toContainEqual(expect.objectContaining({ ...PLACE, waiting: 2, next }));

    const user = `grace-${own}`;
    const kubeconfig = await kubeconfigFor(inject("kubeconfig"), user);
    const line = `capacity -n ${own}`;
    expect(await type(`paperspace ${line}`, { kubeconfig })).toMatchObject({
      code: 1,
      err: `error: you may not list paperspacemachines.paperspace.com in namespace ${own}\n`,
    });
    await testEnv.kubectl("create role lister --verb=list --resource=paperspacemachines.paperspace.com");
    await testEnv.kubectl(`create rolebinding grace --role=lister --user=${user}`);
    await expect
      .poll(() => type(`paperspace ${line}`, { kubeconfig }), { timeout: 20_000 })
      .toMatchObject({ code: 0 });
    const seen = await shown(line, { kubeconfig });
    expect(cells(seen)[1]?.slice(-2)).toEqual(["2", "<unknown>"]);
    expect(seen).not.toContain("first");
    await testEnv.kubectl(`delete namespace ${other} --wait=false`);
  });
});

describe("logs", () => {
  base("prints the log of a deployment, and ends quietly where the reader is gone", async () => {
    const { id, instances } = await deployment("talker");
    // More than a pipe holds, so that the plugin is still writing when its reader goes.
    const all = Array.from({ length: 300 }, (_, i) => `line ${i} ${"·".repeat(500)}`);
    for (const line of all) testEnv.sim.console.deployments.log(id, line, instances[0]);
    const lines = async (flags: string) =>
      (await shown(`logs psd/talker --instance ${instances[0]} ${flags}`)).trimEnd().split("\n");
    expect(await lines("--tail 250")).toEqual(all.slice(50));
    expect((await lines("--since 10m")).slice(-300)).toEqual(all);
    const piped = await type("paperspace logs psd/talker --tail=-1 | head -n 1");
    expect(piped).toMatchObject({ code: 0, err: "" });
    expect(piped.out.split("\n")).toHaveLength(2);
    testEnv.sim.console.deployments.log(id, "hello", instances[1]);
    expect(await shown("logs psd/talker --tail 2")).toBe(
      `[${instances[0]}] ${all.at(-1)}\n[${instances[1]}] hello\n`,
    );
  });

  base("follows: every line once, in order, until Ctrl-C, which is no failure", async () => {
    const { id, instances } = await deployment("follower");
    const [instance] = instances;
    const env = {
      ...process.env,
      ...testEnv.cluster.env,
      PATH: `${bin}:${testEnv.cluster.env.PATH ?? process.env.PATH}`,
      KUBECONFIG: testEnv.kubeconfig,
      PAPERSPACE_API_URL: testEnv.sim.url,
    };
    const args = ["paperspace", "logs", "psd/follower", "-f", "--tail=0", `--instance=${instance}`];
    const child = spawn(testEnv.cluster.kubectl, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      testEnv.news();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    const asked = () => testEnv.sim.calls.list({ path: new RegExp(`/deployments/${id}/logs`) }).length;
    await testEnv.until("the first look", () => asked() > 0);
    const all = Array.from({ length: 400 }, (_, i) => `line ${i}`);
    for (const line of all) testEnv.sim.console.deployments.log(id, line, instance);
    testEnv.sim.faults.add({ match: { path: `/deployments/${id}/logs`, times: 2 }, do: { status: 503 } });
    await testEnv.until("the last line", () => out.endsWith("line 399\n"));
    testEnv.sim.console.deployments.log(id, "and one more", instance);
    await testEnv.until("one more", () => out.endsWith("more\n"));
    const ended = once(child, "close");
    child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
    expect(out).toBe([...all, "and one more", ""].join("\n"));
    expect(err).toBe("");
  });

  base(
    "reports what is wrong with an object: it is not there, it has no deployment, it is a machine",
    async () => {
      await deployment("unborn");
      await testEnv.kubectl(`patch psd unborn --subresource=status --type=merge -p '{"status":{"id":null}}'`);
      for (const [word, code, error] of [
        ["psd/nobody", 1, `there is no PaperspaceDeployment "nobody" in namespace ${testEnv.namespace}`],
        ["psd/unborn", 1, "has no deployment at Paperspace yet"],
        ["psm/box", 2, "machines have no logs"],
      ] as const) {
        const answer = await type(`paperspace logs ${word}`);
        expect(answer).toMatchObject({ code, err: expect.stringContaining(error) });
      }
    },
  );
});

describe("metrics", () => {
  base("draws what the API returns, whatever its shape, and prints it as table and JSON", async () => {
    const { id, instances } = await deployment("worker");
    for (const metric of ["requests_total", "requests_per_second", "cpu", "memory", "gpu"])
      expect(await shown(`metrics psd/worker ${metric}`)).toContain(`${metric} · psd/worker\n`);
    testEnv.sim.console.deployments.setMetric(id, "cpu", ["NaN", ""]);
    expect(await shown("metrics psd/worker cpu --timeframe 2_weeks")).toMatch(
      /cpu · psd\/worker · 2 weeks\n/,
    );
    const total = JSON.parse(await shown("metrics psd/worker requests_total -o json"));
    expect(total).toMatchObject({ name: "worker", id, series: [{ instanceId: null, values: [{}] }] });
    const memory = JSON.parse(await shown("metrics psd/worker memory -o json --timeframe hour"));
    expect(memory.series.map((one: { instanceId: string }) => one.instanceId).sort()).toEqual(
      instances.sort(),
    );
    expect(await shown("metrics psd/worker requests_duration_seconds_1m -o table")).toMatch(
      /^TIMESTAMP +VALUE\n/,
    );
  });

  base("uses the key of the Secret that the object names", async () => {
    await testEnv.secret("sim-key-beta", "of-beta");
    await deployment("foreign", { credentialsSecretRef: { name: "of-beta" } });
    const { code, err } = await type("paperspace metrics psd/foreign cpu --yes");
    expect([code, err]).toEqual([1, expect.stringMatching(/refused with 40[34]/)]);
  });
});

checkConformance();
