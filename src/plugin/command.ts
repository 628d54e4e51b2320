/**
 * What a command of the plugin is and what it works with: types only, so that each command and the table of them can import
 * them without a cycle.
 */
import type { Clock } from "../base/clock.ts";
import type { Access } from "./access.ts";
import type { FlagName, Flags } from "./flags.ts";
import type { Screen } from "./output.ts";
import type { Edges } from "./process-io.ts";

/** What every command works with. */
export interface Context {
  readonly access: Access;
  readonly screen: Screen;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** See Edges. */
  readonly ask?: Edges["ask"];
}

export interface Command {
  readonly about: string;
  /** Behind the name of the command. */
  readonly usage: string;
  /** What the word in capitals may be, and what each means. */
  readonly words?: { readonly title: string; readonly rows: Readonly<Record<string, string>> };
  /** Beyond those that every command takes. */
  readonly flags: readonly FlagName[];
  /** Of --output. */
  readonly formats?: string;
  readonly examples: readonly string[];
  /** Throws PluginError, KubeError, PaperspaceError. */
  readonly run: (words: readonly string[], flags: Flags, context: Context) => Promise<void>;
}
