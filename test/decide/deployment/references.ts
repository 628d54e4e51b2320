/** The references of objects over a cluster in memory, and what their tests need. */

import { References } from "../../../src/kinds/deployment/references.ts";
import type { DeploymentSpec, PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import { readErrorOf } from "../../../src/kinds/failure.ts";
import { MemoryBudget } from "../../../src/kinds/memory-budget.ts";
import { keyOf } from "../../../src/kube/objects.ts";
import { configMaps as configMapsOf, secrets as secretsOf } from "../../../src/kube/resource.ts";
import { FakeKube } from "../../support/fake-kube.ts";
import { quickHash } from "../../support/quick-hash.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { SPEC } from "./spec.ts";

export const KEY = "ns/web";
/** The operator's own API key. */
export const OPERATOR_KEY = "key-of-the-operator";
export const RESYNC_MS = 600_000;
export const RECHECK_MS = 30_000;
/** What is believed is read again a little before its time, so that a pass on time finds it new. */
export const DUE = 0.9;
/** A read that failed is not tried again sooner: the base of the back-off. */
export const BACK_OFF_MS = 1_000;

export function object(
  spec: Partial<DeploymentSpec>,
  { uid = "uid-1", namespace = "ns", name = "web" } = {},
): PaperspaceDeployment {
  return { metadata: { name, namespace, uid }, spec: { ...SPEC, ...spec } };
}

/** One variable TOKEN from this key. */
export function fromSecret(key = "token", name = "hub"): Partial<DeploymentSpec> {
  return { env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name, key } } }] };
}

export function fromConfigMap(key = "level", name = "settings"): Partial<DeploymentSpec> {
  return { env: [{ name: "LEVEL", valueFrom: { configMapKeyRef: { name, key } } }] };
}

export function base64(data: Record<string, string | Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
}

export function setUp({ characters = 1_000_000 } = {}) {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, namespace: "ns" });
  const secrets = secretsOf(kube);
  const configMaps = configMapsOf(kube);
  const queued: string[] = [];
  /** By UID: what the cluster holds. */
  const objects = new Map<string | undefined, PaperspaceDeployment>();
  const hashed: string[] = [];
  const make = () =>
    new References({
      secrets,
      configMaps,
      objects: () => [...objects.values()],
      isApiKey: async (value) => value === OPERATOR_KEY,
      isKeySecret: () => false,
      slowHash: (value, salt) => {
        hashed.push(value);
        return quickHash(value, salt);
      },
      budget: new MemoryBudget(characters),
      clock,
      resyncMs: RESYNC_MS,
      recheckMs: RECHECK_MS,
      enqueue: (key) => queued.push(key),
      readErrorOf: (error) => readErrorOf(error, { recheckMs: RECHECK_MS, slowMs: RESYNC_MS }),
    });
  const references = make();
  const secret = (data: Record<string, string | Uint8Array>, name = "hub", namespace = "ns") =>
    secrets.create(namespace, { metadata: { name, namespace }, data: base64(data) });
  const rotate = (data: Record<string, string>, name = "hub") =>
    secrets.mergePatch("ns", name, { data: base64(data) });
  const configMap = (more: { data?: Record<string, string>; binaryData?: Record<string, string> }) =>
    configMaps.create("ns", { metadata: { name: "settings", namespace: "ns" }, ...more });
  /** As a pass of an object does it. */
  const pass = (of: PaperspaceDeployment, by = references) => {
    objects.set(of.metadata.uid, of);
    const found = by.desired(of, "web");
    by.fetchStale(keyOf(of), of);
    return found;
  };
  /** What is missing is read, and the next pass has it. */
  const desired = async (of: PaperspaceDeployment, by = references) => {
    pass(of, by);
    await clock.settle();
    return pass(of, by);
  };
  /** The configuration, which must be complete. */
  const resolved = async (of: PaperspaceDeployment, by = references) => {
    const found = await desired(of, by);
    if (found.state !== "known") throw new Error(`it is ${JSON.stringify(found)}`);
    return found;
  };
  const reads = () => kube.calls.filter(({ method }) => method === "GET").map(({ path }) => path);
  return {
    clock,
    kube,
    secrets,
    configMaps,
    queued,
    objects,
    hashed,
    make,
    references,
    secret,
    rotate,
    configMap,
    pass,
    desired,
    resolved,
    reads,
  };
}
