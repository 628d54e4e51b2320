/**
 * The chart in a cluster, by helm itself: install, upgrade, rollback, uninstall; the operator with the rights that the
 * chart gives it and no other; and that none of these rights is one that it does not need.
 *
 * The tests are one scenario, so they run in their order, on a control plane that nothing else uses. Its API server
 * streams no lists, as those of Kubernetes 1.30 do not: only there the operator needs the right to list.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parse, stringify } from "yaml";
import { type ControlPlane, startControlPlane } from "../dev/control-plane/control-plane.ts";
import type { Simulator } from "../dev/simulator/simulator.ts";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import type { PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import { compareVersions } from "../src/kube/objects.ts";
import { useEveryRight } from "./support/chart-scenario.ts";
import { checkConformance, deploymentTestEnv, TestEnv } from "./support/cluster.ts";
import { ALL_KINDS, CRD_NAMES } from "./support/crds.ts";
import type { Daemon } from "./support/daemon.ts";
import { CHART, COMPILE_MS, Helm, type Values } from "./support/helm.ts";
import { deployed, manifest } from "./support/manifest.ts";
import { QUICK, Release } from "./support/release.ts";
import { compared, rightsOf, usesOf } from "./support/rights.ts";
import { newSimulator } from "./support/simulator.ts";

const CRDS = CRD_NAMES.join(" ");
/** A user's edit of the operator's record. */
const FORGERY = `patch psm kept --type=merge -p '{"metadata":{"annotations":{"paperspace.com/record":"{}"}}}'`;
const TAKES = { timeout: 60_000, interval: 100 };

let plane: ControlPlane;
let helm: Helm;
let sim: Simulator;
/** The release that most of the scenario is about. */
let release: Release;
/** The namespace of the machine that outlives everything. */
let home: TestEnv;
/** All that is to be closed, and that can report about a failure. */
const testEnvs: TestEnv<PaperspaceDeployment>[] = [];
let daemon: Daemon | undefined;

const news = () => {
  for (const testEnv of testEnvs) testEnv.news();
};
const releaseOf = (name: string, namespace: string) => new Release({ helm, plane, name, namespace });
/** The values of every release here. */
const values = (more: Values = {}): Values => ({ ...QUICK, apiUrl: sim.url, ...more });
const OWN_KEY = { credentials: { existingSecret: "own-key", namespaces: ["keyless"] } };
/** All that it can be allowed. Which Secrets it uses by their names is the last test's matter. */
const RIGHTS = { allSecrets: true, desktopSecrets: true };
const clusterWide = () =>
  values({ ...OWN_KEY, rbac: RIGHTS, admissionPolicy: { enabled: true, exemptUsers: ["backup"] } });

async function opened(namespace?: string): Promise<TestEnv> {
  const testEnv = await TestEnv.open({ cluster: plane, sim, ...(namespace ? { namespace, key: null } : {}) });
  testEnvs.push(testEnv as unknown as TestEnv<PaperspaceDeployment>);
  return testEnv;
}

async function openedForDeployments(namespace: string): Promise<TestEnv<PaperspaceDeployment>> {
  const testEnv = await deploymentTestEnv({ cluster: plane, sim, namespace, key: null });
  testEnvs.push(testEnv);
  return testEnv;
}

async function started(of: Release): Promise<Daemon> {
  const one = await of.daemon(news);
  testEnvs[0]?.daemons.push(one);
  return one;
}

/** A kubectl of another user. */
async function as(user: string): Promise<string> {
  return `--kubeconfig=${await plane.kubeconfigFor(user)} --namespace=${home.namespace}`;
}

/** Calls that changed something, from this one on. */
function writes(since: number) {
  return sim.calls.list({ since }).filter(({ method }) => method !== "GET");
}

const lastCall = () => sim.calls.list().at(-1)?.seq ?? 0;

/**
 * All rights that the release grants are used, but for those that only a rare event needs; no other is tried, and nothing
 * was forbidden.
 */
async function expectExactRights({ user }: Release, rare: readonly string[] = []): Promise<void> {
  const { table, ...differences } = compared(await rightsOf(plane, user), usesOf(plane, user));
  console.log(`rights of ${user}, and how often they were used:\n${table}`);
  expect(differences).toEqual({ unused: rare, notGranted: [], forbidden: [] });
}

