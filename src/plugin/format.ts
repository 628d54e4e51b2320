/** The flag --output, whose values differ from command to command. */
import { BadValue, type ValueType } from "../base/options.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";

/** Undefined where none was given. Throws UsageError that lists the formats of this command. */
export function outputFormat<T>({ output }: Flags, formats: ValueType<T>): T | undefined {
  if (output === undefined) return undefined;
  try {
    return formats.parse(output);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new UsageError(`--output: ${JSON.stringify(output)} is not allowed; give ${formats.allowed}`);
  }
}
