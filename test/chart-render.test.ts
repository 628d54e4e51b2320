/**
 * What the chart renders, for realistic sets of values: objects that the API server accepts, pods that the restricted
 * standard admits, flags that the operator has, and no right beyond its own.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { kubeconformArguments, writeSchemas } from "../dev/chart-tools/schemas.ts";
import { findChartTools } from "../dev/chart-tools/tools.ts";
import { kindsPartial, type ListedKind, withKindsAllowed } from "../dev/generate/kinds.ts";
import { assembleOperator } from "../src/app.ts";
import { systemClock } from "../src/base/clock.ts";
import { type Config, loadConfig } from "../src/base/config.ts";
import { createRegistry } from "../src/base/metrics.ts";
import { connect } from "../src/kube/connection.ts";
import { createSockets } from "../src/paperspace/wire.ts";
import { defined } from "../src/reconcile/schema.ts";
import { KINDS } from "../src/registry.ts";
import { EVERYTHING, VALUE_SETS } from "./support/chart-values.ts";
import {
  CHART,
  COMPILE_MS,
  Helm,
  objectsIn,
  only,
  REPOSITORY,
  type Rendered,
  type Values,
} from "./support/helm.ts";
import { TestEnv } from "./support/test-env.ts";

const NAMESPACE = "ns";
const CLUSTER_WIDE = [
  "CustomResourceDefinition",
  "ClusterRole",
  "ClusterRoleBinding",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
];
const SETS = Object.keys(VALUE_SETS);

let helm: Helm;
let kubeconform: string;
let schemas: string;
/** What helm printed for each set, and the objects in it. */
const texts: Record<string, string> = {};
const parsed: Record<string, Rendered[]> = {};

const objects = (set: string) => parsed[set] ?? [];
/** Without those that the values bring as they are. */
const ours = (set: string) => objects(set).filter(({ metadata }) => !metadata.name.startsWith("extra-"));
/** Without the CRDs, which are long. */
const render = async (values: Values, of = {}) =>
  objectsIn(await helm.template({ ...values, crds: { enabled: false } }, of));
const podOf = (all: readonly Rendered[]) => only(all, "Deployment").spec.template;

beforeAll(async () => {
  helm = await Helm.find();
  ({ kubeconform } = await findChartTools());
  schemas = mkdtempSync(join(tmpdir(), "schemas-"));
  await writeSchemas(schemas, inject("kubectl"), inject("kubeEnv"));
  for (const set of SETS) {
    const text = await helm.template(VALUE_SETS[set] ?? {});
    texts[set] = text;
    parsed[set] = objectsIn(text);
  }
}, COMPILE_MS);
afterAll(() => rmSync(schemas, { recursive: true, force: true }));

test("helm lint --strict finds nothing, with no value and with every one", async () => {
  for (const values of [{}, EVERYTHING]) {
    const output = await helm.run(["lint", "--strict", CHART, "--values=-"], values);
    expect(output).toContain("1 chart(s) linted, 0 chart(s) failed");
    expect(output).not.toMatch(/WARNING|ERROR/);
  }
});

