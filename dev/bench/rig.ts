/**
 * The environment of one run: a namespace of a cluster, a simulated Paperspace with its own latency and limits, and the
 * operators that are measured between them.
 */
import { randomBytes } from "node:crypto";
import pino from "pino";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { Resource, type Secret, secrets } from "../../src/kube/resource.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { Reflector } from "../../src/runtime/reflector.ts";
import { Store } from "../../src/runtime/store.ts";
import { SPEC } from "../../test/decide/machine/spec.ts";
import { isReady } from "../demo/tables.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";
import type { Budget } from "../simulator/world/records.ts";
import { type Account, accountsOf } from "./accounts.ts";
import { type Arrivals, CallLog, difference, serverWrites } from "./counts.ts";
import type { Counts } from "./figures.ts";
import { type OperatorKind, OperatorProcess } from "./operator.ts";
import { type StandIn, startStandIn } from "./stand-in.ts";
import { startTlsFront, type TlsFront } from "./tls-front.ts";

export interface RigOptions {
  /** Default: a real API server. */
  standIn?: boolean;
  /** Paperspace accounts, each with its key in a Secret. Default 1. */
  accounts?: number;
  /** Namespaces beside the one that is measured. Default 0. */
  neighbours?: number;
  /** What Paperspace lets each account send; null: everything. Default: 10 a second, 20 at once. */
  budget?: Budget | null;
  /** Between a request to Paperspace and its answer. Default 80. */
  latencyMs?: number;
  /** From a create to Ready. Default 5,000. */
  provisioningMs?: number;
  /** Paperspace is reached over TLS. */
  tls?: boolean;
}

/** How a run gets its cluster, with our CRDs in it. */
export type ClusterSource = (signal: AbortSignal) => Promise<{ kubeconfig: string; stop(): Promise<void> }>;

/** What was spent between two moments. */
export interface Spent {
  readonly seconds: number;
  /** To Paperspace, by kind of call. */
  readonly calls: Counts;
  /** To Kubernetes, by the operators. */
  readonly writes: Counts;
  readonly cpuSeconds: number;
}

export const LIMITED: Budget = { perSecond: 10, burst: 20 };
/** For our own limiter where Paperspace has none: the most that its flags take. */
const OPEN: Budget = { perSecond: 1_000, burst: 10_000 };

/** What the simulator takes from a create to Ready at its speed 1. */
const REAL_PROVISIONING_MS = 66_900;
/** Of a processor, in each second of an operator that has nothing to do: the answers to our own reads of its metrics. */
const SETTLED_SHARE = 0.25;
/** Requests of this program to the API server at once. */
const AT_ONCE = 16;
const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

/** What every run is given beside the scenario's own options. */
export interface RigParts {
  readonly operator: OperatorKind;
  readonly cluster: ClusterSource;
  /** Whether the run only has to come to its end. */
  readonly isSmall: boolean;
  readonly signal: AbortSignal;
}

