/**
 * What the API server accepts of a PaperspaceDeployment: every constraint of the generated schema and every CEL rule
 * refuses and accepts, on the real API server, with a message that names the field and the rule, and every refused spec
 * can be corrected. The constraints are read from the CRD itself, so that none can be added without its two cases.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import { isInvalid } from "../src/kube/errors.ts";
import { deploymentTestEnv, type TestEnv } from "./support/cluster.ts";
import { CRDS } from "./support/crds.ts";
import { deployed } from "./support/manifest.ts";
import {
  casesOf,
  messagesOf,
  type Path,
  type Schema,
  shown,
  unknownKeywords,
} from "./support/schema-cases.ts";
import {
  EXEC_PROBE,
  FULLS,
  fullWith,
  HTTP_PROBE,
  INTEGRATIONS,
  PLACED,
  type Spec,
  valueAt,
  withValue,
} from "./support/schema-cases-deployment.ts";

const crd = parse(readFileSync(join(CRDS, "paperspace.com_paperspacedeployments.yaml"), "utf8"));
const root: Schema = crd.spec.versions[0].schema.openAPIV3Schema;
const specSchema = root.properties?.spec as Schema;

const DEFAULTS = {
  enabled: true,
  replicas: 1,
  progressDeadlineSeconds: 900,
  rollback: "None",
  deletionPolicy: "Delete",
  onExternalDeletion: "Stall",
};

let testEnv: TestEnv<PaperspaceDeployment>;
beforeAll(async () => {
  testEnv = await deploymentTestEnv({ key: null });
});
afterAll(() => testEnv.close());

/** A dry run of this spec on the API server: the error message, or undefined where it is accepted. */
async function objection(spec: Spec): Promise<string | undefined> {
  try {
    await testEnv.kube.request({
      method: "POST",
      path: `/apis/paperspace.com/v1alpha1/namespaces/${testEnv.namespace}/paperspacedeployments`,
      query: { dryRun: "All", fieldValidation: "Strict" },
      body: { ...deployed("asked"), spec },
    });
    return undefined;
  } catch (error) {
    expect(error).toSatisfy((thrown) => isInvalid(thrown) || (thrown as { status: number }).status === 400);
    return (error as Error).message;
  }
}

const validate = (change: Spec) => objection(deployed("asked", change).spec);

describe("each constraint of the schema refuses what breaks it by name, and accepts what just keeps it", () => {
  /** Candidates differ by their only field. */
  const sampleOf = (list: Path, index: number) =>
    list.includes("candidates")
      ? { machineType: `T${index}` }
      : (valueAt(fullWith(list), [...list, 0]) as object);
  for (const { rule, path, refused, accepted, message } of casesOf(specSchema, sampleOf)) {
    test(`${shown(path)}: ${rule}`, async () => {
      for (const value of refused) {
        const error = await objection(withValue(path, value));
        expect(error).toContain(shown(path));
        expect(error).toMatch(message);
      }
      for (const value of accepted) expect(await objection(withValue(path, value))).toBeUndefined();
    });
  }

  test("and there is no keyword in the schema without cases here, for it would go untested", () => {
    expect(unknownKeywords(specSchema)).toEqual([]);
  });
});

test("specs with every field are taken, and every field has a sample and a description", async () => {
  const missing = (schema: Schema, path: Path): string[] => {
    const below = Object.entries(schema.properties ?? {});
    const sampled = path.length === 0 || FULLS.some((spec) => valueAt(spec, path) !== undefined);
    return [
      ...(sampled ? [] : [`${shown(path)}: no sample`]),
      ...(schema.items ? missing(schema.items, [...path, 0]) : []),
      ...below.flatMap(([field, { description }]) =>
        description ? [] : [`${shown([...path, field])}: no description`],
      ),
      ...below.flatMap(([field, inner]) => missing(inner, [...path, field])),
    ];
  };
  expect(missing(specSchema, [])).toEqual([]);
  for (const full of FULLS) expect(await objection(full)).toBeUndefined();
});

