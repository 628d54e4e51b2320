/**
 * The results of kubeconform with the schemas that we make of the real API server's document and of our CRDs: it
 * accepts an object of every kind that a chart of ours renders, and refuses a field that does not exist, a value of
 * another type, and an unknown kind.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { kubeconformArguments, writeSchemas } from "../dev/chart-tools/schemas.ts";
import { findChartTools } from "../dev/chart-tools/tools.ts";
import { deployed, manifest } from "./support/manifest.ts";

/** The first start compiles helm. */
const COMPILE_MS = 20 * 60_000;

let dir: string;
let kubeconform: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "schemas "));
  ({ kubeconform } = await findChartTools({ log: (line) => console.log(line) }));
  await writeSchemas(dir, inject("kubectl"), inject("kubeEnv"));
}, COMPILE_MS);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Fields = Record<string, unknown>;

const labels = { app: "operator" };
const role = { rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] };
const reference = (kind: string) => ({
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: "operator" },
  subjects: [{ kind: "ServiceAccount", name: "operator", namespace: "default" }],
});
const container = {
  name: "operator",
  image: "operator:1",
  ports: [{ name: "metrics", containerPort: 8080 }],
  resources: { limits: { cpu: 1, memory: "256Mi" } },
  livenessProbe: { httpGet: { path: "/healthz", port: "metrics" } },
  securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
};
const crd = {
  group: "example.com",
  names: { kind: "Thing", plural: "things" },
  scope: "Namespaced",
  versions: [
    {
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object" } } } },
    },
  ],
};
const policy = {
  matchConstraints: {
    resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
  },
  validations: [{ expression: "true" }],
};

interface Sample {
  apiVersion: string;
  kind: string;
  fields: Fields;
  /** A path to a field, and a value of another type for it; beside it is a field that does not exist. */
  wrong: [path: string, value: unknown];
}

const sample = (apiVersion: string, kind: string, fields: Fields, ...wrong: Sample["wrong"]): Sample => ({
  apiVersion,
  kind,
  fields,
  wrong,
});

const RBAC = "rbac.authorization.k8s.io/v1";
const ADMISSION = "admissionregistration.k8s.io/v1";
const MONITORING = "monitoring.coreos.com/v1";
const PAPERSPACE = "paperspace.com/v1alpha1";

const SAMPLES: Sample[] = [
  sample(
    "v1",
    "ServiceAccount",
    { automountServiceAccountToken: false },
    "automountServiceAccountToken",
    "no",
  ),
  sample("v1", "Service", { spec: { ports: [{ port: 80, targetPort: "http" }] } }, "spec.ports.0.port", "80"),
  sample("v1", "ConfigMap", { data: { level: "info" } }, "data", { level: 3 }),
  sample("v1", "Secret", { stringData: { apiKey: "k" }, data: { other: "aGk=" } }, "data", { other: "not!" }),
  sample(RBAC, "Role", role, "rules.0.verbs", "get"),
  sample(RBAC, "ClusterRole", role, "rules.0.resources", [1]),
  sample(RBAC, "RoleBinding", reference("Role"), "subjects.0.name", 7),
  sample(RBAC, "ClusterRoleBinding", reference("ClusterRole"), "roleRef", "operator"),
  sample(
    "apps/v1",
    "Deployment",
    {
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem",
    "true",
  ),
  sample(
    "policy/v1",
    "PodDisruptionBudget",
    { spec: { maxUnavailable: "50%", selector: { matchLabels: labels } } },
    "spec.maxUnavailable",
    true,
  ),
  sample(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: "metrics" }] }] } },
    "spec.policyTypes",
    "Ingress",
  ),
  sample("apiextensions.k8s.io/v1", "CustomResourceDefinition", { spec: crd }, "spec.versions.0.served", 1),
  sample(ADMISSION, "ValidatingAdmissionPolicy", { spec: policy }, "spec.validations.0.expression", false),
  sample(
    ADMISSION,
    "ValidatingAdmissionPolicyBinding",
    { spec: { policyName: "operator", validationActions: ["Deny"] } },
    "spec.validationActions",
    ["Refuse"],
  ),
  sample(
    MONITORING,
    "ServiceMonitor",
    { spec: { endpoints: [{ port: "metrics", interval: "1m30s" }], selector: { matchLabels: labels } } },
    "spec.endpoints.0.interval",
    "90 seconds",
  ),
  sample(
    MONITORING,
    "PodMonitor",
    { spec: { podMetricsEndpoints: [{ port: "metrics" }], selector: { matchLabels: labels } } },
    "spec.podMetricsEndpoints.0.honorLabels",
    "no",
  ),
  sample(
    MONITORING,
    "PrometheusRule",
    { spec: { groups: [{ name: "operator", rules: [{ alert: "Down", expr: "up == 0", for: "5m" }] }] } },
    "spec.groups.0.rules.0.expr",
    1,
  ),
  sample(PAPERSPACE, "PaperspaceMachine", { spec: manifest("m").spec }, "spec.diskSize", "50"),
  sample(PAPERSPACE, "PaperspaceDeployment", { spec: deployed("d").spec }, "spec.ports", 80),
];

