import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** A third of what is listed. */
const HEAP_MIB = 112;
const OBJECTS = 250;

it.each(["stream", "pages"])(
  "250 objects of 1.3 MB are held in a heap of a third of that (%s): no tenant ends the operator by the size of its objects",
  async (mode) => {
    const program = fileURLToPath(new URL("large-objects.ts", import.meta.url));
    const run = promisify(execFile);
    const args = [`--max-old-space-size=${HEAP_MIB}`, "--expose-gc", program, String(OBJECTS), mode];
    const { stdout } = await run(process.execPath, args);
    const { held, heapMiB } = JSON.parse(stdout) as { held: number; heapMiB: number };
    expect(held).toBe(OBJECTS);
    expect(heapMiB).toBeLessThan(HEAP_MIB / 2);
  },
);
