/**
 * A limit of memory as a container has it: a control group of the kernel, which takes root and a hierarchy that can be
 * written. Elsewhere the heap is all that is limited.
 */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface MemoryLimit {
  /** What holds a program to it, in words. */
  readonly by: string;
  /** A program whose command line is appended to this one is held to it; empty where none is. */
  readonly launcher: readonly string[];
  /** The most that was in use, page cache included; undefined where nothing counts it. */
  peakMiB(): number | undefined;
  /** Once its programs have ended. */
  remove(): void;
}

/** Where the two versions have their hierarchy, and how they name the same things. Without swap, as in a container. */
const VERSIONS = [
  {
    name: "a control group (v2)",
    root: "/sys/fs/cgroup",
    limits: ["memory.max"],
    swap: "memory.swap.max",
    peak: "memory.peak",
  },
  {
    name: "a control group (v1)",
    root: "/sys/fs/cgroup/memory",
    limits: ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
    swap: "memory.swappiness",
    peak: "memory.max_usage_in_bytes",
  },
] as const;

const MIB = 2 ** 20;

export function limitMemory(mib: number): MemoryLimit {
  for (const version of VERSIONS) {
    const group = newGroup(version.root);
    if (!group) continue;
    const set = (file: string, value: string) => {
      if (existsSync(join(group, file))) writeFileSync(join(group, file), value);
    };
    const remove = () => rmdirSync(group);
    // A hierarchy without the controller of memory has folders, and nothing in them to set.
    if (!existsSync(join(group, version.limits[0]))) {
      remove();
      continue;
    }
    for (const file of version.limits) set(file, String(mib * MIB));
    set(version.swap, "0");
    return {
      by: version.name,
      launcher: ["/bin/sh", "-ec", 'echo $$ > "$0/cgroup.procs"; exec "$@"', group],
      peakMiB: () => {
        const path = join(group, version.peak);
        return existsSync(path) ? Number(readFileSync(path, "utf8")) / MIB : undefined;
      },
      remove,
    };
  }
  return { by: "its heap alone", launcher: [], peakMiB: () => undefined, remove: () => {} };
}

/** Undefined where there is no such hierarchy, or it is not ours to write. */
function newGroup(root: string): string | undefined {
  try {
    return mkdtempSync(join(root, "paperspace-operator-bench-"));
  } catch {
    return undefined;
  }
}
