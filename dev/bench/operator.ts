/**
 * An operator as a process: ours, or another one that is given as a command. How it is configured, and how it reports that
 * it is ready, is the same for both.
 */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { Guard, type GuardedChild } from "../control-plane/guard.ts";
import { inPod, type PodCredentials } from "./in-pod.ts";
import { type ProcessUsage, usageOfGroup } from "./process-usage.ts";

/** The configuration of an operator. */
export interface OperatorSettings {
  readonly kubeconfig: string;
  /** In place of the kubeconfig, for our operator. */
  readonly pod?: PodCredentials;
  /** That it serves; more than one only of our own operator. */
  readonly namespaces: readonly string[];
  readonly apiUrl: string;
  readonly apiKey: string;
  /** Path of the certificate by which the API is trusted, where it is no public one. */
  readonly ca?: string;
  readonly requestsPerSecond: number;
  readonly burst: number;
  /** HOST:PORT where /readyz answers 200 once the first list is complete. */
  readonly health: string;
}

interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface OperatorKind {
  readonly name: string;
  /** Whether it has the flags and the metrics of this repository's operator. */
  readonly isOurs: boolean;
  /** `flags`: of our operator, and left out for another one. */
  invocation(settings: OperatorSettings, flags: readonly string[]): Invocation;
}

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = join(ROOT, "src", "main.ts");
const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 10;
/** A scrape costs the operator some milliseconds, which count as its own. */
const SAMPLE_MS = 5_000;

/** `nodeOptions`: such as --cpu-prof. `compileCache`: see `compileOperator`. */
export function ours({
  nodeOptions = [],
  compileCache,
}: {
  nodeOptions?: readonly string[];
  compileCache?: string;
} = {}): OperatorKind {
  return {
    name: "operator",
    isOurs: true,
    invocation(settings, flags) {
      const { kubeconfig, ca, pod } = settings;
      const { launcher, env } = pod ? inPod(pod) : { launcher: [], env: { KUBECONFIG: kubeconfig } };
      const [program = "", ...args] = [
        ...launcher,
        process.execPath,
        ...startFlags(),
        ...nodeOptions,
        MAIN,
        ...flagsOf(settings),
      ];
      const more = {
        ...(ca && { NODE_EXTRA_CA_CERTS: ca }),
        ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
      };
      return { program, args: [...args, ...flags], env: { ...env, ...more } };
    },
  };
}

/** Stripped types and compiled code in this folder, for all starts to come, as the image has them. */
export async function compileOperator(compileCache: string, signal: AbortSignal): Promise<void> {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  await promisify(execFile)(process.execPath, [...startFlags(), MAIN, "--help"], { env, signal });
}

/** Of Node, as npm start and the image have them; the limit of the heap is the environment's in both. */
function startFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const [, flags = ""] = / node (.+) src\/main\.ts$/.exec(scripts.start) ?? [];
  return flags.split(" ");
}

function flagsOf(settings: OperatorSettings): string[] {
  const [first] = settings.namespaces;
  return [
    ...(settings.pod ? [] : [`--kubeconfig=${settings.kubeconfig}`]),
    `--watch-namespaces=${settings.namespaces.join(",")}`,
    "--leader-elect-namespace=default",
    `--leader-elect-name=${first}`,
    `--paperspace-api-url=${settings.apiUrl}`,
    `--requests-per-second=${settings.requestsPerSecond}`,
    `--burst=${settings.burst}`,
    `--health-address=${settings.health}`,
  ];
}

/** A command of the shell, which reads its settings from these variables. */
export function peer(command: string): OperatorKind {
  return {
    name: "peer",
    isOurs: false,
    invocation: (settings) => ({
      program: "/bin/sh",
      args: ["-c", command],
      env: {
        KUBECONFIG: settings.kubeconfig,
        WATCH_NAMESPACE: settings.namespaces[0] ?? "",
        PAPERSPACE_API_URL: settings.apiUrl,
        PAPERSPACE_API_KEY: settings.apiKey,
        REQUESTS_PER_SECOND: String(settings.requestsPerSecond),
        BURST: String(settings.burst),
        HEALTH_ADDRESS: settings.health,
        ...(settings.ca && { SSL_CERT_FILE: settings.ca }),
      },
    }),
  };
}

