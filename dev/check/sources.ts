/** The code that the checks of the source look at: everything in a folder but its tests. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface SourceFile {
  /** Relative to the folder. */
  path: string;
  text: string;
}

export async function readSources(folder: string): Promise<SourceFile[]> {
  const files = await readdir(folder, { recursive: true });
  const paths = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts")).sort();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(folder, path), "utf8") })));
}
