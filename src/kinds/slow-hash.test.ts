import { expect, test } from "vitest";
import { slowHashInThreads, slowHashSync } from "./slow-hash.ts";

test("a hash never changes: project secrets are named by it, and another one would roll out every deployment", async () => {
  const hash = "69f47b7cc21be1ee33de";
  expect(slowHashSync("hunter2", "uid-1")).toBe(hash);
  expect(await slowHashInThreads()("hunter2", "uid-1")).toBe(hash);
});

test("many values at once keep the event loop turning: it is what renews the lease", async () => {
  const hash = slowHashInThreads();
  let turns = 0;
  let working = true;
  const count = () => {
    turns++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const hashes = await Promise.all(Array.from({ length: 32 }, (_, i) => hash(`value ${i}`, "uid-1")));
  working = false;
  expect(new Set(hashes).size).toBe(32);
  // In this thread there would be none between two of them.
  expect(turns).toBeGreaterThan(32);
});
