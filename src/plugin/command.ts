/**
 * What a command of the plugin is and what it works with: types only, so that each command and the table of them can import
 * them without a cycle.
 */
import type { Clock } from "../base/clock.ts";
import type { Access } from "./access.ts";
import type { FlagName, Flags } from "./flags.ts";
import type { Output } from "./output.ts";
import type { ProcessIO } from "./process-io.ts";

/** What every command works with. */
export interface CommandContext {
  readonly access: Access;
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** See ProcessIO. */
  readonly prompt?: ProcessIO["prompt"];
}

export interface Command {
  readonly summary: string;
  /** What follows the name of the command. */
  readonly usage: string;
  /** The values of the argument in capitals, and what each means. */
  readonly args?: { readonly title: string; readonly rows: Readonly<Record<string, string>> };
  /** Besides those that every command takes. */
  readonly flags: readonly FlagName[];
  /** Of --output. */
  readonly formats?: string;
  /** What the shell completes: the arguments by their place, with what each is, and the values of --output. */
  readonly complete?: {
    readonly args?: readonly Readonly<Record<string, string>>[];
    readonly output?: readonly string[];
  };
  readonly examples: readonly string[];
  /** Throws PluginError, KubeError, PaperspaceError. */
  readonly run: (args: readonly string[], flags: Flags, context: CommandContext) => Promise<void>;
}
