/**
 * What the API server lets in: every constraint of the generated schema and every CEL rule refuses and accepts, on the
 * real API server, with a message that names the field and the rule. The constraints are read from the CRD itself, so
 * that none can be added without its two cases.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { PaperspaceMachine } from "../src/kinds/machine/types.ts";
import { isInvalid } from "../src/kube/errors.ts";
import { Place } from "./support/cluster.ts";
import { CRDS } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";

interface Schema {
  type?: string;
  enum?: string[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  description?: string;
  "x-kubernetes-validations"?: { rule: string; message: string }[];
}

type Spec = Record<string, unknown>;

const crd = parse(readFileSync(join(CRDS, "paperspace.com_paperspacemachines.yaml"), "utf8"));
const root: Schema = crd.spec.versions[0].schema.openAPIV3Schema;
const specSchema = root.properties?.spec as Schema;

/** Every field there is, with a value that is allowed. */
const FULL: Spec = {
  name: "Ada's workstation",
  machineType: "A4000",
  region: "ny2",
  templateId: "t0nspur5",
  diskSize: 50,
  powerState: "Running",
  autoShutdown: { enabled: true, timeoutHours: 8, force: false },
  autoSnapshot: { enabled: true, frequency: "daily", saveCount: 7 },
  deletionPolicy: "Delete",
  adoptId: "ps123",
  credentialsSecretRef: { name: "other", key: "token" },
};

let place: Place;
beforeAll(async () => {
  place = await Place.open({ key: null });
});
afterAll(() => place.close());

/** Asks the API server whether it would take this spec; the answer is its message, or undefined for yes. */
async function objection(spec: Spec): Promise<string | undefined> {
  try {
    await place.kube.request({
      method: "POST",
      path: `/apis/paperspace.com/v1alpha1/namespaces/${place.namespace}/paperspacemachines`,
      query: { dryRun: "All", fieldValidation: "Strict" },
      body: { ...manifest("asked"), spec },
    });
    return undefined;
  } catch (error) {
    expect(error).toSatisfy((thrown) => isInvalid(thrown) || (thrown as { status: number }).status === 400);
    return (error as Error).message;
  }
}

/** FULL with one value changed; undefined takes the field away. */
function withValue(path: readonly string[], value: unknown): Spec {
  const spec = structuredClone(FULL);
  let at = spec;
  for (const step of path.slice(0, -1)) at = at[step] as Spec;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return spec;
}

interface Case {
  rule: string;
  path: string[];
  refused: unknown[];
  accepted: unknown[];
  says: string | RegExp;
}

/** The constraints of a schema and of all below it. */
function casesOf(schema: Schema, path: string[]): Case[] {
  const cases: Case[] = [];
  const add = (rule: string, says: Case["says"], refused: unknown[], accepted: unknown[]) =>
    cases.push({ rule, path, refused, accepted, says });
  const { type, minLength, maxLength, minimum, maximum } = schema;
  if (path.length > 0 && type)
    add(`type ${type}`, `must be of type ${type}`, [type === "string" ? 7 : "text"], []);
  if (schema.enum) add("enum", 'Unsupported value: "never"', ["never"], schema.enum);
  if (minLength)
    add(
      "minLength",
      `at least ${minLength} chars long`,
      ["x".repeat(minLength - 1)],
      ["x".repeat(minLength)],
    );
  if (maxLength)
    add("maxLength", `not be more than ${maxLength}`, ["x".repeat(maxLength + 1)], ["x".repeat(maxLength)]);
  if (minimum !== undefined) add("minimum", `greater than or equal to ${minimum}`, [minimum - 1], [minimum]);
  if (maximum !== undefined) add("maximum", `less than or equal to ${maximum}`, [maximum + 1], [maximum]);
  if (type === "integer") add("whole numbers", /integer/, [1.5], []);
  for (const field of schema.required ?? [])
    cases.push({
      rule: "required",
      path: [...path, field],
      refused: [undefined],
      accepted: [],
      says: "Required value",
    });
  for (const [field, below] of Object.entries(schema.properties ?? {}))
    cases.push(...casesOf(below, [...path, field]));
  return cases;
}

describe("each constraint of the schema refuses what breaks it by name, and takes what just keeps it", () => {
  for (const { rule, path, refused, accepted, says } of casesOf(specSchema, [])) {
    test(`spec.${path.join(".")}: ${rule}`, async () => {
      for (const value of refused) {
        const said = await objection(withValue(path, value));
        expect(said).toContain(`spec.${path.join(".")}`);
        expect(said).toMatch(says);
      }
      for (const value of accepted) expect(await objection(withValue(path, value))).toBeUndefined();
    });
  }
});

test("a spec with every field is taken, and every field has a sample and a description", async () => {
  const missing = (schema: Schema, sample: Spec, path: string): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([field, below]) => {
      const here = `${path}.${field}`;
      if (!(field in sample)) return [`${here}: no sample`];
      if (!below.description) return [`${here}: no description`];
      return missing(below, (sample[field] ?? {}) as Spec, here);
    });
  expect(missing(specSchema, FULL, "spec")).toEqual([]);
  expect(await objection(FULL)).toBeUndefined();
});

test("a field that does not exist is refused by name, as kubectl asks for by default", async () => {
  expect(await place.refused("apply -f -", manifest("typo", { powerstate: "Stopped" }))).toContain(
    'unknown field "spec.powerstate"',
  );
});

