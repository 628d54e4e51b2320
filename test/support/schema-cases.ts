/**
 * What a generated schema forbids, as cases: a value that just breaks a constraint and one that just keeps it, for each
 * constraint it has. Made from the schema itself, so that no constraint is added without its two cases.
 */

export interface Schema {
  type?: string;
  enum?: string[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
  description?: string;
  default?: unknown;
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-validations"?: { rule: string; message: string }[];
}

/** Fields by name, items of a list by number. */
export type Path = readonly (string | number)[];

export interface Case {
  rule: string;
  path: Path;
  refused: unknown[];
  accepted: unknown[];
  /** What the refusal says, besides the path. */
  says: string | RegExp;
}

/** All that `casesOf` has cases for, or that constrains nothing. CEL rules have cases of their own. */
const KNOWN = new Set<string>([
  "type",
  "enum",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "maxItems",
  "items",
  "required",
  "properties",
  "description",
  "default",
  "x-kubernetes-list-type",
  "x-kubernetes-validations",
] satisfies (keyof Schema)[]);

/** As the API server writes it. */
export function shown(path: Path): string {
  return path.reduce<string>(
    (so, step) => so + (typeof step === "number" ? `[${step}]` : `.${step}`),
    "spec",
  );
}

/** The schemas right below one, with their places. */
function below(schema: Schema, path: Path): [Schema, Path][] {
  const fields = Object.entries(schema.properties ?? {}).map(([field, inner]): [Schema, Path] => [
    inner,
    [...path, field],
  ]);
  return schema.items ? [...fields, [schema.items, [...path, 0]]] : fields;
}

/** Keywords that would go untested. */
export function unknownKeywords(schema: Schema, path: Path = []): string[] {
  const own = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword));
  const listType = schema["x-kubernetes-list-type"];
  if (schema.items && listType !== "set") own.push(`x-kubernetes-list-type ${listType}`);
  return [
    ...own.map((keyword) => `${shown(path)}: ${keyword}`),
    ...below(schema, path).flatMap(([inner, at]) => unknownKeywords(inner, at)),
  ];
}

/** The CEL rules of a schema and of all below it. */
export function messagesOf(schema: Schema): string[] {
  return [
    ...(schema["x-kubernetes-validations"] ?? []).map(({ message }) => message),
    ...below(schema, []).flatMap(([inner]) => messagesOf(inner)),
  ];
}

/** The constraints of a schema and of all below it. */
export function casesOf(schema: Schema, path: Path = []): Case[] {
  return [
    ...(path.length > 0 ? ownCases(schema, path) : []),
    ...(schema.required ?? []).map((field) => ({
      rule: "required",
      path: [...path, field],
      refused: [undefined],
      accepted: [],
      says: "Required value",
    })),
    ...below(schema, path).flatMap(([inner, at]) => casesOf(inner, at)),
  ];
}

function ownCases(schema: Schema, path: Path): Case[] {
  const cases: Case[] = [];
  const add = (rule: string, says: Case["says"], refused: unknown[], accepted: unknown[]) =>
    cases.push({ rule, path, refused, accepted, says });
  const { type, minLength, maxLength, minimum, maximum, maxItems } = schema;
  // What YAML makes of a number without quotes, and of anything else with them.
  const wrong = type === "string" ? [7, true] : ["7", "true"];
  add(`type ${type}`, `must be of type ${type}`, wrong, type === "boolean" ? [true, false] : []);
  if (schema.enum) add("enum", 'Unsupported value: "never"', ["never"], schema.enum);
  if (minLength === 0) add("minLength 0: an empty string says none, absent says nothing", "", [], [""]);
  else if (minLength) {
    const [short, enough] = [minLength - 1, minLength].map((length) => "x".repeat(length));
    add("minLength", `at least ${minLength} chars long`, [short], [enough]);
  }
  if (maxLength) {
    const [enough, long] = [maxLength, maxLength + 1].map((length) => "x".repeat(length));
    add("maxLength", `not be more than ${maxLength}`, [long], [enough]);
  }
  if (minimum !== undefined) add("minimum", `greater than or equal to ${minimum}`, [minimum - 1], [minimum]);
  if (maximum !== undefined) add("maximum", `less than or equal to ${maximum}`, [maximum + 1], [maximum]);
  if (type === "integer") add("whole numbers", /integer/, [1.5], []);
  if (maxItems !== undefined)
    add(
      "maxItems, and an empty list is one",
      `must have at most ${maxItems} items`,
      [distinct(maxItems + 1)],
      [distinct(maxItems), []],
    );
  if (schema["x-kubernetes-list-type"] === "set")
    add("a set: nobody stands in it twice", 'Duplicate value: "x1"', [["x0", "x1", "x1"]], [distinct(3)]);
  return cases;
}

function distinct(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `x${index}`);
}