test("kubectl explain describes every field, down to the headers of a health check", async () => {
  const objects = (schema: Schema, path: string): string[] => [
    ...(schema.properties ? [path] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([field, inner]) =>
      objects(inner, `${path}.${field}`),
    ),
    ...(schema.items ? objects(schema.items, path) : []),
  ];
  // Health checks are three times the same.
  const validate = objects(specSchema, "psd.spec").filter((path) => !/\.(readiness|startup)/.test(path));
  expect(validate).toContain("psd.spec.healthChecks.liveness.headers");
  const error = await Promise.all(validate.map((path) => testEnv.kubectl(`explain ${path}`)));
  for (const text of error) expect(text).not.toContain("<no description>");
  expect(error[0]).toContain("How many instances; with autoscaling the least. 0 switches the");
});

test("a field that does not exist is refused by name, as kubectl requests by default", async () => {
  const typo = deployed("typo", { healthchecks: {}, env: [{ name: "A", valueFrom: { secretRef: {} } }] });
  const error = await testEnv.refused("apply -f -", typo);
  expect(error).toContain('unknown field "spec.healthchecks"');
  expect(error).toContain('unknown field "spec.env[0].valueFrom.secretRef"');
});

test("kubectl shows the same messages to the user", async () => {
  const error = await testEnv.refused(
    "apply -f -",
    deployed("bad", { rollback: "Always", image: undefined, env: [{ name: "A", value: "" }] }),
  );
  expect(error).toContain(
    'spec.rollback: Unsupported value: "Always": supported values: "None", "OnFailure"',
  );
  expect(error).toContain("spec.image: Required value");
  expect(error).toContain("spec.env[0].value: Invalid value");
});

test("what is left out is defaulted, and a fresh object counts as not observed yet", async () => {
  const scaling = { maxReplicas: 3, metrics: [{ metric: "cpu", value: 60 }] };
  await testEnv.apply(deployed("fresh", { autoscaling: scaling, env: [{ name: "A", value: "1" }] }));
  const { spec, status } = await testEnv.objectsOf.get(testEnv.namespace, "fresh");
  // Nothing is filled in within lists: GitOps tools compare them whole.
  expect(spec).toEqual({
    projectId: "p-alpha",
    image: "nginx:1.27",
    machineType: "C5",
    ports: [80],
    autoscaling: { enabled: true, ...scaling },
    env: [{ name: "A", value: "1" }],
    ...DEFAULTS,
  });
  expect(status).toEqual({ observedGeneration: -1 });
});

test("with server-side apply two managers own a variable each, and each removes only its own", async () => {
  const part = (env: object[] | undefined) => deployed("shared", { env });
  const apply = (who: string, env: object[] | undefined) =>
    testEnv.kubectl(`apply --server-side --field-manager=${who} -f -`, part(env));
  const names = async () =>
    ((await testEnv.objectsOf.get(testEnv.namespace, "shared")).spec.env ?? [])
      .map(({ name }) => name)
      .toSorted();
  await apply("ada", [
    { name: "A", value: "1" },
    { name: "B", value: "1" },
  ]);
  await apply("bob", [{ name: "C", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }]);
  expect(await names()).toEqual(["A", "B", "C"]);
  await apply("ada", [{ name: "A", value: "2" }]);
  expect(await names()).toEqual(["A", "C"]);
  const conflict = await testEnv.refused(
    "apply --server-side --field-manager=bob -f -",
    part([{ name: "A", value: "3" }]),
  );
  expect(conflict).toContain('conflict with "ada": .spec.env[name="A"].value');
  await apply("bob", undefined);
  expect(await names()).toEqual(["A"]);
});

test("a variable turns from a value into a reference with a plain kubectl apply", async () => {
  const source = { configMapKeyRef: { name: "c", key: "k" } };
  await testEnv.kubectl("apply -f -", deployed("turning", { env: [{ name: "A", value: "1" }] }));
  await testEnv.kubectl("apply -f -", deployed("turning", { env: [{ name: "A", valueFrom: source }] }));
  const { spec } = await testEnv.objectsOf.get(testEnv.namespace, "turning");
  expect(spec.env).toEqual([{ name: "A", valueFrom: source }]);
});

const REF = { name: "s", key: "k" };

/** Each of them, in all three places. */
async function ofProbes(probe: object): Promise<(string | undefined)[]> {
  const kinds = ["liveness", "readiness", "startup"];
  return Promise.all(kinds.map((kind) => validate({ healthChecks: { [kind]: probe } })));
}

