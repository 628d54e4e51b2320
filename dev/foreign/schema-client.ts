/**
 * A client made from an OpenAPI document and from nothing else: it knows no resource, builds requests from paths and
 * bodies, and refuses what the document does not have, on the way out as on the way back.
 */
import type { ValidateFunction } from "ajv";
import { VendorSchema } from "../simulator/conformance.ts";

type Json = Record<string, unknown>;

export interface SchemaClient {
  /** Throws where the request or the answer does not fit the document, and where the answer is an error. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

export function schemaClient(document: Json, baseUrl: string, apiKey: string): SchemaClient {
  const schema = new VendorSchema(document);
  return {
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const [plain = "", search = ""] = path.split("?");
      const operation = schema.operation(method, plain);
      if (!operation) throw new Error(`the document has no ${method} ${plain}`);
      fits(
        operation.query,
        Object.fromEntries(new URLSearchParams(search)),
        `the query of ${method} ${path}`,
      );
      if (operation.body) fits(operation.body, body, `the body of ${method} ${path}`);
      const response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const json: unknown = await response.json();
      if (response.status !== 200) {
        fits(schema.error, json, `the error of ${method} ${path}`);
        throw new Error(`${method} ${path}: ${response.status} ${(json as { message: string }).message}`);
      }
      fits(operation.answer, json, `the answer to ${method} ${path}`);
      return json as T;
    },
  };
}

function fits(validate: ValidateFunction, value: unknown, what: string): void {
  if (validate(value)) return;
  const reasons = (validate.errors ?? []).map((e) => `${e.instancePath || "/"} ${e.message}`);
  throw new Error(`${what} does not fit the document: ${reasons.join("; ")}`);
}
