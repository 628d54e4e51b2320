/** The flag --output, whose values differ from command to command. */
import { BadValue, type Kind } from "../base/options.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";

/** Undefined where none was given. Throws UsageError with what this command can print. */
export function chosen<T>({ output }: Flags, formats: Kind<T>): T | undefined {
  if (output === undefined) return undefined;
  try {
    return formats.parse(output);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new UsageError(`--output: ${JSON.stringify(output)} is not allowed; give ${formats.allowed}`);
  }
}
