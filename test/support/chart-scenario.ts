/**
 * A scenario in which an operator needs every right that it has: machines and deployments are created, changed and
 * deleted, saves meet conflicts, Secrets are held, written and read, and the leader changes.
 */
import { expect, vi } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { isNotFound } from "../../src/kube/errors.ts";
import { secrets } from "../../src/kube/resource.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import type { Daemon } from "./daemon.ts";
import { deployed, type Manifest, manifest } from "./manifest.ts";
import type { TestEnv } from "./test-env.ts";

const GOOD_IMAGE = "nginx:1.27";
/** The simulator's cluster cannot apply it, and reports that at once. */
const BAD_IMAGE = "acme/invalid-config:1";
const TAKES = { timeout: 60_000, interval: 50 };

export interface ChartTestEnv {
  machines: TestEnv;
  /** In the same namespace, over the same account. */
  deployments: TestEnv<PaperspaceDeployment>;
  /** One more process of the release. */
  start(): Promise<Daemon>;
}

/** Leaves nothing of its own in the account; gives the operator that runs at the end. */
export async function useEveryRight(env: ChartTestEnv): Promise<Daemon> {
  const { machines, deployments } = env;
  const first = await env.start();
  await Promise.all([machineScenario(machines), deploymentScenario(deployments)]);
  const second = await handOver(env, first);
  // Nothing needs the key any more.
  const credentials = await secrets(machines.kube).get(machines.namespace, "paperspace-credentials");
  expect(credentials.metadata.finalizers ?? []).not.toContain(FINALIZER);
  expect(machines.machines().filter(({ settings }) => settings.name.startsWith("box"))).toEqual([]);
  expect([...machines.deployments(), ...machines.sim.world.secrets.values()]).toEqual([]);
  return second;
}

async function machineScenario(testEnv: TestEnv): Promise<void> {
  const { kube, namespace, sim } = testEnv;
  const desktop = async (name: string) => (await optional(secrets(kube).get(namespace, name)))?.data;
  const box = manifest("box", {
    templateId: "tdesk22u",
    resizePolicy: "StopAndResize",
    desktopSecretRef: { name: "one" },
  });
  await createdThroughConflict(testEnv, box, "/machines$");
  const { metadata } = await secrets(kube).get(namespace, "paperspace-credentials");
  expect(metadata.finalizers).toContain(FINALIZER);
  const first = await vi.waitFor(async () => {
    const data = await desktop("one");
    expect(data).toBeDefined();
    return data;
  }, TAKES);
  const id = testEnv.get("box")?.status?.id ?? "";
  sim.console.renewDesktop(id);
  await testEnv.requestReconcile("box");
  await vi.waitFor(async () => expect((await desktop("one"))?.password).not.toBe(first?.password), TAKES);
  await testEnv.edit("box", { spec: { desktopSecretRef: { name: "two" } } });
  await vi.waitFor(async () => {
    expect(await desktop("one")).toBeUndefined();
    expect(await desktop("two")).toBeDefined();
  }, TAKES);
  await testEnv.edit("box", { spec: { desktopSecretRef: null } });
  await vi.waitFor(async () => expect(await desktop("two")).toBeUndefined(), TAKES);
  await testEnv.ready("box");
  await testEnv.edit("box", { spec: { machineType: "A5000" } });
  expect((await testEnv.ready("box")).status?.machineType).toBe("A5000");
  await testEnv.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } });
  await testEnv.until("it is restarted", () =>
    sim.calls.list().some(({ path }) => path.endsWith("/restart")),
  );
  await testEnv.ready("box");
  for (const reason of ["Created", "Available"]) await testEnv.eventOf("box", "Normal", reason);
}

async function deploymentScenario(testEnv: TestEnv<PaperspaceDeployment>): Promise<void> {
  const config = () => testEnv.deployments()[0]?.specs.at(-1)?.data;
  await testEnv.kubectl("create secret generic tokens --from-literal=hub=hf_123 --from-literal=door=k3y");
  await testEnv.kubectl("create configmap settings --from-literal=level=high");
  const web = deployed("web", {
    rollback: "OnFailure",
    basicAuthSecretRef: { name: "tokens", key: "door" },
    env: [
      { name: "TOKEN", valueFrom: { secretKeyRef: { name: "tokens", key: "hub" } } },
      { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } },
    ],
  });
  await createdThroughConflict(testEnv, web, "/deployments$");
  expect(config()?.env).toContainEqual({ name: "LEVEL", value: "high" });
  const before = config()?.env?.[0]?.value;
  await testEnv.kubectl(`patch secret tokens --type=merge -p '{"stringData":{"hub":"hf_456"}}'`);
  await testEnv.requestReconcile("web");
  await testEnv.until("the rotated value is sent", () => config()?.env?.[0]?.value !== before);
  await testEnv.ready("web");
  await testEnv.kubectl("scale psd/web --replicas=2");
  await testEnv.until("it is scaled", () => config()?.resources.replicas === 2);
  await testEnv.ready("web");
  await testEnv.edit("web", { spec: { image: BAD_IMAGE } });
  await testEnv.reason("web", "Stalled", "RolledBack");
  await testEnv.until("the former image runs", () => config()?.image === GOOD_IMAGE);
  await testEnv.edit("web", { spec: { image: "nginx:1.28" } });
  await testEnv.ready("web");
  await testEnv.eventOf("web", "Normal", "Created");
  await testEnv.delete("web");
}

/** A second process waits; when the first one stops, it goes on with the same machine. */
async function handOver({ machines: testEnv, start }: ChartTestEnv, first: Daemon): Promise<Daemon> {
  const { status } = await testEnv.ready("box");
  const second = await start();
  expect(second.hasLed).toBe(false);
  expect(await first.stop()).toBe("exit code 0");
  await testEnv.until("the second one leads", () => second.hasLed);
  await testEnv.edit("box", { spec: { powerState: "Stopped" } });
  expect((await testEnv.ready("box")).status).toMatchObject({ id: status?.id, state: "off" });
  await testEnv.delete("box");
  return second;
}

/**
 * Makes it while the answer to its create is held back, and changes it meanwhile: the record is saved on an object that
 * has to be read again. Where the host was so slow that the answer came first, once more with a longer wait.
 */
async function createdThroughConflict<T extends ManagedObject>(
  testEnv: TestEnv<T>,
  object: Manifest,
  path: string,
): Promise<void> {
  const { name } = object.metadata;
  for (let answerDelayMs = 700; ; answerDelayMs *= 4) {
    const fault = testEnv.sim.faults.add({ match: { method: "POST", path }, do: { answerDelayMs } });
    await testEnv.apply(object);
    await testEnv.until("its create is recorded as pending", () =>
      annotation(testEnv.get(name), ANNOTATION.createPending),
    );
    const meanwhile = { metadata: { labels: { touched: "meanwhile" } } };
    const edited = await testEnv.objectsOf.mergePatch(testEnv.namespace, name, meanwhile);
    await testEnv.ready(name);
    testEnv.sim.faults.remove(fault.id);
    if (!annotation(edited, ANNOTATION.record)) return;
    await testEnv.delete(name);
  }
}

function annotation(object: ManagedObject | undefined, name: string): string | undefined {
  return object?.metadata.annotations?.[name];
}

async function optional<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}