beforeAll(async () => {
  [plane, sim] = await Promise.all([
    startControlPlane({ audit: true, apiServerFlags: ["--feature-gates=WatchList=false"] }),
    newSimulator({}, news),
  ]);
  helm = await Helm.find(plane.env);
  release = releaseOf("ps", "paperspace-system");
}, COMPILE_MS);
beforeEach(({ onTestFailed }) =>
  onTestFailed(() => console.log(testEnvs.map((one) => one.report()).join("\n"))),
);
afterAll(async () => {
  for (const testEnv of testEnvs) await testEnv.close();
  await sim.stop();
  await plane.stop();
});

test("objects stored under the previous chart stay valid through an upgrade, and keep their machines", async () => {
  const previous = previousChart();
  try {
    await release.install(values({ enabledKinds: ["PaperspaceMachine"] }), { chart: previous });
  } finally {
    rmSync(previous, { recursive: true });
  }
  home = await opened();
  await home.kubectl(
    `-n ${release.namespace} create secret generic own-key --from-literal=apiKey=${DEMO_KEY}`,
  );
  const objects = [manifest("kept"), manifest("resting", { powerState: "Stopped" })];
  daemon = await started(release);
  // By kubectl, which compares what is applied again with what it has noted in an annotation.
  const applied = objects.map((object) => stringify(object)).join("---\n");
  await home.kubectl("apply -f -", applied);
  const before = await Promise.all([home.ready("kept"), home.ready("resting")]);
  await daemon.stop();
  const stored = () =>
    Promise.all(objects.map(({ metadata }) => home.objectsOf.get(home.namespace, metadata.name)));
  const asStored = await stored();

  const since = lastCall();
  await release.upgrade(clusterWide());
  await home.kubectl(`wait --for=condition=Established ${CRDS}`);
  await vi.waitFor(() => home.kubectl("get psd"), TAKES);
  // The resource version among it, so that nothing wrote to them.
  expect(await stored()).toMatchObject(asStored);
  const again = await home.kubectl("apply -f -", applied);
  expect(again).toMatch(/^(.* unchanged\n){2}$/);
  daemon = await started(release);
  // It has taken both over once it carries out a change of each.
  await home.edit("kept", { spec: { powerState: "Stopped" } });
  await home.edit("resting", { spec: { powerState: "Running" } });
  const after = await Promise.all([home.ready("kept"), home.ready("resting")]);
  expect(after.map(({ status }) => status?.id)).toEqual(before.map(({ status }) => status?.id));
  expect(
    writes(since)
      .map(({ method, path }) => `${method} ${path.split("/").at(-1)}`)
      .toSorted(),
  ).toEqual(["PATCH start", "PATCH stop"]);
  expect(home.everMade()).toHaveLength(2);
  await home.kubectl("delete psm resting --timeout=60s");
  expect(home.machines().map(({ id }) => id)).toEqual([after[0].status?.id]);
  await daemon.stop();
});

test("an upgrade applies its values, a rollback reverts them, and no CRD is deleted on either way", async () => {
  const argsOf = async () => (await release.deployment()).spec.template.spec.containers[0].args as string[];
  const before = await argsOf();
  const { metadata } = await home.objectsOf.get(home.namespace, "kept");
  await release.upgrade({
    ...clusterWide(),
    logLevel: "warn",
    crds: { enabled: false },
    enabledKinds: ["PaperspaceMachine"],
  });
  const changed = await argsOf();
  expect(changed).toContain("--log-level=warn");
  expect(changed).toContain("--enabled-kinds=PaperspaceMachine");
  const rules = async () => JSON.stringify(await rightsOf(plane, release.user));
  expect(await rules()).not.toContain("paperspacedeployments");
  // Of a kind that is not served any more: left out of the release, it would be deleted.
  await release.upgrade({ ...clusterWide(), enabledKinds: ["PaperspaceMachine"] });
  expect(await release.helm(["get", "manifest", release.name])).toContain(
    "name: paperspacedeployments.paperspace.com",
  );
  await release.helm(["rollback", release.name, "2"]);
  expect(await argsOf()).toEqual(before);
  expect(await rules()).toContain("paperspacedeployments");
  expect((await home.objectsOf.get(home.namespace, "kept")).metadata).toEqual(metadata);
});

