/**
 * Metrics as pictures of text: a panel for each series, bars where each has one value, a number where there is one alone.
 * It returns strings; reading the metrics and printing is elsewhere.
 */
import { clip } from "../base/plain-text.ts";
import { Braille, type Dot } from "./braille.ts";
import type { Sample, Series } from "./series.ts";

export interface ChartOptions {
  readonly title: string;
  /** Characters a line. */
  readonly width: number;
  readonly colours: boolean;
  /** How a number is written, with its unit: precise enough to differ from one that is `spread` away. */
  readonly format: (value: number, spread?: number) => string;
}

interface Point {
  readonly at: number;
  readonly number: number;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** Shared by all panels: the time range, in milliseconds since the epoch, and the position of the axis. */
interface Frame {
  readonly first: number;
  readonly last: number;
  readonly margin: number;
  readonly width: number;
}

/** Characters of a panel's height. */
const ROWS = 5;
const NARROWEST = 40;
const WIDEST = 140;
/** Points further apart than this many median distances are drawn as a gap, though the API sent no empty value. */
const HOLE = 2.5;
const PALETTE = [36, 32, 33, 35, 34, 31];
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Lines, each with its line end. */
export function drawChart(series: readonly Series[], options: ChartOptions): string {
  const width = Math.min(WIDEST, Math.max(NARROWEST, options.width));
  const pen = new Pen(options.colours);
  const points = series.map(({ samples }) => pointsOf(samples));
  const all = points.flat();
  const title = pen.bold(clip(options.title, width));
  if (all.length === 0) return lines([title, "", `  ${emptyText(series)}`]);
  if (points.every((one) => one.length <= 1))
    return lines([title, "", ...singles(series, { ...options, width }, pen)]);
  const first = all.reduce((min, { at }) => Math.min(min, at), Number.POSITIVE_INFINITY);
  const last = all.reduce((max, { at }) => Math.max(max, at), Number.NEGATIVE_INFINITY);
  // The same for all panels, so that a time is in the same column of each.
  const margin = series
    .flatMap((one) => ticksOf(one, options.format))
    .reduce((most, tick) => Math.max(most, tick.length), 0);
  const frame = { first, last, margin, width };
  const panels = series.map((one, i) => panel(one, i, frame, options.format, pen));
  return lines([title, ...panels.flatMap((panel) => ["", ...panel])]);
}

function panel(
  series: Series,
  index: number,
  frame: Frame,
  format: ChartOptions["format"],
  pen: Pen,
): string[] {
  const { samples } = series;
  const { margin, width } = frame;
  const name = labelOf(series);
  const range = rangeOf(samples);
  if (!range) return [headOf(name, emptyText([series]), width, pen)];
  const { min, max } = range;
  const last = samples.at(-1);
  const lastText =
    last?.number === undefined ? clip(last?.value || "empty", 12) : format(last.number, max - min);
  const head = headOf(
    name,
    `min ${format(min, max - min)}  max ${format(max, max - min)}  last ${lastText}`,
    width,
    pen,
  );
  const ticks = ticksOf(series, format);
  const canvas = new Braille(width - margin - 3, ROWS);
  plot(canvas, samples, frame, range);
  const rows = canvas.rows().map((row, i) => {
    const tick = ticks[i] ?? "";
    return `${pen.dim(` ${tick.padStart(margin)} ${tick ? "┤" : "│"}`)}${pen.colour(index, row)}`;
  });
  const axis = ` ${" ".repeat(margin)} └${"─".repeat(canvas.width / 2)}`;
  const under = `${" ".repeat(margin + 3)}${timeLabels(frame, canvas.width / 2)}`;
  return [head, ...rows, pen.dim(axis), pen.dim(under)];
}

function rangeOf(samples: readonly Sample[]): Range | undefined {
  const numbers = pointsOf(samples).map(({ number }) => number);
  if (numbers.length === 0) return undefined;
  return { min: numbers.reduce((a, b) => Math.min(a, b)), max: numbers.reduce((a, b) => Math.max(a, b)) };
}

/** The labels of the axis, row by row. */
function ticksOf({ samples }: Series, format: ChartOptions["format"]): string[] {
  const range = rangeOf(samples);
  if (!range) return [];
  const { min, max } = range;
  return min === max
    ? ["", "", format(min), "", ""]
    : [max, undefined, (min + max) / 2, undefined, min].map((tick) =>
        tick === undefined ? "" : format(tick, max - min),
      );
}

function plot(canvas: Braille, samples: readonly Sample[], time: Frame, { min, max }: Range): void {
  const hole = HOLE * usualDistance(pointsOf(samples));
  const dotOf = ({ at, number }: Point): Dot => ({
    x: Math.round(((at - time.first) / (time.last - time.first || 1)) * (canvas.width - 1)),
    y:
      max === min
        ? Math.floor(canvas.height / 2)
        : Math.round(((number - min) / (max - min)) * (canvas.height - 1)),
  });
  let before: Point | undefined;
  for (const { at, number } of samples) {
    if (at === undefined) continue;
    const point = number === undefined ? undefined : { at, number };
    if (point && before && at - before.at <= hole) canvas.line(dotOf(before), dotOf(point));
    else if (point) canvas.dot(dotOf(point));
    before = point;
  }
}

/** The median of the distances in time, in milliseconds. */
function usualDistance(points: readonly Point[]): number {
  const distances = points.slice(1).map(({ at }, i) => at - (points[i]?.at ?? at));
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 0;
}

/** One value for each series: no course over time, so bars compare the values. */
function singles(series: readonly Series[], { width, format }: ChartOptions, pen: Pen): string[] {
  const shown = series.map((one) => ({ name: labelOf(one), sample: one.samples.at(-1) }));
  const [only] = shown;
  if (shown.length === 1 && only?.sample) {
    const { value, at } = only.sample;
    const text = valueText(only.sample, format);
    const exactly = text === value ? "" : ` (${clip(value, 40)})`;
    return [`  ${pen.bold(text)}${exactly}${pen.dim(`  at ${utc(at, true)} UTC`)}`];
  }
  const max = shown.reduce((most, { sample }) => Math.max(most, sample?.number ?? 0), 0);
  const names = Math.min(
    Math.floor(width / 2),
    shown.reduce((most, { name }) => Math.max(most, name.length), 0),
  );
  const values = shown.reduce((most, { sample }) => Math.max(most, valueText(sample, format).length), 0);
  const space = width - names - values - 6;
  return shown.map(({ name, sample }, index) => {
    const bar = max > 0 ? barOf((Math.max(0, sample?.number ?? 0) / max) * space) : "";
    const padded = bar + " ".repeat(space - [...bar].length);
    return `  ${clip(name, names).padEnd(names)}  ${pen.colour(index, padded)}  ${valueText(sample, format)}`;
  });
}

function barOf(length: number): string {
  const eighths = Math.round(length * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

function valueText(sample: Sample | undefined, format: (value: number) => string): string {
  if (!sample) return "no value";
  return sample.number === undefined ? clip(sample.value, 12) || "empty" : format(sample.number);
}

function emptyText(series: readonly Series[]): string {
  const samples = series.flatMap(({ samples }) => samples);
  const odd = samples.find(({ number }) => number === undefined);
  if (!odd) return "no data";
  return `no numbers: ${samples.length} ${samples.length === 1 ? "value" : "values"}, such as ${JSON.stringify(clip(odd.value, 20))}`;
}

function labelOf({ instanceId, gpu }: Series): string {
  const parts = [instanceId && clip(instanceId, 40), gpu && `gpu ${clip(gpu, 40)}`];
  return parts.filter(Boolean).join(" · ") || "all instances";
}

function headOf(name: string, facts: string, width: number, pen: Pen): string {
  const fits = clip(name, Math.max(8, width - facts.length - 3));
  return `${pen.bold(fits)}   ${facts}`;
}

/** The first time, the last, and where it fits the middle one. */
function timeLabels({ first, last }: Frame, width: number): string {
  const withDay = last - first > 36 * 3_600_000;
  const [from, mid, to] = [first, (first + last) / 2, last].map((at) => utc(at, withDay));
  const end = `${to} UTC`;
  const middle = Math.floor((width - (mid?.length ?? 0)) / 2);
  const start = (from ?? "").padEnd(middle);
  const space = width - start.length - (mid?.length ?? 0);
  if (start.length > middle || space <= end.length) return (from ?? "").padEnd(width - end.length) + end;
  return start + mid + end.padStart(space);
}

/** `01-31 08:00`, or without the day. */
function utc(at: number | undefined, withDay: boolean): string {
  if (at === undefined) return "?";
  const iso = new Date(at).toISOString();
  return withDay ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}` : iso.slice(11, 16);
}

function pointsOf(samples: readonly Sample[]): Point[] {
  return samples.flatMap(({ at, number }) =>
    at === undefined || number === undefined ? [] : { at, number },
  );
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line.trimEnd()}\n`).join("");
}

/** SGR, or nothing. */
class Pen {
  readonly #on: boolean;

  constructor(on: boolean) {
    this.#on = on;
  }

  bold(text: string): string {
    return this.#put("1", text);
  }

  dim(text: string): string {
    return this.#put("2", text);
  }

  colour(index: number, text: string): string {
    return this.#put(String(PALETTE[index % PALETTE.length]), text);
  }

  #put(code: string, text: string): string {
    return this.#on && text.trim() !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