describe.each(SETS)("with %s", (set) => {
  test("every object is one that the API server takes, without an unknown field", () => {
    const args = [...kubeconformArguments(schemas), "-output", "json", "-verbose"];
    const { stdout, stderr } = spawnSync(kubeconform, args, { input: texts[set], encoding: "utf8" });
    expect(stderr).toBe("");
    const verdicts: { kind: string; name: string; status: string; msg: string }[] =
      JSON.parse(stdout).resources;
    const complaints = verdicts.filter(({ status }) => status !== "statusValid" && status !== "statusEmpty");
    expect(complaints).toEqual([]);
    expect(verdicts.filter(({ status }) => status === "statusValid")).toHaveLength(objects(set).length);
  });

  test("the same values give the same bytes, and no hook", async () => {
    expect(await helm.template(VALUE_SETS[set] ?? {})).toBe(texts[set]);
    expect(texts[set]).not.toContain("helm.sh/hook");
  });

  test("every object has the common labels, and the namespace where it can have one", () => {
    const { commonAnnotations = {} } = VALUE_SETS[set] as Record<string, object>;
    const served = (VALUE_SETS[set]?.watchNamespaces ?? []) as string[];
    for (const { kind, metadata } of ours(set)) {
      const what = `${kind} ${metadata.name}`;
      expect(metadata.labels, what).toMatchObject({
        "app.kubernetes.io/name": set === "everything on" ? "machines" : "paperspace-operator",
        "app.kubernetes.io/instance": "r",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": expect.any(String),
        "helm.sh/chart": expect.stringMatching(/^paperspace-operator-\d/),
        ...(set === "everything on" && { team: "ml" }),
      });
      expect(metadata.annotations ?? {}, what).toMatchObject(commonAnnotations);
      if (CLUSTER_WIDE.includes(kind)) expect(metadata.namespace, what).toBeUndefined();
      else if (kind === "ServiceMonitor")
        expect([NAMESPACE, "monitoring"], what).toContain(metadata.namespace);
      else if (/-price-list$/.test(metadata.name)) expect(metadata.namespace, what).toBe("ops");
      else expect([NAMESPACE, ...served], what).toContain(metadata.namespace);
    }
  });

  test("no role lists or watches Secrets, and none has a wildcard", () => {
    for (const { metadata, rules } of objects(set).filter(({ kind }) => /^(Cluster)?Role$/.test(kind))) {
      for (const rule of rules as { apiGroups?: string[]; resources?: string[]; verbs: string[] }[]) {
        // What is no resource, such as /metrics, has neither groups nor resources.
        const { apiGroups = [], resources = [], verbs } = rule;
        expect([...apiGroups, ...resources, ...verbs], metadata.name).not.toContain("*");
        if (!resources.includes("secrets")) continue;
        expect(["get", "patch", "create", "delete"]).toEqual(expect.arrayContaining(verbs));
      }
    }
  });

  test("the operator has every flag and variable, so that no pod fails because of its own chart", () => {
    expect(configOf(objects(set))).toBeDefined();
  });

  test("the pod keeps to the restricted standard, rule by rule", () => {
    checkRestricted(podOf(objects(set)).spec);
  });

  test("the pods are found by labels that no upgrade changes", () => {
    const all = objects(set);
    const name = set === "everything on" ? "machines" : "paperspace-operator";
    const found = { "app.kubernetes.io/name": name, "app.kubernetes.io/instance": "r" };
    expect(only(all, "Deployment").spec.selector.matchLabels).toEqual(found);
    expect(podOf(all).metadata.labels).toMatchObject(found);
    for (const kind of ["Service", "PodDisruptionBudget", "NetworkPolicy"])
      for (const { spec } of all.filter((object) => object.kind === kind)) {
        const selector = spec.selector?.matchLabels ?? spec.selector ?? spec.podSelector.matchLabels;
        expect(selector).toEqual(found);
      }
  });
});

/** As the process would read it: flags and variables of the container, the key as if its Secret had one. */
function configOf(all: readonly Rendered[]): Config {
  const [{ args, env = [] }] = podOf(all).spec.containers;
  const variables: Record<string, string> = {};
  // As kubelet does: a variable may name those that stand before it.
  for (const { name, value = "x" } of env as { name: string; value?: string }[])
    variables[name] = value.replaceAll(/\$\((\w+)\)/g, (all, other) => variables[other] ?? all);
  const loaded = loadConfig(args, variables, "test");
  if (loaded.action !== "run") throw new Error(`it would only print: ${loaded.text}`);
  return loaded.config;
}

/** The Pod Security Standard "restricted" as its table has it, and a root file system that is read-only. */
function checkRestricted(spec: Rendered["spec"]): void {
  expect(spec).not.toMatchObject({ hostNetwork: true });
  expect(spec).not.toMatchObject({ hostPID: true });
  expect(spec).not.toMatchObject({ hostIPC: true });
  expect(spec.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(spec.securityContext.sysctls).toBeUndefined();
  const harmless = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"];
  for (const { name: _, ...volume } of spec.volumes ?? [])
    expect(harmless).toEqual(expect.arrayContaining(Object.keys(volume)));
  for (const { securityContext: own, ports = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    expect(own).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true });
    expect(own.capabilities).toEqual({ drop: ["ALL"] });
    expect(own.privileged).toBeUndefined();
    expect(own.runAsUser ?? spec.securityContext.runAsUser).toBeGreaterThan(0);
    for (const port of ports) expect(port.hostPort).toBeUndefined();
  }
}

