/**
 * The process of `kubectl paperspace`: arguments, streams, signals, exit code. Everything else begins in run.ts.
 */
import { systemClock } from "../base/clock.ts";
import { version } from "../base/version.ts";
import { createSockets } from "../paperspace/wire.ts";
import { EXIT_FAILED } from "./failure.ts";
import { runPlugin } from "./run.ts";

const stop = new AbortController();
// Once: whoever presses Ctrl-C again is not kept waiting.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stop.abort(new Error(signal)));
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read has enough, as `head` does: that is no failure, and nobody is there to be told.
    process.exit(error.code === "EPIPE" ? 0 : EXIT_FAILED);
  });
}

/** Standard error takes the question: standard output may be a file. End of input is an empty answer. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  return new Promise((resolve, reject) => {
    const give = (answer: string) => {
      resolve(answer);
      lines.close();
    };
    const end = () => {
      reject(stop.signal.reason);
      lines.close();
    };
    stop.signal.addEventListener("abort", end, { once: true });
    lines.once("close", () => give(""));
    lines.question(question, give);
  });
}

process.exitCode = await runPlugin(process.argv.slice(2), {
  env: process.env,
  clock: systemClock,
  stdout: process.stdout,
  stderr: process.stderr,
  ask: process.stdin.isTTY ? ask : undefined,
  signal: stop.signal,
  sockets: createSockets,
  connect: async (cluster) => {
    // Half of the time that a start takes; help and a wrong command line do without.
    const { connect } = await import("../kube/connection.ts");
    return connect({ ...cluster, clock: systemClock, userAgent: `kubectl-paperspace/${version}` });
  },
});
