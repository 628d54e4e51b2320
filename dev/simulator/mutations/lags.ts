/**
 * Mutations of time and place: lists and reads by id that are behind each other, lists that miss an item, and pages that
 * shift while they are read.
 */

import {
  type Exchange,
  type Hooks,
  isJson,
  type Json,
  type Mutation,
  type MutationContext,
} from "./mutation.ts";
import { isList } from "./resources.ts";

/** Everything that could be listed, by its id, at a monotonic time. */
interface Snapshot {
  team: string | undefined;
  at: number;
  items: ReadonlyMap<string, Json>;
}

/** Longest lag; what is older is not kept. */
const MOST_MS = 600_000;

/** What each team's machines and deployments were, as far back as it may be needed. */
class Past {
  readonly #context: MutationContext;
  readonly #lagMs: number;
  #snapshots: Snapshot[] = [];

  constructor(context: MutationContext, lagMs: number) {
    this.#context = context;
    this.#lagMs = lagMs;
  }

  record(): void {
    const at = this.#context.clock.monotonic();
    const items = new Map<string, Json>();
    const add = (path: string, family: string) => {
      const { items: listed = [] } = (this.#context.read(path) ?? {}) as { items?: Json[] };
      for (const item of listed) items.set(`${family}/${String(item.id)}`, item);
      return listed;
    };
    add("/v1/machines?limit=120", "/v1/machines");
    for (const { id } of add("/v1/projects?limit=120", "/v1/projects"))
      add(`/v1/projects/${String(id)}/deployments?limit=120`, "/v1/deployments");
    const { team } = this.#context;
    this.#snapshots = [...this.#snapshots.filter((old) => old.at >= at - MOST_MS), { team, at, items }];
  }

