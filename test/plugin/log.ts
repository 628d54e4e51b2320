/** For tests only: the log of a deployment as the API serves it: pages of at most 120, by cursor, in either order. */
import type { LogLine } from "../../src/plugin/log-reader.ts";
import { type Handler, ID, PluginEnv, type PluginEnvOptions } from "./plugin-env.ts";

export const START = Date.UTC(2026, 0, 31, 8, 0);

export class FakeLog {
  readonly lines: LogLine[] = [];
  /** Requests so far. */
  requests = 0;
  /** The status of a refusal instead of an answer, for each request. */
  failure: (nth: number) => number | undefined = () => undefined;

  /** `at` in milliseconds after START. Returns the message. */
  add(at: number, more: Partial<LogLine> = {}): string {
    const id = `l${this.lines.length}`;
    this.lines.push({ id, message: `line ${this.lines.length}`, dtCreated: time(at), ...more });
    return this.lines.at(-1)?.message ?? "";
  }

  readonly handle: Handler = ({ path, query }) => {
    if (path !== `/deployments/${ID}/logs`) return undefined;
    const status = this.failure(++this.requests);
    if (status !== undefined) return { status, body: { code: "ERROR", message: `refused ${status}` } };
    const matching = this.lines
      .map((line, i) => ({ line, i }))
      .filter(({ line }) => query.instanceId === undefined || line.instanceId === query.instanceId)
      .sort((a, b) =>
        a.line.dtCreated < b.line.dtCreated ? 1 : a.line.dtCreated > b.line.dtCreated ? -1 : b.i - a.i,
      )
      .map(({ line }) => line);
    if (query.order === "asc") matching.reverse();
    const limit = Number(query.limit);
    const from = query.after === undefined ? 0 : matching.findIndex(({ id }) => id === query.after) + 1;
    const items = matching.slice(from, from + limit);
    const hasMore = from + limit < matching.length;
    return { body: { hasMore, items, ...(hasMore && { nextPage: items.at(-1)?.id }) } };
  };
}

export const time = (at: number) => new Date(START + at).toISOString();

/** The plugin with a deployment that has a log, `now` milliseconds after START. */
export async function pluginWithLog(
  log: FakeLog,
  now: number,
  options: PluginEnvOptions = {},
): Promise<PluginEnv> {
  const plugin = new PluginEnv({ ...options, handle: log.handle });
  await plugin.secret();
  plugin.deployment();
  plugin.clock.stepWallClock(now);
  return plugin;
}

/** The printed lines, without their line ends. */
export const printed = ({ out }: PluginEnv): string[] => out.split("\n").slice(0, -1);
