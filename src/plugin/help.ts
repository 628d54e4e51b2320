/** The help texts, made from the tables of commands and flags. */
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON, FLAGS, type FlagName, written } from "./flags.ts";

const PROGRAM = "kubectl paperspace";

/** Ends without a line end. `command` is undefined for the help of the whole. */
export function helpText(command?: string): string {
  const known = command === undefined ? undefined : COMMANDS[command];
  return (known && command !== undefined ? commandHelp(command, known) : generalHelp()).join("\n");
}

function generalHelp(): string[] {
  return [
    "What the Paperspace console shows, in the terminal: the ids that specs need, and the logs and metrics of",
    "deployments. And one thing for the day on which the operator is uninstalled: release.",
    "",
    "Usage:",
    `  ${PROGRAM} COMMAND [flags]`,
    "",
    "Commands:",
    ...rows(Object.entries(COMMANDS).map(([name, { about }]) => [name, about])),
    "",
    "Flags of all commands:",
    ...rows(COMMON.map((name) => [written(name), FLAGS[name].about])),
    "",
    "The API key comes from the Secret that the object names (spec.credentialsSecretRef), else from the Secret",
    "paperspace-credentials of the namespace, else from the environment variable PAPERSPACE_API_KEY. Secrets are read",
    "with your own rights. PAPERSPACE_API_URL is the base URL of the API, version included.",
    "",
    "The exit code is 0 when all went well, 1 when something failed, 2 when the command line is wrong.",
    "",
    `"${PROGRAM} COMMAND --help" tells more about a command.`,
  ];
}

function commandHelp(name: string, command: Command): string[] {
  const { about, usage, words, flags, formats, examples } = command;
  const aboutFlag = (flag: FlagName) =>
    flag === "output" && formats ? `${FLAGS.output.about}: ${formats}` : FLAGS[flag].about;
  return [
    `${about}.`,
    "",
    "Usage:",
    `  ${PROGRAM} ${name} ${usage}`,
    ...(words ? ["", `${words.title}:`, ...rows(Object.entries(words.rows))] : []),
    "",
    "Examples:",
    ...examples.map((example) => `  ${PROGRAM} ${example}`),
    "",
    "Flags:",
    ...rows(flags.map((flag) => [written(flag), aboutFlag(flag)])),
    "",
    "Flags of all commands:",
    ...rows(COMMON.map((flag) => [written(flag), FLAGS[flag].about])),
  ];
}

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`);
}
