/**
 * The Paperspace API as its callers see it: requests, answers, pages. No behaviour: transport.ts has it.
 */
import type { Static, TSchema } from "../base/json-schema.ts";
import type { LimitedLane } from "./budget.ts";
import type { Permit } from "./permits.ts";

/** Priority, budget and limits of a call. */
export interface CallOptions {
  /** Higher goes first where calls wait for the throttle. Default 0. */
  readonly priority?: number | undefined;
  /** On whose behalf it is made, such as a namespace: in a lane of the throttle groups take turns. */
  readonly group?: string | undefined;
  /** May use the reserve of the budget: deletes: they end costs, and other calls must not delay them. */
  readonly reserve?: boolean | undefined;
  /**
   * `poll`: reads of a single resource in flight, at most a fifth of the budget. `watch`: pages that show many of them, hardly
   * any of a budget that others wait for, else half of it.
   */
  readonly class?: LimitedLane | undefined;
  /** With it the call does not wait for the throttle. */
  readonly permit?: Permit | undefined;
  /**
   * Called after the throttle and again immediately before the first byte; a string is the reason not to send
   * (PS_NOT_SENT). Must be quick and must not change anything.
   */
  readonly gate?: (() => string | undefined) | undefined;
  /** Time for one attempt, connecting included. Default: the transport's. */
  readonly timeoutMs?: number | undefined;
  /** Largest answer that is read; of a list, most that is kept of a page. Default: the transport's. */
  readonly maxBytes?: number | undefined;
  /** Cancels waiting, sending and retrying. */
  readonly signal?: AbortSignal | undefined;
}

/** Options that all calls of an API have in common. */
export type CallDefaults = Pick<CallOptions, "group" | "permit">;

export interface ApiRequest<S extends TSchema> extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the base URL, ids encoded: write it with `apiPath`. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Query | undefined;
  /** Sent along where they are `x-...`, such as `x-git-ref`; the transport's own headers cannot be replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. Power calls need `{}`: the live API refuses an empty body. */
  readonly body?: unknown;
  /** Schema of the fields that are read (answers.ts); others are left out. */
  readonly answer: S;
  /** `never`: sent at most once, on a connection of its own; for every call that is not idempotent. */
  readonly retry: "safe" | "never";
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiAnswer<T> {
  readonly body: T;
  readonly status: number;
  /** `clock.monotonic()` right before the attempt that was answered: the answer is not older than this. */
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PagesRequest<S extends TSchema> extends CallOptions {
  readonly path: string;
  /** orderBy, order and filters; the same for all pages. */
  readonly query?: Query | undefined;
  /** Schema of one item: an item that does not fit is skipped. */
  readonly item: S;
  /** Cursor of the page to begin with, as an earlier page of the same list had it. Default: the first page. */
  readonly after?: string | undefined;
  /** Items per page, 1 to 120. Default 120. */
  readonly limit?: number | undefined;
  /** Of this list, in place of the transport's bound: of what is read as far as the user asks, such as a log. */
  readonly mostPages?: number | undefined;
  /** Bytes that may be kept of the items of all pages together: of a list that the caller holds whole. Default: any. */
  readonly mostKept?: number | undefined;
}

export interface ApiPage<T> {
  readonly items: T[];
  /** How many further items the page has that cannot be read. */
  readonly skipped: number;
  /** Cursor of the next page; undefined where this is the last one. */
  readonly next?: string | undefined;
  readonly beganAt: number;
  readonly answeredAt: number;
}

export interface PaperspaceApi {
  /** One call. Rejects with PaperspaceError only. */
  request<S extends TSchema>(request: ApiRequest<S>): Promise<ApiAnswer<Static<S>>>;
  /** A list, page by page. It is complete only when the iteration ends without an error. */
  pages<S extends TSchema>(request: PagesRequest<S>): AsyncGenerator<ApiPage<Static<S>>, void, void>;
  /** The same API, with these options for every call that has none of its own. */
  with(defaults: CallDefaults): PaperspaceApi;
}
