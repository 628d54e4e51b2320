/**
 * The process of `kubectl paperspace`: arguments, streams, signals, exit code. Everything else begins in run.ts.
 */
import { systemClock } from "../base/clock.ts";
import { version } from "../base/version.ts";
import { AnswerMemory, createSockets } from "../paperspace/wire.ts";
import { EXIT_FAILED } from "./failure.ts";
import { runPlugin } from "./run.ts";

const stop = new AbortController();
// Once: a second Ctrl-C ends the process at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stop.abort(new Error(signal)));
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader closed the pipe, as `head` does: no failure, and nowhere left to report one.
    process.exit(error.code === "EPIPE" ? 0 : EXIT_FAILED);
  });
}

/** The question goes to standard error: standard output may be a file. End of input is an empty answer. */
async function prompt(question: string): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  return new Promise((resolve, reject) => {
    const finish = (answer: string) => {
      resolve(answer);
      lines.close();
    };
    const end = () => {
      reject(stop.signal.reason);
      lines.close();
    };
    stop.signal.addEventListener("abort", end, { once: true });
    lines.once("close", () => finish(""));
    lines.question(question, finish);
  });
}

process.exitCode = await runPlugin(process.argv.slice(2), {
  env: process.env,
  clock: systemClock,
  stdout: process.stdout,
  stderr: process.stderr,
  prompt: process.stdin.isTTY ? prompt : undefined,
  signal: stop.signal,
  // Of one account, whose metrics may be a hundred megabytes.
  sockets: (proxy) => createSockets(proxy, new AnswerMemory(Number.POSITIVE_INFINITY)),
  connect: async (cluster) => {
    // Loaded only when needed: it takes half of the start time, and help does without.
    const { connect } = await import("../kube/connection.ts");
    return connect({ ...cluster, clock: systemClock, userAgent: `kubectl-paperspace/${version}` });
  },
});
