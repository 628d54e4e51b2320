/**
 * What may stand where the user has pressed Tab, from the tables of commands and flags alone: no request is sent. The output is
 * that of cobra's `__complete`, which kubectl reads: a candidate a line, a tab and what it is, and a directive last.
 */
import { COMMANDS } from "./commands.ts";
import { COMMON_FLAGS, FLAGS, type FlagName, TIMEFRAMES } from "./flags.ts";

/** Cobra's: no names of files; and no blank behind what is not whole yet, such as `psd/`. */
const NO_FILES = 4;
const NO_BLANK = 2;

/** What the first word is that asks for candidates. */
export const COMPLETE = "__complete";

type Candidates = Readonly<Record<string, string>>;

/** Lines, each with its line end. `words`: all after `kubectl paperspace`, the last one as far as it is typed. */
export function complete(words: readonly string[]): string {
  const typed = words.at(-1) ?? "";
  const found = Object.entries(candidates(words.slice(0, -1), typed)).filter(([word]) =>
    word.startsWith(typed),
  );
  const isPart = found.length > 0 && found.every(([word]) => word.endsWith("/"));
  const lines = found.map(([word, what]) => (what ? `${word}\t${what}` : word));
  return [...lines, `:${NO_FILES + (isPart ? NO_BLANK : 0)}`].map((line) => `${line}\n`).join("");
}

function candidates(before: readonly string[], typed: string): Candidates {
  const { positional, flag } = readWords(before);
  const name = positional[0] === "help" ? undefined : positional[0];
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (flag !== undefined) return valuesOf(flag, command?.complete?.output);
  const [, inline] = /^--([a-z-]+)=/.exec(typed) ?? [];
  if (inline !== undefined && Object.hasOwn(FLAGS, inline))
    return prefixed(`--${inline}=`, valuesOf(inline as FlagName, command?.complete?.output));
  if (typed.startsWith("-")) {
    const flags = [...(command?.flags ?? []), ...COMMON_FLAGS];
    return Object.fromEntries(flags.map((one) => [`--${one}`, FLAGS[one].summary]));
  }
  if (name === undefined)
    return Object.fromEntries(Object.entries(COMMANDS).map(([one, { summary }]) => [one, summary]));
  return command?.complete?.args?.[positional.length - 1] ?? {};
}

/** The words that are no flags, and the flag whose value comes next. */
function readWords(words: readonly string[]): { positional: string[]; flag?: FlagName } {
  const positional: string[] = [];
  let flag: FlagName | undefined;
  for (const word of words) {
    if (flag !== undefined) flag = undefined;
    else if (word.startsWith("-")) flag = takesValue(word);
    else positional.push(word);
  }
  return { positional, ...(flag !== undefined && { flag }) };
}

function takesValue(word: string): FlagName | undefined {
  const [found] = Object.entries(FLAGS).find(([name, flag]) => {
    const { short, value } = flag as { short?: string; value?: string };
    return value !== undefined && (word === `--${name}` || (short !== undefined && word === `-${short}`));
  }) ?? [undefined];
  return found as FlagName | undefined;
}

function valuesOf(flag: FlagName, formats: readonly string[] = []): Candidates {
  const values: Partial<Record<FlagName, readonly string[]>> = { output: formats, timeframe: TIMEFRAMES };
  return Object.fromEntries((values[flag] ?? []).map((value) => [value, ""]));
}

const prefixed = (prefix: string, all: Candidates): Candidates =>
  Object.fromEntries(Object.entries(all).map(([word, what]) => [prefix + word, what]));
