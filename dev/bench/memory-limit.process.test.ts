/** The limit that the hostile benchmark relies on: a program that takes more is ended, and one that takes less is not. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { limitMemory } from "./memory-limit.ts";

const LIMIT_MIB = 128;
/** Outside of the heap, which has a limit of its own. */
const taking = (mib: number) => `Buffer.alloc(${mib} * 2 ** 20, 1)`;

it("a program is ended where it takes more memory than its container would have, wherever that can be limited", ({
  skip,
}) => {
  const limit = limitMemory(LIMIT_MIB);
  const run = (mib: number) => {
    const [shell = "", ...args] = limit.launcher;
    return spawnSync(shell, [...args, process.execPath, "-e", taking(mib)]);
  };
  try {
    if (limit.launcher.length === 0) skip("control groups take root, and a hierarchy that can be written");
    expect(run(32).status).toBe(0);
    expect(run(2 * LIMIT_MIB).signal).toBe("SIGKILL");
    expect(limit.peakMiB() ?? LIMIT_MIB).toBeCloseTo(LIMIT_MIB, 0);
  } finally {
    limit.remove();
  }
});