test("a namespace that enforces the restricted standard admits the pod of every set", async () => {
  const testEnv = await TestEnv.open({ key: null });
  try {
    const level = "pod-security.kubernetes.io/enforce=restricted";
    await testEnv.kubectl(`label namespace ${testEnv.namespace} ${level}`);
    const pods = SETS.map((set, index) => {
      const { metadata, spec } = structuredClone(podOf(objects(set)));
      // Its account is the release's, which is not there.
      const here = { ...spec, serviceAccountName: "default" };
      return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: `pod-${index}` }, spec: here };
    });
    const list = (items: object[]) => ({ apiVersion: "v1", kind: "List", items });
    const output = await testEnv.kubectl("create --dry-run=server -f -", list(pods));
    expect(output.match(/created/g)).toHaveLength(SETS.length);
    // And it would refuse another.
    const [{ spec: bad }] = structuredClone(pods) as [(typeof pods)[0]];
    delete bad.containers[0].securityContext.allowPrivilegeEscalation;
    const refusal = await testEnv.refused(
      "create --dry-run=server -f -",
      list([{ ...pods[0], spec: bad, metadata: { name: "bad" } }]),
    );
    expect(refusal).toContain('violates PodSecurity "restricted:latest"');
  } finally {
    await testEnv.close();
  }
});

test("every value for the operator reaches it as intended", () => {
  expect(configOf(objects("everything on"))).toMatchObject({
    managementPolicy: "Observe",
    deletionProtection: true,
    priceList: "ops/prices",
    currency: "USD",
    usageRatePeriod: "hour",
    storageRatePeriod: "month",
    paperspaceApiKey: undefined,
    apiKeyFile: "/etc/paperspace-operator/api-key/apiKey",
    apiKeyNamespaces: ["*", "ml"],
    adoptWithOperatorKey: true,
    allowSharedReferences: true,
    requireCredentialsLabel: true,
    paperspaceApiUrl: "https://paperspace.example.com/v1",
    requestsPerSecond: 2.5,
    burst: 7,
    httpProxy: "http://x:x@proxy:3128/",
    httpsProxy: "http://x:x@proxy:3129/",
    noProxy: "10.0.0.0/8,.svc",
    watchNamespaces: ["ml", "research"],
    enabledKinds: KINDS.map(({ definition }) => definition.kind).sort(),
    concurrency: 3,
    resyncInterval: 5_400_000,
    slowRetry: 300_000,
    // By extraArgs, which come last.
    eventPollInterval: 5_000,
    createDeadline: 3_600_000,
    requestTimeout: 31_000,
    keyRecheck: 360_000,
    resendAfter: 31_000,
    absenceGrace: 180_000,
    sendWindow: 61_000,
    attemptSettle: 180_000,
    credentialRecheck: 31_000,
    startDeadline: 960_000,
    stopDeadline: 1_020_000,
    capacityDeadline: 1_920_000,
    resizeDeadline: 1_980_000,
    deleteDeadline: 2_040_000,
    leaderElect: true,
    leaderElectNamespace: NAMESPACE,
    leaderElectName: "r-machines",
    leaseDuration: 30_000,
    renewDeadline: 20_000,
    retryPeriod: 500,
    healthAddress: { host: "0.0.0.0", port: 8081 },
    metricsAddress: { host: "0.0.0.0", port: 8080 },
    metricsSecure: true,
    metricsCertDir: "/etc/paperspace-operator/metrics-tls",
    metricsTeamLabels: true,
    objectMetrics: true,
    logLevel: "debug",
  });
  expect(configOf(objects("scoped")).watchNamespaces).toEqual([NAMESPACE]);
  expect(configOf(objects("nothing given")).watchNamespaces).toEqual([]);
  expect(configOf(objects("one process without an election")).leaderElect).toBe(false);
});

