/** Flags of the command line, as the texts that were given for them. Which of them there are is in config-options.ts. */
import type { OptionEntry } from "./config-options.ts";
import { bool } from "./options.ts";

/** Reads `--name value`, `--name=value`, `--name` and `--no-name` (booleans). The last one of a name counts. */
export function readFlags(
  argv: readonly string[],
  entries: readonly OptionEntry[],
  problems: string[],
): Map<string, string> {
  const byFlag = new Map(entries.flatMap((entry) => (entry.flag ? [[entry.flag, entry] as const] : [])));
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const [, name = "", inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word === "-h" ? "--help" : word) ?? [];
    if (name === "help" || name === "version") {
      given.set(name, "true");
      continue;
    }
    const negated =
      name.startsWith("no-") && byFlag.get(name.slice(3))?.type === bool ? name.slice(3) : undefined;
    const entry = byFlag.get(name);
    const next = argv[i + 1];
    if (negated !== undefined && inline === undefined) given.set(negated, "false");
    else if (!entry) {
      problems.push(unknownFlag(name === "" ? word : `--${name}`, entries));
      // What follows belongs to the unknown flag; it may be a secret.
      if (name !== "" && inline === undefined && next !== undefined && !next.startsWith("--")) i++;
    } else if (inline !== undefined) given.set(name, inline);
    else if (entry.type === bool && next !== "true" && next !== "false") given.set(name, "true");
    else if (next === undefined || next.startsWith("--"))
      problems.push(`--${name}: the value is missing; give ${entry.type.allowed}`);
    else {
      given.set(name, next);
      i++;
    }
  }
  return given;
}

function unknownFlag(word: string, entries: readonly OptionEntry[]): string {
  if (!word.startsWith("--"))
    return `${JSON.stringify(word)}: arguments are not taken, only flags; see --help`;
  const hidden = entries.find((entry) => entry.envOnly && entry.name === word.slice(2));
  if (hidden)
    return `${word}: not taken as a flag, where every process could read it; set ${hidden.env.join(" or ")}`;
  const flags = entries.flatMap((entry) => entry.flag ?? []);
  const ranked = flags.map((name) => ({ name, away: distance(word.slice(2), name) }));
  const nearest = ranked.sort((a, b) => a.away - b.away)[0];
  const close = nearest !== undefined && nearest.away <= Math.max(2, nearest.name.length / 3);
  return `${word}: there is no such flag; ${close ? `did you mean --${nearest.name}?` : "see --help"}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
