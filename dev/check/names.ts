/**
 * An exported name means one thing in src, so that it reads the same in every file. Pure. Reads
 * declarations as text; what is only exported again (`export { x } from`) declares nothing.
 */
import { sep } from "node:path";
import type { SourceFile } from "./sources.ts";

/** Names that several files may declare, and why. */
const SHARED: Readonly<Record<string, string>> = {
  REASON: "the reasons that all kinds have, and each kind's own",
  act: "the generic decision for a step, and the same bound to the steps of a kind",
};

const DECLARATION =
  /^export (?:declare )?(?:default )?(?:async )?(?:abstract )?(?:function\*?|const enum|const|let|class|interface|type|enum) +([\w$]+)/gm;

/** Each exported name that is declared in several files, as a line with their paths. */
export function namesWithTwoMeanings(files: readonly SourceFile[]): string[] {
  const declaredIn = new Map<string, Set<string>>();
  for (const { path, text } of files)
    for (const name of exportedNames(text))
      declaredIn.set(name, (declaredIn.get(name) ?? new Set()).add(path));
  return [...declaredIn]
    .filter(([name, paths]) => !Object.hasOwn(SHARED, name) && meanings([...paths]) > 1)
    .map(([name, paths]) => `${name} is declared in ${[...paths].join(", ")}`)
    .sort();
}

function exportedNames(text: string): string[] {
  return [...text.matchAll(DECLARATION)].flatMap(([, name]) => name ?? []);
}

/** The same file of several kinds, such as machine/plan.ts and deployment/plan.ts, means the same by a name. */
function meanings(paths: readonly string[]): number {
  return new Set(paths.map((path) => partOfKind(path) ?? path)).size;
}

/** Where in its kind's folder a file is; undefined for files that are of no kind. */
function partOfKind(path: string): string | undefined {
  const [layer, kind, ...rest] = path.split(sep);
  return layer === "kinds" && kind !== undefined && rest.length > 0 ? `kinds/*/${rest.join("/")}` : undefined;
}
