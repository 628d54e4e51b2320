/** What a command does that follows something: it looks again and again until the user interrupts it. */
import { sleep } from "../base/clock.ts";
import type { CommandContext } from "./command.ts";

export interface FollowOptions {
  readonly everyMs: number;
  /** Whether a failure may pass by itself. */
  readonly mayPass: (error: unknown) => error is Error;
  /** What is noted once it has passed. */
  readonly passed: string;
}

/** Returns when the signal aborts; throws what a retry cannot fix. What passes is noted once, and not each time. */
export async function follow(
  look: () => Promise<void>,
  { everyMs, mayPass, passed }: FollowOptions,
  { clock, output, signal }: Pick<CommandContext, "clock" | "output" | "signal">,
): Promise<void> {
  let lastError = "";
  while (!signal.aborted) {
    try {
      await sleep(clock, everyMs, signal);
      await look();
      if (lastError !== "") output.note(`note: ${passed}`);
      lastError = "";
    } catch (error) {
      if (signal.aborted) return;
      if (!mayPass(error)) throw error;
      if (error.message !== lastError) output.note(`note: ${error.message}; trying again`);
      lastError = error.message;
    }
  }
}
