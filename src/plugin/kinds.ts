/** The operator's kinds as a command line refers to them. The kinds themselves are in kinds.generated.ts. */
import type { ResourceType } from "../kube/resource.ts";
import { MANAGED_KINDS } from "./kinds.generated.ts";

/** The short name of a kind. */
export type ShortName = keyof typeof MANAGED_KINDS;
/** `noun` is the resource's name at Paperspace: "machine". */
export type PluginKind = ResourceType & { readonly noun: string };

export const TYPES: Readonly<Record<ShortName, PluginKind>> = MANAGED_KINDS;
export const SHORT_NAMES = Object.keys(TYPES) as ShortName[];

/** The arguments of `release`: "psm/NAME or psd/NAME". */
export const ANY_REFERENCE = alternatives(SHORT_NAMES.map((shortName) => `${shortName}/NAME`));

const BY_NAME = new Map(
  SHORT_NAMES.flatMap((shortName) =>
    resourceNamesOf(shortName).map((resourceName) => [resourceName, shortName] as const),
  ),
);

/**
 * The kind of a resource name as kubectl accepts it: psm, paperspacemachine, paperspacemachines, each with or without version
 * and group, in any case. Undefined for anything else.
 */
export function kindOf(resourceName: string): ShortName | undefined {
  return BY_NAME.get(resourceName.toLowerCase());
}

function resourceNamesOf(shortName: ShortName): string[] {
  const { kind, plural, group, version } = TYPES[shortName];
  return [shortName, kind.toLowerCase(), plural].flatMap((name) => [
    name,
    `${name}.${group}`,
    `${name}.${version}.${group}`,
  ]);
}

function alternatives(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}
