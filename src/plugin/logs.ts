/** The command `logs`: prints the log of a deployment, and follows it until the user interrupts. */
import { clip } from "../base/plain-text.ts";
import { PaperspaceError, type PaperspaceErrorCode } from "../paperspace/errors.ts";
import type { CommandContext } from "./command.ts";
import { deploymentName, openDeployment } from "./deployment.ts";
import { UsageError } from "./failure.ts";
import type { Flags, Since } from "./flags.ts";
import { type FollowOptions, follow } from "./follow.ts";
import { type LogLine, LogReader } from "./log-reader.ts";
import type { Output } from "./output.ts";
import { linesOf, terminalLine } from "./plain-text.ts";

const DEFAULT_TAIL = 100;

/** A retry would get the same answer. */
const FINAL: readonly PaperspaceErrorCode[] = [
  "PS_UNAUTHORIZED",
  "PS_FORBIDDEN",
  "PS_NOT_FOUND",
  "PS_REFUSED",
  "PS_NOT_SENT",
];

const FOLLOW: FollowOptions = {
  everyMs: 3_000,
  mayPass: (error): error is Error => error instanceof PaperspaceError && !FINAL.includes(error.code),
  passed: "the log can be read again",
};

export async function logs(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const name = deploymentName(args[0], "logs");
  if (args.length > 1)
    throw new UsageError(`logs takes one argument, psd/NAME, but ${JSON.stringify(args[1])} came as well`);
  try {
    await show(name, flags, context);
  } catch (error) {
    // An interrupt is the regular end of following.
    if (!flags.follow || !context.signal.aborted) throw error;
  }
}

async function show(name: string, flags: Flags, context: CommandContext): Promise<void> {
  const { clock, output, signal } = context;
  const since = sinceOf(flags);
  const { id, account } = await openDeployment(context.access, name);
  const reader = new LogReader({
    api: account.api,
    clock,
    deploymentId: id,
    instanceId: flags.instance,
    since: since?.at ?? (since?.ago === undefined ? undefined : clock.now() - since.ago),
    signal,
  });
  const printer = new Printer(output, flags);
  const tail = flags.tail ?? (since ? Number.POSITIVE_INFINITY : DEFAULT_TAIL);
  if (tail === Number.POSITIVE_INFINITY && !since) {
    for await (const lines of reader.all()) {
      printer.print(lines);
      await output.drained();
    }
  } else {
    const { lines, more } = await reader.first(tail, flags.follow ?? false);
    if (more && flags.tail === undefined)
      output.note(`note: the newest ${DEFAULT_TAIL} lines; --tail=-1 shows all there are`);
    printer.print(lines);
  }
  if (flags.follow) await follow(async () => printer.print(await reader.next()), FOLLOW, context);
}

function sinceOf({ since, "since-time": at }: Flags): Since | undefined {
  if (at === undefined) return since;
  if (since) throw new UsageError("--since and --since-time: give one of them");
  return { at };
}

class Printer {
  readonly #output: Output;
  readonly #flags: Flags;
  readonly #instances = new Set<string>();

  constructor(output: Output, flags: Flags) {
    this.#output = output;
    this.#flags = flags;
  }

  print(lines: readonly LogLine[]): void {
    for (const { instanceId } of lines) if (instanceId) this.#instances.add(instanceId);
    this.#output.print(lines.map((line) => this.#format(line)).join(""));
  }

  #format({ instanceId, dtCreated, message }: LogLine): string {
    const showInstance = this.#flags.instance === undefined && this.#instances.size > 1;
    const instance = showInstance ? `[${clip(terminalLine(instanceId || "?"))}] ` : "";
    const prefix = `${instance}${this.#flags.timestamps ? `${clip(dtCreated)} ` : ""}`;
    // A file or a pipe gets what the application wrote; a terminal would interpret control sequences.
    const text = message ?? "";
    const lines = this.#output.isTerminal ? linesOf(text) : text.replace(/\r?\n$/, "").split("\n");
    return lines.map((line) => `${prefix}${line}\n`).join("");
  }
}
