/** The operator as a process of its own, as a cluster runs it. It cannot outlive this process; see Guard. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { Guard } from "../control-plane/guard.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const READY_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 20;

export interface DaemonOptions {
  flags: readonly string[];
  /** The whole environment beside PATH and HOME: settings of your own operator must not reach this one. */
  env: Readonly<Record<string, string>>;
  /** Command that the program and its arguments are appended to, such as one that limits what they may use. */
  launcher?: readonly string[];
}

export interface Daemon {
  /** Path of its log, one JSON object a line. */
  readonly logPath: string;
  /** Where /readyz and /metrics are. */
  readonly url: string;
  /** Milliseconds from the start of the process until /readyz answered 200. */
  readonly readyAfterMs: number;
  /** Rejects, with the end of the log in the message, when it ends by itself; never resolves. */
  readonly death: Promise<never>;
  /** The beginning and the end of the log. */
  log(): string;
  stop(): Promise<void>;
}

/** Resolves once it is ready. Throws, with its log, where it does not get there. */
export async function startDaemon(
  { flags, env, launcher = [] }: DaemonOptions,
  signal?: AbortSignal,
): Promise<Daemon> {
  const guard = new Guard(mkdtempSync(join(tmpdir(), "paperspace-operator-")));
  const started = systemClock.monotonic();
  const command = [...launcher, process.execPath, join(ROOT, "src", "main.ts"), ...flags];
  const [program = "", ...args] = command;
  const child = guard.spawn("operator", program, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  let stopping = false;
  const death = child.ended.then((ending): never | Promise<never> => {
    if (stopping) return new Promise(() => {});
    throw new Error(`The operator has ended by itself (${ending}). Its log:\n${indented(child.excerpt())}`);
  });
  death.catch(() => {});
  const stop = () => {
    stopping = true;
    return guard.close();
  };
  const logPath = join(guard.dir, "operator.log");
  try {
    const url = await Promise.race([ready(logPath, signal), death]);
    const readyAfterMs = systemClock.monotonic() - started;
    return { logPath, url, readyAfterMs, death, log: () => indented(child.excerpt()), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port is a free one that only the log contains. */
async function ready(logPath: string, signal?: AbortSignal): Promise<string> {
  const end = systemClock.monotonic() + READY_WITHIN_MS;
  let last = "it has not logged its port";
  while (systemClock.monotonic() < end) {
    const port = /"health":(\d+)/.exec(readFileSync(logPath, "utf8"))?.[1];
    if (port) {
      const url = `http://127.0.0.1:${port}`;
      const answer = await fetch(`${url}/readyz`).catch(() => undefined);
      last = (await answer?.text()) ?? "no answer";
      if (answer?.status === 200) return url;
    }
    await sleep(systemClock, LOOK_AGAIN_MS, signal);
  }
  throw new Error(
    `The operator is not ready after ${READY_WITHIN_MS / 1000} s (${last.trim()}). Its log:\n${indented(readFileSync(logPath, "utf8"))}`,
  );
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    ");
}
