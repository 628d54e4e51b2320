/**
 * A story in which an operator needs every right that it has: machines and deployments come, change and go, saves meet
 * conflicts, Secrets are held, written and read, and the leader changes.
 */
import { expect, vi } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { isNotFound } from "../../src/kube/errors.ts";
import { secrets } from "../../src/kube/resource.ts";
import type { ManagedObject } from "../../src/reconcile/kind.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import type { Daemon } from "./daemon.ts";
import { deployed, type Manifest, manifest } from "./manifest.ts";
import type { Place } from "./test-env.ts";

const GOOD_IMAGE = "nginx:1.27";
/** The simulator's cluster cannot apply it, and says so at once. */
const BAD_IMAGE = "acme/invalid-config:1";
const TAKES = { timeout: 60_000, interval: 50 };

export interface Stage {
  machines: Place;
  /** In the same namespace, over the same account. */
  deployments: Place<PaperspaceDeployment>;
  /** One more process of the release. */
  start(): Promise<Daemon>;
}

/** Leaves nothing of its own in the account; gives the operator that runs at the end. */
export async function useEveryRight(stage: Stage): Promise<Daemon> {
  const { machines, deployments } = stage;
  const first = await stage.start();
  await Promise.all([machineStory(machines), deploymentStory(deployments)]);
  const second = await handOver(stage, first);
  // Nothing needs the key any more.
  const credentials = await secrets(machines.kube).get(machines.namespace, "paperspace-credentials");
  expect(credentials.metadata.finalizers ?? []).not.toContain(FINALIZER);
  expect(machines.machines().filter(({ settings }) => settings.name.startsWith("box"))).toEqual([]);
  expect([...machines.deployments(), ...machines.sim.world.secrets.values()]).toEqual([]);
  return second;
}

async function machineStory(place: Place): Promise<void> {
  const { kube, namespace, sim } = place;
  const desktop = async (name: string) => (await optional(secrets(kube).get(namespace, name)))?.data;
  const box = manifest("box", {
    templateId: "tvimtol9",
    resizePolicy: "StopAndResize",
    desktopSecretRef: { name: "one" },
  });
  await createdThroughConflict(place, box, "/machines$");
  const { metadata } = await secrets(kube).get(namespace, "paperspace-credentials");
  expect(metadata.finalizers).toContain(FINALIZER);
  const first = await vi.waitFor(async () => {
    const data = await desktop("one");
    expect(data).toBeDefined();
    return data;
  }, TAKES);
  const id = place.get("box")?.status?.id ?? "";
  sim.console.renewDesktop(id);
  await lookedAtAnew(place, "box");
  await vi.waitFor(async () => expect((await desktop("one"))?.password).not.toBe(first?.password), TAKES);
  await place.edit("box", { spec: { desktopSecretRef: { name: "two" } } });
  await vi.waitFor(async () => {
    expect(await desktop("one")).toBeUndefined();
    expect(await desktop("two")).toBeDefined();
  }, TAKES);
  await place.edit("box", { spec: { desktopSecretRef: null } });
  await vi.waitFor(async () => expect(await desktop("two")).toBeUndefined(), TAKES);
  await place.ready("box");
  await place.edit("box", { spec: { machineType: "A5000" } });
  expect((await place.ready("box")).status?.machineType).toBe("A5000");
  await place.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } });
  await place.until("it is restarted", () => sim.calls.list().some(({ path }) => path.endsWith("/restart")));
  await place.ready("box");
  for (const reason of ["Created", "Available"]) await place.eventOf("box", "Normal", reason);
}

async function deploymentStory(place: Place<PaperspaceDeployment>): Promise<void> {
  const config = () => place.deployments()[0]?.specs.at(-1)?.data;
  await place.kubectl("create secret generic tokens --from-literal=hub=hf_123 --from-literal=door=k3y");
  await place.kubectl("create configmap settings --from-literal=level=high");
  const web = deployed("web", {
    rollback: "OnFailure",
    basicAuthSecretRef: { name: "tokens", key: "door" },
    env: [
      { name: "TOKEN", valueFrom: { secretKeyRef: { name: "tokens", key: "hub" } } },
      { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } },
    ],
  });
  await createdThroughConflict(place, web, "/deployments$");
  expect(config()?.env).toContainEqual({ name: "LEVEL", value: "high" });
  const before = config()?.env?.[0]?.value;
  await place.kubectl(`patch secret tokens --type=merge -p '{"stringData":{"hub":"hf_456"}}'`);
  await lookedAtAnew(place, "web");
  await place.until("the rotated value is sent", () => config()?.env?.[0]?.value !== before);
  await place.ready("web");
  await place.kubectl("scale psd/web --replicas=2");
  await place.until("it is scaled", () => config()?.resources.replicas === 2);
  await place.ready("web");
  await place.edit("web", { spec: { image: BAD_IMAGE } });
  await place.reason("web", "Stalled", "RolledBack");
  await place.until("the former image runs", () => config()?.image === GOOD_IMAGE);
  await place.edit("web", { spec: { image: "nginx:1.28" } });
  await place.ready("web");
  await place.eventOf("web", "Normal", "Created");
  await place.kubectl("delete psd web --timeout=60s");
}

/** A second process waits; when the first one stops, it goes on with the same machine. */
async function handOver({ machines: place, start }: Stage, first: Daemon): Promise<Daemon> {
  const { status } = await place.ready("box");
  const second = await start();
  expect(second.hasLed).toBe(false);
  expect(await first.stop()).toBe("exit code 0");
  await place.until("the second one leads", () => second.hasLed);
  await place.edit("box", { spec: { powerState: "Stopped" } });
  expect((await place.ready("box")).status).toMatchObject({ id: status?.id, state: "off" });
  await place.kubectl("delete psm box --timeout=60s");
  return second;
}

/**
 * Makes it while the answer to its create is held back, and changes it meanwhile: the record is saved on an object that
 * has to be read again. Where the host was so slow that the answer came first, once more with a longer wait.
 */
async function createdThroughConflict<T extends ManagedObject>(
  place: Place<T>,
  object: Manifest,
  path: string,
): Promise<void> {
  const { name } = object.metadata;
  for (let answerDelayMs = 700; ; answerDelayMs *= 4) {
    const fault = place.sim.faults.add({ match: { method: "POST", path }, do: { answerDelayMs } });
    await place.apply(object);
    await place.until("its create is announced", () => annotation(place.get(name), ANNOTATION.createPending));
    const meanwhile = { metadata: { labels: { touched: "meanwhile" } } };
    const edited = await place.objectsOf.mergePatch(place.namespace, name, meanwhile);
    await place.ready(name);
    place.sim.faults.remove(fault.id);
    if (!annotation(edited, ANNOTATION.record)) return;
    await place.kubectl(`delete ${place.objectsOf.type.plural} ${name} --timeout=60s`);
  }
}

/** As a user does who does not want to wait for the resync. */
function lookedAtAnew<T extends ManagedObject>(place: Place<T>, name: string): Promise<void> {
  return place.edit(name, { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "now" } } });
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
