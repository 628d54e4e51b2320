/**
 * docs/deployments.md is complete and true: every field of the schema and of Paperspace's configuration has its row,
 * every reason its line, the rules of a rollout are those that the tests check, and its examples are valid.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Default, Errors } from "typebox/value";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { REASON } from "../../src/kinds/deployment/reasons.ts";
import { deploymentSpecSchema } from "../../src/kinds/deployment/spec-schema.ts";
import { SECTIONS } from "../../test/decide/deployment/official-action.ts";
import { CONFIGS } from "../simulator/api/schemas-deployments.ts";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(root("docs/deployments.md"), "utf8");

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  default?: unknown;
}

/** Rows of the first table below a heading, as cells. */
function table(heading: string): string[][] {
  const [, after = ""] = page.split(`# ${heading}\n`);
  const lines = (after.split(/\n#+ /)[0] ?? "").split("\n");
  const first = lines.findIndex((line) => line.startsWith("|"));
  const rest = lines.slice(first);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(2, end < 0 ? undefined : end).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** Names in backticks. */
function named(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

interface Field {
  path: string;
  required: boolean;
  schema: Schema;
}

/** What refers to a key of something else is one field. */
function isReference({ properties = {} }: Schema): boolean {
  return "name" in properties && "key" in properties && Object.keys(properties).length === 2;
}

const PROBE = /^healthChecks\.(liveness|readiness|startup)/;

/** Every field that holds something, by its path; all health checks are alike. */
function fields(schema: Schema, path = ""): Field[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([name, child]): Field[] => {
    const at = path === "" ? name : `${path}.${name}`;
    const self = { path: at, required: required.includes(name), schema: child };
    if (child.properties && !isReference(child))
      return PROBE.test(at) && !at.includes("exec")
        ? [self, ...fields(child, "healthChecks.*")]
        : fields(child, at);
    if (child.items?.properties) return fields(child.items, `${at}[]`);
    return [self];
  });
}

/** Paths in the configuration that Paperspace takes; a union has the fields of all that are in it. */
function paths(schema: Schema, path = ""): string[] {
  const { properties, items, anyOf } = schema;
  if (anyOf) return anyOf.flatMap((one) => paths(one, path));
  if (items && (items.properties || items.anyOf)) return paths(items, `${path}[]`);
  if (!properties) return [path];
  return Object.entries(properties).flatMap(([name, child]) =>
    paths(child, path === "" ? name : `${path}.${name}`.replace(PROBE, "healthChecks.*")),
  );
}

function once<T>(all: readonly T[]): T[] {
  return [...new Set(all)];
}

describe("the table of fields", () => {
  const rows = table("Every field");
  const all = fields(deploymentSpecSchema as Schema);
  const byPath = new Map(all.map((field) => [field.path, field]));

  it("has one row for every field of the schema, so that none is forgotten", () => {
    expect(rows.map(([field = ""]) => named(field)[0]).sort()).toEqual(
      once(all.map(({ path }) => path)).sort(),
    );
  });

  it("has no empty cell, and no more or fewer than four", () => {
    for (const row of rows) {
      expect(row).toHaveLength(4);
      expect(row.every((cell) => cell.length > 0)).toBe(true);
    }
  });

  it.each(rows.map(([field = "", , byDefault = ""]) => [named(field)[0] ?? "", byDefault]))(
    "%s: its default is that of the schema",
    (path, byDefault) => {
      const { schema, required = false } = byPath.get(path) ?? {};
      const written = named(byDefault)[0];
      if (schema?.default !== undefined) expect(written).toBe(String(schema.default));
      else expect(byDefault === "required").toBe(required);
    },
  );

  it("contains each field of Paperspace's configuration, so that its users find it", () => {
    const config = once(paths(CONFIGS.v1 as Schema));
    const notHere = config.filter((path) => path === "apiVersion" || path.startsWith("healthchecks"));
    const shown = rows.flatMap(([, inPaperspace = ""]) => named(inPaperspace));
    const known = config.filter((path) => !notHere.includes(path) && !path.startsWith("healthChecks."));
    expect(known.filter((path) => !shown.includes(path))).toEqual([]);
    const probes = config.filter((path) => path.startsWith("healthChecks.*."));
    expect(probes.filter((path) => !shown.includes(path))).toEqual([]);
  });
});

describe("the reasons", () => {
  const rows = [...table("Reasons"), ...table("Events")];
  const documented = rows.flatMap(([reasons = ""]) => named(reasons));
  /** Every reason that the kind or the shared code reports. */
  const sources = ["src/kinds/deployment", "src/reconcile", "src/kinds"].flatMap((folder) =>
    readdirSync(root(folder))
      .filter((file) => file.endsWith(".ts") && !/\.test\.ts$|^reasons\.ts$/.test(file))
      .map((file) => readFileSync(root(`${folder}/${file}`), "utf8")),
  );
  const used = Object.values(REASON).filter((reason) =>
    sources.some((source) => source.includes(`REASON.${reason}`) || source.includes(`SHARED.${reason}`)),
  );

  it("are all documented, once, with what to do", () => {
    expect(documented.sort()).toEqual(once(documented).sort());
    expect(used.filter((reason) => !documented.includes(reason))).toEqual([]);
  });

  it("are all there: none is documented that the operator never reports", () => {
    expect(documented.filter((reason) => !(used as string[]).includes(reason))).toEqual([]);
  });
});

describe.each(SECTIONS)("the table “$heading”", ({ heading, rules }) => {
  it("is what the tests check, rule by rule", () => {
    const expected = rules.map(({ rule, official, ours: { ready, reason, healthy, progress } }) => [
      rule,
      official,
      ready,
      `\`${reason}\``,
      healthy,
      progress,
    ]);
    expect(table(heading)).toEqual(expected);
  });
});

describe("the examples", () => {
  const spec = (manifest: Record<string, unknown>) => manifest.spec as Record<string, unknown>;
  const manifests = (text: string) =>
    parseAllDocuments(text).map((document) => document.toJS() as Record<string, unknown>);
  const files = readdirSync(root("examples")).map((file) => readFileSync(root(`examples/${file}`), "utf8"));
  const inPage = [...page.matchAll(/```yaml\n(apiVersion[\s\S]*?)```/g)].map(([, text = ""]) => text);
  const all = [...files, ...inPage].flatMap(manifests);
  const top = deploymentSpecSchema as Schema;

  it("name only fields that there are, and all that must be given", () => {
    const deployments = all.filter(({ kind }) => kind === "PaperspaceDeployment").map(spec);
    expect(deployments.length).toBeGreaterThanOrEqual(3);
    const must = Object.entries(top.properties ?? {})
      .filter(([name, schema]) => top.required?.includes(name) && schema.default === undefined)
      .map(([name]) => name);
    for (const declared of deployments) {
      expect(Object.keys(declared).filter((name) => !top.properties?.[name])).toEqual([]);
      expect(must.filter((name) => !(name in declared))).toEqual([]);
    }
  });

  it("hold values that the schema takes", () => {
    const deployments = all.filter(({ kind }) => kind === "PaperspaceDeployment").map(spec);
    for (const declared of deployments)
      expect([
        ...Errors(deploymentSpecSchema, Default(deploymentSpecSchema, structuredClone(declared))),
      ]).toEqual([]);
  });

  it("scale by an External metric per instance only, since there are no pods", () => {
    const scalers = all.filter(({ kind }) => kind === "HorizontalPodAutoscaler").map(spec);
    expect(scalers.length).toBeGreaterThanOrEqual(2);
    const [first] = scalers;
    for (const scaler of scalers) {
      expect(scaler).toEqual(first);
      expect(scaler).toMatchObject({
        scaleTargetRef: { kind: "PaperspaceDeployment" },
        metrics: [{ type: "External", external: { target: { type: "AverageValue" } } }],
      });
    }
  });
});

it("leads to headings that there are", () => {
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
  expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
});
