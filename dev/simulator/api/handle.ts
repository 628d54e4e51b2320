/**
 * One request to one answer, below HTTP: routing, authentication, budget, validation, dispatch, the shape of errors, and
 * the faults put in on purpose. Rules are in the world, shapes in schemas.ts, sockets in the server.
 */

import { sleep } from "../../../src/base/clock.ts";
import type { Call, Calls } from "../calls.ts";
import type { Conformance } from "../conformance.ts";
import type { Fault, Faults } from "../faults.ts";
import { ActiveMutations } from "../mutations/active.ts";
import { issuesOf } from "../validate.ts";
import { ApiError, type ErrorCode, notFound, STATUS_OF_CODE, unauthorized } from "../world/errors.ts";
import type { Team } from "../world/records.ts";
import type { World } from "../world/world.ts";
import { Budgets } from "./budget.ts";
import { type Context, OPERATIONS, type Operation } from "./operations.ts";
import { ErrorBody, NoFields } from "./schemas.ts";

export interface SimRequest {
  method: string;
  /** /v1 included; a query may be part of it. */
  path: string;
  query?: Record<string, string>;
  /** Names in lower case. */
  headers?: Record<string, string | undefined>;
  /** The bytes of the body as text. */
  body?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** The bytes of the body as text. */
  body: string;
  /** The parsed body; undefined where it is not JSON. */
  json: unknown;
}

/** The connection broke, by a fault or because the simulator stops: there is no answer. */
export class ConnectionCut extends Error {
  /** Sent before the connection broke, with a body that ends too early. */
  readonly partial: Answer | undefined;

  constructor(when: "before" | "after" | "during" | "hung", partial?: Answer) {
    super(`connection cut (${when})`);
    this.name = "ConnectionCut";
    this.partial = partial;
  }
}

/** Whether it is served below /v1 or beside it is not documented: both are. */
const DOCUMENT_PATH = "/openapi.json";

interface Route {
  operation: Operation;
  params: Record<string, string>;
}

const JSON_TYPE = "application/json; charset=utf-8";
const BLOCK_PAGE =
  "<!DOCTYPE html>\n<html><head><title>Attention Required!</title></head>\n" +
  "<body><h1>Sorry, you have been blocked</h1><p>You are unable to access this site.</p></body></html>\n";

export class Api {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #calls: Calls;
  readonly #conformance: Conformance;
  readonly #budgets: Budgets;
  /** How the answers differ from the documents. */
  readonly mutations: ActiveMutations;
  #stopping = new AbortController();

  constructor(parts: { world: World; faults: Faults; calls: Calls; conformance: Conformance }) {
    this.#world = parts.world;
    this.#faults = parts.faults;
    this.#calls = parts.calls;
    this.#conformance = parts.conformance;
    this.#budgets = new Budgets(parts.world.clock);
    this.mutations = new ActiveMutations({
      world: parts.world,
      read: (path, team) => this.#peek(path, team),
    });
  }

