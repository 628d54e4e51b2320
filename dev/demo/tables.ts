/** The objects as `kubectl get psm,psd` shows them, with the reason added. Pure: objects in, lines out. */
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import type { LiveLine, Style, Terminal } from "./terminal.ts";

interface Cell {
  text: string;
  style?: Style;
}

interface Layout<O> {
  header: readonly string[];
  /** Enough for what an object goes through, so that the columns stand still. */
  widths: readonly number[];
  /** One for each column but the first and the last three, which are the same for all: name, ready, age, reason. */
  middle(object: O, style: Style): readonly Cell[];
}

const MACHINES: Layout<PaperspaceMachine> = {
  header: ["NAME", "STATE", "TYPE", "REGION", "IP", "READY", "AGE", "REASON"],
  widths: [8, 12, 5, 6, 14, 5, 4, 0],
  middle: ({ spec, status }, style) => [
    { text: status?.state ?? "-", style },
    { text: status?.machineType ?? spec.machineType ?? "-" },
    { text: status?.region ?? spec.region ?? "-" },
    { text: status?.publicIp ?? "-" },
  ],
};

/** The same for machines that may have to wait for their hardware. */
const QUEUED_MACHINES: Layout<PaperspaceMachine> = {
  header: ["NAME", "STATE", "TYPE", "REGION", "POSITION", "READY", "AGE", "REASON"],
  widths: [18, 12, 8, 6, 8, 5, 4, 0],
  middle: ({ spec, status }, style) => {
    const { chosen } = status?.placement ?? {};
    const { position, of } = status?.capacity ?? {};
    return [
      { text: status?.state ?? "-", style },
      { text: status?.machineType ?? chosen?.machineType ?? spec.machineType ?? "-" },
      { text: status?.region ?? chosen?.region ?? spec.region ?? "-" },
      { text: position === undefined ? "-" : `${position} of ${of}` },
    ];
  },
};

const DEPLOYMENTS: Layout<PaperspaceDeployment> = {
  header: ["NAME", "REPLICAS", "TYPE", "ENDPOINT", "READY", "AGE", "REASON"],
  widths: [8, 12, 5, 13, 5, 4, 0],
  middle: ({ spec, status }, style) => [
    { text: `${status?.readyReplicas ?? 0}/${spec.replicas}`, style },
    { text: status?.machineType ?? spec.machineType ?? "-" },
    { text: shortened(status?.endpoint) },
  ],
};

export interface Shown {
  machines: readonly PaperspaceMachine[];
  deployments: readonly PaperspaceDeployment[];
}

/** The tables, each with a blank line and its header first; nothing of what there is none of. `now`: wall clock, ms. */
export function tables({ machines, deployments }: Shown, now: number, style: Terminal["style"]): LiveLine[] {
  const isQueued = machines.some(({ spec }) => spec.capacity || spec.placement);
  const layout = isQueued ? QUEUED_MACHINES : MACHINES;
  return [...table(layout, machines, now, style), ...table(DEPLOYMENTS, deployments, now, style)];
}

function table<O extends ManagedObject>(
  { header, widths, middle }: Layout<O>,
  objects: readonly O[],
  now: number,
  style: Terminal["style"],
): LiveLine[] {
  if (objects.length === 0) return [];
  const rows = objects.map((object) => cellsOf(object, middle, now));
  const wide = header.map((_, i) => Math.max(widths[i] ?? 0, ...rows.map((row) => row[i]?.text.length ?? 0)));
  const age = header.indexOf("AGE");
  const line = (cells: readonly Cell[]): LiveLine => ({
    text: `  ${cells.map((cell, i) => shown(cell, wide[i] ?? 0, style)).join("  ")}`.trimEnd(),
    news: cells.map(({ text }, i) => (i === age ? "" : text)).join("|"),
  });
  const titles = header.map((text): Cell => ({ text, style: "bold" }));
  return [{ text: "", news: `blank ${header[1]}` }, ...[titles, ...rows].map(line)];
}

/** As declared, and reported for the newest spec. */
export function isReady({ metadata, status }: ManagedObject): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && ready.observedGeneration === metadata.generation;
}

function cellsOf<O extends ManagedObject>(object: O, middle: Layout<O>["middle"], now: number): Cell[] {
  const { metadata, status } = object;
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const stalled = status?.conditions?.some(({ type }) => type === "Stalled");
  const style: Style = ready?.status === "True" ? "green" : stalled ? "red" : "yellow";
  const age = now - Date.parse(metadata.creationTimestamp ?? "");
  return [
    { text: metadata.namespace === "default" ? metadata.name : keyOf(object) },
    ...middle(object, style),
    { text: ready?.status ?? "-", style },
    { text: ageOf(age) },
    { text: ready?.reason ?? "-", style },
  ];
}

function shown({ text, style }: Cell, width: number, paint: Terminal["style"]): string {
  const padded = text.padEnd(width);
  return style ? paint(style, padded) : padded;
}

/** The host name of an endpoint is too long for a table, and of no use in it. */
function shortened(endpoint: string | undefined): string {
  return endpoint === undefined ? "-" : `${endpoint.slice(0, 12)}…`;
}

/** As kubectl writes ages. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  return `${Math.floor(minutes / 60)}h`;
}
