/**
 * Programs that a host may lack: takes each from the first source that has it, and keeps in the cache what had to be
 * fetched or made. Which programs, and which sources there are, is up to its callers.
 */
import { accessSync, constants, statSync } from "node:fs";
import { mkdir, mkdtemp, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { Guard } from "./guard.ts";
import { acquireLock } from "./lock.ts";

export type Found<P extends string> = Partial<Record<P, string>>;

export interface Provision<P extends string> {
  /** What the programs make up, such as "Kubernetes"; and the same with its version. */
  what: string;
  release: string;
  programs: readonly P[];
  /** Holds the lock: one folder for all releases of these programs. */
  root: string;
  /** Holds the programs of this release; made where it is missing. */
  cache: string;
  /** What the environment names, which goes before everything else, and the error text for what it lacks. */
  named: () => Found<P>;
  namedReason: string;
  sources: readonly Source<P>[];
  /** What the user may do: lines, the first of them a whole sentence. */
  advice: (lacking: P[]) => string[];
  log: (line: string) => void;
  clock: Clock;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

export interface Source<P extends string> {
  name: string;
  /** Calls `onReady` with every program that is complete; throws with a message made to be shown. */
  fetch(order: Order<P>): Promise<void>;
}

export interface Order<P extends string> {
  programs: P[];
  /** Owns a scratch folder. */
  guard: Guard;
  /** `path` is in the scratch folder, and is moved into the cache. */
  onReady: (program: P, path: string) => Promise<void>;
}

/** Wide enough for the longest name of a source. */
const NAME_WIDTH = 20;

/** A reason as errors list it: the source's name, then what it lacked. */
export function reason(source: string, lacked: string): string {
  return `${source.padEnd(NAME_WIDTH)}${lacked}`;
}

/** All the programs. Throws an error that names what each source lacked and what to install. */
export async function provide<P extends string>(wanted: Provision<P>): Promise<Readonly<Record<P, string>>> {
  const found = look(wanted);
  if (complete(wanted, found)) return found;
  const inCache = missing(wanted.programs, inFolder(wanted.cache, wanted.programs));
  const reasons = [
    wanted.namedReason,
    reason("cache", `${tilde(wanted.cache, wanted.env)} lacks ${inCache.join(", ")}`),
  ];
  await fillCache(wanted, reasons);
  const filled = look(wanted);
  if (complete(wanted, filled)) return filled;
  const [problem, ...advice] = wanted.advice(missing(wanted.programs, filled));
  const listed = reasons.map((text) => `  - ${text.replaceAll("\n", "\n    ")}`);
  throw new Error(
    [problem, ...listed, "Any one of these helps:", ...advice.map((text) => `  - ${text}`)].join("\n"),
  );
}

/** One at a time on this host: two compilations at once take longer than one after the other, and the second finds all done. */
async function fillCache<P extends string>(wanted: Provision<P>, reasons: string[]): Promise<void> {
  const { cache, programs, log, signal, clock } = wanted;
  const unlock = await acquireLock(join(wanted.root, "lock"), {
    onWait: (pid) => log(`Waiting for process ${pid}, which is fetching or compiling ${wanted.what} already`),
    ...(signal && { signal }),
    clock,
  });
  try {
    await mkdir(cache, { recursive: true });
    const lacking = missing(programs, look(wanted));
    if (lacking.length === 0) return;
    log(`First start: getting ${lacking.join(", ")} of ${wanted.release}`);
    for (const source of wanted.sources) {
      const now = missing(programs, look(wanted));
      if (now.length === 0) break;
      const guard = new Guard(await mkdtemp(join(cache, "work-")));
      try {
        const onReady = (program: P, path: string) => rename(path, join(cache, program));
        await source.fetch({ programs: now, guard, onReady });
      } catch (error) {
        signal?.throwIfAborted();
        const { message } = error as Error;
        reasons.push(reason(source.name, message));
        log(`No ${source.name}: ${message}`);
      } finally {
        await guard.close();
      }
    }
    if (complete(wanted, look(wanted))) log(`Kept in ${tilde(cache, wanted.env)} for the next start`);
  } finally {
    unlock();
  }
}

function look<P extends string>({ cache, programs, named }: Provision<P>): Found<P> {
  return { ...inFolder(cache, programs), ...named() };
}

export function inFolder<P extends string>(folder: string, programs: readonly P[]): Found<P> {
  const found: Found<P> = {};
  for (const program of programs) {
    const path = join(folder, program);
    if (executable(path)) found[program] = path;
  }
  return found;
}

export function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function missing<P extends string>(programs: readonly P[], found: Found<P>): P[] {
  return programs.filter((program) => !found[program]);
}

function complete<P extends string>(
  { programs }: Provision<P>,
  found: Found<P>,
): found is Readonly<Record<P, string>> {
  return missing(programs, found).length === 0;
}

/** The home folder as `~`: shorter to read, and the name of the user stays out of pasted error messages. */
export function tilde(path: string, env: NodeJS.ProcessEnv): string {
  const home = env.HOME || homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
