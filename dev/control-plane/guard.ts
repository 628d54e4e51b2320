/**
 * Child processes and a folder that never outlive this process, whichever way it ends. Independent of Kubernetes.
 *
 * A small shell, the watchdog, reads from a pipe whose other end only we hold. At the end of the pipe, which the kernel
 * brings about even after SIGKILL, it kills the children and removes the folder.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Every child makes a file of its pid's name before it becomes its program; so none can run without the watchdog's
 * knowledge, not even one whose parent died while starting it: once the folder has been moved away, the file cannot be
 * made.
 */
const CHILD = ': > "$0/$$" && exec "$@"';

/** Tries to remove for 5 s, because a killed process may hold a file a little longer. */
const WATCHDOG = `
trap '' INT TERM HUP
cat > /dev/null
mv -- "$1/children" "$1/orphans"
for file in "$1"/orphans/*; do kill -s KILL -- "-\${file##*/}"; done
i=0
while [ -e "$1" ] && [ $i -lt 50 ]; do
  rm -rf -- "$1"
  [ -e "$1" ] && sleep 0.1
  i=$((i + 1))
done
`;

/** How a child ended, in words: "exit code 1" (127 where there is no such program), "signal SIGKILL". */
export type Ending = string;

export interface GuardedChild {
  name: string;
  /** Also the id of its process group; -1 where it could not be started. */
  pid: number;
  /** Resolves, never rejects, once the child has ended. */
  ended: Promise<Ending>;
  /** The beginning and the end of its log: some programs name an error first and then print their whole usage. */
  excerpt(): string;
  /** Sends SIGTERM to the child and whatever it has started: whether they end is up to them. */
  terminate(): void;
  /** Kills the child and whatever it has started, and waits until it is gone. */
  kill(): Promise<void>;
}

export interface SpawnOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** What the child prints goes to `<folder>/<name>.log`, or where our own output goes. */
  output?: "log" | "inherit";
}

export class Guard {
  /** The folder that goes away with the guard. */
  readonly dir: string;
  #watchdog: ChildProcess;
  #children = new Set<GuardedChild>();
  #closed: Promise<void> | undefined;

  /** Takes charge of `dir`, which must exist and hold nothing worth keeping. */
  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(join(dir, "children"));
    // A session of its own, so that Ctrl-C in the terminal does not end the watchdog before its work is done.
    this.#watchdog = spawn("/bin/sh", ["-c", WATCHDOG, "watchdog", dir], {
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#watchdog.on("error", () => {});
  }

  /** Starts a child in a process group of its own, which Ctrl-C in the terminal does not reach. */
  spawn(name: string, command: string, args: string[], options: SpawnOptions = {}): GuardedChild {
    if (this.#closed) throw new Error(`${name} cannot start: its guard is closed`);
    const logPath = join(this.dir, `${name}.log`);
    const output = options.output === "inherit" ? "inherit" : openSync(logPath, "a");
    const { cwd, env } = options;
    const children = join(this.dir, "children");
    const process = spawn("/bin/sh", ["-c", CHILD, children, command, ...args], {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", output, output],
    });
    if (typeof output === "number") closeSync(output);
    const ended = endOf(process);
    const child: GuardedChild = {
      name,
      pid: process.pid ?? -1,
      ended,
      excerpt: () => excerpt(logPath),
      terminate: () => signalGroup(process, "SIGTERM"),
      kill: async () => {
        signalGroup(process, "SIGKILL");
        await ended;
      },
    };
    this.#children.add(child);
    void ended.then(() => {
      this.#children.delete(child);
      // The system may reuse the pid for another process, which must not be killed.
      rmSync(join(children, String(process.pid)), { force: true });
    });
    return child;
  }

  /** Kills every child and removes the folder. Further calls wait for the first one. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.kill()));
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    const gone = endOf(this.#watchdog);
    this.#watchdog.stdin?.end();
    await gone;
  }
}

function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(`exit code ${child.exitCode}`);
    if (child.signalCode !== null) return resolve(`signal ${child.signalCode}`);
    child.once("error", (error) => resolve(`cannot be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone between the look and the kill.
  }
}

function excerpt(path: string): string {
  try {
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const shown = lines.length > 16 ? [...lines.slice(0, 4), "…", ...lines.slice(-11)] : lines;
    return shown.join("\n");
  } catch {
    return "";
  }
}
