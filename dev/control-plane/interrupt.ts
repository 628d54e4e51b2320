/**
 * When a command of ours has to end: signals of the terminal, the system and npm. What ends then is up to the command.
 */

/** Exit code of a program that was interrupted, as shells report it. */
export const INTERRUPTED = 130;

/** How often we look whether npm is still there. */
const LOOK_AGAIN_MS = 500;

/**
 * Aborts on Ctrl-C, SIGTERM and SIGHUP, when npm ends, and when the reader of our output is gone. A second Ctrl-C exits
 * at once; the guards of the children clean up behind us.
 */
export function interruptSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED);
      stop.abort(new Error("interrupted"));
    });
  }
  // A SIGTERM to `npm run` ends npm and the shell in between, but does not reach us: we see only that our parent changes.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) {
    setInterval(() => {
      if (process.ppid !== parent) stop.abort(new Error("npm has ended"));
    }, LOOK_AGAIN_MS).unref();
  }
  // The reader is gone: `| head`, or a closed window.
  process.stdout.on("error", () => stop.abort(new Error("the output has no reader")));
  return stop.signal;
}
