/**
 * How a command of the plugin ends other than well: what was typed wrongly, and what did not work. Which exit code that
 * is, is decided here; what is printed is decided in run.ts.
 */

export const EXIT_OK = 0;
/** The cluster or Paperspace said no, or did not answer. */
export const EXIT_FAILED = 1;
/** The command line is wrong: nothing was asked of anybody. */
export const EXIT_USAGE = 2;
/** Ended by Ctrl-C in the middle of something: 128 + SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;

/** The message is for the user, whole: what is wrong, and what can be done about it. */
export class PluginError extends Error {
  override readonly name: string = "PluginError";
  readonly exitCode: number = EXIT_FAILED;
}

/** The message names what was typed and lists what is valid. */
export class UsageError extends PluginError {
  override readonly name = "UsageError";
  override readonly exitCode = EXIT_USAGE;
}