const FINE = [undefined, undefined, undefined];
const refusedBy = (rule: string) => Array(3).fill(expect.stringContaining(rule));

/** CEL rules by their message; each has cases here for what it refuses and what it accepts. */
const RULES: Record<string, () => Promise<void>> = {
  async "the same machine type stands in it twice: leave one of them out"() {
    const candidates = [{ machineType: "H100" }, { machineType: "A4000" }];
    const twice = [...candidates, { machineType: "H100" }];
    expect(await objection({ ...PLACED, placement: { candidates: twice } })).toContain("stands in it twice");
    const most = Array.from({ length: 16 }, (_, index) => ({ machineType: `T${index}` }));
    expect(await objection({ ...PLACED, placement: { candidates: most } })).toBeUndefined();
    const more = [...most, { machineType: "T16" }];
    expect(await objection({ ...PLACED, placement: { candidates: more } })).toContain("at most 16 items");
  },

  async "give either machineType or placement"() {
    const rule = "give either machineType or placement";
    const { placement: _placement, ...neither } = PLACED;
    for (const spec of [neither, { ...PLACED, machineType: "C4" }])
      expect(await objection(spec)).toContain(rule);
    // Both ways once it exists: nothing is lost by another type.
    const name = await object("placed", {}, { id: "d1" });
    await change(name, { machineType: null, placement: PLACED.placement });
    await change(name, { machineType: "C4", placement: null });
  },

  async "placement cannot be together with adoptId: give the machineType that the deployment has"() {
    expect(await objection({ ...PLACED, adoptId: "d1" })).toContain("placement cannot be together");
  },

  async "replicas is the least number with autoscaling: it cannot be more than autoscaling.maxReplicas"() {
    const rule = "replicas is the least number with autoscaling";
    const autoscaling = { maxReplicas: 3, metrics: [{ metric: "cpu", value: 60 }] };
    const error = await validate({ replicas: 4, autoscaling });
    expect(error).toContain(rule);
    expect(error).toContain("spec.replicas: Invalid value");
    expect(await validate({ replicas: 3, autoscaling })).toBeUndefined();
    expect(await validate({ replicas: 4, autoscaling: { ...autoscaling, enabled: false } })).toBeUndefined();
    // As `kubectl scale` meets it.
    const name = await object("scaled", { autoscaling, replicas: 1 });
    expect(await testEnv.refused(`scale psd/${name} --replicas=4`)).toContain(rule);
    await testEnv.kubectl(`scale psd/${name} --replicas=3`);
  },

  async "onExternalDeletion Recreate cannot be together with adoptId: once the deployment is taken over, take adoptId out"() {
    const rule = "onExternalDeletion Recreate cannot be together with adoptId";
    expect(await validate({ adoptId: "d1", onExternalDeletion: "Recreate" })).toContain(rule);
    expect(await validate({ onExternalDeletion: "Recreate" })).toBeUndefined();
    const name = await object("recreate", { adoptId: "d1" }, { id: "d1" });
    expect(await refusal(name, { onExternalDeletion: "Recreate" })).toContain(rule);
    await change(name, { onExternalDeletion: "Recreate", adoptId: null });
  },

  async "give exactly one of value and valueFrom"() {
    const rule = "give exactly one of value and valueFrom";
    const valueFrom = { secretKeyRef: REF };
    for (const given of [{}, { value: "1", valueFrom }]) {
      const error = await validate({
        env: [
          { name: "ok", value: "1" },
          { name: "A", ...given },
        ],
      });
      expect(error).toContain(rule);
      expect(error).toContain("spec.env[1]: Invalid value");
    }
    for (const given of [{ value: "1" }, { valueFrom }])
      expect(await validate({ env: [{ name: "A", ...given }] })).toBeUndefined();
  },

  async "give exactly one of secretKeyRef and configMapKeyRef"() {
    const rule = "give exactly one of secretKeyRef and configMapKeyRef";
    const env = (valueFrom: object) => validate({ env: [{ name: "A", valueFrom }] });
    for (const given of [{}, { secretKeyRef: REF, configMapKeyRef: REF }]) {
      expect(await env(given)).toContain(rule);
      expect(await env(given)).toContain("spec.env[0].valueFrom: Invalid value");
    }
    for (const given of [{ secretKeyRef: REF }, { configMapKeyRef: REF }])
      expect(await env(given)).toBeUndefined();
  },

  async "value is a whole percentage from 1 to 100 for cpu and memory, and seconds above 0.01 up to 100 for requestDuration"() {
    const rule = "value is a whole percentage from 1 to 100";
    const metric = (metric: string, value: number) =>
      validate({ autoscaling: { maxReplicas: 2, metrics: [{ metric, value }] } });
    for (const name of ["cpu", "memory"]) {
      for (const value of [0, -1, 0.5, 50.5, 101, 1e300]) {
        expect(await metric(name, value), `${name} ${value}`).toContain(rule);
        expect(await metric(name, value)).toContain("spec.autoscaling.metrics[0].value: Invalid value");
      }
      for (const value of [1, 50, 100]) expect(await metric(name, value)).toBeUndefined();
    }
    for (const value of [0.01, 0, -1, 100.5]) expect(await metric("requestDuration", value)).toContain(rule);
    for (const value of [0.02, 1, 2.5, 100]) expect(await metric("requestDuration", value)).toBeUndefined();
  },

  async "a health check has either path (HTTP) or exec (a command)"() {
    const rule = "a health check has either path (HTTP) or exec (a command)";
    for (const probe of [{}, { periodSeconds: 5 }, { ...HTTP_PROBE, ...EXEC_PROBE }])
      expect(await ofProbes(probe)).toEqual(refusedBy(rule));
    for (const probe of [{ path: "/" }, { exec: { command: ["true"] } }, HTTP_PROBE, EXEC_PROBE])
      expect(await ofProbes(probe)).toEqual(FINE);
  },

  async "port, host, headers belong to a health check with path"() {
    const rule = "port, host, headers belong to a health check with path";
    for (const field of ["port", "host", "headers"] as const)
      expect(await ofProbes({ ...EXEC_PROBE, [field]: HTTP_PROBE[field] })).toEqual(refusedBy(rule));
  },

  async "git needs all of host, actor, owner, repo, ref, sha: Paperspace keeps only whole sets"() {
    const rule = "git needs all of host, actor, owner, repo, ref, sha";
    const git = fullWith(["git"]).git as Spec;
    expect(await validate({ git })).toBeUndefined();
    expect(await validate({ git: {} })).toContain(rule);
    for (const field of Object.keys(git)) {
      const error = await validate({ git: { ...git, [field]: undefined } });
      expect(error).toContain(rule);
      expect(error).toContain("spec.git: Invalid value");
    }
  },

  async "projectId cannot be changed once the deployment exists: put the old value back, or delete this object and make another"() {
    const rule = "projectId cannot be changed once the deployment exists";
    const free = await object("project-free");
    await change(free, { projectId: "p-other" });
    const bound = await object("project-bound", {}, { id: "d1" });
    const error = await refusal(bound, { projectId: "p-other" });
    expect(error).toContain("spec.projectId: Invalid value");
    expect(error).toContain(rule);
    expect(await refusal(bound, { projectId: null })).toContain("spec.projectId: Required value");
    await change(bound, { projectId: "p-alpha", image: "nginx:2" });
  },

  async "projectId cannot be changed while a create is open: wait until its outcome is known (status.operation is gone then), or put the old value back"() {
    const rule = "projectId cannot be changed while a create is open";
    const times = { requestedAt: "2026-01-01T00:00:00Z", deadline: "2026-01-01T00:10:00Z" };
    const creating = await object("project-creating", {}, { operation: { intent: "Create", ...times } });
    const error = await refusal(creating, { projectId: "p-other" });
    expect(error).toContain("spec.projectId: Invalid value");
    expect(error).toContain(rule);
    await change(creating, { projectId: "p-alpha", image: "nginx:2" });
    const other = await object("project-other", {}, { operation: { intent: "DeleteStray", ...times } });
    await change(other, { projectId: "p-other" });
  },

  async "adoptId cannot name another deployment than the one this object owns (status.id)"() {
    const rule = "adoptId cannot name another deployment than the one this object owns";
    const free = await object("adopt-free", { adoptId: "d1" });
    await change(free, { adoptId: "d2" });
    const owner = await object("adopt-owner", {}, { id: "d1" });
    const error = await refusal(owner, { adoptId: "d2" });
    expect(error).toContain("spec.adoptId: Invalid value");
    expect(error).toContain(rule);
    await change(owner, { adoptId: "d1" });
    await change(owner, { adoptId: null });
    // Written right before the id: it contradicts, and status and finalizers can be written all the same.
    const late = await object("adopt-late", { adoptId: "d2" }, { id: "d1" });
    await testEnv.objectsOf.patchStatus(testEnv.namespace, late, { status: { replicas: 1 } });
    await testEnv.objectsOf.mergePatch(testEnv.namespace, late, {
      metadata: { finalizers: ["x.example/y"] },
    });
    await change(late, { adoptId: "d1" });
    expect(await refusal(late, { adoptId: "d2" })).toContain(rule);
  },
};

