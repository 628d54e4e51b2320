/**
 * The lists of the API, page by page: cursors, the size of a page, and the bounds of a list that would never end. One
 * request is in transport.ts, the bytes of a page in list-body.ts.
 */
import { setNewest } from "../base/bounded-map.ts";
import { type Static, type TSchema, Type } from "../base/json-schema.ts";
import { fieldsOf, readAnswer } from "./answers.ts";
import type { ApiAnswer, ApiPage, ApiRequest, PagesRequest } from "./api.ts";
import { PaperspaceError } from "./errors.ts";
import { ListBody } from "./list-body.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { BodyReader } from "./wire.ts";

export interface ListsOptions {
  /** Most bytes that are kept of a page. */
  readonly maxBytes: number;
  /** Most pages of a list, of 120 items each. */
  readonly mostPages: number;
  readonly metrics?: Pick<ApiMetrics, "unreadableField" | "skippedItems"> | undefined;
  /** One request; `reader` makes what the body of each attempt is read into. */
  send<S extends TSchema>(request: ApiRequest<S>, reader: () => BodyReader): Promise<ApiAnswer<Static<S>>>;
}

/** It goes into the address of the next request. */
const CURSOR_LENGTH = 4_096;

/** What frames the items of every list, which are read apart from it. */
const frameSchema = Type.Object({
  hasMore: Type.Boolean(),
  items: Type.Array(Type.Unknown()),
  nextPage: Type.Optional(Type.Union([Type.String({ maxLength: CURSOR_LENGTH }), Type.Null()])),
});

/** Bytes on the wire for each byte that may be kept: most of an answer may be what nobody reads. */
const WIRE_SHARE = 4;
/** Most bytes of a list that its caller holds whole: once parsed it takes several times as many. */
export const HELD_BYTES = 32 * 1024 * 1024;
/** Lists whose lower limit is remembered. */
const MOST_LIMITS = 200;
const PAGE_LIMIT = 120;

type Page<T> = ApiPage<T> & {
  readonly status: number;
  readonly hasMore: boolean;
  readonly nextPage?: string | null;
  /** That were kept of its items. */
  readonly bytes: number;
};

/** By path: the limit at which the last page was not too large. */
export type PageLimits = Map<string, number>;

export class Lists {
  readonly #options: ListsOptions;
  readonly #limits: PageLimits;

  constructor(options: ListsOptions, limits: PageLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  async *pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void> {
    const { limit = PAGE_LIMIT, mostPages = this.#options.mostPages, path } = request;
    const { mostKept = Number.POSITIVE_INFINITY } = request;
    const seen = new Set<string>();
    // In pages of the full limit: smaller ones hold less, and a list must not be read without end.
    let read = 0;
    let kept = 0;
    for (let { after } = request; ; ) {
      const { status, hasMore, nextPage, bytes, ...page } = await this.#page(request, limit, after);
      read += (this.#limits.get(path) ?? limit) / limit;
      kept += bytes;
      if (kept > mostKept)
        throw badList(path, status, `more than ${mostKept} bytes, so that it is not read on`);
      yield { ...page, next: (hasMore && nextPage) || undefined };
      if (!hasMore) return this.#raiseLimit(path, limit);
      // Absent, null and "" all mean no cursor. Without this check an incomplete list would count as complete.
      if (!nextPage) throw badList(path, status, "there is more, but no cursor to it");
      if (seen.has(nextPage)) throw badList(path, status, "a cursor came twice");
      if (read >= mostPages)
        throw badList(path, status, `more than ${mostPages} pages, so that it is not read on`);
      seen.add(nextPage);
      after = nextPage;
    }
  }

  /** One page, of half as many items each time that the answer is too large; its limit is where the next list begins. */
  async #page<S extends TSchema>(
    request: PagesRequest<S>,
    most: number,
    after: string | undefined,
  ): Promise<Page<Static<S>>> {
    const { path } = request;
    for (let limit = Math.min(most, this.#limits.get(path) ?? most); ; limit = half(limit)) {
      try {
        return await this.#pageOf(request, limit, after);
      } catch (error) {
        const isTooLarge = error instanceof PaperspaceError && error.code === "PS_TOO_LARGE";
        if (!isTooLarge || limit === 1) throw error;
        this.#rememberLimit(path, half(limit));
      }
    }
  }

  async #pageOf<S extends TSchema>(
    request: PagesRequest<S>,
    limit: number,
    after: string | undefined,
  ): Promise<Page<Static<S>>> {
    const {
      item,
      limit: _,
      after: __,
      query,
      mostPages,
      mostKept,
      maxBytes = this.#options.maxBytes,
      ...call
    } = request;
    let items = new Items(request.path, item, this.#options.metrics);
    let reader: ListBody | undefined;
    const { body, status, beganAt, answeredAt } = await this.#options.send(
      {
        ...call,
        method: "GET",
        query: { ...query, limit, after },
        maxBytes: WIRE_SHARE * maxBytes,
        answer: frameSchema,
        retry: "safe",
      },
      () => {
        // A page that broke off is read again from its beginning.
        const anew = new Items(request.path, item, this.#options.metrics);
        items = anew;
        reader = new ListBody({
          fields: fieldsOf(item),
          maxBytes,
          overflow: limit > 1 ? "fail" : "drop",
          item: (value, dropped) => anew.add(value, dropped),
        });
        return reader;
      },
    );
    const { hasMore, nextPage } = body;
    const { kept: bytes = 0 } = reader ?? {};
    return {
      bytes,
      items: items.read,
      skipped: items.close(),
      beganAt,
      answeredAt,
      status,
      hasMore,
      nextPage,
    };
  }

  /** What made a page too large may be gone: the next list tries twice as many. */
  #raiseLimit(path: string, most: number): void {
    const limit = this.#limits.get(path);
    if (limit === undefined) return;
    if (2 * limit < most) this.#limits.set(path, 2 * limit);
    else this.#limits.delete(path);
  }

  #rememberLimit(path: string, limit: number): void {
    setNewest(this.#limits, path, limit, MOST_LIMITS);
  }
}

/** The items of one page, each read by itself, so that one that is odd costs nothing of the others. */
class Items<S extends TSchema> {
  readonly read: Static<S>[] = [];
  readonly #path: string;
  readonly #schema: S;
  readonly #metrics: ListsOptions["metrics"];
  #skipped = 0;

  constructor(path: string, schema: S, metrics: ListsOptions["metrics"]) {
    this.#path = path;
    this.#schema = schema;
    this.#metrics = metrics;
  }

  add(value: unknown, dropped: readonly string[]): void {
    const reading = readAnswer(this.#schema, value, dropped);
    if (!reading.fits) {
      this.#skipped++;
      return;
    }
    this.read.push(reading.value);
    for (const field of reading.unreadable) this.#metrics?.unreadableField(this.#path, field);
  }

  /** How many of them cannot be read. */
  close(): number {
    if (this.#skipped > 0) this.#metrics?.skippedItems(this.#path, this.#skipped);
    return this.#skipped;
  }
}

function half(limit: number): number {
  return Math.max(1, limit >> 1);
}

function badList(path: string, status: number, why: string): PaperspaceError {
  return new PaperspaceError("PS_UNEXPECTED", `GET ${path}: ${why}`, { effect: "none", status });
}