export class OperatorProcess {
  readonly #guard: Guard;
  readonly #child: GuardedChild;
  readonly #url: string;
  readonly #sampling = new AbortController();
  #ending = false;
  /** Milliseconds from the start of the process until it was ready. */
  readyAfterMs = Number.NaN;
  /** The longest that the event loop was late, of which 10 ms are the timer's own. NaN of another operator. */
  longestDelayMs = Number.NaN;
  /** Rejects, with the end of its log, when it ends by itself; never resolves. */
  readonly death: Promise<never>;

  private constructor(guard: Guard, child: GuardedChild, url: string) {
    this.#guard = guard;
    this.#child = child;
    this.#url = url;
    this.death = child.ended.then((ending) => {
      if (this.#ending) return new Promise<never>(() => {});
      throw new Error(`The operator has ended by itself (${ending}). Its log:\n${child.excerpt()}`);
    });
    this.death.catch(() => {});
  }

  /** Resolves once it is ready. */
  static async start(
    kind: OperatorKind,
    settings: Omit<OperatorSettings, "health">,
    flags: readonly string[],
    signal: AbortSignal,
  ): Promise<OperatorProcess> {
    const guard = new Guard(mkdtempSync(join(tmpdir(), "paperspace-bench-")));
    const health = `127.0.0.1:${await freePort()}`;
    const { program, args, env } = kind.invocation({ ...settings, health }, flags);
    const started = systemClock.monotonic();
    const child = guard.spawn("operator", program, [...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    });
    const operator = new OperatorProcess(guard, child, `http://${health}`);
    try {
      await Promise.race([operator.#untilReady(signal), operator.death]);
    } catch (error) {
      await operator.kill();
      throw error;
    }
    operator.readyAfterMs = systemClock.monotonic() - started;
    if (kind.isOurs) void operator.#watchDelay();
    return operator;
  }

  usage(): ProcessUsage {
    return usageOfGroup(this.#child.pid);
  }

  /** The sum of a metric over the labels that have all of these parts; 0 where there is none. */
  async metric(name: string, ...labels: string[]): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    return metricIn(text, name, ...labels);
  }

  /** Once it has used no more than this share of a processor in each of so many seconds. */
  async quietFor(seconds: number, share: number, signal: AbortSignal): Promise<void> {
    for (let quiet = 0, before = this.usage().cpuSeconds; quiet < seconds; ) {
      await sleep(systemClock, 1_000, signal);
      const { cpuSeconds } = this.usage();
      // Where the host does not count, there is nothing to wait for.
      quiet = cpuSeconds - before > share ? 0 : quiet + 1;
      before = cpuSeconds;
    }
  }

  /** SIGKILL: nothing is handed over. */
  kill(): Promise<void> {
    this.#ending = true;
    this.#sampling.abort();
    return this.#guard.close();
  }

  /** SIGTERM, as a cluster ends a pod; SIGKILL where that does not end it in time. */
  async stop(): Promise<void> {
    this.#ending = true;
    this.#sampling.abort();
    this.#child.terminate();
    const late = new AbortController();
    const ended = this.#child.ended.then(() => late.abort());
    await Promise.race([ended, sleep(systemClock, STOP_WITHIN_MS, late.signal).catch(() => {})]);
    await this.#guard.close();
  }

  async #untilReady(signal: AbortSignal): Promise<void> {
    const end = systemClock.monotonic() + READY_WITHIN_MS;
    while (systemClock.monotonic() < end) {
      const answer = await fetch(`${this.#url}/readyz`).catch(() => undefined);
      await answer?.text();
      if (answer?.status === 200) return;
      await sleep(systemClock, LOOK_AGAIN_MS, signal);
    }
    throw new Error(`The operator is not ready in time. Its log:\n${this.#child.excerpt()}`);
  }

  /** The gauge begins anew at each scrape. */
  async #watchDelay(): Promise<void> {
    const { signal } = this.#sampling;
    while (!signal.aborted) {
      const seconds = await this.metric("nodejs_eventloop_lag_max_seconds").catch(() => Number.NaN);
      if (!Number.isNaN(seconds)) this.longestDelayMs = Math.max(seconds * 1_000, this.longestDelayMs || 0);
      await sleep(systemClock, SAMPLE_MS, signal).catch(() => {});
    }
  }
}

/** The sum over all lines of a metric whose labels have all of these parts. */
export function metricIn(text: string, name: string, ...labels: string[]): number {
  return text
    .split("\n")
    .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address ? address.port : 0;
}