function objectOf({ apiVersion, kind, fields }: Sample): Fields {
  return structuredClone({ apiVersion, kind, metadata: { name: "it", labels }, ...fields });
}

/** The object with one thing changed in the folder-like path; undefined takes it away. */
function changed(from: Sample, path: string, value: unknown): Fields {
  const object = objectOf(from);
  const steps = path.split(".");
  const last = steps.pop() ?? "";
  const parent = steps.reduce<Fields>((node, step) => node[step] as Fields, object);
  parent[last] = value;
  return object;
}

function misspelt(from: Sample): Fields {
  const [path] = from.wrong;
  return changed(from, path.replace(/[^.]+$/, "noSuchField"), "x");
}

interface Verdict {
  kind: string;
  status: string;
  msg: string;
}

/** The result of kubeconform for each document. */
function judge(documents: readonly (Fields | string)[]): Verdict[] {
  const input = documents.map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  const args = [...kubeconformArguments(dir), "-output", "json", "-verbose", "-n", "1"];
  const { stdout, stderr } = spawnSync(kubeconform, args, { input: input.join("\n---\n"), encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout).resources;
}

const statuses = (verdicts: Verdict[]) => verdicts.map(({ kind, status }) => `${kind} ${status}`).sort();
const all = (status: string) => SAMPLES.map(({ kind }) => `${kind} ${status}`).sort();

test("there is a sample of every schema, so that none is written without a test", () => {
  const kinds = readdirSync(dir).map((file) => file.split("-")[0]);
  expect(kinds.sort()).toEqual(SAMPLES.map(({ kind }) => kind.toLowerCase()).sort());
});

test("an object of every kind is taken, because a check that refuses what is right gets turned off", () => {
  expect(judge(SAMPLES.map(objectOf)).map(({ msg }) => msg)).toEqual(SAMPLES.map(() => ""));
});

test("a field that does not exist is refused in every kind, because the API server would drop it silently", () => {
  const verdicts = judge(SAMPLES.map(misspelt));
  expect(statuses(verdicts)).toEqual(all("statusInvalid"));
  for (const { msg } of verdicts) expect(msg).toContain("noSuchField");
});

test("a value of another type is refused in every kind, because templates quote too much or too little", () => {
  const verdicts = judge(SAMPLES.map((each) => changed(each, ...each.wrong)));
  expect(statuses(verdicts)).toEqual(all("statusInvalid"));
  const testEnvs = SAMPLES.map(({ wrong: [path] }) => `at '/${path.replaceAll(".", "/")}`);
  for (const [index, { msg }] of verdicts.entries()) expect(msg).toContain(testEnvs[index]);
});

test("an object without a name, a wrong version and a kind that is not ours are refused", () => {
  const [account, service] = SAMPLES as [Sample, Sample];
  const verdicts = judge([
    changed(account, "metadata.name", undefined),
    { ...objectOf(service), apiVersion: "v2" },
    { apiVersion: "batch/v1", kind: "Job", metadata: { name: "it" } },
  ]);
  expect(statuses(verdicts)).toEqual([
    "Job statusError",
    "Service statusError",
    "ServiceAccount statusInvalid",
  ]);
});

test("a duplicate key is refused, because the second would win silently", () => {
  const [verdict] = judge(["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata:\n  a: x\n  a: y\n"]);
  expect(verdict?.status).toBe("statusError");
});
