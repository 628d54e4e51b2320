/** Asks the user before something that cannot be taken back. What is asked, and when, is decided in the commands. */
import { PluginError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import type { ProcessIO } from "./process-io.ts";

export interface Confirmation {
  /** With what the answer is for at its end: "Release this object?" */
  readonly question: string;
  /** What a refusal comes to: "nothing was changed". */
  readonly otherwise: string;
}

/** Returns where the user agrees, or has by --yes. Throws PluginError otherwise, and where there is no terminal to ask on. */
export async function confirm(
  { question, otherwise }: Confirmation,
  { yes }: Pick<Flags, "yes">,
  prompt: ProcessIO["prompt"],
): Promise<void> {
  if (yes) return;
  if (!prompt) throw new PluginError(`${otherwise}: there is no terminal to confirm on; give --yes`);
  const answer = await prompt(`${question} Type "yes": `);
  if (answer.trim().toLowerCase() !== "yes") throw new PluginError(otherwise);
}
