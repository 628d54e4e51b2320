/**
 * Two archives of `npm pack` from one commit are the same, no matter where, when and by which user they were
 * built. (A umask of 077 gives others: npm keeps whether others may read a file.)
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, cp, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const LEFT_OUT = new Set(["node_modules", "dist", ".git"]);
const run = promisify(execFile);

/** The hash of the archive of a copy whose files have this time and these rights. */
async function packed(folder: string, at: Date, mode: number): Promise<string> {
  const copy = join(folder, "copy");
  await cp(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    await utimes(path, at, at);
    if (entry.isFile() && !path.includes("/bin/")) await chmod(path, mode);
  }
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--offline"], { cwd: copy });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return createHash("sha256")
    .update(await readFile(join(copy, filename)))
    .digest("hex");
}

test("npm pack gives the same archive twice", async () => {
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), "paperspace-pack-"))));
  const [one = "", two = ""] = folders;
  try {
    const first = await packed(one, new Date("2020-02-02T02:02:02Z"), 0o644);
    const second = await packed(two, new Date("2026-06-06T06:06:06Z"), 0o664);
    expect(second).toBe(first);
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
});
