/**
 * The layers of the code (CONTRIBUTING.md, The map): imports go down only, and never in a circle. Pure. Reads import
 * statements as text; a file in no layer is a violation, so that a new folder must be assigned to one here.
 */
import { dirname, join, normalize, relative, sep } from "node:path";
import type { SourceFile } from "./sources.ts";

/** What each layer may import besides itself: layers, or single files of them. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  main: ["app", "base"],
  // The kubectl plugin stands beside the operator: it finds keys and reads records as that does, and has no kinds.
  plugin: [
    "reconcile/credentials",
    "reconcile/key-secret",
    "reconcile/managed",
    "reconcile/ownership-facts",
    "reconcile/reasons",
    "reconcile/record",
    "kube",
    "paperspace",
    "base",
  ],
  app: ["controller", "registry", "kinds", "reconcile", "runtime", "kube", "paperspace", "base"],
  controller: ["kinds", "reconcile", "runtime", "kube", "base"],
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

/** Every import of a file in src, by types as well. */
export function importsIn(files: readonly SourceFile[]): Import[] {
  return files.flatMap(({ path, text }) => importsOf(path, text));
}

/** Every import that goes where it may not, as a line. */
export function importViolations(files: readonly SourceFile[]): string[] {
  return importsIn(files).flatMap((edge) => violation(edge) ?? []);
}

/**
 * Circles of imports, each as its path: "a.ts → b.ts → a.ts". Of each file that is on circles one of the shortest, so there
 * may be more when these are gone, but there are none when this is empty.
 */
export function importCircles(files: readonly SourceFile[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of importsIn(files)) targets.set(from, [...(targets.get(from) ?? []), to]);
  const circles = [...targets.keys()].flatMap((file) => {
    const path = shortestWayBack(file, targets);
    return path ? [written(path)] : [];
  });
  return [...new Set(circles)].sort();
}

/** The files of a shortest circle through this one, itself once; undefined where there is none. */
function shortestWayBack(file: string, targets: ReadonlyMap<string, string[]>): string[] | undefined {
  const seen = new Set<string>();
  for (let paths = [[file]]; paths.length > 0; ) {
    const longer: string[][] = [];
    for (const path of paths)
      for (const next of targets.get(path.at(-1) ?? "") ?? []) {
        if (next === file) return path;
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...path, next]);
      }
    paths = longer;
  }
  return undefined;
}

/** The same text wherever the circle was entered. */
function written(circle: readonly string[]): string {
  const [first = ""] = [...circle].sort();
  const at = circle.indexOf(first);
  return [...circle.slice(at), ...circle.slice(0, at), first].join(" → ");
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
  const layer = layerOf(from);
  const target = layerOf(to);
  const allowed = MAY_IMPORT[layer];
  if (!allowed || !MAY_IMPORT[target])
    return `${from} imports ${to}: give "${allowed ? target : layer}" a layer`;
  if (layer !== target)
    return allowed.includes(target) || allowed.includes(to.replace(/\.ts$/, ""))
      ? undefined
      : `${from} imports ${to}: ${layer} may import ${allowed.join(", ") || "nothing"}`;
  const kindFolder = kindFolderOf(from);
  const other = kindFolderOf(to);
  return layer === "kinds" && other && kindFolder !== other
    ? `${from} imports ${to}: kinds never import each other`
    : undefined;
}

function layerOf(file: string): string {
  return (file.split(sep)[0] ?? "").replace(/\.ts$/, "");
}

/** The kind's folder; undefined for what all kinds share. */
function kindFolderOf(file: string): string | undefined {
  const parts = file.split(sep);
  return parts.length > 2 ? parts[1] : undefined;
}
