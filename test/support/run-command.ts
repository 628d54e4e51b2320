/** What a program that a test runs to its end has said. Which program, and whether that is good, is the caller's. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";

export interface Said {
  code: number;
  out: string;
  err: string;
}

/** Gives it `input` on its standard input, and waits for its end, whatever comes of it. Rejects where it cannot start. */
export function whatSays(child: ChildProcessWithoutNullStreams, input: string): Promise<Said> {
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const said: Said = { code: -1, out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...said, code: code ?? -1 }));
  });
}
