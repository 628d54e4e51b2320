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

/** machines.md section 3 and, for what live clients name beyond it, observed-in-the-field 20. */
export const MACHINE_TYPES: readonly MachineType[] = [
  cpu("C1", 1, 0.5, 0.01),
  cpu("C2", 1, 1, 0.02),
  cpu("C3", 2, 4, 0.04),
  cpu("C4", 2, 8, 0.06),
  cpu("C5", 4, 8, 0.08),
  cpu("C6", 8, 16, 0.16),
  cpu("C7", 12, 30, 0.3),
  cpu("C8", 16, 60, 0.6),
  cpu("C9", 24, 120, 0.9),
  cpu("C10", 32, 244, 1.6),
  gpu("GPU+", 8, 30, 0.45, "Quadro M4000", 8),
  gpu("M4000", 8, 30, 0.45, "Quadro M4000", 8),
  gpu("P4000", 8, 30, 0.51, "Quadro P4000", 8),
  gpu("P4000x2", 16, 60, 1.02, "Quadro P4000", 8, 2),
  gpu("P5000", 8, 30, 0.78, "Quadro P5000", 16),
  gpu("P6000", 8, 30, 1.1, "Quadro P6000", 24),
  gpu("RTX4000", 8, 30, 0.56, "Quadro RTX 4000", 8),
  gpu("RTX5000", 8, 30, 0.82, "Quadro RTX 5000", 16),
  gpu("A4000", 8, 45, 0.76, "RTX A4000", 16),
  gpu("A4000x2", 16, 90, 1.52, "RTX A4000", 16, 2),
  gpu("A4000x4", 32, 180, 3.04, "RTX A4000", 16, 4),
  gpu("A5000", 8, 45, 1.38, "RTX A5000", 24),
  gpu("A6000", 8, 45, 1.89, "RTX A6000", 48),
  gpu("A6000x2", 16, 90, 3.78, "RTX A6000", 48, 2),
  gpu("V100", 8, 30, 2.3, "Tesla V100", 16),
  gpu("V100-32G", 8, 30, 2.3, "Tesla V100", 32),
  gpu("V100-32Gx2", 16, 60, 4.6, "Tesla V100", 32, 2),
  gpu("V100-32Gx4", 32, 120, 9.2, "Tesla V100", 32, 4),
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
const A100S = ["A100", "A100-80G", "A100-80Gx8"];
/** All but these: a template made for one kind of hardware. */
const only = (...labels: string[]) =>
  MACHINE_TYPES.map((t) => t.label).filter((label) => !labels.includes(label));

/** What an ML template has in common with the others of its age. */
const mlInABox = (
  id: string,
  release: "20.04" | "22.04",
  unavailable: readonly string[],
  dtCreated: string,
): OsTemplate => ({
  id,
  name: `ML-in-a-Box Ubuntu ${release}`,
  agentType: "LinuxHeadless",
  operatingSystemLabel: `Ubuntu ${release}`,
  defaultSizeGb: 100,
  unavailable,
  dtCreated,
});

/** The ids that live clients name (observed-in-the-field 20), and three more. */
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
    id: "tdesk22u",
    name: "Ubuntu 22.04 Desktop",
    agentType: "LinuxDesktop",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 100,
    unavailable: TOO_NEW,
    dtCreated: "2022-08-15T09:30:00.000Z",
  },
  mlInABox("twnlo3zj", "20.04", [...CPU_ONLY, ...A100S, ...TOO_NEW], "2021-03-01T09:00:00.000Z"),
  mlInABox("tqqsxr6b", "22.04", only("A100", "A100-80G"), "2023-02-01T09:00:00.000Z"),
  mlInABox("tvimtol9", "22.04", only("A100-80Gx8"), "2023-02-01T09:30:00.000Z"),
  mlInABox("tilqt47t", "22.04", only("H100"), "2023-11-01T09:00:00.000Z"),
  mlInABox("t7vp562h", "22.04", only("H100x8"), "2023-11-01T09:30:00.000Z"),
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
