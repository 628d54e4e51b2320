/**
 * `npm run bench -- hostile`: the operator, in the memory that the chart gives it, beside a hostile API and hostile tenants,
 * and what another tenant gets meanwhile. hostile.process.test.ts runs it short.
 */
import pino from "pino";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { connect } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource, type Secret, secrets } from "../../src/kube/resource.ts";
import { DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import { type DemoEnv, startDemoEnv } from "../demo/demo-env.ts";
import { isReady } from "../demo/tables.ts";
import { figureOf, type Measurement, median, percentile, quiet } from "./figures.ts";
import { HOSTILE_KEY, HostileApi } from "./hostile-api.ts";
import { limitMemory } from "./memory-limit.ts";
import type { Scenario } from "./scenario.ts";

export interface HostileOptions {
  speed: number;
  /** Machines of the honest tenant that are made, one after the other, before the hostile ones come. */
  runsBefore: number;
  /** Whether one more is made beside them; called before each, with the number of hostile answers so far. */
  goOn(run: number, answers: number): boolean;
  /** Called every few seconds with what the operator uses. */
  sampled?(sample: Sample): void;
}

export interface Sample {
  rssMiB: number;
  /** The longest that the event loop was late since the last sample. */
  lateMs: number;
}

export interface HostileResult {
  /** Milliseconds until the honest tenant's machine was Ready. */
  before: number[];
  beside: number[];
  samplesBefore: Sample[];
  samples: Sample[];
  /** Hostile answers, by their name. */
  answers: ReadonlyMap<string, number>;
  /** What the hostile tenants have written. */
  changes: number;
  /** What held the operator to its memory, and how much of that it used at most. */
  limit: string;
  peakMiB: number | undefined;
}

/** As in the chart: the limit of the container, and the heap that values.yaml sets for it. */
export const LIMIT_MIB = 512;
const HEAP_MIB = 384;

const HONEST = "honest";
const HONEST_KEY = "sim-key-beta";
/** How many times as fast as the real one Paperspace is. */
const SPEED = 4;
const TENANTS = 6;
const OBJECTS = 25;
const SAMPLE_MS = 2_000;
const CHANGE_MS = 100;
const POLL_MS = 100;
const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

export async function besideHostile(options: HostileOptions, signal: AbortSignal): Promise<HostileResult> {
  await using parts = new AsyncDisposableStack();
  const api = await HostileApi.start();
  parts.defer(() => api.stop());
  const limit = limitMemory(LIMIT_MIB);
  parts.defer(() => limit.remove());
  const env = await startDemoEnv(
    {
      speed: options.speed,
      flags: [`--paperspace-api-url=${api.url}`],
      env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
      launcher: limit.launcher,
    },
    quiet,
    signal,
  );
  parts.defer(() => env.close());
  api.leadTo(env.simulator.url);
  const { kubeconfig } = env.controlPlane;
  const logger = pino({ level: "silent" });
  const connection = await connect({ kubeconfig, clock: systemClock, logger, userAgent: "bench" });
  parts.defer(() => connection.close());
  const cluster: Cluster = {
    env,
    machines: new Resource<PaperspaceMachine>(connection, { ...machineDefinition, namespaced: true }),
    deployments: new Resource<PaperspaceDeployment>(connection, {
      ...deploymentDefinition,
      namespaced: true,
    }),
    secrets: secrets(connection),
    namespaces: new Resource<KubeObject>(connection, NAMESPACES),
  };
  await cluster.namespaces.create("", { metadata: { name: HONEST } });
  await cluster.secrets.create(HONEST, secretOf(HONEST_KEY));
  const before: number[] = [];
  const alone = new AbortController();
  const samplesBefore: Sample[] = [];
  const sampling = sampleInto(samplesBefore, env, alone.signal);
  for (let run = 0; run < options.runsBefore; run++) before.push(await timeToReady(cluster, `before-${run}`));
  alone.abort();
  await sampling;

  const over = new AbortController();
  const samples: Sample[] = [];
  const tenants = Array.from({ length: TENANTS }, (_, n) => new HostileTenant(cluster, n));
  const running = [
    ...tenants.map((tenant) => tenant.run(over.signal)),
    sampleInto(samples, env, over.signal, options.sampled),
  ];
  const beside: number[] = [];
  try {
    for (let run = 0; options.goOn(run, total(api.given)); run++)
      beside.push(await timeToReady(cluster, `beside-${run}`));
  } finally {
    over.abort();
    await Promise.all(running);
  }
  const changes = tenants.reduce((sum, tenant) => sum + tenant.changes, 0);
  const memory = { limit: limit.by, peakMiB: limit.peakMiB() };
  return { before, beside, samplesBefore, samples, answers: api.given, changes, ...memory };
}

interface Cluster {
  env: DemoEnv;
  machines: Resource<PaperspaceMachine>;
  deployments: Resource<PaperspaceDeployment>;
  secrets: Resource<Secret>;
  namespaces: Resource<KubeObject>;
}

/** Fills its namespace, then changes, deletes and makes objects without a pause. */
class HostileTenant {
  changes = 0;
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #key: string;

  constructor(cluster: Cluster, n: number) {
    this.#cluster = cluster;
    this.#namespace = `hostile-${n}`;
    this.#key = `${HOSTILE_KEY}${n}`;
  }

  async run(over: AbortSignal): Promise<void> {
    const { namespaces, secrets: keys } = this.#cluster;
    await namespaces.create("", { metadata: { name: this.#namespace } });
    await keys.create(this.#namespace, secretOf(this.#key));
    for (let turn = 0; !over.aborted; turn++) {
      // What is refused, or has changed meanwhile, is one more change that did not happen.
      await this.#change(turn).then(
        () => this.changes++,
        () => {},
      );
      if (turn >= OBJECTS) await sleep(systemClock, CHANGE_MS, over).catch(() => {});
    }
  }

  async #change(turn: number): Promise<void> {
    const { machines, deployments } = this.#cluster;
    const name = `box-${turn % OBJECTS}`;
    const metadata = { name, annotations: { note: "x".repeat(50_000), turn: String(turn) } };
    const isDeployment = turn % 3 === 0;
    if (turn % 7 === 6) {
      const one = isDeployment ? deployments : machines;
      return void (await one.delete(this.#namespace, name));
    }
    if (turn >= OBJECTS && turn % 7 !== 5) {
      const one: Resource<PaperspaceMachine> = isDeployment ? (deployments as never) : machines;
      const spec = isDeployment ? { image: `a:${turn}` } : { name: `n${turn}` };
      return void (await one.mergePatch(this.#namespace, name, { metadata, spec }));
    }
    if (isDeployment) {
      const env = [{ name: "A", value: "x".repeat(8_000) }];
      const spec = { projectId: "p1", name, image: `a:${turn}`, machineType: "C4", env };
      await deployments.create(this.#namespace, { metadata, spec } as unknown as PaperspaceDeployment);
    } else {
      const adoptId = turn % 2 === 0 ? { adoptId: `ps${turn}` } : {};
      await machines.create(this.#namespace, {
        metadata,
        spec: { ...MACHINE, ...adoptId },
      } as never);
    }
  }
}

const MACHINE = { machineType: "C5", region: "ny2", templateId: "t0nspur5", diskSize: 50 };

/** Until it is gone again: one machine at a time, so that no quota is met. */
async function timeToReady({ env, machines }: Cluster, name: string): Promise<number> {
  const began = systemClock.monotonic();
  await machines.create(HONEST, { metadata: { name }, spec: MACHINE } as never);
  while (!isReady(await machines.get(HONEST, name))) await sleep(systemClock, POLL_MS, env.signal);
  const readyAfter = systemClock.monotonic() - began;
  await machines.delete(HONEST, name);
  return readyAfter;
}

async function sampleInto(
  samples: Sample[],
  { daemon }: DemoEnv,
  over: AbortSignal,
  sampled?: (sample: Sample) => void,
): Promise<void> {
  while (!over.aborted) {
    await sleep(systemClock, SAMPLE_MS, over).catch(() => {});
    const text = await fetch(`${daemon.url}/metrics`).then((answer) => answer.text());
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
    const rssMiB = value("process_resident_memory_bytes") / 2 ** 20;
    const sample = { rssMiB, lateMs: 1_000 * value("nodejs_eventloop_lag_max_seconds") };
    samples.push(sample);
    sampled?.(sample);
  }
}

function total(answers: ReadonlyMap<string, number>): number {
  return [...answers.values()].reduce((a, b) => a + b, 0);
}

function secretOf(key: string): Secret {
  return { metadata: { name: DEFAULT_SECRET }, data: { apiKey: Buffer.from(key).toString("base64") } };
}

export const hostile: Scenario = {
  name: "hostile",
  summary: `One tenant beside ${TENANTS} hostile ones, whose API is hostile as well, in the memory that the chart gives`,
  unit: "minutes",
  sizes: [60],
  small: 0.1,
  async run({ signal }, minutes) {
    let until = Number.POSITIVE_INFINITY;
    const goOn = (run: number) => {
      if (run === 0) until = systemClock.monotonic() + minutes * 60_000;
      return systemClock.monotonic() < until;
    };
    return measurementOf(await besideHostile({ speed: SPEED, runsBefore: 3, goOn }, signal));
  },
};

function measurementOf(result: HostileResult): Measurement {
  const { before, beside, samplesBefore, samples, answers, changes, limit, peakMiB } = result;
  const most = (values: readonly number[]) => percentile(values, 1);
  const rss = samples.map(({ rssMiB }) => rssMiB);
  const late = (some: readonly Sample[]) => some.map(({ lateMs }) => lateMs);
  return {
    figures: [
      figureOf("time to Ready alone", median(before) / 1_000, "s"),
      figureOf("time to Ready beside them", median(beside) / 1_000, "s"),
      figureOf("time to Ready beside them, at most", most(beside) / 1_000, "s"),
      figureOf("resident memory, median", median(rss), "MiB"),
      figureOf("resident memory, at most", most(rss), "MiB", { atMost: LIMIT_MIB }),
      figureOf(`at most with the page cache, held to its limit by ${limit}`, peakMiB ?? Number.NaN, "MiB"),
      figureOf("longest delay of the event loop in 2 s alone, median", median(late(samplesBefore)), "ms"),
      figureOf("longest delay of the event loop in 2 s, median", median(late(samples)), "ms"),
      figureOf("longest delay of the event loop in 2 s, at most", most(late(samples)), "ms"),
      figureOf("changes of the hostile tenants", changes, ""),
    ],
    tables: { "Hostile answers": Object.fromEntries(answers) },
  };
}
