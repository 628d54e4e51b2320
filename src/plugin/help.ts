/** The help texts, made from the tables of commands and flags. */
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_FLAGS, FLAGS, type FlagName, flagSyntax } from "./flags.ts";

const PROGRAM = "kubectl paperspace";

/** Without a line end. `command` undefined: the general help. */
export function helpText(command?: string): string {
  const known = command === undefined ? undefined : COMMANDS[command];
  return (known && command !== undefined ? commandHelp(command, known) : generalHelp()).join("\n");
}

function generalHelp(): string[] {
  return [
    "What the Paperspace console shows, in the terminal: the ids that specs need, and the logs and metrics of",
    "deployments. Machines are started and stopped by a request to the operator. And two things for rare days: release,",
    "before the operator is uninstalled, and adopt, after a backup was restored.",
    "",
    "Usage:",
    `  ${PROGRAM} COMMAND [flags]`,
    "",
    "Commands:",
    ...rows(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])),
    "",
    "Flags of all commands:",
    ...rows(COMMON_FLAGS.map((name) => [flagSyntax(name), FLAGS[name].summary])),
    "",
    "The API key comes from the environment variable PAPERSPACE_API_KEY, else from the Secret that the object names",
    "(spec.credentialsSecretRef), else from the Secret paperspace-credentials of the namespace. Secrets are read with",
    "your own rights. PAPERSPACE_API_URL is the base URL of the API, version included.",
    "",
    "The exit code is 0 when all went well, 1 when something failed, 2 when the command line is wrong.",
    "",
    `"${PROGRAM} COMMAND --help" shows more about a command.`,
  ];
}

function commandHelp(name: string, command: Command): string[] {
  const { summary, usage, args, flags, formats, examples } = command;
  const flagSummary = (flag: FlagName) =>
    flag === "output" && formats ? `${FLAGS.output.summary}: ${formats}` : FLAGS[flag].summary;
  return [
    `${summary}.`,
    "",
    "Usage:",
    `  ${PROGRAM} ${name} ${usage}`,
    ...(args ? ["", `${args.title}:`, ...rows(Object.entries(args.rows))] : []),
    "",
    "Examples:",
    ...examples.map((example) => `  ${PROGRAM} ${example}`),
    "",
    ...(flags.length > 0
      ? ["Flags:", ...rows(flags.map((flag) => [flagSyntax(flag), flagSummary(flag)])), ""]
      : []),
    "Flags of all commands:",
    ...rows(COMMON_FLAGS.map((flag) => [flagSyntax(flag), FLAGS[flag].summary])),
  ];
}

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`);
}
