/** What tests of deployments need beside a world: short names for what is read from it, and actions of users. */
import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import type { DeploymentSpec, PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { SECRETS } from "../../src/kube/resource.ts";
import type { FakeKube, FakeType } from "./fake-kube.ts";
import { calls, onlyDeployment, running } from "./scenario-world.ts";
import { DEPLOYMENTS, NAMESPACE, type VirtualWorld, type WorldOptions } from "./virtual-world.ts";

export const PROJECT = "p-alpha";
export const MINUTE = 60_000;
/** An image that no instance comes up with (see the simulator's fates). */
export const BAD_IMAGE = "ghcr.io/acme/does-not-exist:2";

const plain = { namespaced: true, status: false, generation: false };
const SECRET: FakeType = { ...SECRETS, ...plain };
const CONFIG_MAP: FakeType = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", ...plain };

export const upserts = (world: VirtualWorld) => calls(world, "POST", /\/deployments$/);
export const deletes = (world: VirtualWorld) => calls(world, "DELETE", /\/deployments\//);
export const condition = (world: VirtualWorld, type = "Ready", name = "web") =>
  world.deployments.condition(name, type);
export const reason = (world: VirtualWorld, type = "Ready", name = "web") =>
  condition(world, type, name)?.reason;
export const message = (world: VirtualWorld, type = "Ready", name = "web") =>
  condition(world, type, name)?.message ?? "";
export const status = (world: VirtualWorld, name = "web") => world.deployments.get(name)?.status;
export const uidOf = (world: VirtualWorld, name = "web", kube = world.kube, namespace = NAMESPACE) =>
  world.deployments.get(name, kube, namespace)?.metadata.uid ?? "";

/** As `kubectl edit` of the spec; null takes a field out. */
export const edit = (world: VirtualWorld, spec: object, name = "web") =>
  world.deployments.edit(name, { spec });
export const annotate = (world: VirtualWorld, annotations: Record<string, string | null>, name = "web") =>
  world.deployments.edit(name, { metadata: { annotations } });

/** A world with one Ready deployment of one object, and the calls so far cleared. */
export async function ready(
  more: Partial<DeploymentSpec> = {},
  flags: string[] = [],
  options: WorldOptions = {},
): Promise<VirtualWorld> {
  const world = running(flags, options);
  world.deployments.apply("web", more);
  await world.deployments.ready("web");
  world.sim.calls.clear();
  return world;
}

/** The newest configuration of the only deployment, as the simulator stores it. */
export const stored = (world: VirtualWorld) => onlyDeployment(world).specs.at(-1)?.data;

/** Makes or replaces a Secret of users. */
export function keep(
  world: VirtualWorld,
  name: string,
  values: Record<string, string>,
  kube: FakeKube = world.kube,
  namespace = NAMESPACE,
): void {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  put(kube, SECRET, namespace, name, { data });
}

export function configMap(
  world: VirtualWorld,
  name: string,
  data: Record<string, string>,
  namespace = NAMESPACE,
): void {
  put(world.kube, CONFIG_MAP, namespace, name, { data });
}

export function drop(
  world: VirtualWorld,
  name: string,
  source: "Secret" | "ConfigMap" = "Secret",
  namespace = NAMESPACE,
): void {
  world.kube.storage.delete(source === "Secret" ? SECRET : CONFIG_MAP, namespace, name);
}

function put(kube: FakeKube, of: FakeType, namespace: string, name: string, content: object): void {
  const there = kube.storage.find(of, namespace, name);
  if (there) kube.storage.patch(of, namespace, name, content as never);
  else kube.storage.create(of, namespace, { metadata: { name, namespace }, ...content } as never);
}

/** Names of the secrets that the project has. */
export const projectSecrets = (world: VirtualWorld, projectId = PROJECT) =>
  [...world.sim.world.secrets.values()]
    .filter((secret) => secret.projectId === projectId)
    .map(({ name }) => name);

/** Calls `seen` with each request right before it takes effect. */
export function before(world: VirtualWorld, seen: (request: SimRequest) => void): void {
  const sim = world.sim as { handle: Simulation["handle"] };
  const handle = sim.handle;
  sim.handle = (request, signal) => {
    seen(request);
    return handle(request, signal);
  };
}

/** From now on answers to reads of this path are changed so. */
export function showing(world: VirtualWorld, path: RegExp, changed: (json: never) => unknown): void {
  const sim = world.sim as { handle: Simulation["handle"] };
  const handle = sim.handle;
  sim.handle = async (request, signal) => {
    const answer = await handle(request, signal);
    if (request.method !== "GET" || answer.status !== 200 || !path.test(request.path.split("?")[0] ?? ""))
      return answer;
    const body = JSON.stringify(changed(JSON.parse(String(answer.body)) as never));
    return { ...answer, body, json: JSON.parse(body) };
  };
}

/** Does it once, right before the first request of this kind. */
export function beforeFirst(world: VirtualWorld, method: string, path: RegExp, what: () => void): void {
  let done = false;
  before(world, (request) => {
    if (done || request.method !== method || !path.test(request.path.split("?")[0] ?? "")) return;
    done = true;
    what();
  });
}

/** Whether an object reports Ready for its present spec. */
export function isReady(object: PaperspaceDeployment | undefined): boolean {
  const found = object?.status?.conditions?.find(({ type }) => type === "Ready");
  return found?.status === "True" && found.observedGeneration === object?.metadata.generation;
}

/** Objects of all namespaces of a cluster. */
export const allObjects = (kube: FakeKube) => kube.storage.list(DEPLOYMENTS) as PaperspaceDeployment[];

/** Ids that objects report to own, in the order of the objects. */
export const owned = (...kubes: FakeKube[]) =>
  kubes.flatMap(allObjects).flatMap(({ status: reported }) => reported?.id ?? []);
