/**
 * Finds or makes the programs that validate a chart, helm and kubeconform, in the versions of `go/go.mod`. Compiled
 * like the control plane where they are missing; there is no download.
 */
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { build } from "../control-plane/build.ts";
import {
  cacheFolderOf,
  cacheRootOf,
  type GoModule,
  goVersion,
  readGoModule,
} from "../control-plane/go-module.ts";
import { executable, type Found, missing, provide, reason } from "../control-plane/provision.ts";

/** In the order in which they are built: the quick one first. */
export const TOOLS = ["kubeconform", "helm"] as const;
export type Tool = (typeof TOOLS)[number];
export type ChartTools = Readonly<Record<Tool, string>>;

const MODULES: Readonly<Record<Tool, string>> = {
  kubeconform: "github.com/yannh/kubeconform",
  helm: "helm.sh/helm/v4",
};
const PACKAGES: Readonly<Record<Tool, string>> = {
  kubeconform: `${MODULES.kubeconform}/cmd/kubeconform`,
  helm: `${MODULES.helm}/cmd/helm`,
};
/** What names a program that the host has already. */
const VARIABLES: Readonly<Record<Tool, string>> = { kubeconform: "KUBECONFORM", helm: "HELM" };

const MODULE_DIR = join(import.meta.dirname, "go");

export interface ChartToolOptions {
  log?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
}

/**
 * Paths of both programs, each from the first source that has it: `$HELM` and `$KUBECONFORM`, the cache, `go build`.
 * What is built lands in the cache. Throws an error that names what each source lacked and what to install.
 */
export async function findChartTools(options: ChartToolOptions = {}): Promise<ChartTools> {
  const { env = process.env, log = () => {}, clock = systemClock, signal } = options;
  const { module, versions } = readTools();
  const root = cacheRootOf("chart-tools", env);
  const named = inEnvironment(env);
  const unset = missing(TOOLS, named).map((tool) => VARIABLES[tool]);
  const common = { log, clock, env, ...(signal && { signal }) };
  return provide<Tool>({
    ...common,
    what: "the chart tools",
    release: TOOLS.map((tool) => `${tool} ${versions[tool]}`).join(" and "),
    programs: TOOLS,
    root,
    cache: toolFolder(root),
    named: () => named,
    namedReason: reason("environment", `${unset.join(" and ")} ${unset.length > 1 ? "are" : "is"} not set`),
    sources: [
      {
        name: "go build",
        fetch: (order) => build({ ...common, ...order, module, packages: PACKAGES, takes: "six minutes" }),
      },
    ],
    advice: (lacking) => advice(module, versions, lacking),
  });
}

/** The folder under the cache root that holds exactly the pinned versions. */
export function toolFolder(root: string): string {
  const { module, versions } = readTools();
  return cacheFolderOf(root, TOOLS.map((tool) => `${tool}-${versions[tool]}`).join("-"), module);
}

function readTools(): { module: GoModule; versions: Readonly<Record<Tool, string>> } {
  // Without it helm calls itself by its minor version alone.
  const { module, versionOf } = readGoModule(MODULE_DIR, "The chart tools are compiled", (versionIn) => [
    `-X ${MODULES.helm}/internal/version.version=${versionIn(MODULES.helm)}`,
    `-X main.version=${versionIn(MODULES.kubeconform)}`,
  ]);
  return {
    module,
    versions: { helm: versionOf(MODULES.helm), kubeconform: versionOf(MODULES.kubeconform) },
  };
}

/** A variable that leads nowhere is an error: its user does not expect the result of another version. */
function inEnvironment(env: NodeJS.ProcessEnv): Found<Tool> {
  const found: Found<Tool> = {};
  for (const tool of TOOLS) {
    const value = env[VARIABLES[tool]];
    if (!value) continue;
    const path = resolve(value);
    if (!executable(path))
      throw new Error(`${VARIABLES[tool]} must be the path of a program: there is none at ${path}`);
    found[tool] = path;
  }
  return found;
}

function advice(module: GoModule, versions: Readonly<Record<Tool, string>>, lacking: Tool[]): string[] {
  return [
    `The tests of the chart need ${lacking.join(" and ")}, and found no way to get ${lacking.length > 1 ? "them" : "it"}:`,
    `install Go ${goVersion(module)} or newer (https://go.dev/dl) and run the command again: it compiles what is missing`,
    ...lacking.map(
      (tool) => `set ${VARIABLES[tool]} to the path of ${tool} ${versions[tool]}, where you have one`,
    ),
  ];
}
