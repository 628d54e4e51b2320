import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Guard } from "./guard.ts";

let parent: string;
let dir: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "a guard "));
  dir = join(parent, "state");
  mkdirSync(dir);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone, as it should be.
  }
}

/** Resolves once `path` is gone, by events of the folder above it. */
async function gone(path: string): Promise<void> {
  const watcher = watch(parent);
  try {
    while (existsSync(path)) await once(watcher, "change");
  } finally {
    watcher.close();
  }
}

test("a process killed with SIGKILL leaves neither children nor files, so that no port and no disk is lost to crashes", async () => {
  const program = `
    import { Guard } from ${JSON.stringify(join(import.meta.dirname, "guard.ts"))};
    const guard = new Guard(process.argv[1]);
    for (const name of ["one", "two", "three"]) {
      guard.spawn(name, "sh", ["-c", "echo $$; sleep 1000 & wait"], { output: "inherit" });
    }
    await guard.spawn("short", "true", []).ended;`;
  const victim = spawn(process.execPath, ["--input-type=module", "-e", program, dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  // Where the test fails, they must not outlive it, or the runner would wait for its own output to close.
  onTestFinished(() => {
    for (const pid of output.trim().split("\n")) killGroup(Number(pid));
  });
  for await (const data of victim.stdout) {
    output += data;
    // All three run by now. The stream ends when the last of them, and of their own children, has closed it.
    if (output.match(/\n/g)?.length === 3) victim.kill("SIGKILL");
  }
  await gone(dir);
  expect(existsSync(parent)).toBe(true);
});

test("close kills every child with all that it has started, and removes the folder, so that a stop is a stop", async () => {
  const pipe = join(parent, "pipe");
  execFileSync("mkfifo", [pipe]);
  const guard = new Guard(dir);
  const child = guard.spawn("one", "sh", ["-c", 'exec > "$0"; sleep 1000 & echo $$; wait', pipe]);
  const output = createReadStream(pipe);
  const [pid] = await once(output, "data");
  onTestFinished(() => killGroup(Number(pid)));
  // Comes once the grandchild, too, has closed the pipe.
  const released = once(output, "end");
  await Promise.all([guard.close(), guard.close()]);
  expect(await child.ended).toBe("signal SIGKILL");
  await released;
  expect(existsSync(dir)).toBe(false);
  expect(() => guard.spawn("late", "true", [])).toThrow("closed");
});

test("a child started while its guard's process dies does not run, because nothing would end it", async () => {
  const guard = new Guard(dir);
  // What the watchdog does first once its process is gone.
  renameSync(join(dir, "children"), join(dir, "orphans"));
  const child = guard.spawn("late", "sh", ["-c", "echo I run"]);
  expect(await child.ended).not.toBe("exit code 0");
  expect(child.excerpt()).not.toContain("I run");
  await guard.close();
});

test("a program that is not there ends with a reason, so that no caller waits for it", async () => {
  const guard = new Guard(dir);
  const child = guard.spawn("none", join(dir, "none"), []);
  expect(await child.ended).toBe("exit code 127");
  expect(child.excerpt()).toContain("not found");
  await guard.close();
});

test("an excerpt shows both ends of a long log, because some programs bury the error under their usage", async () => {
  const guard = new Guard(dir);
  const child = guard.spawn("etcd", "sh", ["-c", "echo the error; seq 100; echo the end; exit 2"]);
  expect(await child.ended).toBe("exit code 2");
  expect(child.excerpt()).toMatch(/^the error\n1\n.*\n…\n.*100\nthe end$/s);
  await guard.close();
});
