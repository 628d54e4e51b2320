/**
 * Holds every request received and every answer given against the vendor's own OpenAPI document, where that is at hand.
 * It judges and counts, and never changes what is answered. Deviations that are meant are listed here with their reason.
 */

import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { toJsonSchema } from "./openapi.ts";
import type { Behaviour } from "./world/behaviour.ts";

type Json = Record<string, unknown>;

export interface Violation {
  side: "request" | "answer";
  method: string;
  path: string;
  /** Where in the body or query, and what is wrong there. */
  reason: string;
}

export interface Report {
  /** False where the vendor's document is not there. */
  checked: boolean;
  requests: number;
  answers: number;
  violations: Violation[];
  /** How often each deviation that is meant came up. */
  deviations: { id: string; reason: string; count: number }[];
  /** One readable line. */
  summary: string;
}

interface Deviation {
  id: string;
  reason: string;
  applies(violation: Violation, behaviour: Behaviour): boolean;
}

/** All that may differ from the vendor's document, and why. */
export const ALLOWED_DEVIATIONS: readonly Deviation[] = [
  {
    id: "health",
    reason:
      "GET /health is in the CLI's schema of May 2024, not in the document (other-resources.md, health)",
    applies: (v) => v.path === "/v1/health" && v.reason.startsWith("operation"),
  },
  {
    id: "account-standing",
    reason:
      "GET /billing/account-standing is in the CLI's schema only (other-resources.md, billing), not in the document",
    applies: (v) => v.path === "/v1/billing/account-standing" && v.reason.startsWith("operation"),
  },
  {
    id: "document",
    reason:
      "GET /openapi.json serves the document, which does not list itself (errors-and-limits.md section 1)",
    applies: (v) => v.path === "/v1/openapi.json" && v.reason.startsWith("operation"),
  },
  {
    id: "empty-object-for-actions",
    reason:
      "the document gives start, stop and restart no body; clients must send {} (observed-in-the-field 4)",
    applies: (v) =>
      v.side === "request" &&
      /\/(start|stop|restart)$/.test(v.path) &&
      v.reason === "body: {} where none is declared",
  },
  {
    id: "next-page-null",
    reason:
      "nextPage is described as null on the last page and declared a string; nextPageWhenLast enables null",
    applies: (v, b) => b.nextPageWhenLast === "null" && v.reason.startsWith("/nextPage "),
  },
  {
    id: "issues",
    reason: "older schemas and the CLI's parser have `issues` in errors; errorField enables it",
    applies: (v, b) => b.errorField === "issues" && v.reason.includes("additional properties: issues"),
  },
  {
    id: "legacy-placeholders",
    reason: "machines right after create had null facts in the old API; createPlaceholders enables them",
    applies: (v, b) =>
      b.createPlaceholders === "legacy" && /\/(os|ram|region|storageTotal|storageUsed)\b/.test(v.reason),
  },
  {
    id: "empty-dt-deleted",
    reason:
      "the documents' samples render dtDeleted as {}, against their own schema; liveDtDeleted enables it",
    // A network may be null as a whole, so that an error inside of it is reported for the whole, too.
    applies: (v, b) =>
      b.liveDtDeleted === "object" &&
      (v.reason.includes("/dtDeleted ") ||
        (v.path.startsWith("/v1/private-networks/") && v.reason.startsWith("/ must "))),
  },
  {
    id: "partial-git-headers",
    reason:
      "what happens with less than six x-git headers is not documented; partialGitHeaders has them stored as sent",
    // metadata and latestSpec may be null, so that an error inside of them is reported for them as a whole, too.
    applies: (v, b) =>
      b.partialGitHeaders === "stored" &&
      v.side === "answer" &&
      (v.reason.includes("/gitHeaders ") ||
        /\/(metadata|latestSpec) must (be null|match a schema in anyOf)/.test(v.reason)),
  },
];

interface VendorOperation {
  query: ValidateFunction;
  body: ValidateFunction | undefined;
  answer: ValidateFunction;
}

interface Template {
  method: string;
  path: string;
  segments: string[];
}

function sizeOf(method: string, segments: readonly string[]): string {
  return `${method} ${segments.length}`;
}

/** The vendor's document, compiled piece by piece as it is needed. May serve many simulators. */
export class VendorSchema {
  readonly #document: Json;
  readonly #ajv: Ajv;
  readonly #operations = new Map<string, VendorOperation>();
  readonly #templates: Template[] = [];
  /** By method and number of segments: every request is looked up. */
  readonly #bySize = new Map<string, Template[]>();
  #error: ValidateFunction | undefined;

  constructor(document: Json) {
    this.#document = document;
    this.#ajv = ajv(false);
    for (const [path, methods] of Object.entries(document.paths as Record<string, Json>)) {
      for (const method of Object.keys(methods)) {
        const template = { method: method.toUpperCase(), path, segments: path.split("/") };
        this.#templates.push(template);
        const size = sizeOf(template.method, template.segments);
        this.#bySize.set(size, [...(this.#bySize.get(size) ?? []), template]);
      }
    }
  }

