/**
 * Reads the log of a deployment without gaps and repetitions. The API offers pages only, newest first: no following, no time
 * window (deployments.md section 8). Printing is in logs.ts.
 */

import type { Clock } from "../base/clock.ts";
import { type Static, Type } from "../base/json-schema.ts";
import { apiPath, type PaperspaceApi } from "../paperspace/transport.ts";

/** Most bytes that are kept of a page: a line may be as long. */
const PAGE_BYTES = 16 * 1024 * 1024;
const nullable = Type.Optional(Type.Union([Type.String({ maxLength: PAGE_BYTES }), Type.Null()]));
const logItem = Type.Object({
  id: Type.String(),
  message: nullable,
  dtCreated: Type.String(),
  instanceId: nullable,
});

export type LogLine = Static<typeof logItem>;

export interface LogReaderOptions {
  readonly api: Pick<PaperspaceApi, "pages">;
  readonly clock: Clock;
  readonly deploymentId: string;
  readonly instanceId?: string | undefined;
  /** Nothing older than this: milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly signal: AbortSignal;
}

/** Lines of several instances may arrive out of order; those that are late by up to this are still found. */
export const LATE_MS = 2_000;
const PAGE = 120;

export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #since: number;
  /** Ids of all lines not older than the boundary, with their times: they distinguish lines of equal times. */
  readonly #seen = new Map<string, number>();
  /** Milliseconds since the epoch. Every line from here on has been seen; never goes back. */
  #boundary = Number.NEGATIVE_INFINITY;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#since = options.since ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * The newest `tail` lines, oldest first, and whether there are older ones. With `follow`, reads on until `next` can
   * distinguish old lines from new ones.
   */
  async first(tail: number, follow: boolean): Promise<{ lines: LogLine[]; more: boolean }> {
    const lines: LogLine[] = [];
    const ids = new Map<string, number>();
    let boundary = Number.NEGATIVE_INFINITY;
    // One more than requested shows whether there are older ones.
    for await (const page of this.#pages(follow ? PAGE : Math.min(PAGE, tail + 1))) {
      if (boundary === Number.NEGATIVE_INFINITY) boundary = this.#boundaryOf(page.map(timeOf));
      for (const line of page) {
        if (ids.has(line.id) || timeOf(line) < this.#since) continue;
        ids.set(line.id, timeOf(line));
        lines.push(line);
      }
      const last = timeOf(page.at(-1));
      if (last < this.#since) break;
      if (lines.length > tail && (!follow || last < boundary)) break;
    }
    this.#remember(ids);
    const shown = Math.min(tail, lines.length);
    return { lines: lines.slice(0, shown).reverse(), more: lines.length > shown };
  }

  /** All there are, oldest first, page by page; `next` goes on behind them. */
  async *all(): AsyncGenerator<LogLine[], void, void> {
    for await (const page of this.#pages(PAGE, "asc")) {
      const lines = page.filter(({ id }) => !this.#seen.has(id));
      this.#remember(new Map(lines.map((line) => [line.id, timeOf(line)])));
      yield lines;
    }
  }

  /** Lines since the last call, oldest first. Where it throws, nothing is lost: the next call returns them. */
  async next(): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    const ids = new Map<string, number>();
    const from = Math.max(this.#boundary, this.#since);
    for await (const page of this.#pages(PAGE)) {
      for (const line of page) {
        if (timeOf(line) < from || this.#seen.has(line.id) || ids.has(line.id)) continue;
        ids.set(line.id, timeOf(line));
        lines.push(line);
      }
      if (timeOf(page.at(-1)) < from) break;
    }
    this.#remember(ids);
    return lines.reverse();
  }

  /** Newest first, unless requested otherwise. */
  async *#pages(limit: number, order: "asc" | "desc" = "desc"): AsyncGenerator<LogLine[], void, void> {
    const { api, deploymentId, instanceId, signal } = this.#options;
    const path = apiPath`/deployments/${deploymentId}/logs`;
    const query = { instanceId, order };
    const bounds = { limit, mostPages: Number.POSITIVE_INFINITY, maxBytes: PAGE_BYTES };
    for await (const { items } of api.pages({ path, query, item: logItem, signal, ...bounds })) yield items;
  }

  #remember(ids: ReadonlyMap<string, number>): void {
    for (const [id, at] of ids) this.#seen.set(id, at);
    this.#boundary = Math.max(this.#boundary, this.#boundaryOf([...ids.values()]));
    for (const [id, at] of this.#seen) if (at < this.#boundary) this.#seen.delete(id);
  }

  #boundaryOf(times: readonly number[]): number {
    const known = times.filter((time) => !Number.isNaN(time));
    const newest = known.reduce((max, time) => Math.max(max, time), Number.NEGATIVE_INFINITY);
    // A line with a time in the future must not make all later lines count as old.
    return Math.min(newest, this.#options.clock.now()) - LATE_MS;
  }
}

/** Milliseconds since the epoch; NaN, which is older than nothing, where the time is unreadable. */
function timeOf(line: LogLine | undefined): number {
  return line ? Date.parse(line.dtCreated) : Number.NaN;
}
