/**
 * `npm run bench`: what the operator costs, measured on the real daemon between a real API server and the simulator. Prints
 * figures beside their goals; asserts nothing, since they depend on the host.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { installCrds } from "../../test/support/crds.ts";
import { startControlPlane } from "../control-plane/control-plane.ts";
import { interruptSignal } from "../control-plane/interrupt.ts";
import { withSection } from "../generate/section.ts";
import { compileOperator, ours, peer } from "./operator.ts";
import { buildPeer } from "./peer.ts";
import { profileText } from "./profile.ts";
import { machineFacts, markdownOf, textOf } from "./report.ts";
import type { ClusterSource } from "./rig.ts";
import { type Result, runAll } from "./runner.ts";
import { SCENARIOS } from "./scenarios.ts";

const USAGE = `npm run bench -- [scenarios] [flags]; without a scenario all of them, which takes hours

${SCENARIOS.map(({ name, sizes, unit, summary }) => `  ${name.padEnd(12)}${summary} (${sizes.join(", ")} ${unit})`).join("\n")}

  --size N,…        in place of each scenario's own sizes
  --small           each scenario in the least size, which only shows that it runs
  --runs N          of each size and operator; medians are printed (default 3)
  --peer COMMAND    put another operator through the scenarios that any operator can go through; it reads KUBECONFIG,
                    WATCH_NAMESPACE, PAPERSPACE_API_URL, PAPERSPACE_API_KEY, REQUESTS_PER_SECOND, BURST,
                    SSL_CERT_FILE, and HEALTH_ADDRESS, where /readyz is 200 once it works. "go": the one of dev/bench/peer
  --profile FOLDER  keep a CPU profile of each of our processes there, and print where its time went
  --json FILE       all runs
  --markdown FILE   the table; into a page that has the marks <!-- NAME: begin --> and <!-- NAME: end --> of a
                    scenario, it goes between them
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string" },
    small: { type: "boolean", default: false },
    runs: { type: "string", default: "3" },
    peer: { type: "string" },
    profile: { type: "string" },
    json: { type: "string" },
    markdown: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const signal = interruptSignal();

/** A fresh one for every run, so that none has the history of another. */
const freshCluster: ClusterSource = async () => {
  const controlPlane = await startControlPlane({ signal, log: (line) => console.error(line) });
  await installCrds(controlPlane.kubectl, controlPlane.env);
  return controlPlane;
};

async function main(): Promise<void> {
  if (values.help) return console.log(USAGE);
  const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(", ")}\n\n${USAGE}`);
  await using cleanup = new AsyncDisposableStack();
  const compileCache = await mkdtemp(join(tmpdir(), "paperspace-bench-"));
  cleanup.defer(() => rm(compileCache, { recursive: true, force: true }));
  await compileOperator(compileCache, signal);
  const nodeOptions =
    values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(values.profile)}`];
  const operators = [ours({ nodeOptions, compileCache })];
  if (values.peer !== undefined)
    operators.push(
      peer(values.peer === "go" ? await buildPeer({ signal, log: console.error }) : values.peer),
    );
  const results = await runAll(
    {
      scenarios: SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
      ...(values.size !== undefined && { sizes: values.size.split(",").map(Number) }),
      isSmall: values.small,
      runs: Number(values.runs),
      operators,
      cluster: freshCluster,
    },
    signal,
    (result) => console.log(`\n${textOf(result)}`),
  );
  if (values.profile) console.log(`\n${await profileText(values.profile)}`);
  if (values.json)
    await writeFile(values.json, JSON.stringify({ machine: machineFacts(), results }, null, 2));
  if (values.markdown) await writeMarkdown(values.markdown, results);
}

async function writeMarkdown(file: string, results: readonly Result[]): Promise<void> {
  const { json: _, markdown: __, ...shown } = values;
  const flags = Object.entries(shown).filter(([, value]) => value);
  const words = flags.map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`));
  const command = ["npm run bench --", ...positionals, ...words];
  let page = await readFile(file, "utf8").catch(() => "");
  for (const { scenario } of results.filter((each, i) => results[i - 1]?.scenario !== each.scenario)) {
    const marks = [`<!-- ${scenario.name}: begin -->`, `<!-- ${scenario.name}: end -->`] as const;
    if (!page.includes(marks[0])) page += `\n${marks.join("\n")}\n`;
    const own = results.filter((result) => result.scenario === scenario);
    page = withSection(page, marks, markdownOf(own, command.join(" ")));
  }
  await writeFile(file, page);
}

// Ended by hand: after thousands of sockets that were cut, Node's own clean-up at the end of a program may spin for ever.
main().then(
  () => process.exit(0),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
