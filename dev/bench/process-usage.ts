/** What a process and its children use, as Linux counts it. Elsewhere every figure is NaN. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessUsage {
  /** Processor time of all threads since the start, in seconds. */
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** The most that the resident memory ever was. */
  readonly peakMiB: number;
}

/** Linux counts in these on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Of all processes of a process group that run now. */
export function usageOfGroup(group: number): ProcessUsage {
  const found = members(group).flatMap((pid) => usageOf(pid) ?? []);
  if (found.length === 0) return { cpuSeconds: Number.NaN, rssMiB: Number.NaN, peakMiB: Number.NaN };
  const sum = (of: (usage: ProcessUsage) => number) => found.reduce((all, one) => all + of(one), 0);
  return {
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    rssMiB: sum(({ rssMiB }) => rssMiB),
    peakMiB: sum(({ peakMiB }) => peakMiB),
  };
}

function members(group: number): number[] {
  const pids = attempt(() => readdirSync("/proc")) ?? [];
  return pids.map(Number).filter((pid) => pid > 0 && statOf(pid)?.group === group);
}

/** proc(5): the name is in brackets and may hold blanks; what follows is counted from the state, field 3. */
function statOf(pid: number): { group: number; cpuSeconds: number } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = text
    ?.slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  if (!fields) return undefined;
  const [utime = 0, stime = 0, ofChildren = 0, ofChildrenInKernel = 0] = fields.slice(11, 15);
  return {
    group: fields[2] ?? 0,
    cpuSeconds: (utime + stime + ofChildren + ofChildrenInKernel) / TICKS_PER_SECOND,
  };
}

function usageOf(pid: number): ProcessUsage | undefined {
  const stat = statOf(pid);
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!stat || status === undefined) return undefined;
  const mebibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { cpuSeconds: stat.cpuSeconds, rssMiB: mebibytes("VmRSS"), peakMiB: mebibytes("VmHWM") };
}

/** Undefined where there is no such file, or no more. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