  /** Undefined when there is no such file; throws when it cannot be read as JSON. */
  static load(path: string): VendorSchema | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return new VendorSchema(JSON.parse(text) as Json);
  }

  /** Every method and path, such as `GET /machines/{id}`. */
  get operations(): string[] {
    return this.#templates.map(({ method, path }) => `${method} ${path}`);
  }

  get error(): ValidateFunction {
    this.#error ??= this.#ajv.compile(
      toJsonSchema(dig(this.#document, "components.responses.error", JSON_BODY)),
    );
    return this.#error;
  }

  /** `path` as it was called, without the /v1 in front. */
  operation(method: string, path: string): VendorOperation | undefined {
    const wanted = path.split("/");
    const fits = ({ segments }: Template) => segments.every((s, i) => s.startsWith("{") || s === wanted[i]);
    // A path without parameters comes before one with them, as OpenAPI has it.
    const fitting = (this.#bySize.get(sizeOf(method, wanted)) ?? []).filter(fits);
    const template = fitting.find((t) => !t.path.includes("{")) ?? fitting[0];
    if (!template) return undefined;
    const key = `${method} ${template.path}`;
    const known = this.#operations.get(key) ?? this.#compile(method, template.path);
    this.#operations.set(key, known);
    return known;
  }

  #compile(method: string, path: string): VendorOperation {
    const operation = ((this.#document.paths as Json)[path] as Json)[method.toLowerCase()] as Json;
    const parameters = ((operation.parameters ?? []) as Json[]).filter((p) => p.in === "query");
    const properties = Object.fromEntries(parameters.map((p) => [p.name, toJsonSchema(p.schema as Json)]));
    const required = parameters.filter((p) => p.required).map((p) => p.name as string);
    const body = operation.requestBody
      ? toJsonSchema(dig(operation.requestBody as Json, JSON_BODY))
      : undefined;
    return {
      // Everything in a query is text, so numbers are read out of it.
      query: ajv(true).compile({
        type: "object",
        properties,
        required,
        additionalProperties: false,
      }),
      body: body && this.#ajv.compile(body),
      answer: this.#ajv.compile(toJsonSchema(dig(operation, "responses.200", JSON_BODY))),
    };
  }
}

function ajv(coerceTypes: boolean): Ajv {
  // The document has escapes in patterns that the stricter Unicode mode refuses.
  const made = new Ajv({ strict: false, allErrors: true, coerceTypes, unicodeRegExp: false });
  addFormats.default(made);
  return made;
}

const JSON_BODY = ["content", "application/json", "schema"];

/** Follows property names, given as dotted text or as a list where a name holds a dot or a slash. */
function dig(from: Json, ...steps: (string | string[])[]): Json {
  const names = steps.flatMap((s) => (typeof s === "string" ? s.split(".") : s));
  return names.reduce((value, name) => value[name] as Json, from);
}

export class Conformance {
  readonly #schema: VendorSchema | undefined;
  readonly #behaviour: () => Behaviour;
  #requests = 0;
  #answers = 0;
  #violations: Violation[] = [];
  #deviations = new Map<string, number>();

  constructor(schema: VendorSchema | undefined, behaviour: () => Behaviour) {
    this.#schema = schema;
    this.#behaviour = behaviour;
  }

  /** `body` parsed; undefined when there is none. */
  checkRequest(method: string, path: string, query: Record<string, string>, body: unknown): void {
    if (!this.#schema) return;
    this.#requests++;
    const operation = this.#schema.operation(method, path.replace(/^\/v1/, ""));
    const add = (reason: string) => this.#add({ side: "request", method, path, reason });
    if (!operation) {
      add("operation: not in the document");
      return;
    }
    if (!operation.query({ ...query })) for (const e of reasons(operation.query)) add(`query ${e}`);
    if (operation.body) {
      if (!operation.body(body)) for (const e of reasons(operation.body)) add(e);
    } else if (body !== undefined) {
      const isEmptyObject = typeof body === "object" && body !== null && Object.keys(body).length === 0;
      add(isEmptyObject ? "body: {} where none is declared" : "body: where none is declared");
    }
  }

  /** `body` parsed. Answers that a fault made up are not to be handed in. */
  checkAnswer(method: string, path: string, status: number, body: unknown): void {
    if (!this.#schema) return;
    this.#answers++;
    const operation = this.#schema.operation(method, path.replace(/^\/v1/, ""));
    const add = (reason: string) => this.#add({ side: "answer", method, path, reason });
    if (status === 200 && !operation) {
      add("operation: not in the document");
      return;
    }
    const validate = status === 200 && operation ? operation.answer : this.#schema.error;
    if (!validate(body)) for (const e of reasons(validate)) add(e);
  }

  report(): Report {
    const deviations = ALLOWED_DEVIATIONS.filter((d) => this.#deviations.has(d.id)).map(({ id, reason }) => ({
      id,
      reason,
      count: this.#deviations.get(id) ?? 0,
    }));
    const summary = this.#schema
      ? `checked ${this.#requests} requests / ${this.#answers} answers, ${this.#violations.length} violations`
      : "vendor-openapi.json not there: not checked";
    return {
      checked: this.#schema !== undefined,
      requests: this.#requests,
      answers: this.#answers,
      violations: [...this.#violations],
      deviations,
      summary,
    };
  }

  clear(): void {
    this.#requests = 0;
    this.#answers = 0;
    this.#violations = [];
    this.#deviations.clear();
  }

  #add(violation: Violation): void {
    const allowed = ALLOWED_DEVIATIONS.find((d) => d.applies(violation, this.#behaviour()));
    if (allowed) this.#deviations.set(allowed.id, (this.#deviations.get(allowed.id) ?? 0) + 1);
    else this.#violations.push(violation);
  }
}

function reasons(validate: ValidateFunction): string[] {
  return (validate.errors ?? []).map(reasonOf);
}

function reasonOf(error: ErrorObject): string {
  const extra = (error.params as { additionalProperty?: string }).additionalProperty;
  const where = error.instancePath || "/";
  if (extra !== undefined) return `${where} additional properties: ${extra}`;
  return `${where} ${error.message ?? error.keyword}`;
}