test("the operator's own key is a file, of the key that the values name, and in no variable", () => {
  const { containers, volumes } = podOf(objects("everything on")).spec;
  const volume = volumes.find(({ name }: Rendered) => name === "api-key");
  expect(volume.secret).toEqual({
    secretName: "own-key",
    defaultMode: 0o440,
    items: [{ key: "key", path: "apiKey" }],
  });
  const [{ volumeMounts, env }] = containers;
  expect(volumeMounts).toContainEqual({
    name: "api-key",
    mountPath: "/etc/paperspace-operator/api-key",
    readOnly: true,
  });
  expect(JSON.stringify(env)).not.toMatch(/own-key|API_KEY/);
  expect(JSON.stringify(podOf(objects("nothing given")))).not.toContain("api-key");
});

interface Rule {
  ports: { port: number; protocol: string }[];
  to?: object[];
}

/** Port of a URL, which leaves out the one that is usual. */
const portOf = (url: string) => {
  const { port, protocol } = new URL(url);
  return Number(port || (protocol === "https:" ? 443 : 80));
};

test.each(SETS.filter((set) => JSON.stringify(VALUE_SETS[set]).includes('"networkPolicy":{"enabled":true')))(
  "the network policy lets through what the pod beside it connects to, and no other port: %s",
  (set) => {
    const { egress, policyTypes } = only(objects(set), "NetworkPolicy").spec as {
      egress: Rule[];
      policyTypes: string[];
    };
    const config = configOf(objects(set));
    expect(policyTypes).toEqual(["Ingress", "Egress"]);
    const proxies = [config.httpProxy, config.httpsProxy].flatMap((url) => (url ? [portOf(url)] : []));
    const allowed = egress.slice(1).map(({ ports }) => ports.map(({ port }) => port).toSorted());
    const [server = [], ...others] = allowed;
    expect(server).toContain(6443);
    expect(others).toEqual([
      [portOf(config.paperspaceApiUrl)],
      ...(proxies.length > 0 ? [[...new Set(proxies)].toSorted()] : []),
    ]);
  },
);

test("the API server, Paperspace and the proxy have peers of their own", () => {
  const { egress } = only(objects("everything on"), "NetworkPolicy").spec as { egress: Rule[] };
  const { apiServer, paperspace, proxy } = (EVERYTHING.networkPolicy as { egress: Record<string, Rule> })
    .egress;
  expect(egress.map(({ to }) => to)).toEqual([undefined, apiServer?.to, paperspace?.to, proxy?.to]);
});

test("secure metrics bring their certificate, the right to ask who scrapes, and a role for those who do", () => {
  const all = objects("metrics, alerts and dashboard");
  const { volumes, containers } = podOf(all).spec;
  const volume = volumes.find(({ name }: Rendered) => name === "metrics-tls");
  expect(volume.secret).toMatchObject({ secretName: "metrics-tls", defaultMode: 0o440 });
  expect(containers[0].volumeMounts).toContainEqual({
    name: "metrics-tls",
    mountPath: configOf(all).metricsCertDir,
    readOnly: true,
  });
  const named = (end: string) => all.find(({ metadata }) => metadata.name.endsWith(end));
  expect(named("-metrics-auth")?.roleRef.name).toBe("system:auth-delegator");
  expect(named("-metrics-reader")?.rules).toEqual([{ nonResourceURLs: ["/metrics"], verbs: ["get"] }]);
  expect(only(all, "ServiceMonitor").spec.endpoints[0]).toHaveProperty("bearerTokenFile");
  const plain = objects("nothing given");
  expect(configOf(plain)).toMatchObject({ metricsSecure: false, metricsTeamLabels: false });
  expect(JSON.stringify(plain)).not.toMatch(/auth-delegator|metrics-reader/);
});

test("user and password of a proxy come from a Secret alone", () => {
  const set = "a closed network, a proxy and a CA in a Secret";
  expect(configOf(objects(set)).httpsProxy).toBe("http://x:x@proxy.example.com:3128/");
  const [{ env }] = podOf(objects(set)).spec.containers;
  expect(env).toContainEqual({
    name: "PROXY_PASSWORD",
    valueFrom: { secretKeyRef: { name: "proxy-user", key: "password" } },
  });
});

test("the hardened example closes the network", () => {
  expect(objects("hardened").map(({ kind }) => kind)).toContain("NetworkPolicy");
});