test("kubectl shows the same words to the user", async () => {
  const said = await place.refused(
    "apply -f -",
    manifest("bad", { powerState: "On", machineType: undefined }),
  );
  expect(said).toContain('spec.powerState: Unsupported value: "On": supported values: "Running", "Stopped"');
  expect(said).toContain("spec.machineType: Required value");
});

test("what is left out is defaulted, and a fresh object counts as not looked at yet", async () => {
  await place.apply(manifest("fresh"));
  const { spec, status } = await place.machinesOf.get(place.namespace, "fresh");
  expect(spec).toEqual({
    machineType: "A4000",
    region: "ny2",
    templateId: "t0nspur5",
    diskSize: 50,
    powerState: "Running",
    deletionPolicy: "Delete",
  });
  expect(status).toEqual({ observedGeneration: -1 });
});

/** CEL rules by their message; each is told here how it refuses and what it lets through. */
const RULES: Record<string, () => Promise<void>> = {
  async "templateId and diskSize are needed to create a machine (or adoptId to take one over)"() {
    const rule = "templateId and diskSize are needed";
    for (const lack of [{ templateId: undefined }, { diskSize: undefined }]) {
      const said = await objection(manifest("x", lack).spec);
      expect(said).toMatch(/spec: Invalid value: .*/);
      expect(said).toContain(rule);
    }
    expect(await objection({ machineType: "C5", region: "ny2" })).toContain(rule);
    expect(await objection({ machineType: "C5", region: "ny2", adoptId: "ps1" })).toBeUndefined();
    expect(await objection(manifest("x").spec)).toBeUndefined();
  },

  async "machineType cannot be changed once the machine exists: put the old value back, or delete this object and make another"() {
    await immutable("machineType", "C5");
  },

  async "region cannot be changed once the machine exists: put the old value back, or delete this object and make another"() {
    await immutable("region", "ca1");
  },

  async "templateId cannot be changed once the machine exists: put the old value back, or delete this object and make another"() {
    await immutable("templateId", "tkni3aa4");
    await notByDetour("templateId", "tkni3aa4");
  },

  async "diskSize cannot be changed once the machine exists: put the old value back, or delete this object and make another"() {
    await immutable("diskSize", 100);
    await notByDetour("diskSize", 100);
  },

  async "adoptId cannot name another machine than the one this object owns (status.id)"() {
    const rule = "adoptId cannot name another machine than the one this object owns";
    const free = await object("adopt-free", { adoptId: "ps1" });
    await change(free, { adoptId: "ps2" });
    const owner = await object("adopt-owner", {}, "psowned");
    expect(await refusal(owner, { adoptId: "psother" })).toContain(`spec.adoptId: Invalid value`);
    expect(await refusal(owner, { adoptId: "psother" })).toContain(rule);
    await change(owner, { adoptId: "psowned" });
    await change(owner, { adoptId: null });
  },
};

/** An object, with a machine where an id is given. */
async function object(name: string, spec: Spec = {}, id?: string): Promise<string> {
  await place.machinesOf.create(place.namespace, manifest(name, spec) as unknown as PaperspaceMachine);
  if (id) await place.machinesOf.patchStatus(place.namespace, name, { status: { id } });
  return name;
}

function change(name: string, spec: Spec): Promise<PaperspaceMachine> {
  return place.machinesOf.mergePatch(place.namespace, name, { spec });
}

async function refusal(name: string, spec: Spec): Promise<string> {
  const error: unknown = await change(name, spec).catch((thrown: unknown) => thrown);
  expect(error).toSatisfy(isInvalid);
  return (error as Error).message;
}

/** Free until there is a machine, so that every refused spec can be corrected; bound from then on. */
async function immutable(field: string, other: string | number): Promise<void> {
  const name = field.toLowerCase();
  const free = await object(`${name}-free`);
  expect((await change(free, { [field]: other })).spec).toMatchObject({ [field]: other });
  const bound = await object(`${name}-bound`, {}, "ps1");
  const said = await refusal(bound, { [field]: other });
  expect(said).toContain(`spec.${field}: Invalid value`);
  expect(said).toContain(`${field} cannot be changed once the machine exists`);
  await change(bound, { powerState: "Stopped", [field]: manifest("x").spec[field] });
}

/** Taking an optional field away first, to add it with another value then, is refused at both steps. */
async function notByDetour(field: string, other: string | number): Promise<void> {
  const name = field.toLowerCase();
  const bound = await object(`${name}-detour`, { adoptId: "ps1" }, "ps1");
  expect(await refusal(bound, { [field]: null })).toContain(`${field} cannot be changed`);
  const without = await object(`${name}-absent`, { adoptId: "ps1", [field]: undefined }, "ps1");
  expect(await refusal(without, { [field]: other })).toContain(`${field} cannot be changed`);
}

describe("each CEL rule refuses and accepts", () => {
  for (const [message, holds] of Object.entries(RULES)) test(message, holds);

  test("and none of the CRD is left out here", () => {
    const rulesOf = (schema: Schema): string[] => [
      ...(schema["x-kubernetes-validations"] ?? []).map(({ message }) => message),
      ...Object.values(schema.properties ?? {}).flatMap(rulesOf),
    ];
    expect(Object.keys(RULES).toSorted()).toEqual(rulesOf(root).toSorted());
  });
});

test("the status of an object with a machine can be written whatever the spec says: rules bind users, not us", async () => {
  const name = await object("status-writes", {}, "ps1");
  const { status } = await place.machinesOf.patchStatus(place.namespace, name, {
    status: { state: "ready" },
  });
  expect(status).toMatchObject({ id: "ps1", state: "ready" });
});
