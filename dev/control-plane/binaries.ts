/**
 * Finds or makes the programs of the control plane: decides which source comes when, and keeps the cache. How a program
 * is downloaded or compiled is the matter of download.ts and build.ts.
 */
import { accessSync, constants, statSync } from "node:fs";
import { mkdir, mkdtemp, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { build } from "./build.ts";
import { type DownloadSources, download, OFFICIAL_SOURCES } from "./download.ts";
import { Guard } from "./guard.ts";
import { acquireLock } from "./lock.ts";
import { cacheFolder, cacheRoot, PROGRAMS, type Program, type Release, readRelease } from "./release.ts";

export type Binaries = Readonly<Record<Program, string>>;

export interface BinaryOptions {
  log?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  sources?: DownloadSources;
  release?: Release;
  clock?: Clock;
}

type Found = Partial<Record<Program, string>>;

/**
 * The four programs, each from the first place that has it: `$KUBEBUILDER_ASSETS`, the cache, a download, `go build`.
 * What is downloaded or built lands in the cache. Throws an error that says what each place lacked and what to install.
 */
export async function findBinaries(options: BinaryOptions = {}): Promise<Binaries> {
  const env = options.env ?? process.env;
  const release = options.release ?? readRelease();
  const cache = cacheFolder(cacheRoot(env), release);
  // Absolute, because the programs are started from another folder.
  const assets = env.KUBEBUILDER_ASSETS && resolve(env.KUBEBUILDER_ASSETS);
  const look = (): Found => ({ ...inFolder(cache), ...(assets && inFolder(assets)) });

  const found = look();
  if (complete(found)) return found;
  const reasons = [
    assets
      ? `KUBEBUILDER_ASSETS  ${assets} lacks ${missing(inFolder(assets)).join(", ")}`
      : "KUBEBUILDER_ASSETS  is not set",
    `cache               ${tilde(cache, env)} lacks ${missing(inFolder(cache)).join(", ")}`,
  ];
  await fillCache({ ...options, env, release, cache, look, reasons });
  const filled = look();
  if (complete(filled)) return filled;
  throw new Error(whatToDo(release, missing(filled), reasons));
}

interface Filling extends BinaryOptions {
  env: NodeJS.ProcessEnv;
  release: Release;
  cache: string;
  look: () => Found;
  /** Grows by what each source failed of. */
  reasons: string[];
}

/** One at a time on this host: two compilations at once take longer than one after the other, and the second finds all done. */
async function fillCache(filling: Filling): Promise<void> {
  const { cache, look, signal, env } = filling;
  const log = filling.log ?? (() => {});
  const unlock = await acquireLock(join(cacheRoot(env), "lock"), {
    onWait: (pid) => log(`Waiting for process ${pid}, which is fetching or compiling Kubernetes already`),
    ...(signal && { signal }),
    ...(filling.clock && { clock: filling.clock }),
  });
  try {
    await mkdir(cache, { recursive: true });
    const wanted = missing(look());
    if (wanted.length === 0) return;
    log(`First start: getting ${wanted.join(", ")} of Kubernetes ${filling.release.kubernetes}`);
    for (const source of SOURCES) {
      const programs = missing(look());
      if (programs.length === 0) break;
      const guard = new Guard(await mkdtemp(join(cache, "work-")));
      try {
        await source.fetch(filling, programs, guard, log);
      } catch (error) {
        signal?.throwIfAborted();
        const reason = (error as Error).message;
        filling.reasons.push(`${source.name.padEnd(20)}${reason}`);
        log(`No ${source.name}: ${reason}`);
      } finally {
        await guard.close();
      }
    }
    if (complete(look())) log(`Kept in ${tilde(cache, env)} for the next start`);
  } finally {
    unlock();
  }
}

interface Source {
  name: string;
  fetch(filling: Filling, programs: Program[], guard: Guard, log: (line: string) => void): Promise<void>;
}

const SOURCES: readonly Source[] = [
  {
    name: "download",
    fetch: ({ release, sources, clock, signal, cache }, programs, guard, log) =>
      download({
        release,
        sources: sources ?? OFFICIAL_SOURCES,
        programs,
        work: guard.dir,
        onReady: (program, path) => rename(path, join(cache, program)),
        log,
        clock: clock ?? systemClock,
        ...(signal && { signal }),
      }),
  },
  {
    name: "go build",
    fetch: ({ release, env, clock, signal, cache }, programs, guard, log) =>
      build({
        release,
        programs,
        guard,
        onReady: (program, path) => rename(path, join(cache, program)),
        log,
        clock: clock ?? systemClock,
        env,
        ...(signal && { signal }),
      }),
  },
];

function inFolder(folder: string): Found {
  const found: Found = {};
  for (const program of PROGRAMS) {
    const path = join(folder, program);
    if (executable(path)) found[program] = path;
  }
  return found;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function missing(found: Found): Program[] {
  return PROGRAMS.filter((program) => !found[program]);
}

function complete(found: Found): found is Binaries {
  return missing(found).length === 0;
}

/** The home folder as `~`: shorter to read, and the name of the user stays out of pasted error messages. */
function tilde(path: string, env: NodeJS.ProcessEnv): string {
  const home = env.HOME || homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

function whatToDo(release: Release, lacking: Program[], reasons: string[]): string {
  const go = release.go.split(".").slice(0, 2).join(".");
  return [
    `The local control plane needs ${lacking.join(", ")}, and found no way to get ${lacking.length > 1 ? "them" : "it"}:`,
    ...reasons.map((reason) => `  - ${reason.replaceAll("\n", "\n    ")}`),
    "Any one of these helps:",
    `  - install Go ${go} or newer (https://go.dev/dl) and run the command again: it compiles what is missing`,
    "  - run it once on a network that reaches raw.githubusercontent.com, github.com and dl.k8s.io",
    `  - set KUBEBUILDER_ASSETS to a folder that holds ${PROGRAMS.join(", ")} of Kubernetes ${release.kubernetes.slice(1).split(".").slice(0, 2).join(".")}`,
  ].join("\n");
}
