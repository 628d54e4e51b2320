/**
 * The values of the chart: each is described, each has its default in values.yaml, and a wrong one is refused by its
 * name before anything is installed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../src/base/config.ts";
import { EVERYTHING } from "./support/chart-values.ts";
import { CHART, COMPILE_MS, Helm, objectsIn, type Values } from "./support/helm.ts";

let helm: Helm;

beforeAll(async () => {
  helm = await Helm.find();
}, COMPILE_MS);

interface Schema {
  description?: string;
  pattern?: string;
  properties?: Record<string, Schema>;
}

const schema: Schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
const defaults: Values = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));

/** Paths of all values that the schema has by name; those under an object that it leaves open are the user's. */
function described({ properties = {} }: Schema, above = ""): [path: string, schema: Schema][] {
  return Object.entries(properties).flatMap(([name, child]) => {
    const path = `${above}/${name}`;
    return [[path, child] as [string, Schema], ...described(child, path)];
  });
}

function given(values: Values, { properties = {} }: Schema, above = ""): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = `${above}/${name}`;
    const child = properties[name];
    return child?.properties ? [path, ...given(value as Values, child, path)] : [path];
  });
}

test("values.yaml and the schema hold the same values, so that none is forgotten in either", () => {
  const named = described(schema).map(([path]) => path);
  expect(given(defaults, schema).toSorted()).toEqual(named.toSorted());
});

test("every value has a description", () => {
  for (const [path, { description = "" }] of described(schema)) expect(description, path).toMatch(/.\.$/);
});

test("a default of a flag is the same in the chart and in the operator", async () => {
  const [deployment] = objectsIn(await helm.template({})).filter(({ kind }) => kind === "Deployment");
  const args: string[] = deployment?.spec.template.spec.containers[0].args;
  const config = (flags: string[]) => {
    const loaded = loadConfig(flags, {}, "test");
    return loaded.action === "run" ? loaded.config : undefined;
  };
  // In a pod the metrics have a port of their own, and keep the one that was both's.
  const { enabledKinds, leaderElectNamespace, leaderElectName, healthAddress, metricsAddress, ...ours } =
    config(args) ?? {};
  expect([healthAddress?.port, metricsAddress?.port]).toEqual([8081, 8080]);
  expect(config([])).toMatchObject(ours);
});

test("every flag has a value, so that none needs extraArgs", async () => {
  const [deployment] = objectsIn(await helm.template(EVERYTHING)).filter(({ kind }) => kind === "Deployment");
  const args: string[] = deployment?.spec.template.spec.containers[0].args;
  const set = args.map((arg) => /^--([\w-]+)/.exec(arg)?.[1]);
  const help = loadConfig(["--help"], {}, "test");
  const flags =
    help.action === "print" ? [...help.text.matchAll(/^ {2}--([\w-]+)/gm)].map(([, flag]) => flag) : [];
  // Where it finds the API server in a pod is no question; the id of the cluster is in no set with others.
  const without = ["kubeconfig", "context", "help", "version", "cluster-id"];
  expect(flags.filter((flag) => !set.includes(flag))).toEqual(
    flags.filter((flag) => without.includes(flag ?? "")),
  );
});

test("a duration that the schema takes is one that the operator can read", () => {
  for (const [path, { pattern = "" }] of described(schema).filter(([, one]) => one.pattern?.includes("ms"))) {
    for (const text of ["10m", "1h30m", "1.5h", "90s"]) {
      expect(text, path).toMatch(new RegExp(pattern));
      expect(loadConfig([`--resync-interval=${text}`], {}, "test").action).toBe("run");
    }
    for (const text of ["", "10", "10 m", "1d", "-1s", "PT1M"]) {
      expect(text, path).not.toMatch(new RegExp(pattern));
      expect(() => loadConfig([`--resync-interval=${text}`], {}, "test")).toThrow();
    }
  }
});

