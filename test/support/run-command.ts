/**
 * The output of a program that a test runs to its end. Which program, and whether the result is right, is up to the
 * caller.
 */
import type { ChildProcessWithoutNullStreams } from "node:child_process";

export interface CommandResult {
  code: number;
  out: string;
  err: string;
}

/** Writes `input` to its standard input and waits for its end, also where it fails. Rejects where it cannot start. */
export function runCommand(child: ChildProcessWithoutNullStreams, input: string): Promise<CommandResult> {
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const result: CommandResult = { code: -1, out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    result.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    result.err += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...result, code: code ?? -1 }));
  });
}
