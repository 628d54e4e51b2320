/**
 * `npm run check`: format and lint, types, import directions and circles, exported names, time of regular expressions,
 * production dependencies, drift of generated files. Runs all of them and reports every failure; the exit code is 1 when any failed.
 */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { generatedFiles } from "../generate/files.ts";
import { unreviewed } from "./dependencies.ts";
import { importCircles, importViolations } from "./imports.ts";
import { namesWithTwoMeanings } from "./names.ts";
import { slowExpressions } from "./regexes.ts";
import { readSources } from "./sources.ts";

const root = join(import.meta.dirname, "..", "..");

function command(name: string, ...args: string[]): string[] {
  const bin = join(root, "node_modules", ".bin", name);
  const { status, error } = spawnSync(bin, args, { cwd: root, stdio: "inherit" });
  if (error) return [`${name} cannot be run: ${error.message}`];
  return status === 0 ? [] : [`${name} ${args.join(" ")} failed`];
}

async function drift(): Promise<string[]> {
  const problems: string[] = [];
  for (const [path, content] of generatedFiles()) {
    const actual = await readFile(join(root, path), "utf8").catch(() => undefined);
    if (actual !== content) problems.push(`${path} is not what its source says: run npm run generate`);
  }
  return problems;
}

async function dependencies(): Promise<string[]> {
  const read = (file: string) => readFile(join(root, file), "utf8");
  return unreviewed(await read("docs/dependencies.md"), JSON.parse(await read("package-lock.json")));
}

const sources = await readSources(join(root, "src"));
const checks: Record<string, () => string[] | Promise<string[]>> = {
  "format and lint": () => command("biome", "ci", "--error-on-warnings", "."),
  types: () => command("tsc", "--noEmit"),
  "import directions": () => importViolations(sources),
  "import circles": () => importCircles(sources),
  "exported names": () => namesWithTwoMeanings(sources),
  "regular expressions": () => slowExpressions(sources),
  dependencies,
  "generated files": drift,
};

let failures = 0;
for (const [name, check] of Object.entries(checks)) {
  const problems = await check();
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${name}`);
  for (const problem of problems) console.log(`       ${problem}`);
  failures += problems.length;
}
process.exitCode = failures === 0 ? 0 : 1;