/** Wrong values, and what the refusal has to name. */
const WRONG: [what: string, values: Values, named: string][] = [
  ["a number as text", { replicaCount: "2" }, "/replicaCount"],
  ["too many", { replicaCount: 11 }, "/replicaCount"],
  ["less than none", { replicaCount: -1 }, "/replicaCount"],
  ["a value that does not exist", { replicas: 2 }, "'replicas'"],
  ["one that does not exist further in", { image: { registry: "x" } }, "'registry'"],
  ["text where there is an object", { image: "operator:1" }, "/image"],
  ["no repository", { image: { repository: "" } }, "image.repository is not set, and has no default"],
  ["a repository with its tag", { image: { repository: "example.com/operator:1" } }, "/image/repository"],
  ["a tag that YAML takes for a number", { image: { tag: 1.2 } }, "/image/tag"],
  ["a digest without its algorithm", { image: { digest: "0".repeat(64) } }, "/image/digest"],
  ["a digest that is too short", { image: { digest: "sha256:abc" } }, "/image/digest"],
  ["a policy in lower case", { image: { pullPolicy: "always" } }, "/image/pullPolicy"],
  ["a pull secret that is only a name", { imagePullSecrets: ["registry"] }, "/imagePullSecrets/0"],
  ["a name with a dot", { nameOverride: "a.b" }, "/nameOverride"],
  ["a name that begins with a digit", { fullnameOverride: "1st" }, "/fullnameOverride"],
  ["a label that is a number", { commonLabels: { year: 2026 } }, "/commonLabels/year"],
  ["yes as text", { crds: { enabled: "yes" } }, "/crds/enabled"],
  ["an unknown kind", { enabledKinds: ["PaperspaceSnapshot"] }, "/enabledKinds/0"],
  ["no kind", { enabledKinds: [] }, "/enabledKinds"],
  ["a kind twice", { enabledKinds: ["PaperspaceMachine", "PaperspaceMachine"] }, "/enabledKinds"],
  ["a namespace that cannot be", { watchNamespaces: ["ML"] }, "/watchNamespaces/0"],
  ["a star among the served namespaces", { watchNamespaces: ["*"] }, "/watchNamespaces/0"],
  ["a key in clear", { credentials: { apiKey: "k" } }, "'apiKey'"],
  ["a Secret that cannot be", { credentials: { existingSecret: "My Key" } }, "/credentials/existingSecret"],
  ["an API that is no URL", { apiUrl: "api.paperspace.com" }, "/apiUrl"],
  ["a duration without a unit", { reconcile: { resyncInterval: "600" } }, "/reconcile/resyncInterval"],
  ["a duration that is a number", { reconcile: { slowRetry: 600 } }, "/reconcile/slowRetry"],
  ["no worker", { reconcile: { concurrency: 0 } }, "/reconcile/concurrency"],
  ["a rate of zero", { rateLimit: { requestsPerSecond: 0 } }, "/rateLimit/requestsPerSecond"],
  ["a burst too small", { rateLimit: { burst: 1 } }, "/rateLimit/burst"],
  ["days", { leaderElection: { leaseDuration: "1d" } }, "/leaderElection/leaseDuration"],
  ["an unknown level", { logLevel: "verbose" }, "/logLevel"],
  ["a list that is text", { rbac: { secretNames: "tokens" } }, "/rbac/secretNames"],
  // In a role no name means any.
  ["no Secret", { rbac: { secretNames: [] } }, "/rbac/secretNames"],
  ["a Secret whose name cannot be", { rbac: { secretNames: ["my_key"] } }, "/rbac/secretNames/0"],
  ["an account that cannot be", { serviceAccount: { name: "-a" } }, "/serviceAccount/name"],
  ["no Secret by a null, which no schema sees", { rbac: { secretNames: null } }, "rbac.secretNames is empty"],
  [
    "the account of all pods",
    { serviceAccount: { create: false } },
    "serviceAccount.create is false, but serviceAccount.name is not given",
  ],
  ["a port too high", { metrics: { service: { port: 70000 } } }, "/metrics/service/port"],
  ["an interval", { metrics: { serviceMonitor: { interval: "often" } } }, "/metrics/serviceMonitor/interval"],
  [
    "no way to the API server",
    { networkPolicy: { egress: { apiServer: { ports: [] } } } },
    "/networkPolicy/egress/apiServer/ports",
  ],
  [
    "a port by name",
    { networkPolicy: { egress: { paperspace: { ports: ["https"] } } } },
    "/networkPolicy/egress/paperspace/ports/0",
  ],
  [
    "a password of a proxy in clear",
    { proxy: { httpsProxy: "http://user:p%40ss@proxy:3128" } },
    "put them into a Secret, and name it in proxy.credentialsSecret",
  ],
  [
    "a password for no proxy",
    { proxy: { credentialsSecret: "proxy-user" } },
    "proxy.credentialsSecret is given, but neither proxy.httpProxy nor proxy.httpsProxy is",
  ],
  [
    "a password of a proxy in clear, by a variable",
    { extraEnv: [{ name: "https_proxy", value: "http://user:p%40ss@proxy:3128" }] },
    "extraEnv gives https_proxy a URL with a user or a password in clear",
  ],
  [
    "a password in clear beside a user from a Secret",
    { extraEnv: [{ name: "HTTP_PROXY", value: "http://$(PROXY_USER):p@ss@proxy:3128" }] },
    "extraEnv gives HTTP_PROXY a URL with a user or a password in clear",
  ],
  [
    "a password of a proxy in clear, in another container of the pod",
    { extraContainers: [{ name: "beside", env: [{ name: "ALL_PROXY", value: "socks5://u:p@proxy" }] }] },
    "extraContainers (beside) gives ALL_PROXY a URL with a user or a password in clear",
  ],
  [
    "an API key in clear",
    { initContainers: [{ name: "wait", env: [{ name: "PAPERSPACE_API_KEY", value: "k" }] }] },
    "initContainers (wait) gives PAPERSPACE_API_KEY a value in clear",
  ],
  [
    "unverified certificates, with which the operator does not start",
    { extraEnv: [{ name: "NODE_TLS_REJECT_UNAUTHORIZED", value: "0" }] },
    "extraEnv sets NODE_TLS_REJECT_UNAUTHORIZED to 0, with which the operator refuses to start",
  ],
  ["flags in one text", { extraArgs: "--log-level=debug" }, "/extraArgs"],
  ["variables as a map", { extraEnv: { A: "b" } }, "/extraEnv"],
  ["a user without a name", { admissionPolicy: { exemptUsers: [""] } }, "/admissionPolicy/exemptUsers/0"],
  [
    "a key for namespaces, but no key",
    { credentials: { namespaces: ["ml"] } },
    "credentials.namespaces is given, but credentials.existingSecret is not",
  ],
  [
    "two processes without an election",
    { replicaCount: 2, leaderElection: { enabled: false } },
    "replicaCount is more than 1, but leaderElection.enabled is false",
  ],
  [
    "both sources of a CA",
    { extraCA: { configMap: "a", secret: "b" } },
    "extraCA.configMap and extraCA.secret are both given",
  ],
  [
    "secure metrics without a certificate",
    { metrics: { secure: { enabled: true } } },
    "metrics.secure.enabled is true, but metrics.secure.tlsSecret is not given",
  ],
  [
    "a monitor of a Service that is not there",
    { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
    "metrics.serviceMonitor.enabled is true, but metrics.service.enabled is false",
  ],
  [
    "two monitors of the same pods",
    { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } },
    "every process would be scraped twice",
  ],
  [
    "an alert that does not exist",
    { metrics: { prometheusRule: { enabled: true, disabled: ["Down"] } } },
    "there is no alert Down; there are PaperspaceOperatorDown",
  ],
  ["an unknown policy", { crds: { defaultDeletionPolicy: "Keep" } }, "/crds/defaultDeletionPolicy"],
  ["a deadline without a unit", { deadlines: { create: "30" } }, "/deadlines/create"],
  ["a price list without its namespace", { priceList: "prices" }, "/priceList"],
];

describe.concurrent("a wrong value is refused by its name:", () => {
  test.each(WRONG)("%s", async (_, values, named) => {
    expect(await helm.refusal(values)).toContain(named);
  });
});

test("a refusal names the variable with a credential and never shows its value, since pipelines keep their logs", async () => {
  const env = [{ name: "HTTPS_PROXY", value: "http://user:s3cret@proxy:3128" }];
  expect(await helm.refusal({ extraEnv: env })).not.toContain("s3cret");
});

test("variables that take credentials from a Secret are not refused", async () => {
  const from = (key: string) => ({ valueFrom: { secretKeyRef: { name: "proxy", key } } });
  const env = [
    { name: "HTTP_PROXY", ...from("url") },
    { name: "U", ...from("user") },
    { name: "P", ...from("password") },
    { name: "HTTPS_PROXY", value: "http://$(U):$(P)@proxy:3128" },
    { name: "PAPERSPACE_API_KEY", ...from("key") },
    { name: "NODE_TLS_REJECT_UNAUTHORIZED", value: "1" },
  ];
  const extraContainers = [{ name: "beside", image: "registry.example.com/helper:1", env }];
  expect(await helm.template({ extraEnv: env, extraContainers })).toContain("$(U):$(P)@proxy");
});
