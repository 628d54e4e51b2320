/**
 * What a generated schema forbids, as cases: a value that just breaks a constraint and one that just keeps it, for each
 * constraint it has. Made from the schema itself, so that no constraint is added without its two cases.
 */

import { TEXT_RULES } from "../../src/reconcile/schema.ts";

export interface Schema {
  type?: string;
  enum?: string[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
  description?: string;
  default?: unknown;
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-validations"?: { rule: string; message: string }[];
}

/** Fields by name, items of a list by number. */
export type Path = readonly (string | number)[];

export interface Case {
  rule: string;
  path: Path;
  refused: unknown[];
  accepted: unknown[];
  /** The message of the refusal, besides the path. */
  message: string | RegExp;
}

/** All that `casesOf` has cases for, or that constrains nothing. CEL rules have cases of their own. */
const KNOWN = new Set<string>([
  "type",
  "enum",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "pattern",
  "minItems",
  "maxItems",
  "items",
  "required",
  "properties",
  "description",
  "default",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-validations",
] satisfies (keyof Schema)[]);

const LIST_TYPES = ["set", "map", "atomic"];

/** As the API server writes it. */
export function shown(path: Path): string {
  return path.reduce<string>(
    (so, step) => so + (typeof step === "number" ? `[${step}]` : `.${step}`),
    "spec",
  );
}

/** The schemas right below one, with their paths. */
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
  const { "x-kubernetes-list-type": listType, format, minimum, maximum } = schema;
  if (schema.items && !LIST_TYPES.includes(listType ?? "")) own.push(`x-kubernetes-list-type ${listType}`);
  // Its bounds are stricter, and they have cases.
  const isBounded = format === "int32" && minimum !== undefined && maximum !== undefined;
  if (isBounded || format === "date-time") own.splice(own.indexOf("format"), 1);
  return [
    ...own.map((keyword) => `${shown(path)}: ${keyword}`),
    ...below(schema, path).flatMap(([inner, at]) => unknownKeywords(inner, at)),
  ];
}

/** What a text may not be and may be, for each rule on a single text. */
const TEXTS: Record<keyof typeof TEXT_RULES, { refused: string[]; accepted: string[] }> = {
  id: { refused: [" ", "x ", " x", "x\n", "..", "a/b", "\u00e4"], accepted: ["x", "x-1_A.b~c", "1"] },
  idOrEmpty: { refused: [" ", "x ", "x\n", ".."], accepted: ["", "x-1_A"] },
  line: {
    refused: [
      " ",
      "x ",
      " x",
      "x\n",
      "\tx",
      "a\nb",
      "a\u202eb",
      "a\u200bb",
      "\ufeffx",
      "a\u2028b",
      "a\u009b",
      "a\ufe0fb",
      "a\u034fb",
      "\u3164",
      "\u2800x",
      "a\u{e0101}b",
      "a\u{e0fff}b",
    ],
    accepted: ["x", "Ada's \u00e4 x", "a/b:1", "\u65e5\u672c \u{1f642}"],
  },
  objectName: {
    refused: ["My_Desktop", "x ", "x\n", "-x", "x-", ".x", "a..b"],
    accepted: ["x", "a-1.b2"],
  },
  duration: { refused: ["20", "1d", "-1m", "1.5h", "1h 30m"], accepted: ["90s", "20m", "1h30m"] },
  longDuration: {
    refused: ["20", "1w", "-1d", "1.5d", "1h1d", "1d 1h"],
    accepted: ["7d", "36h", "1d12h30m"],
  },
  cron: {
    refused: ["0 8 * *", "0 0 8 * * *", "@daily", "0 8 * * 1-5 ", "0  8 * * *", "0 8 ? * *", "0 8 * * 1#2"],
    accepted: ["0 8 * * 1-5", "*/15 0-6,22 1 JAN SUN"],
  },
  rate: {
    refused: ["", "0.00", "-1", "4,00", "4.", ".5", "1e3", "$4", "1.00001"],
    accepted: ["4", "4.00", "0.0375"],
  },
  objectKey: { refused: ["a b", "x ", "x\n", "a/b"], accepted: ["x", "a-1_B.c"] },
};

/** By message: those that `casesOf` has cases for. */
const TEXTS_BY_MESSAGE: ReadonlyMap<string, (typeof TEXTS)["id"]> = new Map(
  Object.entries(TEXT_RULES).map(([name, { message }]) => [message, TEXTS[name as keyof typeof TEXTS]]),
);

/** The CEL rules of a schema and of all below it, but for those on a single text. */
export function messagesOf(schema: Schema): string[] {
  return [
    ...(schema["x-kubernetes-validations"] ?? [])
      .map(({ message }) => message)
      .filter((message) => !TEXTS_BY_MESSAGE.has(message)),
    ...below(schema, []).flatMap(([inner]) => messagesOf(inner)),
  ];
}

