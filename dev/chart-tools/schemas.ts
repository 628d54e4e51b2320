/**
 * The JSON schemas by which kubeconform validates a rendered chart: of the API server's own OpenAPI document, of our
 * CRDs, and of monitoring.ts; so none has to come from the internet, and all are of the version that we test with.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { MONITORING } from "./monitoring.ts";
import { type JsonSchema, type Structural, strict } from "./strict.ts";

const run = promisify(execFile);

/** The kinds of Kubernetes that a chart of ours renders, by API version. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  v1: ["ServiceAccount", "Service", "ConfigMap", "Secret"],
  "apps/v1": ["Deployment"],
  "policy/v1": ["PodDisruptionBudget"],
  "networking.k8s.io/v1": ["NetworkPolicy"],
  "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
  "admissionregistration.k8s.io/v1": ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
};

const MONITORING_VERSION = "monitoring.coreos.com/v1";
const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
/** The one type that takes a number where the document has a string. */
const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";

const CRDS = join(import.meta.dirname, "..", "..", "crds");
const REF = "#/definitions/";

export interface OpenApi {
  definitions: Readonly<Record<string, Structural>>;
}

export interface Crd {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Structural } }[];
  };
}

/** Writes a file for every kind into `dir`; `kubectl` with `env` must lead to a running API server. */
export async function writeSchemas(
  dir: string,
  kubectl: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const [openApi, crds] = await Promise.all([readOpenApi(kubectl, env), readCrds()]);
  await mkdir(dir, { recursive: true });
  for (const [file, schema] of chartSchemas(openApi, crds)) {
    await writeFile(join(dir, file), JSON.stringify(schema));
  }
}

/** What makes kubeconform validate by the files in `dir`, and by nothing else: a kind that is not there is refused. */
export function kubeconformArguments(dir: string): string[] {
  return ["-strict", "-schema-location", join(dir, "{{.ResourceKind}}{{.KindSuffix}}.json")];
}

async function readOpenApi(kubectl: string, env: Readonly<Record<string, string>>): Promise<OpenApi> {
  const { stdout } = await run(kubectl, ["get", "--raw", "/openapi/v2"], {
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout);
}

async function readCrds(): Promise<Crd[]> {
  const files = (await readdir(CRDS)).filter((file) => file.endsWith(".yaml"));
  return Promise.all(files.map(async (file) => parse(await readFile(join(CRDS, file), "utf8"))));
}

/** All schemas by file name. Throws where the document lacks a kind. */
export function chartSchemas({ definitions }: OpenApi, crds: readonly Crd[]): Map<string, JsonSchema> {
  const schemas = new Map<string, JsonSchema>();
  const add = (apiVersion: string, kind: string, schema: Structural) => {
    schemas.set(fileName(apiVersion, kind), whole(definitions, apiVersion, kind, schema));
  };
  for (const [apiVersion, kinds] of Object.entries(BUILT_IN)) {
    for (const kind of kinds) add(apiVersion, kind, definitionOf(definitions, apiVersion, kind));
  }
  for (const { spec } of crds) {
    for (const { name, schema } of spec.versions) {
      add(`${spec.group}/${name}`, spec.names.kind, schema.openAPIV3Schema);
    }
  }
  for (const [kind, spec] of Object.entries(MONITORING)) {
    add(MONITORING_VERSION, kind, { type: "object", required: ["spec"], properties: { spec } });
  }
  return schemas;
}

/** As kubeconform fills `{{.ResourceKind}}{{.KindSuffix}}`: of the group only what stands before its first dot. */
function fileName(apiVersion: string, kind: string): string {
  const [first = "", version] = apiVersion.split("/");
  return [kind, first.split(".")[0], version].filter(Boolean).join("-").toLowerCase().concat(".json");
}

function definitionOf(definitions: OpenApi["definitions"], apiVersion: string, kind: string): Structural {
  const [version, group = ""] = apiVersion.split("/").reverse();
  const found = Object.values(definitions).find((definition) =>
    (definition["x-kubernetes-group-version-kind"] as Gvk[] | undefined)?.some(
      (gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind,
    ),
  );
  if (!found) throw new Error(`the API server's document has no ${kind} of ${apiVersion}`);
  return found;
}

interface Gvk {
  group: string;
  version: string;
  kind: string;
}

/** A file that stands alone: the object's schema, and the definitions that it reaches. */
function whole(
  definitions: OpenApi["definitions"],
  apiVersion: string,
  kind: string,
  schema: Structural,
): JsonSchema {
  const root = strict(schema);
  const object = {
    ...root,
    required: [...new Set(["apiVersion", "kind", "metadata", ...((root.required as string[]) ?? [])])],
    properties: {
      ...(root.properties as JsonSchema),
      apiVersion: { enum: [apiVersion] },
      kind: { enum: [kind] },
      // No document requires a name, because the server may make one up; a chart has to give it.
      metadata: { allOf: [{ $ref: REF + OBJECT_META }, { required: ["name"] }] },
    },
  };
  return { ...object, definitions: reached(definitions, object) };
}

function reached(definitions: OpenApi["definitions"], from: unknown): JsonSchema {
  const result: JsonSchema = {};
  const visit = (node: unknown) => {
    for (const name of references(node)) {
      if (name in result) continue;
      const definition = definitions[name];
      if (!definition) throw new Error(`the API server's document has no ${name}`);
      const schema = name === QUANTITY ? { type: ["string", "number"] } : strict(definition);
      result[name] = schema;
      visit(schema);
    }
  };
  visit(from);
  return result;
}

function references(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    // A field may be called $ref as well: a JSON schema inside a CRD has one.
    key === "$ref" && typeof value === "string" ? [value.slice(REF.length)] : references(value),
  );
}
