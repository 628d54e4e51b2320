/** The operator as a process of its own, as a cluster runs it: started with flags, read over HTTP, ended by signals. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface DaemonOptions {
  name: string;
  flags: string[];
  env: Record<string, string>;
  /** Called for every line it logs, and at its end. */
  onNews(): void;
}

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export class Daemon {
  readonly name: string;
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #port = Promise.withResolvers<number>();
  /** Where metrics are served apart from the probes. */
  #metricsPort: number | undefined;
  /** "exit code 0", "signal SIGKILL"; undefined while it runs. */
  ending: string | undefined;

  constructor(options: DaemonOptions) {
    this.name = options.name;
    this.#process = spawn(process.execPath, [MAIN, ...options.flags], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const read = (line: string) => {
      this.lines.push(line);
      this.#lookForPort(line);
      options.onNews();
    };
    for (const stream of [this.#process.stdout, this.#process.stderr])
      if (stream) createInterface({ input: stream }).on("line", read);
    // Not "exit": at "close" its last lines are in, too.
    this.#ended = once(this.#process, "close").then(([code, signal]) => {
      this.ending = signal ? `signal ${signal}` : `exit code ${code}`;
      this.#port.reject(new Error(`${this.name} has ended (${this.ending}):\n${this.log()}`));
      options.onNews();
      return this.ending;
    });
    this.#port.promise.catch(() => {});
  }

  /** Resolves once /readyz answers 200: the first list is complete. Independent of who leads. */
  async ready(): Promise<this> {
    for (;;) {
      const url = await this.#url("/readyz");
      const answer = await fetch(url).catch(() => undefined);
      await answer?.text();
      if (answer?.status === 200) return this;
      if (this.ending) throw new Error(`${this.name} has ended (${this.ending}):\n${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async metrics(): Promise<string> {
    const url = await this.#url("/metrics");
    const own = this.#metricsPort;
    return (await fetch(own === undefined ? url : `http://127.0.0.1:${own}/metrics`)).text();
  }

  /** SIGKILL: nothing is cleaned up. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** SIGSTOP: it neither runs nor ends, as a process that was frozen. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  /** SIGCONT. */
  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  /** Whether it has ever held the lease. */
  get hasLed(): boolean {
    return this.logged().some(({ msg }) => msg === "leading");
  }

  /** SIGTERM, as a cluster ends a pod; gives how it ended. */
  async stop(): Promise<string> {
    this.#process.kill("SIGTERM");
    return this.#ended;
  }

  /** Its JSON lines; what is none (a crash of the runtime) is left out. */
  logged(): LogLine[] {
    return this.lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
  }

  /** The last lines, for a failed test. */
  log(most = 150): string {
    return this.lines.slice(-most).join("\n");
  }

  async #url(path: string): Promise<string> {
    return `http://127.0.0.1:${await this.#port.promise}${path}`;
  }

  /** The port is a free one, which only its own first line contains. */
  #lookForPort(line: string): void {
    const metrics = /"metrics":(\d+)/.exec(line);
    if (metrics) this.#metricsPort ??= Number(metrics[1]);
    const found = /"health":(\d+)/.exec(line);
    if (found) this.#port.resolve(Number(found[1]));
  }
}
