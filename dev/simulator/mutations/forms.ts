/**
 * Mutations of whole answers: what writes are answered with, how errors look, how large answers are, broken items, paths.
 */

import { insert } from "./fields.ts";
import {
  type Exchange,
  type Hooks,
  isJson,
  type Json,
  type Mutation,
  type MutationContext,
} from "./mutation.ts";
import { familyOf, isList } from "./resources.ts";

const answering = (change: (exchange: Exchange) => void) => (): Hooks => ({ answer: change });

function onWrites(change: (exchange: Exchange) => void): () => Hooks {
  return answering((exchange) => {
    if (exchange.method !== "GET" && exchange.status < 300) change(exchange);
  });
}

const WRITES = "errors-and-limits.md 7: creation with an empty answer in the older API; machines.md 9 row 2";
const MIB = 1024 * 1024;

/** Padding for so many bytes, in a field that nobody knows. */
const padding = (bytes: number): Json => ({ padding: "x".repeat(bytes) });

/** Each item of the lists of resources is so large. */
const padded = (bytes: number) =>
  answering((exchange) => {
    if (!isList(exchange) || !familyOf(exchange.path)) return;
    const page = exchange.json as { items: Json[] };
    page.items = page.items.map((item) => (isJson(item) ? { ...item, ...padding(bytes) } : item));
  });

export const FORMS: readonly Mutation[] = [
  ...(
    [
      ["null", null],
      ["empty-text", ""],
      ["empty-object", {}],
      ["empty-list", []],
      ["ok", "OK"],
    ] as const
  ).map(
    ([name, json]): Mutation => ({
      name: `writes-answer-${name}`,
      source: WRITES,
      start: onWrites((exchange) => Object.assign(exchange, { json })),
    }),
  ),
  {
    name: "writes-answer-nothing",
    source: WRITES,
    start: onWrites((exchange) => Object.assign(exchange, { text: "" })),
  },
  {
    name: "writes-answer-bare",
    source: "machines.md 9 rows 2 and 3: a bare machine, without data and event",
    start: onWrites((exchange) => {
      const { json } = exchange;
      if (isJson(json) && isJson(json.data)) exchange.json = json.data;
    }),
  },
  {
    name: "writes-answer-without-event",
    source: "machines.md 9 row 3: event optional",
    start: onWrites(({ json }) => {
      if (isJson(json) && isJson(json.data)) delete json.event;
    }),
  },
  {
    name: "settings-lag-5s",
    source: "observed-in-the-field.md 6: the same is likely after other writes",
    behaviour: { staleSettingsMs: 5_000 },
  },
  {
    name: "errors-without-code",
    source: "errors-and-limits.md 2: the error body of the documents is a default answer",
    start: answering((exchange) => {
      if (exchange.status < 400 || !isJson(exchange.json)) return;
      const { message } = exchange.json;
      exchange.json = { message, statusCode: exchange.status };
    }),
  },
  {
    name: "trailing-slash-unknown",
    source:
      "errors-and-limits.md 3: unknown paths are 404; whether all families are as observed-in-the-field.md 19",
    behaviour: { trailingSlash: "notFound" },
  },
  {
    name: "broken-item",
    source: "errors-and-limits.md 2: nothing promises that every record of a team fits the schema",
    start: answering((exchange) => {
      for (const family of ["machine", "deployment", "project"] as const) insert(exchange, family, { id: 7 });
    }),
  },
  {
    name: "null-item",
    source: "errors-and-limits.md 2: nothing promises that every record of a team fits the schema",
    start: answering((exchange) => {
      for (const family of ["machine", "deployment", "project"] as const) insert(exchange, family, null);
    }),
  },
  { name: "items-of-1-mib", source: "errors-and-limits.md 4: no size is documented", start: padded(MIB) },
  {
    name: "items-of-12-mib",
    source: "errors-and-limits.md 4: no size is documented",
    start: padded(12 * MIB),
  },
  {
    name: "large-neighbours",
    source: "errors-and-limits.md 4: no size is documented; 17 deployments of 1 MiB in one project",
    start: neighbours,
  },
];

/** So many more items than there are, of so many bytes: pages of 120 are too large, and smaller ones are not. */
const NEIGHBOURS = 20;

function neighbours(_context: MutationContext): Hooks {
  const shown = padding(MIB);
  return {
    request({ query }) {
      if (query.after?.startsWith("neighbour-")) delete query.after;
    },
    answer(exchange) {
      if (!isList(exchange) || exchange.query.name !== undefined) return;
      const family = familyOf(exchange.path);
      if (family !== "deployment" && family !== "machine") return;
      serveFrom(exchange, (index) => ({
        id: `neighbour${index}`,
        name: `neighbour-${index}`,
        state: "off",
        ...shown,
      }));
    },
  };
}

/** The neighbours come first, page by page. */
function serveFrom(exchange: Exchange, make: (index: number) => Json): void {
  const { after } = exchange.query;
  const limit = Number(exchange.query.limit ?? 20);
  const from = after === undefined ? 0 : Number(/^neighbour-(\d+)$/.exec(after)?.[1] ?? NEIGHBOURS);
  // Behind them comes what there really is.
  if (from >= NEIGHBOURS) return;
  const to = Math.min(NEIGHBOURS, from + limit);
  const items = Array.from({ length: to - from }, (_, i) => make(from + i));
  exchange.json = { hasMore: true, items, nextPage: `neighbour-${to}` };
}
