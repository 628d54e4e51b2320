/** The machines as `kubectl get psm` shows them, with the reason added. Pure: objects in, lines out. */
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { LiveLine, Style, Terminal } from "./terminal.ts";

const HEADER = ["NAME", "STATE", "READY", "TYPE", "REGION", "IP", "AGE", "REASON"];
/** Enough for what a machine goes through, so that the columns stand still. */
const WIDTHS = [8, 12, 5, 5, 6, 14, 4, 0];
const AGE = HEADER.indexOf("AGE");

interface Cell {
  text: string;
  style?: Style;
}

/** The table, a blank line and the header first; empty without machines. `now` is the wall clock, in milliseconds. */
export function table(
  machines: readonly PaperspaceMachine[],
  now: number,
  style: Terminal["style"],
): LiveLine[] {
  if (machines.length === 0) return [];
  const rows = machines.map((machine) => cellsOf(machine, now));
  const widths = HEADER.map((_, i) =>
    Math.max(WIDTHS[i] ?? 0, ...rows.map((row) => row[i]?.text.length ?? 0)),
  );
  const line = (cells: readonly Cell[]): LiveLine => ({
    text: `  ${cells.map((cell, i) => shown(cell, widths[i] ?? 0, style)).join("  ")}`.trimEnd(),
    news: cells.map(({ text }, i) => (i === AGE ? "" : text)).join("|"),
  });
  const header = HEADER.map((text): Cell => ({ text, style: "bold" }));
  return [{ text: "", news: "blank" }, ...[header, ...rows].map(line)];
}

/** As declared, and said of the newest spec. */
export function isReady({ metadata, status }: PaperspaceMachine): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && ready.observedGeneration === metadata.generation;
}

function cellsOf({ metadata, spec, status }: PaperspaceMachine, now: number): Cell[] {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const stalled = status?.conditions?.some(({ type }) => type === "Stalled");
  const style: Style = ready?.status === "True" ? "green" : stalled ? "red" : "yellow";
  const age = now - Date.parse(metadata.creationTimestamp ?? "");
  return [
    { text: metadata.name },
    { text: status?.state ?? "-", style },
    { text: ready?.status ?? "-", style },
    { text: spec.machineType },
    { text: spec.region },
    { text: status?.publicIp ?? "-" },
    { text: ageOf(age) },
    { text: ready?.reason ?? "-", style },
  ];
}

function shown({ text, style }: Cell, width: number, paint: Terminal["style"]): string {
  const padded = text.padEnd(width);
  return style ? paint(style, padded) : padded;
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
