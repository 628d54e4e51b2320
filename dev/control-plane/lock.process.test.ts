import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { acquireLock } from "./lock.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "a lock "));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("a second builder waits for the first, so that two compilations never share the processors", async () => {
  const clock = new VirtualClock();
  const path = join(dir, "lock");
  const release = await acquireLock(path, { clock });
  const waitedFor: string[] = [];
  let second: (() => void) | undefined;
  const waiting = acquireLock(path, { clock, onWait: (pid) => waitedFor.push(pid) }).then((unlock) => {
    second = unlock;
  });
  await clock.advance(60_000);
  expect(second).toBeUndefined();
  expect(waitedFor).toEqual([String(process.pid)]);
  release();
  await clock.advance(1_000);
  await waiting;
  second?.();
});

test("a holder that was killed leaves no lock behind, so that a crash never blocks the next start", async () => {
  const path = join(dir, "lock");
  const program = `
    import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    await acquireLock(process.argv[1]);
    console.log("held");
    process.stdin.resume();`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  const clock = new VirtualClock();
  const stop = new AbortController();
  const waiting = Promise.withResolvers<string>();
  const refused = acquireLock(path, { clock, onWait: waiting.resolve, signal: stop.signal });
  expect(await waiting.promise).toBe(String(holder.pid));
  stop.abort(new Error("seen enough"));
  await expect(refused).rejects.toThrow("seen enough");

  holder.kill("SIGKILL");
  await once(holder, "exit");
  const release = await acquireLock(path, { clock, onWait: () => expect.fail("the dead still hold it") });
  release();
});
