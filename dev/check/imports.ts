/**
 * The floors of the house (DESIGN: imports go down only). Reads import statements as text; a file that stands on no
 * floor is a violation, so that a new folder must be given its place here.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize, relative, sep } from "node:path";

/** What each floor may import besides itself: floors, or single files of them. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  main: ["app", "base"],
  // The kubectl plugin stands beside the operator: it finds keys and reads records as that does, and has no kinds.
  plugin: ["reconcile/credentials", "reconcile/record", "kube", "paperspace", "base"],
  app: ["registry", "kinds", "reconcile", "runtime", "kube", "paperspace", "base"],
  registry: ["kinds"],
  kinds: ["reconcile", "runtime", "kube", "paperspace", "base"],
  reconcile: ["runtime", "kube", "base"],
  runtime: ["kube", "base"],
  kube: ["base"],
  paperspace: ["base"],
  base: [],
};

const IMPORT = /\bfrom\s+"(\.[^"]+)"|\bimport\s*\(?\s*"(\.[^"]+)"/g;

export interface Import {
  /** Paths relative to src. */
  from: string;
  to: string;
}

/** Every violation as a line. `src` is the folder's path. Tests may import what they like. */
export async function importViolations(src: string): Promise<string[]> {
  const files = await readdir(src, { recursive: true });
  const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const imports = await Promise.all(
    sources.map(async (file) => importsOf(file, await readFile(join(src, file), "utf8"))),
  );
  return imports.flat().flatMap((edge) => violation(edge) ?? []);
}

export function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, from, dynamic]) => ({
    from: file,
    to: normalize(join(dirname(file), from ?? dynamic ?? "")),
  }));
}

export function violation({ from, to }: Import): string | undefined {
  if (to.startsWith("..")) {
    return relative("..", to) === "package.json" ? undefined : `${from} imports ${to}, which is not in src`;
  }
  const floor = floorOf(from);
  const target = floorOf(to);
  const allowed = MAY_IMPORT[floor];
  if (!allowed || !MAY_IMPORT[target])
    return `${from} imports ${to}: give "${allowed ? target : floor}" its floor`;
  if (floor !== target)
    return allowed.includes(target) || allowed.includes(to.replace(/\.ts$/, ""))
      ? undefined
      : `${from} imports ${to}: ${floor} may import ${allowed.join(", ") || "nothing"}`;
  const room = roomOf(from);
  const other = roomOf(to);
  return floor === "kinds" && other && room !== other
    ? `${from} imports ${to}: rooms never import each other`
    : undefined;
}

function floorOf(file: string): string {
  return (file.split(sep)[0] ?? "").replace(/\.ts$/, "");
}

/** The kind's folder; undefined for what all rooms share. */
function roomOf(file: string): string | undefined {
  const parts = file.split(sep);
  return parts.length > 2 ? parts[1] : undefined;
}
