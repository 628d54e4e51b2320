/**
 * Turns a schema of OpenAPI 3.0 into JSON Schema: the two differ in `nullable`, in boolean `exclusiveMinimum` and in
 * keywords of documentation. One function, no state.
 */

type Json = Record<string, unknown>;

/** Keywords whose value is data, not a schema: never descended into. */
const DATA = new Set(["enum", "const", "default", "required", "example"]);

export function toJsonSchema(schema: Json): Json {
  const out: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "nullable" || key === "example" || key === "discriminator") continue;
    if (DATA.has(key)) out[key] = value;
    else if (key === "properties") out[key] = mapValues(value as Record<string, Json>);
    else out[key] = convert(value);
  }
  bound(out, "exclusiveMinimum", "minimum");
  bound(out, "exclusiveMaximum", "maximum");
  return schema.nullable === true ? { anyOf: [out, { type: "null" }] } : out;
}

/** OpenAPI 3.0: `minimum: 0, exclusiveMinimum: true`; JSON Schema: `exclusiveMinimum: 0`. */
function bound(schema: Json, exclusive: string, inclusive: string): void {
  if (schema[exclusive] === true) {
    schema[exclusive] = schema[inclusive];
    delete schema[inclusive];
  } else if (schema[exclusive] === false) {
    delete schema[exclusive];
  }
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  return typeof value === "object" && value !== null ? toJsonSchema(value as Json) : value;
}

function mapValues(schemas: Record<string, Json>): Json {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, toJsonSchema(schema)]));
}
