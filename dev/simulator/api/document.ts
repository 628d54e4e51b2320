/**
 * The OpenAPI document of what the simulator serves, made from the table of operations: what GET /openapi.json answers,
 * without a key as the live service does (errors-and-limits.md section 1). Nothing is written by hand here.
 */

import type { TSchema } from "typebox";
import type { Operation } from "./operation.ts";
import { ErrorBody } from "./schemas.ts";

type Json = Record<string, unknown>;

/** What the query of a page really takes; the schema leaves it open because what lies outside has a switch. */
const LIMIT = { type: "integer", minimum: 1, maximum: 120 };

const json = (schema: unknown): Json => ({ content: { "application/json": { schema } } });

export function openApiDocument(operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described(operation) };
  }
  return {
    // 3.1: its schemas are JSON Schema, as ours are; the vendor's own document is 3.0.
    openapi: "3.1.0",
    info: { title: "Paperspace simulator", version: "1" },
    servers: [{ url: "/v1" }],
    paths,
    components: { securitySchemes: { BearerAuth: { type: "http", scheme: "bearer" } } },
  };
}

function described({ method, path, auth, query, body, answer }: Operation): Json {
  return {
    operationId: `${method.toLowerCase()}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    ...(auth === "key" && { security: [{ BearerAuth: [] }] }),
    parameters: [...path.matchAll(/:(\w+)/g)]
      .map(
        ([, name]): Json => ({ name, in: "path", required: true, schema: { type: "string", minLength: 1 } }),
      )
      .concat(queryParameters(query)),
    ...(body && { requestBody: { required: true, ...json(body) } }),
    responses: {
      200: { description: "Success", ...json(answer) },
      default: { description: "Error", ...json(ErrorBody) },
    },
  };
}

function queryParameters(query: TSchema): Json[] {
  const { properties = {}, required = [] } = query as { properties?: Json; required?: readonly string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema: name === "limit" ? LIMIT : schema,
  }));
}