  /**
   * As of the lag ago. The first snapshot since then, so that nothing is older than the lag; undefined where there is no
   * older one than the present.
   */
  before(): ReadonlyMap<string, Json> | undefined {
    const { clock, team } = this.#context;
    const since = clock.monotonic() - this.#lagMs;
    return this.#snapshots.find((one) => one.team === team && one.at >= since)?.items;
  }
}

/** Where the items of a list are found by id. */
function familyPath(path: string): string | undefined {
  if (/^\/v1\/machines(\/[^/]+)?$/.test(path)) return "/v1/machines";
  return /^\/v1\/(projects\/[^/]+\/)?deployments(\/[^/]+)?$/.test(path) ? "/v1/deployments" : undefined;
}

function idOf(item: unknown): string {
  return isJson(item) ? String(item.id) : "";
}

function listFrom(past: Past, exchange: Exchange): void {
  const family = familyPath(exchange.path);
  const items = past.before();
  if (!family || !items || !isList(exchange)) return;
  const page = exchange.json as { items: Json[]; hasMore: boolean };
  const shown = new Set(page.items.map(idOf));
  const former = page.items
    .map((item) => items.get(`${family}/${idOf(item)}`))
    .filter((item) => item !== undefined);
  const project = /projects\/([^/]+)/.exec(exchange.path)?.[1];
  const { name } = exchange.query;
  const gone = [...items].filter(
    ([key, item]) =>
      key.startsWith(`${family}/`) &&
      !shown.has(String(item.id)) &&
      (project === undefined || item.projectId === project) &&
      (name === undefined || String(item.name).startsWith(name)),
  );
  // What is not on this page may be on another one: only an only page is completed.
  const isWhole = !page.hasMore && exchange.query.after === undefined;
  const left = isWhole ? gone.map(([, item]) => item) : [];
  page.items = structuredClone([...former, ...left]);
}

function readFrom(past: Past, exchange: Exchange): void {
  const id = /^\/v1\/(?:machines|deployments)\/([^/]+)$/.exec(exchange.path)?.[1];
  const family = familyPath(exchange.path);
  const items = past.before();
  if (exchange.method !== "GET" || id === undefined || !family || !items) return;
  const former = items.get(`${family}/${id}`);
  if (former) Object.assign(exchange, { status: 200, json: structuredClone(former) });
  else if (exchange.status === 200)
    Object.assign(exchange, { status: 404, json: { message: "Not found", code: "NOT_FOUND" } });
}

const lagging =
  (lagMs: number, change: (past: Past, exchange: Exchange) => void) =>
  (context: MutationContext): Hooks => {
    const past = new Past(context, lagMs);
    return {
      around: () => past.record(),
      answer: (exchange) => exchange.method === "GET" && change(past, exchange),
    };
  };

/** One of two lists in a row lacks some of what it should have, first or second by the item. */
function omitting({ stable }: MutationContext): Hooks {
  const seen = new Map<string, number>();
  return {
    answer(exchange) {
      if (!isList(exchange) || !familyPath(exchange.path)) return;
      const page = exchange.json as { items: Json[] };
      // Counted by lists, not by pages: one that is on a page of an even number would never be shown.
      const turn = (seen.get(exchange.path) ?? 0) + (exchange.query.after === undefined ? 1 : 0);
      seen.set(exchange.path, turn);
      page.items = page.items.filter((item) => (turn + (stable(idOf(item)) < 0.5 ? 0 : 1)) % 2 === 0);
    },
  };
}

/** Small pages, whose borders `move` changes; `before`: the page before it, `turn`: how often the list was begun. */
const paged =
  (size: number, move: (items: unknown[], before: unknown[], turn: number) => unknown[]) => (): Hooks => {
    const lastItems = new Map<string, unknown[]>();
    const turns = new Map<string, number>();
    return {
      request({ method, path, query }) {
        if (method === "GET" && familyPath(path))
          query.limit = String(Math.min(size, Number(query.limit ?? size)));
      },
      answer(exchange) {
        if (!isList(exchange) || !familyPath(exchange.path)) return;
        const page = exchange.json as { items: unknown[] };
        const isFirst = exchange.query.after === undefined;
        const before = lastItems.get(exchange.path) ?? [];
        lastItems.set(exchange.path, page.items);
        const turn = (turns.get(exchange.path) ?? 0) + (isFirst ? 1 : 0);
        turns.set(exchange.path, turn);
        page.items = move(page.items, isFirst ? [] : before, turn);
      },
    };
  };

/** A list that begins anew where it ends, with cursors that never repeat. */
function endless(): Hooks {
  let rounds = 0;
  const limits = (path: string) => familyPath(path) !== undefined || path === "/v1/machine-events";
  return {
    request({ method, path, query }) {
      if (method !== "GET" || !limits(path) || !query.after?.startsWith("round-")) return;
      delete query.after;
    },
    answer(exchange) {
      if (!isList(exchange) || !limits(exchange.path) || !isJson(exchange.json)) return;
      if (!exchange.json.hasMore)
        Object.assign(exchange.json, { hasMore: true, nextPage: `round-${++rounds}` });
    },
  };
}

const CONSISTENCY = "errors-and-limits.md 7: list and get may differ for a moment; assume possible";
const STABILITY = "machines.md 2: stability of pages under concurrent writes is not documented";

export const LAGS: readonly Mutation[] = [
  ...[20, 60, 150].map(
    (seconds): Mutation => ({
      name: `lists-lag-${seconds}s`,
      source: CONSISTENCY,
      past: true,
      start: lagging(seconds * 1000, listFrom),
    }),
  ),
  {
    name: "lists-lag-300s",
    source: `${CONSISTENCY}; past the window of surely-none at its defaults (225 s)`,
    beyond: true,
    past: true,
    start: lagging(300_000, listFrom),
  },
  ...[20, 60, 150].map(
    (seconds): Mutation => ({
      name: `reads-lag-${seconds}s`,
      source: CONSISTENCY,
      past: true,
      start: lagging(seconds * 1000, readFrom),
    }),
  ),
  { name: "lists-miss-one-of-two", source: CONSISTENCY, omits: true, start: omitting },
  {
    name: "pages-small",
    source: "machines.md 2: the page size is the server's",
    start: paged(1, (items) => items),
  },
  {
    name: "pages-repeat",
    source: STABILITY,
    start: paged(1, (items, before) => [...before.slice(-1), ...items]),
  },
  {
    name: "pages-lose",
    source: STABILITY,
    omits: true,
    // Of two lists in a row one is whole: what both lose looks as what is not there.
    start: paged(1, (items, before, turn) => (before.length > 0 && turn % 2 === 1 ? items.slice(1) : items)),
  },
  { name: "pages-endless", source: STABILITY, beyond: true, start: endless },
];
