/**
 * A cluster, a Paperspace account and any number of operators in one process and in virtual time. The operator is the
 * real one, put together by the composition root; only its dependencies lead into memory.
 */
import { Registry } from "prom-client";
import { createSimulation, type Simulation, type SimulationOptions } from "../../dev/simulator/simulation.ts";
import { createScript } from "../../dev/simulator/world/scripts.ts";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { assembleOperator, type Operator } from "../../src/app.ts";
import { type Config, loadConfig } from "../../src/base/config.ts";
import { createLogger, type LoggerOptions } from "../../src/base/logger.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KindRegistration } from "../../src/kinds/registration.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import { keyOf } from "../../src/kube/objects.ts";
import { SECRETS, type Secret } from "../../src/kube/resource.ts";
import { DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { KINDS } from "../../src/registry.ts";
import { SPEC as DEPLOYMENT_SPEC } from "../decide/deployment/spec.ts";
import { SPEC } from "../decide/machine/spec.ts";
import { FakeKube, type FakeType } from "./fake-kube.ts";
import { quickHash } from "./quick-hash.ts";
import { type Edge, simSockets } from "./sim-sockets.ts";
import { HostClock, VirtualClock } from "./virtual-clock.ts";
import { NAMESPACE, typeOf, VirtualObjects } from "./virtual-objects.ts";

export const MACHINES: FakeType = typeOf(machineDefinition);
export const DEPLOYMENTS: FakeType = typeOf(deploymentDefinition);

const SECRET_TYPE: FakeType = { ...SECRETS, status: false, generation: false };

export { NAMESPACE, SPEC };

/**
 * A lease that is renewed every two seconds, as by default, would be a sixth of what a test costs. Between two operators
 * all is the same, only slower; a test of the times themselves gives its own.
 */
const RARE_ELECTIONS = ["--lease-duration=60s", "--renew-deadline=40s", "--retry-period=20s"];

export interface WorldOptions {
  simulation?: SimulationOptions;
  /** Kinds that the operators serve beside those of the registry, or in place of one of the same name. */
  kinds?: readonly KindRegistration<never>[];
  /** Flags of the operators. */
  flags?: string[];
  random?: () => number;
  logLevel?: string;
  /** Takes the lines that the operators log. */
  onLog?: (line: string) => void;
  /** Called with each request of an operator, but for reads of the cluster, right before it takes effect. */
  onSending?: (method: string, path: string) => void;
}

/** An operator process. */
export interface Process {
  readonly operator: Operator;
  readonly edge: Edge & { calls: string[]; onPass: (call: string) => void };
  /** As SIGKILL: from now on nothing goes out or comes in. */
  kill(): void;
  /** As SIGTERM. */
  stop(): Promise<void>;
}

export class VirtualWorld {
  readonly clock: VirtualClock;
  /** The clock of the operators; the API server and Paperspace have the common one. */
  readonly hostClock: HostClock;
  readonly kube: FakeKube;
  readonly sim: Simulation;
  readonly config: Config;
  readonly #kinds: readonly KindRegistration<never>[];
  readonly #types: readonly FakeType[];
  readonly #flags: readonly string[];
  readonly #logging: LoggerOptions;
  readonly #onSending: (method: string, path: string) => void;
  readonly #ends: (() => void)[] = [];
  #registry = new Registry();
  readonly #machines = new VirtualObjects<PaperspaceMachine>(() => this, MACHINES, SPEC);
  /** PaperspaceDeployments; the methods of the world itself are about PaperspaceMachines. */
  readonly deployments = new VirtualObjects<PaperspaceDeployment>(() => this, DEPLOYMENTS, DEPLOYMENT_SPEC);

  constructor(options: WorldOptions = {}) {
    this.clock = new VirtualClock(undefined, options.random);
    this.hostClock = new HostClock(this.clock);
    const { kinds = [] } = options;
    const replaced = new Set(kinds.map(({ definition }) => definition.kind));
    this.#kinds = [...KINDS.filter(({ definition }) => !replaced.has(definition.kind)), ...kinds];
    const own = new Set<string>([MACHINES.kind, DEPLOYMENTS.kind]);
    const added = kinds.filter(({ definition }) => !own.has(definition.kind));
    this.#types = [MACHINES, DEPLOYMENTS, ...added.map(({ definition }) => typeOf(definition))];
    this.#onSending = options.onSending ?? (() => {});
    this.kube = new FakeKube({ clock: this.clock, types: this.#types });
    this.sim = createSimulation({ clock: this.clock, ...options.simulation });
    this.#flags = [...RARE_ELECTIONS, ...(options.flags ?? [])];
    this.config = configOf(this.#flags);
    const { onLog, logLevel = "silent" } = options;
    this.#logging = { level: logLevel, ...(onLog && { destination: { write: onLog } }) };
    this.secret(DEMO_KEY);
  }

  /** The objects of a kind that this world was made with; `spec` is what an applied one has beside what is output. */
  objects<O extends ManagedObject>({ definition }: KindRegistration<O>, spec: O["spec"]): VirtualObjects<O> {
    const type = this.#types.find(({ kind }) => kind === definition.kind);
    if (!type) throw new Error(`this world has no ${definition.kind}`);
    return new VirtualObjects<O>(() => this, type, spec);
  }

  /** Puts the API key into a Secret of the namespace, making or changing it. */
  secret(key: string, namespace = NAMESPACE, kube = this.kube, name = DEFAULT_SECRET): void {
    const data = { apiKey: Buffer.from(key).toString("base64") };
    try {
      kube.storage.patch(SECRET_TYPE, namespace, name, { data } as never, "");
    } catch {
      kube.storage.create(SECRET_TYPE, namespace, { metadata: { name, namespace }, data } as never);
    }
  }

  getSecret(namespace = NAMESPACE, name = DEFAULT_SECRET): Secret | undefined {
    try {
      return this.kube.storage.get(SECRET_TYPE, namespace, name) as Secret;
    } catch {
      return undefined;
    }
  }

  /** A startup script of the demo team; its id. */
  script(name: string): string {
    const { console, world } = this.sim;
    return createScript(world, console.team("te-alpha"), { name, script: "echo" }).id;
  }

  deleteSecret(namespace = NAMESPACE, name = DEFAULT_SECRET): void {
    this.kube.storage.delete(SECRET_TYPE, namespace, name);
  }

  /** Starts an operator; `kube` stands in for a second cluster, `flags` are its own beside those of the world. */
  start(
    kube: FakeKube = this.kube,
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Process {
    const calls: string[] = [];
    const onSending = this.#onSending;
    const edge: Process["edge"] = {
      dead: false,
      calls,
      onPass() {},
      passed(when, method, path) {
        if (when === "before") onSending(method, path);
        const call = `${when} ${method} ${path.split("?")[0]}`;
        calls.push(call);
        this.onPass(call);
      },
    };
    const abort = new AbortController();
    this.#registry = new Registry();
    const operator = assembleOperator(
      {
        config: configOf([...this.#flags, ...flags], env),
        clock: this.hostClock,
        logger: createLogger(this.#logging),
      },
      {
        connection: connectionOver(kube, edge),
        sockets: simSockets(this.sim, edge),
        registry: this.#registry,
        slowHash: quickHash,
        kinds: this.#kinds,
      },
    );
    const run = operator.run(abort.signal);
    const process: Process = {
      operator,
      edge,
      kill() {
        edge.dead = true;
      },
      async stop() {
        abort.abort();
        await run;
      },
    };
    this.#ends.push(() => abort.abort());
    return process;
  }

  /** What the newest process exports on /metrics. */
  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Ends the world: all processes stop, killed ones too, and nothing is kept of it. */
  async end(): Promise<void> {
    for (const end of this.#ends) end();
    await this.clock.settle();
  }

  apply(...args: Parameters<VirtualObjects<PaperspaceMachine>["apply"]>): void {
    this.#machines.apply(...args);
  }

  edit(...args: Parameters<VirtualObjects<PaperspaceMachine>["edit"]>): void {
    this.#machines.edit(...args);
  }

  delete(...args: Parameters<VirtualObjects<PaperspaceMachine>["delete"]>): void {
    this.#machines.delete(...args);
  }

  get(...args: Parameters<VirtualObjects<PaperspaceMachine>["get"]>): PaperspaceMachine | undefined {
    return this.#machines.get(...args);
  }

  condition(...args: Parameters<VirtualObjects<PaperspaceMachine>["condition"]>) {
    return this.#machines.condition(...args);
  }

  /** Moves time on until `done`, at most `limitMs`; throws with `what` and the object when it never comes. */
  async until(what: string, done: () => boolean, limitMs = 60 * 60_000): Promise<void> {
    const end = this.clock.monotonic() + limitMs;
    await this.clock.settle();
    while (!done()) {
      if (this.clock.monotonic() >= end || !(await this.clock.step()))
        throw new Error(`never: ${what}\n${this.describe()}`);
    }
  }

  /** All there is, for the message of a failed test. */
  describe(): string {
    const objects = new Map(
      this.kube.storage.events
        .filter(({ of }) => of.group === MACHINES.group)
        .map(({ of, object }) => [`${of.plural}/${keyOf(object)}`, object]),
    );
    const machines = [...this.sim.world.machines.values()].map((machine) => ({
      id: machine.id,
      state: machine.state,
      name: machine.settings.name,
      deleting: machine.deleting?.state,
      dtDeleted: machine.dtDeleted,
    }));
    const { deployments } = this.sim.console.state();
    const all = [...objects.values(), machines, deployments];
    return `at ${this.clock.monotonic() / 1000} s\n${JSON.stringify(all, null, 1)}`;
  }

  ready(name: string): Promise<void> {
    return this.#machines.ready(name);
  }

  gone(name: string): Promise<void> {
    return this.#machines.gone(name);
  }

  /** Deployments of the simulator that are not deleted. */
  deployed() {
    return [...this.sim.world.deployments.values()].filter((deployment) => deployment.dtDeleted === null);
  }

  /** Machines of all teams that are not deleted. */
  machines() {
    return [...this.sim.world.machines.values()].filter((machine) => machine.dtDeleted === null);
  }
}

function configOf(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Config {
  const loaded = loadConfig(["--paperspace-api-url=https://sim.invalid/v1", ...flags], env, "test");
  if (loaded.action !== "run") throw new Error("no configuration");
  return loaded.config;
}

/** The cluster as one process sees it; a killed process receives nothing any more. */
function connectionOver(kube: FakeKube, edge: Process["edge"]): KubeConnection {
  const forever = new Promise<never>(() => {});
  return {
    server: kube.server,
    namespace: kube.namespace,
    async request<T>(request: Parameters<KubeConnection["request"]>[0]) {
      const write = request.method !== "GET";
      if (edge.dead) return forever;
      if (write) edge.passed("before", request.method, request.path);
      if (edge.dead) return forever;
      try {
        const answer = await kube.request<T>(request);
        if (write) edge.passed("after", request.method, request.path);
        return edge.dead ? forever : answer;
      } catch (error) {
        if (edge.dead) return forever;
        throw error;
      }
    },
    async stream(request) {
      return edge.dead ? forever : kube.stream(request);
    },
    reloadCredentials: () => kube.reloadCredentials(),
    close: async () => {},
  };
}