  /**
   * Answers one request. Rejects with ConnectionCut where no answer comes, also when `signal` reports that the client
   * has disconnected; and with a plain Error when an answer does not fit its own schema, which is a fault of the
   * simulator.
   */
  async handle(request: SimRequest, signal?: AbortSignal): Promise<Answer> {
    const { clock } = this.#world;
    const startedAt = clock.monotonic();
    const method = request.method.toUpperCase();
    const [asked = "", search = ""] = request.path.split("?", 2);
    const path = this.#understood(asked);
    const query = { ...Object.fromEntries(new URLSearchParams(search)), ...request.query };
    const body = parsed(request.body);
    const team = this.#teamOf(request.headers?.authorization);
    const fault = this.#faults.take({ method, path, team: team?.id });
    const call = this.#calls.open({
      team: team?.id,
      method,
      path,
      query,
      body,
      ...(fault && { fault: fault.id }),
    });
    this.#conformance.checkRequest(method, path, query, body);
    let status: number | null = null;
    try {
      const answer = await this.#underFault(request, call, team, fault, signal);
      status = answer.status;
      return answer;
    } finally {
      this.#calls.close(call, startedAt, status);
    }
  }

  /** observed-in-the-field 19: the list is served under its path with a slash behind, too. */
  #understood(path: string): string {
    if (path === DOCUMENT_PATH) return `/v1${path}`;
    return this.#world.behaviour.trailingSlash === "same" ? path.replace(/(?<=.)\/+$/, "") : path;
  }

  /** Breaks off whatever hangs or waits; later requests are served as ever. */
  release(): void {
    this.#stopping.abort();
    this.#stopping = new AbortController();
  }

  reset(): void {
    this.release();
    this.#budgets.clear();
    this.mutations.clear();
  }

  async #underFault(
    request: SimRequest,
    call: Call,
    team: Team | undefined,
    fault: Fault | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const doing = fault?.do;
    if (!fault || !doing) return this.#answer(request, call, team, undefined);
    const gone = AbortSignal.any([this.#stopping.signal, ...(signal ? [signal] : [])]);
    await this.#wait(doing.delayMs, gone, "before");
    if (doing.cut === "before") throw new ConnectionCut("before");
    const madeUp = doing.status !== undefined || Boolean(doing.html);
    if (doing.takesEffect || !(madeUp || doing.hang)) {
      const answer = this.#answer(request, call, team, fault);
      await this.#wait(doing.answerDelayMs, gone, "after");
      if (doing.cut === "after") throw new ConnectionCut("after");
      if (doing.cut === "during") throw new ConnectionCut("during", answer);
      if (doing.truncate)
        return { ...answer, body: answer.body.slice(0, answer.body.length / 2), json: undefined };
      if (!madeUp && !doing.hang) return answer;
    }
    if (doing.hang) {
      await aborted(gone);
      throw new ConnectionCut("hung");
    }
    return madeUpAnswer(fault);
  }

  /** A client that goes away while it is made to wait ends the request where it stands. */
  async #wait(ms: number | undefined, gone: AbortSignal, when: "before" | "after"): Promise<void> {
    if (!ms) return;
    await sleep(this.#world.clock, ms, gone).catch(() => {
      throw new ConnectionCut(when);
    });
  }

  /** The answer by the rules, as the mutations leave it. Takes effect in one go: nothing can come in between. */
  #answer(request: SimRequest, call: Call, team: Team | undefined, fault: Fault | undefined): Answer {
    let headers: Record<string, string> = {};
    const { method, path, query } = call;
    const { status, json, text } = this.mutations.around(
      { method, path, query, team: team?.id },
      (target) => {
        const answer = this.#byRules(request, { ...call, ...target }, team, fault);
        headers = answer.headers;
        return { ...target, status: answer.status, json: answer.json };
      },
    );
    const body = text ?? JSON.stringify(json);
    return { status, headers: { "content-type": JSON_TYPE, ...headers }, body, json: text ?? json };
  }

  /** Checked against its schema. */
  #byRules(
    request: SimRequest,
    call: Call,
    team: Team | undefined,
    fault: Fault | undefined,
  ): Pick<Answer, "status" | "headers" | "json"> {
    const { method, path } = call;
    let status = 200;
    let json: unknown;
    let headers: Record<string, string> = {};
    let issues: unknown[];
    try {
      const route = this.#route(method, path);
      json = this.#run(route, request, call, team, fault);
      issues = issuesOf(route.operation.answer, json);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      status = error.status;
      headers = { ...error.headers };
      json = this.#errorBody(error);
      issues = issuesOf(ErrorBody, json);
    }
    if (issues.length > 0) {
      throw new Error(`the answer to ${method} ${path} does not fit its schema: ${JSON.stringify(issues)}`);
    }
    // What is compared is what goes out, without what JSON drops.
    const sent: unknown = JSON.parse(JSON.stringify(json));
    this.#conformance.checkAnswer(method, path, status, sent);
    return { status, headers, json: sent };
  }

  /** What a GET of this team would be answered with; undefined where that is an error. */
  #peek(target: string, teamId: string): unknown {
    const [path = "", search = ""] = target.split("?", 2);
    const { operation, params } = this.#route("GET", path);
    const team = this.#world.teams.get(teamId);
    if (!team) return undefined;
    const query = Object.fromEntries(new URLSearchParams(search));
    const context = { world: this.#world, params, query, body: undefined, headers: {}, team, tricks: {} };
    return JSON.parse(JSON.stringify(operation.run(context)));
  }

  #run(route: Route, request: SimRequest, call: Call, team: Team | undefined, fault: Fault | undefined) {
    const { operation, params } = route;
    this.#admit(operation, team);
    const query = this.#checkQuery(operation, call.query);
    const body = this.#checkBody(operation, request);
    const { omitFromList, lateEvents, repeatEvents } = fault?.do ?? {};
    const context: Context = {
      world: this.#world,
      params,
      query,
      body,
      headers: request.headers ?? {},
      team,
      tricks: { omitFromList, lateEvents, repeatEvents },
    };
    // #admit has made sure that there is a team wherever run needs one.
    return operation.run(context as Context & { team: Team });
  }

  /** Unknown paths and methods get the same 404, key or no key (errors-and-limits.md section 3, live samples). */
  #route(method: string, path: string): Route {
    const wanted = path.split("/").slice(1);
    if (wanted.shift() !== "v1") throw notFound();
    for (const operation of OPERATIONS) {
      const params = operation.method === method ? match(operation.path, wanted) : undefined;
      if (params) return { operation, params };
    }
    throw notFound();
  }

  #admit(operation: Operation, team: Team | undefined): void {
    const required =
      operation.auth === "key" ||
      (operation.auth === "templates" && this.#world.behaviour.osTemplatesAuth === "required");
    if (required && !team) throw unauthorized();
    const waitMs = team ? this.#budgets.take(team) : 0;
    if (waitMs === 0) return;
    const hint = this.#world.behaviour.retryAfterHeader && Number.isFinite(waitMs);
    const headers = hint ? { "retry-after": String(Math.ceil(waitMs / 1000)) } : undefined;
    throw new ApiError("TOO_MANY_REQUESTS", "Too many requests, please try again later", [], headers);
  }

  #checkQuery(operation: Operation, query: Record<string, string>): Context["query"] {
    const known = Object.keys((operation.query as unknown as { properties: object }).properties);
    const kept = Object.fromEntries(Object.entries(query).filter(([name]) => known.includes(name)));
    const checked = this.#world.behaviour.unknownQuery === "ignore" ? kept : query;
    refuse(issuesOf(operation.query, checked));
    return kept as Context["query"];
  }

  #checkBody(operation: Operation, request: SimRequest): unknown {
    if (!operation.body) return undefined;
    const isAction = operation.body === NoFields;
    const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(request.headers?.["content-type"] ?? "");
    const isEmpty = request.body === undefined || request.body === "";
    // observed-in-the-field 4: without a content type, as text, or with {} the same call works.
    if (isAction && !isJson) return {};
    if (isEmpty && (!isAction || this.#world.behaviour.emptyJsonBody === "refuse")) {
      throw new ApiError(
        "BAD_REQUEST",
        "Body cannot be empty when content-type is set to 'application/json'",
      );
    }
    if (isEmpty) return {};
    if (!isJson) throw new ApiError("BAD_REQUEST", "Content type must be application/json");
    let body: unknown;
    try {
      body = JSON.parse(request.body ?? "");
    } catch {
      throw new ApiError("PARSE_ERROR", "Body is not valid JSON");
    }
    refuse(issuesOf(operation.body, body));
    return body;
  }

  /** `message` before `code`, as seen live (errors-and-limits.md section 3). */
  #errorBody({ code, message, issues }: ApiError) {
    const field = this.#world.behaviour.errorField;
    if (issues.length === 0 || field === "none") return { message, code };
    if (field === "details") return { message, code, details: { issues: [...issues] } };
    return { message, code, issues: issues.map((i) => ({ message: `${i.path} ${i.message}` })) };
  }

  #teamOf(authorization: string | undefined): Team | undefined {
    const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? "")?.[1];
    return key === undefined ? undefined : this.#world.teamOfKey(key);
  }
}