const PARTS: Spec = {
  id: "mo1",
  url: "s3://bucket/models",
  endpoint: "https://bucket.nyc3.digitaloceanspaces.com",
  region: "us-east-1",
  path: "/mnt",
  accessKeyId: "AKIA1",
  secretAccessKeyRef: REF,
};
/** The required fields of each type. */
const NEEDS: Record<string, readonly string[]> = {
  model: ["id"],
  s3: ["url"],
  spaces: ["endpoint"],
  volume: [],
  "git-lfs": ["url"],
};

for (const [type, parts] of Object.entries(INTEGRATIONS)) {
  const message = messagesOf(root).find((each) => each.startsWith(`an integration of type ${type} `)) ?? type;
  const needs = NEEDS[type] ?? [];
  const integration = (more: Spec) => validate({ integrations: [{ type, name: "weights", ...more }] });
  RULES[message] = async () => {
    expect(await integration(parts)).toBeUndefined();
    const least = Object.fromEntries(needs.map((field) => [field, parts[field]]));
    expect(await integration(least)).toBeUndefined();
    for (const field of needs) expect(await integration({ ...parts, [field]: undefined })).toContain(message);
    for (const field of Object.keys(PARTS).filter((each) => !(each in parts))) {
      const error = await integration({ ...parts, [field]: PARTS[field] });
      expect(error, `${type} with ${field}`).toContain(message);
      expect(error).toContain("spec.integrations[0]: Invalid value");
    }
    for (const field of [...needs, ...Object.keys(parts)]) expect(message).toContain(field);
  };
}