test("in the whole cluster the operator needs each right that it has, and no other", async () => {
  await home.kubectl("create namespace keyless");
  const machines = await opened();
  const deployments = await openedForDeployments(machines.namespace);
  const keyless = await opened("keyless");
  daemon = await useEveryRight({ machines, deployments, start: () => started(release) });
  // With the operator's own key, which comes from the release.
  await keyless.apply(manifest("spare"));
  await keyless.ready("spare");
  await keyless.kubectl("delete psm spare --timeout=60s");
  await expectExactRights(release);
});

test("a user who may view or edit a namespace may do the same with our kinds", async () => {
  const viewer = await as("bob");
  const editor = await as("alice");
  await home.kubectl("create rolebinding bob --clusterrole=view --user=bob");
  await home.kubectl("create rolebinding alice --clusterrole=edit --user=alice");
  const web = deployed("idle", {}, { annotations: { "paperspace.com/paused": "true" } });
  await vi.waitFor(() => home.kubectl(`${editor} create -f -`, web), TAKES);
  await home.kubectl(`${editor} scale psd/idle --replicas=2`);
  for (const [verb, input] of [
    ["create", manifest("new")],
    ["replace", web],
  ] as const) {
    expect(await home.refused(`${viewer} ${verb} -f -`, input)).toContain("forbidden");
    await home.kubectl(`${editor} ${verb} --dry-run=server -f -`, input);
  }
  expect(await home.refused(`${viewer} scale psd/idle --replicas=1`)).toContain("forbidden");
  expect(await home.kubectl(`${viewer} get ${ALL_KINDS} -o name`)).toContain(
    "paperspacedeployment.paperspace.com/idle",
  );
  expect(
    JSON.parse(await home.kubectl(`${viewer} get psd idle --subresource=scale -o json`)).spec.replicas,
  ).toBe(2);
  await home.kubectl(`${editor} delete psd idle --timeout=60s`);
});

test("with the admission policy only the operator writes its record, and exempt users", async () => {
  const editor = await as("alice");
  const refusal = (annotation: string) =>
    home.refused(`${editor} annotate psm kept --overwrite paperspace.com/${annotation}={}`);
  for (const annotation of ["record", "create-pending"]) {
    expect(await refusal(annotation)).toContain(
      `the annotation paperspace.com/${annotation} is the operator's memory: only ${release.user} may write it`,
    );
  }
  await home.kubectl(`${editor} label psm kept colour=blue`);
  // As kubectl replace does; what comes back is written by the operator.
  const record = () => home.get("kept")?.metadata.annotations?.["paperspace.com/record"];
  const before = record();
  const taken = await home.kubectl(
    `${editor} annotate psm kept paperspace.com/record- -o jsonpath={.metadata.resourceVersion}`,
  );
  await home.until("it is put back", () => {
    return compareVersions(home.get("kept")?.metadata.resourceVersion, taken) > 0 && record() === before;
  });
  await home.kubectl("create rolebinding backup --clusterrole=edit --user=backup");
  const exempt = await as("backup");
  await vi.waitFor(() => home.kubectl(`${exempt} ${FORGERY} --dry-run=server`), TAKES);
  expect(await home.refused(`${editor} ${FORGERY} --dry-run=server`)).toContain("is the operator's memory");
});

test("uninstalled, it leaves CRDs and objects, and an installation of the same name serves them again", async () => {
  await daemon?.stop();
  await release.helm(["uninstall", release.name]);
  expect(await home.refused(`get deployment -n ${release.namespace} ${release.fullname}`)).toContain(
    "NotFound",
  );
  expect(await rightsOf(plane, release.user)).toEqual([]);
  await home.kubectl(`get ${CRDS}`);
  const { status } = await home.objectsOf.get(home.namespace, "kept");
  await release.install(clusterWide());
  daemon = await started(release);
  await home.edit("kept", { spec: { powerState: "Running" } });
  expect((await home.ready("kept")).status?.id).toBe(status?.id);
  await daemon.stop();
  await release.helm(["uninstall", release.name]);
});