function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function refuse(issues: { path: string; message: string }[]): void {
  if (issues.length === 0) return;
  const problems = issues.map((i) => `${i.path} ${i.message}`).join("; ");
  throw new ApiError("BAD_REQUEST", `Invalid request: ${problems}`, issues);
}

function match(path: string, wanted: string[]): Record<string, string> | undefined {
  const segments = path.split("/").slice(1);
  if (segments.length !== wanted.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    const value = wanted[i] ?? "";
    if (segment.startsWith(":") && value !== "") params[segment.slice(1)] = decoded(value);
    else if (segment !== value) return undefined;
  }
  return params;
}

/** An id as it was meant; one that is badly encoded is simply an id that nothing has. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function parsed(body: string | undefined): unknown {
  if (body === undefined || body === "") return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** The answer that a fault gives instead of the API: a status with a JSON body, or a block page. */
function madeUpAnswer({ do: doing }: Fault): Answer {
  if (doing.html) {
    const body = typeof doing.html === "string" ? doing.html : BLOCK_PAGE;
    const headers = { "content-type": "text/html; charset=utf-8", ...doing.headers };
    return { status: doing.status ?? 403, headers, body, json: undefined };
  }
  const status = doing.status ?? 500;
  const known = Object.entries(STATUS_OF_CODE).find(([, s]) => s === status)?.[0] as ErrorCode | undefined;
  const code = known ?? "INTERNAL_SERVER_ERROR";
  const json = doing.body ?? { message: `Injected fault (${status})`, code };
  return {
    status,
    headers: { "content-type": JSON_TYPE, ...doing.headers },
    body: JSON.stringify(json),
    json,
  };
}
