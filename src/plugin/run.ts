/**
 * One run of the plugin, from its arguments to its exit code. Input and output of the process are passed in
 * (main.ts), the work is in the commands.
 */
import { visible } from "../base/plain-text.ts";
import { version } from "../base/version.ts";
import { Access } from "./access.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMPLETE, complete } from "./complete.ts";
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, PluginError, UsageError } from "./failure.ts";
import { COMMON_FLAGS, type CommandLine, type FlagName, parseCommandLine } from "./flags.ts";
import { helpText } from "./help.ts";
import { Output } from "./output.ts";
import type { ProcessIO } from "./process-io.ts";
import { didYouMean } from "./suggest.ts";

/** Resolves with the exit code; never rejects. `argv` is what follows `kubectl paperspace`. */
export async function runPlugin(argv: readonly string[], io: ProcessIO): Promise<number> {
  const output = new Output(io);
  output.hide(io.env.PAPERSPACE_API_KEY?.trim() ?? "");
  try {
    if (argv[0] === COMPLETE) output.print(complete(argv.slice(1)));
    else await run(parseCommandLine(argv), io, output);
    return EXIT_OK;
  } catch (error) {
    if (io.signal.aborted) return EXIT_INTERRUPTED;
    output.note(`error: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof PluginError ? error.exitCode : EXIT_FAILED;
  }
}

async function run({ args, flags }: CommandLine, io: ProcessIO, output: Output): Promise<void> {
  const wantsHelp = flags.help || args[0] === "help";
  const [name, ...commandArgs] = args[0] === "help" ? args.slice(1) : args;
  if (flags.version) return output.print(`${version}\n`);
  if (name === undefined) return output.print(`${helpText()}\n`);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    const valid = Object.keys(COMMANDS).join(", ");
    const meant = didYouMean(name, Object.keys(COMMANDS));
    throw new UsageError(`there is no command ${JSON.stringify(name)}${meant}; there are ${valid}`);
  }
  if (wantsHelp) return output.print(`${helpText(name)}\n`);
  checkFlags(name, command, Object.keys(flags) as FlagName[]);
  const { clock, signal, prompt: ask } = io;
  const prompt = ask && ((question: string) => ask(visible(question)));
  const access = new Access({ ...io, prompt }, output, flags);
  try {
    await command.run(commandArgs, flags, { access, output, clock, signal, prompt });
  } finally {
    await access.close();
  }
}

function checkFlags(name: string, command: Command, given: readonly FlagName[]): void {
  const foreign = given.find((flag) => !COMMON_FLAGS.includes(flag) && !command.flags.includes(flag));
  if (foreign === undefined) return;
  const valid = [...command.flags, ...COMMON_FLAGS].map((flag) => `--${flag}`).join(", ");
  throw new UsageError(`--${foreign} is no flag of ${name}; there are ${valid}`);
}
