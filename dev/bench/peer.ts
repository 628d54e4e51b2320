/** Compiles the peer (peer/main.go), once: what is built lands in the user's cache. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { build } from "../control-plane/build.ts";
import { cacheFolderOf, cacheRootOf, goVersion, readGoModule } from "../control-plane/go-module.ts";
import { provide, reason } from "../control-plane/provision.ts";

const PEER = "peer";
const MODULE_DIR = join(import.meta.dirname, "peer");

/** Path of the program. Throws an error that says what to install. */
export async function buildPeer(options: {
  signal: AbortSignal;
  log: (line: string) => void;
  env?: NodeJS.ProcessEnv;
}): Promise<string> {
  const { env = process.env, log, signal } = options;
  const { module, versionOf } = readGoModule(MODULE_DIR, "The peer is compiled");
  const root = cacheRootOf("bench-peer", env);
  const source = createHash("sha256")
    .update(readFileSync(join(MODULE_DIR, "main.go")))
    .digest("hex");
  const version = versionOf("sigs.k8s.io/controller-runtime");
  const cache = cacheFolderOf(root, `controller-runtime-${version}-${source.slice(0, 12)}`, module);
  const common = { log, env, signal, clock: systemClock };
  const found = await provide<typeof PEER>({
    ...common,
    what: "the peer",
    release: `controller-runtime ${version}`,
    programs: [PEER],
    root,
    cache,
    named: () => ({}),
    namedReason: reason("environment", "names none"),
    sources: [
      {
        name: "go build",
        fetch: (order) =>
          build({ ...common, ...order, module, packages: { [PEER]: "." }, takes: "three minutes" }),
      },
    ],
    advice: () => [
      "The peer of the benchmarks could not be compiled:",
      `install Go ${goVersion(module)} or newer (https://go.dev/dl) and run the command again`,
    ],
  });
  return found[PEER];
}
