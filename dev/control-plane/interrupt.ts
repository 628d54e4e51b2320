/** When a command of ours has to end: what the terminal, the system and npm say. What ends then is the command's business. */

/** Exit code of a program that was interrupted, as shells report it. */
export const INTERRUPTED = 130;

/** How often we look whether npm is still there. */
const LOOK_AGAIN_MS = 500;

/**
 * Aborts on Ctrl-C, SIGTERM and SIGHUP, when npm ends, and when nobody reads what we print. A second Ctrl-C exits at once; the guards of the children
 * clean up behind us.
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
  // Nobody reads on: `| head`, or a closed window.
  process.stdout.on("error", () => stop.abort(new Error("nobody reads the output")));
  return stop.signal;
}
