/** Where the processor time of a process went, from the profiles that Node writes (--cpu-prof). */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Counts } from "./figures.ts";

/** What V8's inspector calls Profiler.Profile; times in microseconds. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Of these a profile shows that nothing ran. */
const IDLE = new Set(["(idle)", "(root)"]);
const SHOWN = 20;

/** Of all profiles of a folder, for a terminal. */
export async function profileText(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile")).sort();
  const texts = files.map(async (name) => {
    const parts = Object.entries(partsOf(JSON.parse(await readFile(join(folder, name), "utf8"))));
    const all = parts.reduce((sum, [, ms]) => sum + ms, 0);
    const lines = parts
      .sort((a, b) => b[1] - a[1])
      .slice(0, SHOWN)
      .map(
        ([part, ms]) =>
          `  ${part.padEnd(50)}${ms.toFixed(0).padStart(8)} ms ${((ms / all) * 100).toFixed(1).padStart(5)} %`,
      );
    return [`${name}: ${(all / 1_000).toFixed(1)} s`, ...lines].join("\n");
  });
  return (await Promise.all(texts)).join("\n");
}

/** Milliseconds by package, or by file of our own: where the instruction pointer was, not who had called. */
export function partsOf({ nodes, samples, timeDeltas }: Profile): Counts {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parts: Record<string, number> = {};
  for (const [i, sample] of samples.entries()) {
    const frame = frames.get(sample);
    if (!frame || IDLE.has(frame.functionName)) continue;
    const part = partOf(frame.url) || frame.functionName;
    parts[part] = (parts[part] ?? 0) + (timeDeltas[i] ?? 0) / 1_000;
  }
  return parts;
}

function partOf(url: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules\/)/.exec(url)?.[1];
  return inPackage ?? /src\/.*$/.exec(url)?.[0] ?? url;
}