/**
 * An object that a list may hold, for lists of objects: all others of the list are made from it; where nothing tells them
 * apart by itself, one for each index.
 */
export type SampleOf = (list: Path, index: number) => object;

/** The constraints of a schema and of all below it. */
export function casesOf(schema: Schema, sampleOf: SampleOf = () => ({}), path: Path = []): Case[] {
  return [
    ...(path.length > 0 ? ownCases(schema, path) : []),
    ...(schema.items ? listCases(schema, schema.items, path, sampleOf) : []),
    ...(schema.required ?? []).map((field) => ({
      rule: "required",
      path: [...path, field],
      refused: [undefined],
      accepted: [],
      message: "Required value",
    })),
    ...below(schema, path).flatMap(([inner, at]) => casesOf(inner, sampleOf, at)),
  ];
}

function ownCases(schema: Schema, path: Path): Case[] {
  const cases: Case[] = [];
  const add = (rule: string, message: Case["message"], refused: unknown[], accepted: unknown[]) =>
    cases.push({ rule, path, refused, accepted, message });
  const { type, minLength, maxLength, minimum, maximum } = schema;
  // What YAML makes of a number without quotes, and of anything else with them.
  const wrong = type === "string" ? [7, true] : ["7", "true"];
  const isTime = schema.format === "date-time";
  const shownType = isTime ? "date-time" : type;
  add(`type ${type}`, `must be of type ${shownType}`, wrong, type === "boolean" ? [true, false] : []);
  if (isTime)
    add("format", "must be of type date-time", ["tomorrow", "2026-12-24"], ["2026-12-24T18:00:00+01:00"]);
  if (schema.enum) add("enum", 'Unsupported value: "never"', ["never"], schema.enum);
  const textRule = schema["x-kubernetes-validations"]?.[0]?.message;
  const ofLength = (length: number) => {
    const isSpan = textRule === TEXT_RULES.duration.message || textRule === TEXT_RULES.longDuration.message;
    if (isSpan && length > 0) return `${"1".repeat(length - 1)}s`;
    if (textRule === TEXT_RULES.cron.message) return `${"1".repeat(Math.max(0, length - 8))} * * * *`;
    return (textRule === TEXT_RULES.rate.message ? "1" : "x").repeat(length);
  };
  if (minLength === 0) add("minLength 0: an empty string means none, absent means unmanaged", "", [], [""]);
  else if (minLength) {
    const [short, enough] = [minLength - 1, minLength].map(ofLength);
    add("minLength", `at least ${minLength} chars long`, [short], [enough]);
  }
  if (maxLength) {
    const [enough, long] = [maxLength, maxLength + 1].map(ofLength);
    add("maxLength", `not be more than ${maxLength}`, [long], [enough]);
  }
  if (minimum !== undefined) add("minimum", `greater than or equal to ${minimum}`, [minimum - 1], [minimum]);
  if (maximum !== undefined) add("maximum", `less than or equal to ${maximum}`, [maximum + 1], [maximum]);
  if (type === "integer") add("whole numbers", /integer/, [1.5], []);
  for (const { message } of schema["x-kubernetes-validations"] ?? []) {
    const texts = TEXTS_BY_MESSAGE.get(message);
    if (texts) add(message, message, texts.refused, texts.accepted);
  }
  if (schema.pattern) add("pattern", "should match", [" x", "x\ny", "\u00e4"], ["x", "x-1_A"]);
  return cases;
}

function listCases(schema: Schema, items: Schema, path: Path, sampleOf: SampleOf): Case[] {
  const { minItems = 0, maxItems, "x-kubernetes-list-type": listType } = schema;
  const [key = ""] = schema["x-kubernetes-list-map-keys"] ?? [];
  const distinct = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      items.type === "object"
        ? { ...sampleOf(path, i), ...(key && { [key]: items.properties?.[key]?.enum?.[i] ?? `x${i}` }) }
        : items.type === "integer"
          ? i + 1
          : `x${i}`,
    );
  const [one, two] = distinct(2);
  const cases: Case[] = [];
  const add = (rule: string, message: Case["message"], refused: unknown[], accepted: unknown[]) =>
    cases.push({ rule, path, refused, accepted, message });
  if (minItems > 0) add("minItems", `at least ${minItems} items`, [[]], [distinct(minItems)]);
  else add("an empty list is one", "", [], [[]]);
  if (maxItems !== undefined)
    add("maxItems", `must have at most ${maxItems} items`, [distinct(maxItems + 1)], [distinct(maxItems)]);
  const hasRules = (schema["x-kubernetes-validations"] ?? []).length > 0;
  if (listType === "atomic" && !hasRules) add("atomic: duplicates are allowed", "", [], [[one, one]]);
  else if (listType !== "atomic")
    add(`a ${listType}: nothing is in it twice`, "Duplicate value: ", [[one, two, two]], [distinct(2)]);
  return cases;
}
