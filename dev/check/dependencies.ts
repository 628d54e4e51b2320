/**
 * The review of production dependencies: docs/dependencies.md lists each package of the lock file with what needs it and
 * why, so that none comes in unseen. Pure; main.ts reads the files.
 */

export interface LockedPackage {
  dev?: boolean;
  /** Absent, or of the registry: the lock file omits it (.npmrc). */
  resolved?: string;
  integrity?: string;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

export interface Lock {
  packages: Record<string, LockedPackage>;
}

const ROW = /^\| `([^`]+)` \| ([^|]*) \| ([^|]+) \|$/;

/** One line for each thing that is not as the page says. */
export function unreviewed(page: string, lock: Lock): string[] {
  const reviewed = rowsOf(page);
  const needed = neededBy(lock);
  return [...missing(reviewed, needed), ...superfluous(reviewed, needed), ...careless(lock)];
}

function rowsOf(page: string): Map<string, { by: string[] }> {
  const rows = page.split("\n").flatMap((line) => {
    const [, name, by = ""] = ROW.exec(line) ?? [];
    return name === undefined
      ? []
      : [[name, { by: [...by.matchAll(/`([^`]+)`/g)].map(([, one = ""]) => one) }] as const];
  });
  return new Map(rows);
}

/** The packages of production by name, with the names of those that depend on each. */
function neededBy({ packages }: Lock): Map<string, Set<string>> {
  const production = Object.entries(packages).filter(([, { dev }]) => !dev);
  const names = new Set(production.map(([path]) => nameOf(path)));
  const needed = new Map([...names].filter((name) => name !== "").map((name) => [name, new Set<string>()]));
  for (const [path, { dependencies, optionalDependencies, peerDependencies }] of production)
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
      needed.get(name)?.add(nameOf(path) || "paperspace-operator");
  return needed;
}

function missing(reviewed: ReadonlyMap<string, { by: string[] }>, needed: ReadonlyMap<string, Set<string>>) {
  return [...needed].flatMap(([name, by]) => {
    const row = reviewed.get(name);
    if (!row) return [`${name} is in production, needed by ${list(by)}: say why in docs/dependencies.md`];
    const others = list(row.by) === list(by);
    return others ? [] : [`${name} is needed by ${list(by)}, docs/dependencies.md says by ${list(row.by)}`];
  });
}

function superfluous(reviewed: ReadonlyMap<string, unknown>, needed: ReadonlyMap<string, unknown>) {
  return [...reviewed.keys()]
    .filter((name) => !needed.has(name))
    .map((name) => `${name} is not in production any more: take it out of docs/dependencies.md`);
}

function careless({ packages }: Lock): string[] {
  return Object.entries(packages).flatMap(
    ([path, { dev, resolved, integrity, hasInstallScript, dependencies }]) => {
      const name = nameOf(path);
      if (path === "")
        return Object.entries(dependencies ?? {}).flatMap(([each, version]) =>
          /^\d+\.\d+\.\d+$/.test(version) ? [] : [`${each} is not pinned to one version: ${version}`],
        );
      if (dev) return [];
      return [
        ...(hasInstallScript ? [`${name} runs a script when it is installed`] : []),
        ...(integrity?.startsWith("sha512-") ? [] : [`${name} has no SHA-512 in the lock file`]),
        ...(resolved === undefined || resolved.startsWith("https://registry.npmjs.org/")
          ? []
          : [`${name} comes from ${resolved}, and not from the registry`]),
      ];
    },
  );
}

function nameOf(path: string): string {
  return path.split("node_modules/").at(-1) ?? "";
}

const list = (names: Iterable<string>) => [...names].sort().join(", ");
