/**
 * Clients that others wrote, unchanged, against the simulator: what they rely on, the live service did. SkyPilot's
 * provisioner and Schemathesis come from PyPI and are skipped, with the reason, where Python is missing.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type ForeignClients, findForeignClients, type NoForeignClients } from "../dev/foreign/python.ts";
import { schemaClient } from "../dev/foreign/schema-client.ts";
import { DEFAULT_VENDOR_OPENAPI } from "../dev/simulator/simulation.ts";
import type { Simulator } from "../dev/simulator/simulator.ts";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import { runCommand } from "./support/run-command.ts";
import { newSimulator } from "./support/simulator.ts";

const SPEED = 100;
const TEAM = "te-alpha";

let clients: ForeignClients | NoForeignClients;
let home: string;
let sim: Simulator;

beforeAll(async () => {
  clients = await findForeignClients(process.env, (line) => console.log(line));
  home = mkdtempSync(join(tmpdir(), "foreign-clients-"));
  mkdirSync(join(home, ".paperspace"));
  writeFileSync(join(home, ".paperspace", "config.json"), JSON.stringify({ apiKey: DEMO_KEY }));
  sim = await newSimulator();
}, 330_000);

afterAll(async () => {
  await sim?.stop();
  rmSync(home, { recursive: true, force: true });
});

/** The clients, or the end of the test with the reason why there are none. */
function fromPyPi({ skip }: TestContext): ForeignClients {
  if (!("missing" in clients)) return clients;
  return skip(`foreign clients are not run: ${clients.missing}`);
}

/** What the simulator answered otherwise than the vendor's document says. */
const wrongAnswers = () => sim.conformance.report().violations.filter(({ side }) => side === "answer");

async function run(program: string, ...args: string[]) {
  const env = { PATH: process.env.PATH, HOME: home, NO_COLOR: "1", PYTHONDONTWRITEBYTECODE: "1" };
  return runCommand(spawn(program, args, { env, cwd: home }), "");
}

describe("SkyPilot's provisioner", () => {
  it("launches, stops, restarts and terminates a cluster, with one machine, one script and one network", async (c) => {
    const { python } = fromPyPi(c);
    // SkyPilot takes a machine that it sees as `serviceready` for one that is not there, and launches another: it relies
    // on a state that passes between two polls.
    sim.world.setBehaviour({ serviceReadyMs: sim.world.behaviour.startMs });
    const script = join(import.meta.dirname, "..", "dev", "foreign", "skypilot.py");
    const { code, out, err } = await run(python, script, sim.url, String(SPEED));
    expect(code, err).toBe(0);
    const [launched, info, stopped, restarted, running, terminated] = out
      .split("\n")
      // Its own log goes there, too.
      .filter((line) => line.startsWith('{"step"'))
      .map((line) => JSON.parse(line));
    const [machine] = [...sim.world.machines.values()];
    const id = machine?.id ?? "";
    expect(launched).toMatchObject({ disk: 250, created: [id], head: id });
    expect(info).toMatchObject({ head: id, addresses: [[expect.any(String), expect.any(String)]] });
    expect(stopped.statuses).toEqual({ [id]: "STOPPED" });
    expect(restarted).toMatchObject({ network: launched.network, created: [], head: id });
    expect(running.statuses).toEqual({ [id]: "UP" });
    expect(terminated).toEqual({ step: "terminated" });

    expect(sim.world.machines.size).toBe(1);
    expect(machine?.deleting ?? machine?.dtDeleted).toBeTruthy();
    expect([...sim.world.scripts.values()].map(({ name }) => name)).toEqual([
      expect.stringMatching(/^sky-add-key-/),
    ]);
    expect(sim.world.networks.get(launched.network)?.dtDeleted).not.toBeNull();
    expect(sim.calls.list().filter(({ status }) => status !== 200)).toEqual([]);
    expect(wrongAnswers()).toEqual([]);
  });
});

describe("generated requests", () => {
  it("of Schemathesis are all answered as the document says, and the wrong ones refused", async (c) => {
    const { schemathesis } = fromPyPi(c);
    const checks = [
      "not_a_server_error",
      "content_type_conformance",
      "response_schema_conformance",
      "negative_data_rejection",
      "ignored_auth",
    ];
    const { code, out } = await run(
      schemathesis,
      "run",
      `${sim.url}/openapi.json`,
      `--url=${sim.url}`,
      `--header=Authorization: Bearer ${DEMO_KEY}`,
      `--checks=${checks.join(",")}`,
      "--phases=coverage,fuzzing",
      "--max-examples=1",
      "--seed=1",
      "--generation-database=:memory:",
      "--warnings=off",
      "--no-color",
    );
    expect(code, out.slice(-4_000)).toBe(0);
    expect(sim.calls.list().length).toBeGreaterThan(500);
    expect(wrongAnswers()).toEqual([]);
  }, 600_000);
});

describe("a client made from the vendor's document", () => {
  it("lives through a machine and a deployment, sending and reading only what the document has", async (c) => {
    const document = vendorDocument();
    if (!document) return c.skip("vendor-openapi.json is not beside the repository");
    const { call } = schemaClient(document, sim.url, DEMO_KEY);
    const network = await call<{ id: string }>("POST", "/private-networks", { name: "lab", region: "ny2" });
    const { data } = await call<{ data: { id: string } }>("POST", "/machines", {
      name: "box",
      machineType: "A4000",
      templateId: "t0nspur5",
      diskSize: 50,
      region: "ny2",
      networkId: network.id,
      publicIpType: "static",
      startOnCreate: true,
    });
    const path = `/machines/${data.id}`;
    const inState = (state: string) =>
      expect
        .poll(async () => (await call<{ state: string }>("GET", path)).state, { timeout: 20_000 })
        .toBe(state);
    await inState("ready");
    await call("PATCH", `${path}/stop`);
    await inState("off");
    await call("PUT", path, { diskSize: 100, name: "larger" });
    const { items } = await call<{ items: { ip: string }[] }>("GET", "/public-ips?limit=10&order=asc");
    await call("DELETE", `/public-ips/${items[0]?.ip}`);
    await call("DELETE", path);
    await call("DELETE", `/private-networks/${network.id}`);

    const resources = { machineType: "C5", replicas: 1, ports: [80] };
    const config = { apiVersion: "v1", name: "web", image: "nginx", enabled: true, resources };
    const { deploymentId } = await call<{ deploymentId: string }>("POST", "/deployments", {
      projectId: sim.console.state().projects.find(({ teamId }) => teamId === TEAM)?.id,
      config,
    });
    await call("GET", `/deployments/${deploymentId}/runs?limit=5`);
    await call("GET", `/deployments/${deploymentId}/history?limit=5`);
    await call("DELETE", `/deployments/${deploymentId}`);
    await expect(call("GET", `/deployments/${deploymentId}`)).rejects.toThrow("404 Not found");
  });
});

function vendorDocument(): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(DEFAULT_VENDOR_OPENAPI, "utf8"));
  } catch {
    return undefined;
  }
}
