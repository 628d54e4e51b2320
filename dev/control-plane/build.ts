/** Compiles programs from a pinned Go module. Independent of caches and downloads. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { type GoModule, goVersion } from "./go-module.ts";
import type { Guard } from "./guard.ts";
import { elapsed, every, PROGRESS_MS } from "./progress.ts";

export interface BuildTask<P extends string> {
  module: GoModule;
  programs: readonly P[];
  /** Where each program's main package lives. */
  packages: Readonly<Record<P, string>>;
  /** How long all of them take on two cores with nothing prepared, such as "seven minutes". */
  takes: string;
  /** Owns the scratch folder, and ends the compiler when this process dies. */
  guard: Guard;
  /** Called with every program that is complete: `path` is in the scratch folder and may be renamed away. */
  onReady: (program: P, path: string) => Promise<void>;
  log: (line: string) => void;
  clock: Clock;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

type BuildContext = Pick<BuildTask<string>, "module" | "guard" | "env" | "signal">;

/** Builds one program after the other; throws with a message made to be shown. */
export async function build<P extends string>(task: BuildTask<P>): Promise<void> {
  const env = goEnvironment(task);
  await checkGo(task, env);
  task.log(`Compiling from source, this once: up to ${task.takes} on two cores`);
  for (const [index, program] of task.programs.entries()) {
    await buildOne(task, env, program, `${program} (${index + 1} of ${task.programs.length})`);
  }
}

async function buildOne<P extends string>(
  task: BuildTask<P>,
  env: NodeJS.ProcessEnv,
  program: P,
  title: string,
): Promise<void> {
  const { module, packages, clock, log, signal } = task;
  signal?.throwIfAborted();
  const output = join(task.guard.dir, program);
  const start = clock.monotonic();
  log(`Compiling ${title}`);
  const progress = every(clock, PROGRESS_MS, () => log(`Compiling ${title}: ${elapsed(clock, start)}`));
  const args = ["build", ...module.buildFlags, "-o", output, packages[program]];
  const go = task.guard.spawn(`go-${program}`, "go", args, { cwd: module.moduleDir, env });
  const onAbort = () => void go.kill();
  signal?.addEventListener("abort", onAbort, { once: true });
  const ending = await go.ended;
  signal?.removeEventListener("abort", onAbort);
  progress();
  signal?.throwIfAborted();
  if (ending !== "exit code 0") throw new Error(`go build of ${program}: ${ending}\n${go.excerpt()}`);
  await task.onReady(program, output);
  log(`Compiled ${program} in ${elapsed(clock, start)}`);
}

/** What the host sets for its own Go work must not change what comes out, so all that matters is set here. */
function goEnvironment({ module, guard, env }: BuildContext): NodeJS.ProcessEnv {
  return {
    ...env,
    CGO_ENABLED: "0",
    GOOS: module.os,
    GOARCH: module.arch,
    // Not empty: an empty value would let the defaults saved by `go env -w` in.
    GOFLAGS: "-buildvcs=false",
    GOWORK: "off",
    // In the guarded folder, so that nothing stays behind when the build is killed.
    GOTMPDIR: guard.dir,
  };
}

/**
 * GOTOOLCHAIN stays as the host has it: with the default, `auto`, an older Go (from 1.21 on) fetches the one that
 * go.mod requires, from where the modules come from anyway; a host that sets `local` gets a clear error.
 */
async function checkGo({ module, signal }: BuildContext, env: NodeJS.ProcessEnv): Promise<void> {
  const go = await run("go", ["env", "GOVERSION"], module.moduleDir, env, signal);
  if (go.missing) throw new Error("there is no `go` on the PATH");
  if (go.code !== 0) throw new Error(`go env GOVERSION fails: ${go.stderr.trim()}`);
  const version = go.stdout.trim().replace(/^go/, "");
  if (older(version, module.go)) {
    throw new Error(`Go ${goVersion(module)} or newer is needed; the go on the PATH is ${version}`);
  }
}

/** Compares "1.25.3" with "1.26.0"; a development version ("devel …") counts as new enough. */
function older(version: string, wanted: string): boolean {
  const found = /^(\d+)\.(\d+)/.exec(version);
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  if (!found) return false;
  return Number(found[1]) < major || (Number(found[1]) === major && Number(found[2]) < minor);
}

interface Ran {
  missing: boolean;
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, signal, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve({ missing: true, code: null, stdout, stderr });
      else reject(error);
    });
    child.on("close", (code) => resolve({ missing: false, code, stdout, stderr }));
  });
}
