/**
 * docs/kubectl-plugin.md is true: every command line in it is typed here, over the simulator, and must print what the page
 * says. To renew the outputs after a change: DOCS=write npx vitest run src/plugin/docs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createSimulation } from "../../dev/simulator/simulation.ts";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { Stage, type StageOptions } from "../../test/plugin/plugin-env.ts";
import { Resource, secrets } from "../kube/resource.ts";
import { FINALIZER } from "../reconcile/record.ts";
import { COMMANDS } from "./commands.ts";
import { FLAGS } from "./flags.ts";
import { TYPES } from "./kinds.ts";
import { FAMILIES } from "./listables.ts";
import { METRICS } from "./metrics.ts";

const PAGE = fileURLToPath(new URL("../../docs/kubectl-plugin.md", import.meta.url));
const page = readFileSync(PAGE, "utf8");

const BLOCK = /```console\n\$ kubectl paperspace(.*)\n([\s\S]*?)```\n/g;
const examples = [...page.matchAll(BLOCK)].map(([, line = "", output = ""]) => ({
  line: line.trim(),
  output,
}));

const TEAM = "te-alpha";
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A cluster with psm/trainer and psd/api, an hour after they were made, and an account with something of everything. */
async function world(): Promise<Stage> {
  const options: StageOptions = { env: { COLUMNS: "80" } };
  const stage = new Stage(options);
  const { clock } = stage;
  const simulation = createSimulation({ clock, vendorOpenapi: false });
  Object.assign(options, { simulation });
  await stage.secret("paperspace-credentials", { apiKey: DEMO_KEY });
  stage.owner("psm", "trainer", { id: "ps8k2wq1z" });
  const { console } = simulation;
  console.createRegistry(TEAM, { name: "ghcr", kind: "ghcr", url: "https://ghcr.io", namespace: "acme" });
  const headers = { authorization: `Bearer ${DEMO_KEY}`, "content-type": "application/json" };
  const body = JSON.stringify({ name: "mount the data", script: "mount -a" });
  await simulation.handle({ method: "POST", path: "/v1/startup-scripts", headers, body });
  const resources = { machineType: "A4000", replicas: 2 };
  const { id, runs } = console.deployments.create("p-alpha", { name: "api", resources }, { settled: true });
  stage.deployment({}, { id, conditions: [{ type: "Ready", status: "True", reason: "Healthy" }] });
  const held = { metadata: { finalizers: [FINALIZER] } };
  await new Resource(stage.kube, TYPES.psd).mergePatch("team-a", "api", held);
  await secrets(stage.kube).mergePatch("team-a", "paperspace-credentials", held);
  const load = (i: number) => (i > 34 && i < 40 ? "NaN" : (0.5 + 0.3 * Math.sin(i / 7)).toFixed(3));
  console.deployments.setMetric(
    id,
    "cpu",
    Array.from({ length: 61 }, (_, i) => load(i)),
  );
  console.deployments.setMetric(id, "requests_total", ["48211"]);
  await clock.advance(HOUR_MS);
  const instances = runs.flatMap((run) => run.instances);
  for (const [i, message] of ["model loaded in 41 s", "listening on :80", "GET /healthz 200"].entries()) {
    for (const { instanceId } of instances) console.deployments.log(id, message, instanceId);
    await clock.advance(1_000 * (i + 1));
  }
  return stage;
}

/** Ids that the simulator makes up may be others one day: that is no reason to write the page anew. */
const masked = (text: string) =>
  text
    .replace(/\b(in|sc|cr)[a-z0-9]{9}\b/g, "$1…")
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "…");

async function typed(line: string): Promise<string> {
  const stage = await world();
  // Most commands are over at once; release waits to see whether an operator takes back what it let go.
  await stage.runThrough(line, line.startsWith("release") ? MINUTE_MS : 0);
  return stage.out + stage.err;
}

if (process.env.DOCS === "write") {
  it("the examples are written anew", async () => {
    let text = page;
    const block = (line: string, output: string) =>
      `\`\`\`console\n$ kubectl paperspace ${line}\n${output}\`\`\``;
    for (const { line, output } of examples) {
      const said = await typed(line);
      text = text.replace(block(line, output), () => block(line, said));
    }
    writeFileSync(PAGE, text);
  });
}

describe.skipIf(process.env.DOCS === "write")("the examples", () => {
  it.each(examples)("kubectl paperspace $line prints what the page says", async ({ line, output }) => {
    expect(masked(await typed(line))).toBe(masked(output));
  });
});

describe("the page", () => {
  it("has an example of every command, and of everything that can be listed", () => {
    const lines = examples.map(({ line }) => line);
    for (const command of Object.keys(COMMANDS)) {
      expect(lines).toContain(`${command} --help`);
      expect(lines.filter((line) => line.startsWith(`${command} `)).length).toBeGreaterThan(1);
    }
    for (const family of Object.keys(FAMILIES))
      expect(lines.some((line) => line.startsWith(`list ${family}`))).toBe(true);
  });

  it("names every flag and every metric", () => {
    for (const word of [...Object.keys(FLAGS).map((flag) => `--${flag}`), ...Object.keys(METRICS)])
      expect(page).toContain(word);
  });
});
