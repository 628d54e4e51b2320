/** The operator's kinds as they are typed on a command line. What there is of each is in kinds.generated.ts. */
import type { ResourceType } from "../kube/resource.ts";
import { MANAGED_KINDS } from "./kinds.generated.ts";

/** The short name of a kind. */
export type Short = keyof typeof MANAGED_KINDS;
/** `noun` is what the thing is called at Paperspace: "machine". */
export type PluginKind = ResourceType & { readonly noun: string };

export const TYPES: Readonly<Record<Short, PluginKind>> = MANAGED_KINDS;
export const SHORTS = Object.keys(TYPES) as Short[];

/** What `release` takes: "psm/NAME or psd/NAME". */
export const ANY_REFERENCE = alternatives(SHORTS.map((short) => `${short}/NAME`));

const BY_WORD = new Map(SHORTS.flatMap((short) => wordsOf(short).map((word) => [word, short] as const)));

/**
 * The kind that kubectl would take the word for: psm, paperspacemachine, paperspacemachines, each with or without version
 * and group behind it, in any case. Undefined for anything else.
 */
export function kindOf(word: string): Short | undefined {
  return BY_WORD.get(word.toLowerCase());
}

function wordsOf(short: Short): string[] {
  const { kind, plural, group, version } = TYPES[short];
  return [short, kind.toLowerCase(), plural].flatMap((name) => [
    name,
    `${name}.${group}`,
    `${name}.${version}.${group}`,
  ]);
}

function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
