/** The command `logs`: the lines of a deployment's log as they are printed, and following them until the user has enough. */
import { sleep } from "../base/clock.ts";
import { PaperspaceError, type PaperspaceErrorCode } from "../paperspace/errors.ts";
import type { Context } from "./command.ts";
import { deploymentName, openDeployment } from "./deployment.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { type LogLine, LogReader } from "./log-reader.ts";
import type { Screen } from "./output.ts";
import { linesOf, terminalLine } from "./plain-text.ts";

const POLL_MS = 3_000;
const DEFAULT_TAIL = 100;

/** Asking again would bring the same answer. */
const FINAL: readonly PaperspaceErrorCode[] = [
  "PS_UNAUTHORIZED",
  "PS_FORBIDDEN",
  "PS_NOT_FOUND",
  "PS_REFUSED",
  "PS_NOT_SENT",
];

export async function logs(words: readonly string[], flags: Flags, context: Context): Promise<void> {
  const name = deploymentName(words[0], "logs");
  if (words.length > 1)
    throw new UsageError(`logs takes one word, psd/NAME, but ${JSON.stringify(words[1])} came as well`);
  try {
    await show(name, flags, context);
  } catch (error) {
    // Ending it is how following ends, whenever that comes.
    if (!flags.follow || !context.signal.aborted) throw error;
  }
}

async function show(name: string, flags: Flags, context: Context): Promise<void> {
  const { clock, screen, signal } = context;
  const { since, follow = false } = flags;
  const { id, account } = await openDeployment(context.access, name);
  const reader = new LogReader({
    api: account.api,
    clock,
    deploymentId: id,
    instanceId: flags.instance,
    since: since?.at ?? (since?.ago === undefined ? undefined : clock.now() - since.ago),
    signal,
  });
  const printer = new Printer(screen, flags);
  const tail = flags.tail ?? (since ? Number.POSITIVE_INFINITY : DEFAULT_TAIL);
  const { lines, more } = await reader.first(tail, follow);
  if (more && flags.tail === undefined)
    screen.note(`note: the newest ${DEFAULT_TAIL} lines; --tail=-1 shows all there are`);
  printer.print(lines);
  if (follow) await followOn(reader, printer, context);
}

/** Returns when the signal aborts; throws what asking again cannot mend. */
async function followOn(reader: LogReader, printer: Printer, { clock, screen, signal }: Context) {
  let trouble = "";
  while (!signal.aborted) {
    try {
      await sleep(clock, POLL_MS, signal);
      const lines = await reader.next();
      if (trouble !== "") screen.note("note: the log can be read again");
      trouble = "";
      printer.print(lines);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof PaperspaceError) || FINAL.includes(error.code)) throw error;
      // Told once, not every three seconds.
      if (error.message !== trouble) screen.note(`note: ${error.message}; trying again`);
      trouble = error.message;
    }
  }
}

class Printer {
  readonly #screen: Screen;
  readonly #flags: Flags;
  readonly #instances = new Set<string>();

  constructor(screen: Screen, flags: Flags) {
    this.#screen = screen;
    this.#flags = flags;
  }

  print(lines: readonly LogLine[]): void {
    for (const { instanceId } of lines) if (instanceId) this.#instances.add(instanceId);
    this.#screen.print(lines.map((line) => this.#form(line)).join(""));
  }

  #form({ instanceId, dtCreated, message }: LogLine): string {
    const named = this.#flags.instance === undefined && this.#instances.size > 1;
    const instance = named ? `[${instanceId || "?"}] ` : "";
    const prefix = `${instance}${this.#flags.timestamps ? `${dtCreated} ` : ""}`;
    // A file or a pipe gets what the application wrote; a terminal would obey it.
    const text = message ?? "";
    const lines = this.#screen.isTerminal ? linesOf(text) : text.replace(/\r?\n$/, "").split("\n");
    return lines
      .map((line) => prefix + line)
      .map((line) => `${this.#screen.isTerminal ? terminalLine(line) : line}\n`)
      .join("");
  }
}