test("scoped, and of another name, it needs each right that it has, in its namespace only", async () => {
  const scoped = releaseOf("team", "team-system");
  const machines = await opened();
  const deployments = await openedForDeployments(machines.namespace);
  const given = values({ rbac: { ...RIGHTS, scoped: true }, watchNamespaces: [machines.namespace] });
  const refusal = await scoped.refused(given);
  expect(refusal).toContain("invalid ownership metadata");
  expect(refusal).toContain('key "meta.helm.sh/release-name" must equal "team": current value is "ps"');
  await scoped.install(given, { flags: ["--take-ownership"] });
  daemon = await useEveryRight({ machines, deployments, start: () => started(scoped) });
  // To report what no object owns any more.
  await expectExactRights(scoped, ["create events.events.k8s.io in team-system"]);
  await daemon.stop();
  await scoped.helm(["uninstall", scoped.name]);
});

test("narrowed to some Secrets, the others are reported as forbidden, and all else works", async () => {
  const narrow = releaseOf("narrow", "narrow-system");
  const machines = await opened();
  const deployments = await openedForDeployments(machines.namespace);
  await narrow.install(
    values({
      crds: { enabled: false },
      watchNamespaces: [machines.namespace],
      rbac: {
        scoped: true,
        allSecrets: false,
        secretNames: ["paperspace-credentials", "listed", "screen"],
      },
    }),
  );
  daemon = await started(narrow);
  for (const name of ["listed", "other"])
    await machines.kubectl(`create secret generic ${name} --from-literal=token=hf_123`);
  const using = (name: string) =>
    deployed(name, { env: [{ name: "A", valueFrom: { secretKeyRef: { name, key: "token" } } }] });
  const showing = (name: string) => ({ templateId: "tdesk22u", desktopSecretRef: { name } });
  await machines.apply(
    manifest("unwritten", showing("screen")),
    manifest("unread", showing("other")),
    manifest("keyed", { credentialsSecretRef: { name: "other", key: "token" } }),
    using("listed"),
    using("other"),
  );
  await deployments.ready("listed");
  const desktop = async (name: string) =>
    (await machines.reason(name, "Stalled", "DesktopSecretForbidden")).message;
  expect(await desktop("unread")).toContain("has to list the name in rbac.secretNames");
  const keyed = await machines.reason("keyed", "Stalled", "CredentialsInvalid");
  expect(keyed.message).toMatch(
    /^the Secret with the API key cannot be read: .*the Secret other: .*rbac.secretNames/,
  );
  const unread = await deployments.until("it is reported", () => {
    const condition = deployments.condition("other", "Ready");
    return condition?.message.includes("cannot be read") && condition;
  });
  expect(unread.message).toMatch(/^env\.A: the Secret other cannot be read: .*rbac.secretNames/);
  await machines.edit("unread", { spec: { powerState: "Stopped", desktopSecretRef: null } });
  expect((await machines.ready("unread")).status?.state).toBe("off");
  expect(await desktop("unwritten")).toContain("has to set rbac.desktopSecrets");
  await machines.kubectl(`delete ${ALL_KINDS} --all --timeout=60s`);
  await daemon.stop();
  await narrow.helm(["uninstall", narrow.name]);
});

test("with crds.keep=false the CRDs go with the release, and an operator can still end what waits", async () => {
  await release.install({ ...clusterWide(), crds: { keep: false } }, { flags: ["--take-ownership"] });
  await release.helm(["uninstall", release.name]);
  // The object waits for an operator, and the CRD for the object.
  await home.until("it is to go", () => home.get("kept")?.metadata.deletionTimestamp);
  expect(home.machines()).toHaveLength(1);
  // The other CRD is deleted already, because it had no object: a process that serves it would never be ready.
  const served = { enabledKinds: ["PaperspaceMachine"], crds: { enabled: false } };
  await release.install({ ...clusterWide(), ...served });
  daemon = await started(release);
  await home.until("its machine is gone", () => home.machines().length === 0);
  await home.kubectl(`wait --for=delete ${CRDS} --timeout=60s`);
  await daemon.stop();
});

checkConformance();

/** The chart of an earlier version: its CRDs had but one kind, in an earlier form. */
function previousChart(): string {
  const dir = mkdtempSync(join(tmpdir(), "previous-chart-"));
  cpSync(CHART, dir, { recursive: true });
  const about = join(dir, "Chart.yaml");
  writeFileSync(about, stringify({ ...parse(readFileSync(about, "utf8")), version: "0.0.9" }));
  const crds = join(dir, "files", "crds");
  for (const file of readdirSync(crds)) rmSync(join(crds, file));
  cpSync(join(import.meta.dirname, "support", "previous-machine-crd.yaml"), join(crds, "machines.yaml"));
  return dir;
}
