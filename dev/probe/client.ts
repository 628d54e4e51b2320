/**
 * Reads of the probe: GET only, one after the other and slowly, each answer held against the schema of its operation.
 * What it remembers has no ids, names or values: counts, names of fields and of headers, statuses and codes.
 */

import type { TSchema } from "typebox";
import { type Clock, sleep } from "../../src/base/clock.ts";
import { OPERATIONS } from "../simulator/api/operations.ts";
import { ErrorBody } from "../simulator/api/schemas.ts";
import { issuesOf } from "../simulator/validate.ts";

export interface Reply {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Undefined where it is not JSON. */
  json: unknown;
}

/** Sends one GET; `path` is below the base URL, `key` is null for none. */
export type Send = (path: string, key: string | null) => Promise<Reply>;

export interface ClientOptions {
  send: Send;
  apiKey: string;
  clock: Clock;
  /** Between two requests. */
  pauseMs?: number;
  /** Requests at most. */
  most?: number;
}

/** As SkyPilot waits for a 429 (observed-in-the-field.md 2). */
const FIRST_WAIT_MS = 10_000;
const MOST_TRIES = 6;

export class ProbeClient {
  readonly #options: Required<ClientOptions>;
  #requests = 0;
  /** What did not fit, such as `GET /machines/{id}: /ram must be number`, and how often. */
  readonly misfits = new Map<string, number>();
  /** Operations that were read, and with which statuses, such as `GET /machines: 200`. */
  readonly read = new Map<string, number>();
  /** Of all answers; values are not kept. */
  readonly headerNames = new Set<string>();

  constructor(options: ClientOptions) {
    this.#options = { pauseMs: 500, most: 400, ...options };
  }

  get requests(): number {
    return this.#requests;
  }

  /** Undefined where no more requests may be sent. `key`: null for none; by default the user's. */
  async get(path: string, key: string | null = this.#options.apiKey): Promise<Reply | undefined> {
    const { send, clock, pauseMs, most } = this.#options;
    for (let tries = 1; ; tries++) {
      if (this.#requests >= most) return undefined;
      if (this.#requests > 0) await sleep(clock, pauseMs);
      this.#requests++;
      const reply = await send(path, key);
      for (const name of Object.keys(reply.headers)) this.headerNames.add(name);
      this.#check(path, reply);
      if (reply.status !== 429 || tries === MOST_TRIES) return reply;
      const hint = Number(reply.headers["retry-after"]) * 1000;
      await sleep(clock, hint > 0 ? hint : FIRST_WAIT_MS * 2 ** (tries - 1));
    }
  }

  /** The items of a list, of `pages` pages at most; those that are no objects are left out. */
  async list(path: string, pages = 5): Promise<Json[]> {
    const items: Json[] = [];
    let after = "";
    for (let page = 0; page < pages; page++) {
      const reply = await this.get(`${path}${path.includes("?") ? "&" : "?"}limit=120${after}`);
      const { items: more, hasMore, nextPage } = pageIn(reply);
      items.push(...more);
      if (!hasMore || typeof nextPage !== "string" || nextPage === "") break;
      after = `&after=${encodeURIComponent(nextPage)}`;
    }
    return items;
  }

  #check(path: string, { status, json }: Reply): void {
    const [plain = ""] = path.split("?");
    const operation = operationOf(plain);
    const label = `GET ${operation ? operation.path.replace(/:(\w+)/g, "{$1}") : "(a path that no document has)"}`;
    count(this.read, `${label}: ${status}`);
    if (json === undefined) return count(this.misfits, `${label}: ${status}: not JSON`);
    const schema = status === 200 ? operation?.answer : ErrorBody;
    if (!schema) return;
    for (const { path: where, message } of issuesOf(schema, json))
      count(this.misfits, `${label}: ${status}: ${namesOnly(where)} ${withoutValues(message)}`);
  }
}

export type Json = Record<string, unknown>;

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a page of any shape holds. */
export function pageIn(reply: Reply | undefined): { items: Json[]; hasMore: boolean; nextPage: unknown } {
  const json = reply?.status === 200 && isJson(reply.json) ? reply.json : {};
  const items = Array.isArray(json.items) ? json.items.filter(isJson) : [];
  return { items, hasMore: json.hasMore === true, nextPage: json.nextPage };
}

/** Below /v1; a path without parameters comes before one with them. */
export function operationOf(path: string): (typeof OPERATIONS)[number] | undefined {
  const wanted = path.replace(/(?<=.)\/$/, "").split("/");
  const fitting = OPERATIONS.filter(({ method, path: own }) => {
    const segments = own.split("/");
    const fits = segments.every((segment, i) => segment.startsWith(":") || segment === wanted[i]);
    return method === "GET" && segments.length === wanted.length && fits;
  });
  return fitting.find(({ path: own }) => !own.includes(":")) ?? fitting[0];
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** Names of fields in the schemas, the only words of a place in an answer that are shown. */
const FIELDS = new Set<string>();
for (const { answer } of OPERATIONS) collectFields(answer);

function collectFields(schema: unknown): void {
  if (Array.isArray(schema)) return schema.forEach(collectFields);
  if (!isJson(schema)) return;
  for (const name of Object.keys((schema as TSchema & { properties?: object }).properties ?? {}))
    FIELDS.add(name);
  Object.values(schema).forEach(collectFields);
}

/** A name of a field as it is where a schema of ours has it: another one may be a key of the user's. */
export const fieldNames = (value: object): string =>
  Object.keys(value)
    .map((name) => (FIELDS.has(name) ? name : "*"))
    .sort()
    .join("/");

const namesOnly = (where: string) =>
  where
    .split("/")
    .map((segment) => (segment === "" || FIELDS.has(segment) ? segment : "*"))
    .join("/");

/** Names of fields that we do not know are the vendor's; anything that looks otherwise is left out. */
function withoutValues(message: string): string {
  const [what = "", list] = message.split(": ");
  if (list === undefined) return what;
  const names = list.split(", ").map((name) => (/^[a-zA-Z]{2,30}$/.test(name) ? name : "*"));
  return `${what}: ${names.join(", ")}`;
}
