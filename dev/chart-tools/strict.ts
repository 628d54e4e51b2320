/** From a schema as Kubernetes publishes it to a JSON schema (draft 4) that refuses what it does not name. Pure. */

/** A schema of an OpenAPI document or of a CRD, as far as we look into it. */
export interface Structural {
  [keyword: string]: unknown;
  $ref?: string;
  type?: string;
  format?: string;
  nullable?: boolean;
  properties?: Readonly<Record<string, Structural>>;
  items?: Structural;
  additionalProperties?: Structural | boolean;
}

export type JsonSchema = Record<string, unknown>;

const TEXT_OR_NUMBER: JsonSchema = { anyOf: [{ type: "string" }, { type: "integer" }] };

/** Keywords that mean nothing to a validator, and those that are translated one by one. */
const LEFT_OUT = /^(x-kubernetes-.*|description|default|example|title|nullable|format|properties|items)$/;

/**
 * Translates a schema and all that it holds. What stands in `allOf`, `anyOf`, `oneOf` and `not` is taken as it is: there
 * a structural schema only restricts fields that it names outside.
 */
export function strict(schema: Structural): JsonSchema {
  // Draft 4 looks at nothing that stands beside a reference.
  if (schema.$ref) return { $ref: schema.$ref };
  if (schema.format === "int-or-string" || schema["x-kubernetes-int-or-string"]) return TEXT_OR_NUMBER;
  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (!LEFT_OUT.test(keyword)) result[keyword] = value;
  }
  if (schema.items) result.items = strict(schema.items);
  if (typeof schema.additionalProperties === "object") {
    result.additionalProperties = strict(schema.additionalProperties);
  }
  if (schema.properties) {
    const entries = Object.entries(schema.properties).map(([name, child]) => [name, strict(child)]);
    result.properties = Object.fromEntries(entries);
    if (!schema.additionalProperties && !schema["x-kubernetes-preserve-unknown-fields"]) {
      result.additionalProperties = false;
    }
  }
  if (schema.format === "date-time") result.format = "date-time";
  // Go's word for base64, which no validator supports.
  if (schema.format === "byte")
    result.pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
  return schema.nullable ? { anyOf: [result, { type: "null" }] } : result;
}
