/**
 * One run of the plugin, from its arguments to its exit code. The edges of the process come from outside (main.ts), the work is
 * in the commands.
 */
import { version } from "../base/version.ts";
import { Access } from "./access.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, PluginError, UsageError } from "./failure.ts";
import { COMMON, type CommandLine, type FlagName, parseCommandLine } from "./flags.ts";
import { helpText } from "./help.ts";
import { Screen } from "./output.ts";
import type { Edges } from "./process-io.ts";

/** Resolves with the exit code; never rejects. `argv` is what stands behind `kubectl paperspace`. */
export async function runPlugin(argv: readonly string[], edges: Edges): Promise<number> {
  const screen = new Screen(edges);
  screen.hide(edges.env.PAPERSPACE_API_KEY?.trim() ?? "");
  try {
    await run(parseCommandLine(argv), edges, screen);
    return EXIT_OK;
  } catch (error) {
    if (edges.signal.aborted) return EXIT_INTERRUPTED;
    screen.note(`error: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof PluginError ? error.exitCode : EXIT_FAILED;
  }
}

async function run({ words, flags }: CommandLine, edges: Edges, screen: Screen): Promise<void> {
  const asksHelp = flags.help || words[0] === "help";
  const [name, ...rest] = words[0] === "help" ? words.slice(1) : words;
  if (flags.version) return screen.print(`${version}\n`);
  if (name === undefined) return screen.print(`${helpText()}\n`);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    const valid = Object.keys(COMMANDS).join(", ");
    throw new UsageError(`there is no command ${JSON.stringify(name)}; there are ${valid}`);
  }
  if (asksHelp) return screen.print(`${helpText(name)}\n`);
  checkFlags(name, command, Object.keys(flags) as FlagName[]);
  const access = new Access(edges, screen, flags);
  try {
    const { clock, signal, ask } = edges;
    await command.run(rest, flags, { access, screen, clock, signal, ask });
  } finally {
    await access.close();
  }
}

function checkFlags(name: string, command: Command, given: readonly FlagName[]): void {
  const foreign = given.find((flag) => !COMMON.includes(flag) && !command.flags.includes(flag));
  if (foreign === undefined) return;
  const valid = [...command.flags, ...COMMON].map((flag) => `--${flag}`).join(", ");
  throw new UsageError(`--${foreign} is no flag of ${name}; there are ${valid}`);
}
