/**
 * What the vendor sells: machine types, regions, disk prices and operating systems. Constants and look-ups only.
 * Labels are real ones; figures are plausible, since no source lists them (machines.md section 3).
 */

export const GIB = 1024 ** 3;

export interface MachineType {
  label: string;
  /** A machine may change its type within its group only (machines.md section 4). */
  group: "cpu" | "gpu";
  cpus: number;
  ramGib: number;
  gpu: { name: string; count: number; memoryGib: number } | null;
  /** US dollars an hour. */
  usageRate: number;
}

function cpu(label: string, cpus: number, ramGib: number, usageRate: number): MachineType {
  return { label, group: "cpu", cpus, ramGib, gpu: null, usageRate };
}

function gpu(
  label: string,
  cpus: number,
  ramGib: number,
  usageRate: number,
  name: string,
  memoryGib: number,
  count = 1,
): MachineType {
  return { label, group: "gpu", cpus, ramGib, gpu: { name, count, memoryGib }, usageRate };
}

export const MACHINE_TYPES: readonly MachineType[] = [
  cpu("C3", 2, 4, 0.04),
  cpu("C5", 4, 8, 0.08),
  cpu("C7", 12, 30, 0.3),
  cpu("C10", 32, 244, 1.6),
  gpu("P4000", 8, 30, 0.51, "Quadro P4000", 8),
  gpu("RTX4000", 8, 30, 0.56, "Quadro RTX 4000", 8),
  gpu("A4000", 8, 45, 0.76, "RTX A4000", 16),
  gpu("A5000", 8, 45, 1.38, "RTX A5000", 24),
  gpu("A6000", 8, 45, 1.89, "RTX A6000", 48),
  gpu("V100", 8, 30, 2.3, "Tesla V100", 16),
  gpu("A100", 12, 90, 3.09, "A100", 40),
  gpu("A100-80G", 12, 90, 3.18, "A100", 80),
  gpu("A100-80Gx8", 96, 720, 25.44, "A100", 80, 8),
  gpu("H100", 20, 250, 5.95, "H100", 80),
  gpu("H100x8", 128, 1638, 47.6, "H100", 80, 8),
];

/** Finds a type by its label; letter case matters only when `exact`. */
export function findMachineType(label: string, exact: boolean): MachineType | undefined {
  const wanted = label.toLowerCase();
  return MACHINE_TYPES.find((t) => (exact ? t.label === label : t.label.toLowerCase() === wanted));
}

export const REGIONS: Readonly<Record<string, string>> = {
  ny2: "East Coast (NY2)",
  ca1: "West Coast (CA1)",
  ams1: "Europe (AMS1)",
};

/** The short code of a region in any accepted spelling (observed-in-the-field 12); undefined when unknown. */
export function regionCode(spelling: string): string | undefined {
  const wanted = spelling.toLowerCase();
  return Object.keys(REGIONS).find((code) => code === wanted || REGIONS[code]?.toLowerCase() === wanted);
}

/** Dollars a month by disk size in GiB, from the smallest that holds it. */
export function storageRate(diskSizeGb: number): number {
  const steps: [number, number][] = [
    [50, 5],
    [100, 7],
    [250, 10],
    [500, 20],
    [1000, 40],
    [2000, 80],
  ];
  return steps.find(([size]) => diskSizeGb <= size)?.[1] ?? Math.round(diskSizeGb * 0.04);
}

export interface OsTemplate {
  id: string;
  name: string;
  agentType: string;
  operatingSystemLabel: string;
  defaultSizeGb: number | null;
  /** Labels that the template cannot run on: listed with isAvailable false, refused in a create. */
  unavailable: readonly string[];
  dtCreated: string;
}

/** What `enableNvlink` may be requested for (observed-in-the-field 16). */
export const NVLINK_TYPES: readonly string[] = ["A100-80Gx8", "H100x8"];

const TOO_NEW = ["H100", "H100x8"];
const CPU_ONLY = MACHINE_TYPES.filter((t) => t.group === "cpu").map((t) => t.label);

export const OS_TEMPLATES: readonly OsTemplate[] = [
  {
    id: "tkni3aa4",
    name: "Ubuntu 20.04 Server",
    agentType: "LinuxHeadless",
    operatingSystemLabel: "Ubuntu 20.04",
    defaultSizeGb: 50,
    unavailable: TOO_NEW,
    dtCreated: "2020-06-01T09:00:00.000Z",
  },
  {
    id: "t0nspur5",
    name: "Ubuntu 22.04 Server",
    agentType: "LinuxHeadless",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 50,
    unavailable: [],
    dtCreated: "2022-08-15T09:00:00.000Z",
  },
  {
    id: "tvimtol9",
    name: "Ubuntu 22.04 Desktop",
    agentType: "LinuxDesktop",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 100,
    unavailable: TOO_NEW,
    dtCreated: "2022-08-15T09:30:00.000Z",
  },
  {
    id: "tmlinabx",
    name: "ML-in-a-Box Ubuntu 22.04",
    agentType: "LinuxHeadless",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 100,
    unavailable: CPU_ONLY,
    dtCreated: "2023-02-01T09:00:00.000Z",
  },
  {
    id: "twin10vd",
    name: "Windows 10 (Server 2019)",
    agentType: "WindowsDesktop",
    operatingSystemLabel: "Windows 10 (Server 2019)",
    defaultSizeGb: null,
    unavailable: [...CPU_ONLY, ...TOO_NEW],
    dtCreated: "2019-05-01T09:00:00.000Z",
  },
];
