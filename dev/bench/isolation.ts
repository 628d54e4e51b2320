/**
 * `npm run bench -- isolation`: how long one namespace waits for its machine beside others that cost what they can. Each
 * neighbour has a control plane and an operator of its own, with the throttle at its defaults; only the simulator is fast.
 */
import pino from "pino";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource, type Secret, secrets } from "../../src/kube/resource.ts";
import { DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import { type DemoEnv, startDemoEnv } from "../demo/demo-env.ts";
import { isReady } from "../demo/tables.ts";
import { figure, median, quiet, seconds, title } from "./figures.ts";

export interface IsolationOptions {
  speed: number;
  /** Machines that are made one after the other beside each neighbour. */
  runs: number;
}

/** The namespace that is measured, with a key of a team of its own unless its neighbour shares it. */
const NAMESPACE = "measured";
const KEY = "sim-key-beta";
const OTHER_KEY = "sim-key-alpha";
const OTHER_TEAM = "te-alpha";
/** For so long the neighbours have the operator to themselves. */
const HEAD_START_MS = 10_000;
const POLL_MS = 50;
/** Requests of this program to the API server at once. */
const AT_ONCE = 16;
const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

/** What a neighbour makes things with. */
interface Cluster {
  env: DemoEnv;
  machines: Resource<PaperspaceMachine>;
  secrets: Resource<Secret>;
  /** Makes a namespace with this key. */
  namespace(name: string, key: string): Promise<void>;
}

type Neighbour = (cluster: Cluster) => Promise<void>;

const NEIGHBOURS: Readonly<Record<string, Neighbour>> = {
  nothing: async () => {},
  "1,000 hopeless objects of its team": async ({ machines, namespace }) => {
    await namespace("hopeless", KEY);
    await all(1_000, (n) =>
      machines.create("hopeless", manifest(`box-${n}`, { adoptId: `psnone${String(n).padStart(4, "0")}` })),
    );
  },
  "a team that answers 429": async ({ env, machines, namespace }) => {
    env.simulator.faults.add({ match: { team: OTHER_TEAM, times: "always" }, do: { status: 429 } });
    await namespace("limited", OTHER_KEY);
    await all(100, (n) => machines.create("limited", manifest(`box-${n}`)));
  },
  "400 rubbish keys": async ({ machines, secrets: resource, namespace }) => {
    await namespace("rubbish", "rubbish");
    await all(400, async (n) => {
      await resource.create("rubbish", secretOf(`key-${n}`, `rubbish-${n}`));
      await machines.create(
        "rubbish",
        manifest(`box-${n}`, { credentialsSecretRef: { name: `key-${n}`, key: "apiKey" } }),
      );
    });
  },
  "50 MB of Secrets": async ({ machines, secrets: resource, namespace }) => {
    await namespace("large", OTHER_KEY);
    const padding = "x".repeat(700_000);
    await all(72, async (n) => {
      await resource.create("large", secretOf(`key-${n}`, OTHER_KEY, padding));
      const credentialsSecretRef = { name: `key-${n}`, key: "apiKey" };
      await machines.create("large", manifest(`box-${n}`, { credentialsSecretRef, adoptId: "psnone0000" }));
    });
  },
};

export async function isolation(options: IsolationOptions, signal: AbortSignal): Promise<void> {
  title(
    `Time to Ready of one namespace's machine, Paperspace ${options.speed} times as fast as the real one`,
  );
  let alone: number | undefined;
  for (const [name, neighbour] of Object.entries(NEIGHBOURS)) {
    const times = await timesBeside(neighbour, options, signal);
    const middle = median(times);
    alone ??= middle;
    const ratio = `${(middle / alone).toFixed(2)} ×`;
    figure(`beside ${name}`, `${seconds(middle)}  ${ratio}   (${times.map(seconds).join(", ")})`);
  }
}

async function timesBeside(
  neighbour: Neighbour,
  { speed, runs }: IsolationOptions,
  signal: AbortSignal,
): Promise<number[]> {
  await using parts = new AsyncDisposableStack();
  const env = await startDemoEnv({ speed, flags: [] }, quiet, signal);
  parts.defer(() => env.close());
  const connection = await connect({
    kubeconfig: env.controlPlane.kubeconfig,
    clock: systemClock,
    logger: pino({ level: "silent" }),
    userAgent: "bench",
  });
  parts.defer(() => connection.close());
  const cluster = clusterOf(env, connection);
  await cluster.namespace(NAMESPACE, KEY);
  await neighbour(cluster);
  await sleep(systemClock, HEAD_START_MS, env.signal);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await timeToReady(cluster, `box-${run}`));
  return times;
}

function clusterOf(env: DemoEnv, connection: KubeConnection): Cluster {
  const namespaces = new Resource<KubeObject>(connection, NAMESPACES);
  const keys = secrets(connection);
  return {
    env,
    machines: new Resource<PaperspaceMachine>(connection, { ...machineDefinition, namespaced: true }),
    secrets: keys,
    async namespace(name, key) {
      await namespaces.create("", { metadata: { name } });
      await keys.create(name, secretOf(DEFAULT_SECRET, key));
    },
  };
}

async function timeToReady({ env, machines }: Cluster, name: string): Promise<number> {
  const began = systemClock.monotonic();
  await machines.create(NAMESPACE, manifest(name));
  while (!isReady(await machines.get(NAMESPACE, name))) await sleep(systemClock, POLL_MS, env.signal);
  return systemClock.monotonic() - began;
}

async function all(count: number, make: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await make(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function manifest(name: string, over: Partial<PaperspaceMachine["spec"]> = {}): PaperspaceMachine {
  const spec = { machineType: "C5", region: "ny2", templateId: "t0nspur5", diskSize: 50, ...over };
  return { metadata: { name }, spec } as PaperspaceMachine;
}

function secretOf(name: string, key: string, padding?: string): Secret {
  const data = { apiKey: base64(key), ...(padding !== undefined && { padding: base64(padding) }) };
  return { metadata: { name }, data };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