test("the image is of the chart's version, of the tag, or of the digest, which wins", () => {
  const image = (set: string) => podOf(objects(set)).spec.containers[0].image;
  const { version } = JSON.parse(readFileSync(join(CHART, "..", "..", "package.json"), "utf8"));
  expect(image("nothing given")).toBe(`${REPOSITORY}:${version}`);
  // Of a mirror for all charts: its host takes the place of the registry's.
  expect(image("everything on")).toBe("mirror.example.com/all/tools/operator:1.2.3");
  expect(podOf(objects("everything on")).spec.imagePullSecrets).toEqual([
    { name: "mirror" },
    { name: "registry" },
  ]);
  expect(image("a digest in a private registry")).toMatch(/^registry\.example\.com:5000\/operator@sha256:/);
});

const MI = 1024 * 1024;

test.each([
  ["512Mi", 384],
  ["1Gi", 768],
  ["0.5Gi", 384],
  ["1.5Gi", 1152],
  ["262144Ki", 192],
  ["1G", 715],
  ["600M", 429],
  [String(512 * MI), 384],
  [512 * MI, 384],
  [undefined, undefined],
])("of a memory limit of %s the heap gets three quarters, %s MiB", async (memory, heap) => {
  const limits = memory === undefined ? { memory: null, cpu: 1 } : { memory };
  const [{ env = [] }] = podOf(await render({ resources: { limits } })).spec.containers;
  const value = heap === undefined ? undefined : `--max-old-space-size=${heap}`;
  expect((env as { name: string }[]).find(({ name }) => name === "NODE_OPTIONS")).toEqual(
    value && { name: "NODE_OPTIONS", value },
  );
});

test("a variable that the user gives stands once, because a server-side apply takes none twice", () => {
  const [{ env }] = podOf(objects("everything on")).spec.containers as [{ env: { name: string }[] }];
  const names = env.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  expect(env).toContainEqual({ name: "NODE_OPTIONS", value: "--max-old-space-size=1000" });
});

test("scoped, nothing is cluster-wide but CRDs and policies, and without those nothing at all", () => {
  const wide = (set: string) =>
    objects(set)
      .filter(({ kind }) => CLUSTER_WIDE.includes(kind))
      .map(({ kind }) => kind);
  const policies = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
  const expected = [
    ...KINDS.map(() => "CustomResourceDefinition"),
    ...Array.from({ length: 4 }, () => policies).flat(),
  ].sort();
  expect(wide("scoped").sort()).toEqual(expected);
  expect(wide("scoped to several namespaces").sort()).toEqual(expected);
  expect(wide("scoped, without CRDs and policies")).toEqual([]);
  const roles = (set: string) => objects(set).filter(({ kind }) => kind === "Role");
  expect(roles("scoped to several namespaces").map(({ metadata }) => metadata.namespace)).toEqual([
    "ml",
    "ml-2",
    "research",
    // The lease, and what is about the cluster.
    NAMESPACE,
    NAMESPACE,
  ]);
  const rules = (set: string) => JSON.stringify(roles(set).flatMap((role) => role.rules));
  expect(rules("scoped")).toContain(
    '"resources":["configmaps"],"resourceNames":["r-paperspace-operator-cluster"]',
  );
  expect(rules("scoped, with the id of the cluster")).not.toContain("-cluster");
});

test("the price list is the only thing that the operator may read where it is", () => {
  const roles = objects("everything on").filter(
    ({ kind, metadata }) => kind === "Role" && metadata.namespace === "ops",
  );
  expect(roles.map(({ rules }) => rules)).toEqual([
    [{ apiGroups: [""], resources: ["configmaps"], resourceNames: ["prices"], verbs: ["get"] }],
  ]);
});

test("the rights of a kind that is not served are not there", () => {
  const roles = (set: string) =>
    objects(set).filter(({ kind, metadata }) => /Role$/.test(kind) && !/-cluster$/.test(metadata.name));
  const rights = (set: string) => JSON.stringify(roles(set).flatMap(({ rules }) => rules ?? []));
  expect(rights("machines only")).not.toMatch(/paperspacedeployments|configmaps/);
  expect(rights("deployments only")).not.toMatch(/paperspacemachines|"delete"/);
  expect(rights("rights not by the chart")).toBe("[]");
});

