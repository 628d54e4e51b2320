/**
 * The command `npm run simulator`: flags in, URLs out, up until Ctrl-C.
 */

import { parseArgs } from "node:util";
import { combinationOf, MUTATIONS } from "./mutations/catalogue.ts";
import { startSimulator } from "./simulator.ts";
import { DEMO_KEY } from "./world/teams.ts";

const USAGE = `Usage: npm run simulator -- [flags]

  --port N            port of the simulated API (default 4010; 0: any free one)
  --control-port N    port to drive and inspect it by (default 4011)
  --host ADDRESS      where to listen (default 127.0.0.1)
  --speed N           1: real times; 100: a hundred times as fast (default 1)
  --seed N            same seed and same calls, same ids (default 1)
  --behaviour JSON    switches, such as '{"capacityShortage":"refuse"}'
  --mutate NAMES      answers that differ from the documents: names with commas between,
                      or a number, which draws some; --mutate list lists them
  --vendor-openapi F  compare all traffic with this OpenAPI document
  --quiet             print no calls
`;

function readFlags() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4010" },
      "control-port": { type: "string", default: "4011" },
      host: { type: "string", default: "127.0.0.1" },
      speed: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      behaviour: { type: "string", default: "{}" },
      mutate: { type: "string" },
      "vendor-openapi": { type: "string" },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values;
}

/** A number, or an error that names the flag and what it takes. */
function numberOf(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (text.trim() !== "" && number >= least) return number;
  throw new Error(`--${flag} must be a number, ${least} or greater; it is ${JSON.stringify(text)}`);
}

function behaviourOf(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`--behaviour must be a JSON object; it is ${JSON.stringify(text)}`);
  }
}

function mutationsOf(text: string): string[] {
  return /^\d+$/.test(text) ? combinationOf(Number(text)) : text.split(",").map((name) => name.trim());
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.help) return console.log(USAGE);
  if (flags.mutate === "list")
    return console.log(MUTATIONS.map(({ name, source }) => `${name.padEnd(32)}${source}`).join("\n"));
  const mutations = flags.mutate === undefined ? [] : mutationsOf(flags.mutate);
  const simulator = await startSimulator({
    port: numberOf("port", flags.port, 0),
    controlPort: numberOf("control-port", flags["control-port"], 0),
    host: flags.host,
    speed: numberOf("speed", flags.speed, 0.001),
    seed: numberOf("seed", flags.seed, 0),
    behaviour: behaviourOf(flags.behaviour),
    mutations,
    vendorOpenapi: flags["vendor-openapi"],
    log: (line) => console.error(line),
    onCall: flags.quiet
      ? undefined
      : (call) => console.log(`${call.time} ${call.method} ${call.path} ${call.status ?? call.outcome}`),
  });
  console.log(`PAPERSPACE_API_URL=${simulator.url}`);
  console.log(`PAPERSPACE_API_KEY=${DEMO_KEY}`);
  if (mutations.length > 0) console.log(`mutations: ${mutations.join(", ")}`);
  console.log(`control port: ${simulator.controlUrl} (GET / lists what it can do)`);
  const stop = () => {
    console.log(simulator.conformance.report().summary);
    void simulator.stop();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