/** An object; with a deployment where the status has an id. */
async function object(name: string, spec: Spec = {}, status?: Spec): Promise<string> {
  await testEnv.objectsOf.create(testEnv.namespace, deployed(name, spec) as unknown as PaperspaceDeployment);
  if (status) await testEnv.objectsOf.patchStatus(testEnv.namespace, name, { status });
  return name;
}

function change(name: string, spec: Spec): Promise<PaperspaceDeployment> {
  return testEnv.objectsOf.mergePatch(testEnv.namespace, name, { spec });
}

async function refusal(name: string, spec: Spec): Promise<string> {
  const error: unknown = await change(name, spec).catch((thrown: unknown) => thrown);
  expect(error).toSatisfy(isInvalid);
  return (error as Error).message;
}

describe("each CEL rule refuses and accepts", () => {
  for (const [message, holds] of Object.entries(RULES)) test(message, holds);

  test("and none of the CRD is left out here", () => {
    expect(Object.keys(RULES).toSorted()).toEqual([...new Set(messagesOf(root))].toSorted());
  });
});

test("all else can be changed while there is a deployment: it is another configuration, and no new deployment", async () => {
  const { adoptId: _, ...full } = fullWith([]);
  const name = await object("changes", {}, { id: "d1" });
  const { spec } = await change(name, full);
  expect(spec).toEqual(full);
});

test("the status can be written for any spec, another id included: rules bind users, not the operator", async () => {
  const name = await object("status-writes", { adoptId: "d1" }, { id: "d1" });
  for (const status of [{ replicas: 2 }, { id: "d2" }, { replicas: 3 }])
    expect((await testEnv.objectsOf.patchStatus(testEnv.namespace, name, { status })).status).toMatchObject(
      status,
    );
});