test("which Secrets it may use: by name, but for an explicit value, and scoped those of the served namespaces", () => {
  const usable = (set: string) =>
    objects(set)
      .filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && !/view|edit/.test(metadata.name))
      .flatMap(({ kind, rules }) =>
        (rules as Record<string, string[]>[])
          .filter(({ resources }) => resources?.includes("secrets"))
          .map(({ verbs, resourceNames = ["any"] }) => `${kind}: ${verbs} ${resourceNames}`),
      );
  expect(usable("nothing given")).toEqual(["ClusterRole: get,patch paperspace-credentials"]);
  expect(usable("scoped")).toEqual(["Role: get,patch any"]);
  expect(usable("every Secret, and some written")).toEqual([
    "ClusterRole: get,patch any",
    "ClusterRole: create any",
    "ClusterRole: delete any",
  ]);
  expect(usable("few Secrets of the served namespaces")).toEqual([
    "Role: get,patch paperspace-credentials,tokens",
  ]);
});

test("an older cluster fails to render until the policies are switched off, and no Secret is written without them", async () => {
  const render = async (version: string, values: Values) => {
    const flags = ["template", "r", CHART, `--kube-version=${version}`, "--values=-"];
    const { code, err } = await helm.exec(flags, values);
    return code === 0 ? "rendered" : err;
  };
  const off = { admissionPolicy: { enabled: false } };
  expect(await render("1.30.0", {})).toBe("rendered");
  expect(await render("1.29.9", {})).toContain(
    "admissionPolicy.enabled is true, but Kubernetes v1.29.9 has no",
  );
  expect(await render("1.29.9", off)).toBe("rendered");
  expect(await render("1.29.9", { ...off, rbac: { desktopSecrets: true } })).toContain(
    "rbac.desktopSecrets is true, but Kubernetes v1.29.9",
  );
});

test("where it may write Secrets a policy binds it, whatever else is switched off", () => {
  for (const set of SETS) {
    const creates = objects(set).some(
      ({ kind, rules }) => /Role$/.test(kind) && /"secrets"\],"verbs":\["create/.test(JSON.stringify(rules)),
    );
    const policies = objects(set).filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
    if (creates)
      expect(
        policies.map(({ metadata }) => metadata.name),
        set,
      ).toContainEqual(expect.stringMatching(/-secrets$/));
  }
  expect(JSON.stringify(objects("every Secret, and some written"))).toContain('"verbs":["create"]');
});

test("a kind that is new in the registry has its rights without an edit of the chart", async () => {
  const [{ crd }] = KINDS;
  const scale = { specReplicasPath: ".spec.n", statusReplicasPath: ".status.n", labelSelectorPath: ".s" };
  const added: ListedKind = {
    definition: defined("PaperspaceGateway", "psgw", "gateway"),
    crd: { ...crd, scale },
    rights: { configMaps: "read" },
  };
  const chart = mkdtempSync(join(tmpdir(), "chart-"));
  try {
    cpSync(CHART, chart, { recursive: true });
    writeFileSync(join(chart, "templates", "_kinds.tpl"), kindsPartial([...KINDS, added]));
    const schema = join(chart, "values.schema.json");
    writeFileSync(schema, withKindsAllowed(readFileSync(schema, "utf8"), [...KINDS, added]));
    const all = await render({ enabledKinds: [added.definition.kind] }, { chart });
    const granted = all
      .filter(({ kind }) => kind === "ClusterRole")
      .flatMap(({ metadata: { name }, rules }) =>
        rules.map(
          ({ resources, verbs }: Rendered) =>
            `${/view|edit/.exec(name) ?? "operator"}: ${resources} ${verbs}`,
        ),
      );
    expect(granted).toEqual([
      "view: paperspacegateways,paperspacegateways/status,paperspacegateways/scale get,list,watch",
      "edit: paperspacegateways create,update,patch,delete,deletecollection",
      "edit: paperspacegateways/scale update,patch",
      "operator: paperspacegateways get,list,watch,patch",
      "operator: paperspacegateways/status patch",
      "operator: secrets get,patch",
      "operator: namespaces get",
      "operator: configmaps get",
      "operator: events create",
    ]);
  } finally {
    rmSync(chart, { recursive: true });
  }
});

