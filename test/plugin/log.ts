/** For tests only: the log of a deployment as the API gives it out: pages of at most 120, by cursor, in either order. */
import type { LogLine } from "../../src/plugin/log-reader.ts";
import { type Handler, ID, Stage, type StageOptions } from "./plugin-env.ts";

export const START = Date.UTC(2026, 0, 31, 8, 0);

export class FakeLog {
  readonly lines: LogLine[] = [];
  /** Requests so far. */
  asked = 0;
  /** What happens instead of an answer, asked for each request. */
  broken: (nth: number) => number | undefined = () => undefined;

  /** `at` in milliseconds after START. Gives the message. */
  add(at: number, more: Partial<LogLine> = {}): string {
    const id = `l${this.lines.length}`;
    this.lines.push({ id, message: `line ${this.lines.length}`, dtCreated: time(at), ...more });
    return this.lines.at(-1)?.message ?? "";
  }

  readonly handle: Handler = ({ path, query }) => {
    if (path !== `/deployments/${ID}/logs`) return undefined;
    const status = this.broken(++this.asked);
    if (status !== undefined) return { status, body: { code: "ERROR", message: `refused ${status}` } };
    const wanted = this.lines
      .map((line, i) => ({ line, i }))
      .filter(({ line }) => query.instanceId === undefined || line.instanceId === query.instanceId)
      .sort((a, b) =>
        a.line.dtCreated < b.line.dtCreated ? 1 : a.line.dtCreated > b.line.dtCreated ? -1 : b.i - a.i,
      )
      .map(({ line }) => line);
    if (query.order === "asc") wanted.reverse();
    const limit = Number(query.limit);
    const from = query.after === undefined ? 0 : wanted.findIndex(({ id }) => id === query.after) + 1;
    const items = wanted.slice(from, from + limit);
    const hasMore = from + limit < wanted.length;
    return { body: { hasMore, items, ...(hasMore && { nextPage: items.at(-1)?.id }) } };
  };
}

export const time = (at: number) => new Date(START + at).toISOString();

/** The plugin before a deployment with a log, `now` milliseconds after START. */
export async function logStage(log: FakeLog, now: number, options: StageOptions = {}): Promise<Stage> {
  const stage = new Stage({ ...options, handle: log.handle });
  await stage.secret();
  stage.deployment();
  stage.clock.stepWallClock(now);
  return stage;
}

/** What was printed, without the line ends. */
export const printed = ({ out }: Stage): string[] => out.split("\n").slice(0, -1);
