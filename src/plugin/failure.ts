/**
 * How a command of the plugin fails: a wrong command line, or something that did not work. The exit codes are here; what is
 * printed is decided in run.ts.
 */

export const EXIT_OK = 0;
/** The cluster or Paperspace refused a request or did not answer. */
export const EXIT_FAILED = 1;
/** The command line is wrong: no request was sent. */
export const EXIT_USAGE = 2;
/** Interrupted by Ctrl-C: 128 + SIGINT, as in shells. */
export const EXIT_INTERRUPTED = 130;

/** The message is all that the user sees: what is wrong, and what to do about it. */
export class PluginError extends Error {
  override readonly name: string = "PluginError";
  readonly exitCode: number = EXIT_FAILED;
}

/** The message names what was typed and lists what is valid. */
export class UsageError extends PluginError {
  override readonly name = "UsageError";
  override readonly exitCode = EXIT_USAGE;
}