test("CRDs are those of crds/, and stay when the release goes, unless that is switched off", () => {
  const crdsOf = (set: string) => objects(set).filter(({ kind }) => kind === "CustomResourceDefinition");
  const file = (name: string) => objectsIn(readFileSync(join(CHART, "..", "..", "crds", name), "utf8"))[0];
  for (const { metadata, ...crd } of crdsOf("nothing given")) {
    const { metadata: _, ...made } = file(`paperspace.com_${metadata.name.split(".")[0]}.yaml`) ?? {};
    expect(crd).toEqual(made);
    // Argo CD does not prune them either, nor delete them with its app.
    expect(metadata.annotations).toEqual({
      "helm.sh/resource-policy": "keep",
      "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    });
  }
  expect(crdsOf("nothing given")).toHaveLength(KINDS.length);
  expect(crdsOf("CRDs not kept").map(({ metadata }) => metadata.annotations)).toEqual(
    KINDS.map(() => undefined),
  );
  expect(crdsOf("CRDs not by the chart")).toEqual([]);
  for (const { spec } of crdsOf("orphans by default"))
    expect(spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.deletionPolicy.default).toBe(
      "Orphan",
    );
  expect(crdsOf("machines only").map(({ spec }) => spec.names.kind)).toEqual(["PaperspaceMachine"]);
  // Left out, one that is there would be deleted: nothing keeps it.
  expect(crdsOf("machines only, CRDs not kept")).toHaveLength(KINDS.length);
});

test("names and labels fit, however long those of the release are", async () => {
  const name = "r".repeat(53);
  const namespace = "n".repeat(63);
  const all = await render({ ...EVERYTHING, nameOverride: "", serviceAccount: {} }, { name, namespace });
  const longest = await render({ ...EVERYTHING, fullnameOverride: "f".repeat(63) }, { name, namespace });
  for (const { kind, metadata, spec } of [...all, ...longest]) {
    const labels = { ...metadata.labels, ...spec?.template?.metadata.labels };
    for (const value of Object.values(labels)) expect(String(value).length).toBeLessThanOrEqual(63);
    const most = kind === "Service" || kind === "Deployment" ? 63 : 253;
    expect(metadata.name.length, `${kind} ${metadata.name}`).toBeLessThanOrEqual(most);
    expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  }
  expect(configOf(all).leaderElectName).toHaveLength(63);
});

test("a name that YAML takes for a number, a boolean or a comment stays the name", async () => {
  const values = {
    ...EVERYTHING,
    nameOverride: "null",
    apiUrl: "https://paperspace.example.com/v1/ #a: b",
    watchNamespaces: ["1e3", "true"],
    rbac: { scoped: true },
    serviceAccount: { name: "0" },
    credentials: { existingSecret: "12" },
    extraCA: { secret: "13" },
    priorityClassName: "yes",
  };
  const all = await render(values, { name: "1e3", namespace: "123" });
  const strings = (value: unknown): unknown[] =>
    typeof value !== "object" || value === null
      ? []
      : Object.entries(value).flatMap(([key, of]) =>
          /^(name|namespace|secretName|serviceAccountName|priorityClassName|matchNames|resourceNames|matchLabels|labels|args)$/.test(
            key,
          ) && of !== undefined
            ? typeof of === "object" && of !== null
              ? Object.values(of)
              : [of]
            : strings(of),
        );
  for (const object of all)
    for (const value of strings(object)) expect(typeof value, `${object.kind}: ${value}`).toBe("string");
  expect(only(all, "Deployment").spec.template.spec.containers[0].args).toContain(
    "--paperspace-api-url=https://paperspace.example.com/v1/ #a: b",
  );
});

test("two releases share no cluster-wide object but the CRDs, however alike their long names begin", async () => {
  const namespace = "n".repeat(63);
  const releases = await Promise.all(["a", "b"].map((name) => render(EVERYTHING, { name, namespace })));
  const alike = [
    await render(EVERYTHING, { name: "a-b", namespace: "c" }),
    await render(EVERYTHING, { name: "b", namespace: "c-a" }),
  ];
  const names = [...releases, ...alike]
    .flat()
    .filter(({ kind }) => CLUSTER_WIDE.includes(kind))
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(names).toEqual([...new Set(names)]);
});

test("dashboard and alerts use metrics that the operator exports, and its own job", async () => {
  const all = objects("metrics, alerts and dashboard");
  const dashboard = JSON.parse(
    only(
      all.filter(({ metadata }) => metadata.name.endsWith("-dashboard")),
      "ConfigMap",
    ).data["paperspace-operator.json"],
  );
  expect(dashboard).toEqual(JSON.parse(readFileSync(join(CHART, "files", "dashboard.json"), "utf8")));
  const alerts = only(all, "PrometheusRule").spec.groups.flatMap(({ rules }: Rendered) => rules);
  const shown = expressionsIn(dashboard);
  const exported = await exportedMetrics(configOf(all));
  expect(shown.length).toBeGreaterThan(10);
  for (const expr of [...shown, ...alerts.slice(0, -1).map(({ expr }: Rendered) => expr)]) {
    const used = metricsIn(expr);
    expect(used, expr).not.toEqual([]);
    for (const name of used) expect(exported, expr).toContain(name);
  }
  const service = only(all, "Service").metadata.name;
  for (const { expr, alert } of alerts.slice(0, -1))
    expect(expr, alert).toContain(`job="${service}", namespace="${NAMESPACE}"`);
  expect(only(all, "ServiceMonitor").spec.endpoints[0].port).toBe(only(all, "Service").spec.ports[0].name);
});

test("each alert can be left out, and leads to a paragraph of the runbook that says what to do", () => {
  const { rules } = only(objects("metrics, alerts and dashboard"), "PrometheusRule").spec.groups[0];
  const alerts: Rendered[] = rules.slice(0, -1);
  const runbook = readFileSync(join(CHART, "..", "..", "docs", "runbook.md"), "utf8");
  expect(alerts.length).toBeGreaterThan(5);
  for (const { alert, annotations } of alerts) {
    expect(annotations.runbook_url).toBe(`https://docs.example.com/runbook#${alert.toLowerCase()}`);
    const [, paragraph = ""] = runbook.split(`\n## ${alert}\n`);
    expect(paragraph.split("\n## ")[0]?.trim().length, alert).toBeGreaterThan(200);
  }
  expect(JSON.stringify(alerts)).not.toContain("PaperspaceOperatorBlocked");
  expect(runbook).toContain("\n## PaperspaceOperatorBlocked\n");
});

test("the metrics of pods without a Service belong to the same job, so that the alerts find them", () => {
  const [endpoint] = only(objects("metrics of the pods"), "PodMonitor").spec.podMetricsEndpoints;
  expect(endpoint.relabelings).toEqual([
    { action: "replace", targetLabel: "job", replacement: "r-paperspace-operator-metrics" },
  ]);
  expect(endpoint.port).toBe(podOf(objects("metrics of the pods")).spec.containers[0].ports[0].name);
});

function expressionsIn(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "expr" && typeof value === "string" ? [value] : expressionsIn(value),
  );
}

/** Whatever stands before braces; `up` is Prometheus' own. */
function metricsIn(expr: string): string[] {
  const names = expr.replaceAll(/"[^"]*"/g, "").match(/[a-zA-Z_:][\w:]*(?=\{)/g) ?? [];
  return names.map((name) => (name === "up" ? "process_cpu_seconds_total" : name));
}

/** Names as Prometheus stores them, of an operator that is put together and does not run. */
async function exportedMetrics(config: Config): Promise<string[]> {
  const kubeconfig = inject("kubeconfig");
  const connection = await connect({ kubeconfig, clock: systemClock });
  const sockets = createSockets(config);
  const registry = createRegistry({ version: "test" });
  try {
    const parts = { config, clock: systemClock, logger: pino({ level: "silent" }) };
    assembleOperator(parts, { connection, sockets, registry });
    const metrics = await registry.getMetricsAsJSON();
    return metrics.flatMap(({ name, type }) =>
      String(type) === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
  } finally {
    await sockets.close();
    await connection.close();
  }
}