export class Rig implements AsyncDisposable {
  readonly namespace: string;
  readonly neighbours: readonly string[];
  readonly kube: KubeConnection;
  readonly kubeconfig: string;
  readonly standIn: StandIn | undefined;
  readonly simulator: Simulator;
  readonly accounts: readonly Account[];
  readonly calls: CallLog;
  readonly machines: Resource<PaperspaceMachine>;
  readonly deployments: Resource<PaperspaceDeployment>;
  readonly secrets: Resource<Secret>;
  readonly #operator: OperatorKind;
  readonly #front: TlsFront | undefined;
  readonly #budget: Budget | null;
  readonly #isSmall: boolean;
  readonly #operators: OperatorProcess[] = [];
  readonly #over = new AbortController();
  /** Aborts with the caller's, or with the death of an operator as its reason. */
  readonly signal: AbortSignal;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: {
    namespace: string;
    neighbours: readonly string[];
    kube: KubeConnection;
    kubeconfig: string;
    standIn: StandIn | undefined;
    simulator: Simulator;
    front: TlsFront | undefined;
    accounts: readonly Account[];
    calls: CallLog;
    budget: Budget | null;
    operator: OperatorKind;
    isSmall: boolean;
    signal: AbortSignal;
    stack: AsyncDisposableStack;
  }) {
    this.namespace = parts.namespace;
    this.neighbours = parts.neighbours;
    this.kube = parts.kube;
    this.kubeconfig = parts.kubeconfig;
    this.standIn = parts.standIn;
    this.simulator = parts.simulator;
    this.accounts = parts.accounts;
    this.calls = parts.calls;
    this.machines = new Resource(parts.kube, { ...machineDefinition, namespaced: true });
    this.deployments = new Resource(parts.kube, { ...deploymentDefinition, namespaced: true });
    this.secrets = secrets(parts.kube);
    this.#front = parts.front;
    this.#budget = parts.budget;
    this.#isSmall = parts.isSmall;
    this.#operator = parts.operator;
    this.signal = AbortSignal.any([parts.signal, this.#over.signal]);
    this.#stack = parts.stack;
  }

  static async open(options: RigOptions, { operator, cluster, isSmall, signal }: RigParts): Promise<Rig> {
    const { latencyMs = 80, provisioningMs = 5_000, budget = LIMITED } = options;
    await using stack = new AsyncDisposableStack();
    const standIn = options.standIn ? await startStandIn() : undefined;
    const { kubeconfig, stop } = standIn ?? (await cluster(signal));
    stack.defer(stop);
    const kube = standIn?.kube ?? (await connected(kubeconfig));
    if (!standIn) stack.defer(() => kube.close());
    const accounts = accountsOf(options.accounts ?? 1, budget);
    const calls = new CallLog();
    const simulator = await startSimulator({
      speed: REAL_PROVISIONING_MS / provisioningMs,
      teams: accounts.map(({ team }) => team),
      vendorOpenapi: false,
      onCall: (call) => calls.add(call),
    });
    stack.defer(() => simulator.stop());
    const front = options.tls ? await startTlsFront(simulator.url) : undefined;
    if (front) stack.defer(() => front.stop());
    if (latencyMs > 0)
      simulator.faults.add({
        match: { times: "always" },
        do: { delayMs: latencyMs / 2, answerDelayMs: latencyMs / 2 },
      });
    const namespace = `bench-${randomBytes(4).toString("hex")}`;
    const neighbours = numbers(options.neighbours ?? 0).map((n) => `${namespace}-${n}`);
    const parts = {
      namespace,
      neighbours,
      kube,
      kubeconfig,
      standIn,
      simulator,
      front,
      accounts,
      calls,
      budget,
      operator,
      isSmall,
      signal,
    };
    const rig = new Rig({ ...parts, stack: stack.move() });
    await rig.#prepare();
    return rig;
  }

  async #prepare(): Promise<void> {
    const { namespace, neighbours } = this;
    const namespaces = new Resource<KubeObject>(this.kube, NAMESPACES);
    if (!this.standIn)
      await all([namespace, ...neighbours], (name) => namespaces.create("", { metadata: { name } }));
    await all(this.accounts, ({ secret, key }) =>
      this.secrets.create(namespace, {
        metadata: { name: secret },
        data: { apiKey: Buffer.from(key).toString("base64") },
      }),
    );
  }

  /** Starts an operator; resolves once it is ready. */
  async start(...flags: string[]): Promise<OperatorProcess> {
    const { perSecond: requestsPerSecond, burst } = this.#budget ?? OPEN;
    const settings = {
      kubeconfig: this.kubeconfig,
      ...(this.standIn?.pod && { pod: this.standIn.pod }),
      namespaces: [this.namespace, ...this.neighbours],
      apiUrl: this.#front?.url ?? this.simulator.url,
      ...(this.#front && { ca: this.#front.ca }),
      apiKey: this.accounts[0]?.key ?? "",
      requestsPerSecond,
      burst,
    };
    const operator = await OperatorProcess.start(this.#operator, settings, flags, this.signal);
    this.#operators.push(operator);
    operator.death.catch((error: unknown) => this.#over.abort(error));
    return operator;
  }

  /** Once nothing is left to do: it has used next to no processor time for some seconds. */
  settled(operator: OperatorProcess): Promise<void> {
    return operator.quietFor(this.#isSmall ? 1 : 5, SETTLED_SHARE, this.signal);
  }

  /** What is spent while it runs. */
  async spent(work: () => Promise<unknown>): Promise<Spent> {
    const calls = this.calls.counts();
    const writes = await this.#writes();
    const cpu = this.#cpuSeconds();
    const began = systemClock.monotonic();
    await work();
    const seconds = (systemClock.monotonic() - began) / 1_000;
    return {
      seconds,
      cpuSeconds: this.#cpuSeconds() - cpu,
      calls: difference(this.calls.counts(), calls),
      writes: difference(await this.#writes(), writes),
    };
  }

  /** Follows all objects of a kind, beginning with those that are there. */
  follow<T extends ManagedObject>(source: Resource<T>, until?: AbortSignal): Followed<T> {
    const signal = until ? AbortSignal.any([this.signal, until]) : this.signal;
    return new Followed(source, this.namespace, signal);
  }

  /** The creates that arrive in Paperspace from this moment on. */
  arrivals(): Arrivals {
    return this.calls.arrivals(this.signal);
  }

  machine(name: string, spec: Partial<PaperspaceMachine["spec"]> = {}): PaperspaceMachine {
    return { metadata: { name }, spec: { ...SPEC, ...spec } } as PaperspaceMachine;
  }

  /** Resolves once the API server has taken them all. */
  createMachines(count: number, prefix = "box"): Promise<void> {
    return all(numbers(count), (n) => this.machines.create(this.namespace, this.machine(`${prefix}-${n}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator.stop()));
    this.#over.abort(new Error("the run is over"));
    await this.#stack.disposeAsync();
  }

  #cpuSeconds(): number {
    return this.#operators.reduce((sum, operator) => sum + (operator.usage().cpuSeconds || 0), 0);
  }

  async #writes(): Promise<Counts> {
    return this.standIn ? Object.fromEntries(this.standIn.writes) : serverWrites(this.kube);
  }
}

/** The objects of a kind as a watch brings them. */
export class Followed<T extends ManagedObject> {
  readonly #store = new Store<T>();
  readonly #signal: AbortSignal;
  #wake = Promise.withResolvers<void>();

  constructor(source: Resource<T>, namespace: string, signal: AbortSignal) {
    this.#signal = signal;
    const handlers = [() => this.#wake.resolve()];
    const logger = pino({ level: "silent" });
    const options = { source, store: this.#store, handlers, namespace, clock: systemClock, logger };
    void new Reflector<T>(options).run(signal);
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
  }

  list(): T[] {
    return this.#store.list();
  }

  /** Looks anew after changes, at most ten times a second. */
  async until(holds: (objects: T[]) => boolean): Promise<void> {
    while (!holds(this.list())) {
      this.#wake = Promise.withResolvers<void>();
      await this.#wake.promise;
      await sleep(systemClock, 100, this.#signal);
    }
  }

  untilReady(count: number): Promise<void> {
    return this.until((objects) => objects.filter(isReady).length >= count);
  }

  /** `onReady` is called with the name of each as it becomes Ready. */
  untilEachReady(count: number, onReady: (name: string) => void): Promise<void> {
    const ready = new Set<string>();
    return this.until((objects) => {
      for (const object of objects) {
        const { name } = object.metadata;
        if (ready.has(name) || !isReady(object)) continue;
        ready.add(name);
        onReady(name);
      }
      return ready.size >= count;
    });
  }
}

/** Some at once, in order. */
export async function all<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** 0 to count - 1. */
export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

export function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(systemClock, ms, signal);
}

function connected(kubeconfig: string): Promise<KubeConnection> {
  const logger = pino({ level: "silent" });
  return connect({ kubeconfig, clock: systemClock, logger, userAgent: "bench" });
}
