/**
 * The environment of a test: a fresh namespace of a real API server, a Paperspace simulator, and operators as processes
 * that serve this namespace only. Everything waits for what happens, never for time to pass.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pino from "pino";
import { expect, inject } from "vitest";
import { parse, stringify } from "yaml";
import type { SimulationOptions } from "../../dev/simulator/simulation.ts";
import type { Simulator } from "../../dev/simulator/simulator.ts";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { systemClock } from "../../src/base/clock.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import { isAlreadyExists, isNotFound } from "../../src/kube/errors.ts";
import { type Condition, compareVersions, type KubeObject } from "../../src/kube/objects.ts";
import { events, type KubeEvent, Resource, secrets } from "../../src/kube/resource.ts";
import type { KindDefinition, ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { Reflector } from "../../src/runtime/reflector.ts";
import { Store } from "../../src/runtime/store.ts";
import { Daemon } from "./daemon.ts";
import type { Manifest } from "./manifest.ts";
import { operatorKubeconfig, typeOf } from "./operator-rights.ts";
import { type CommandResult, runCommand } from "./run-command.ts";
import { newSimulator } from "./simulator.ts";

/** A cluster as its users reach it. */
export interface Cluster {
  kubeconfig: string;
  kubectl: string;
  env: Record<string, string>;
}

export interface TestEnvOptions {
  /** Whose objects are followed and waited for. Absent: machines. */
  kind?: KindDefinition;
  /** Absent: the control plane of the whole run. */
  cluster?: Cluster;
  /** Absent: one of its own. */
  sim?: Simulator;
  simulation?: SimulationOptions;
  /** One that is there already. Absent: a fresh one. */
  namespace?: string;
  /** The API key in the Secret paperspace-credentials; null: no Secret. Absent: the simulator's demo key. */
  key?: string | null;
}

export interface StartOptions {
  flags?: string[];
  env?: Record<string, string>;
  /** Another way to the API server, such as through a proxy. */
  kubeconfig?: string;
  paperspaceUrl?: string;
}

/** A hang, not a slow host: no wait takes a tenth of it. */
const HANG_MS = 60_000;
/** What changes in the simulator by its own timers is not notified. */
const LOOK_AGAIN_MS = 200;

/** A short lease, quick polls, no throttle: what a daemon does stays the same, what it waits for is short. */
export const QUICK_FLAGS = [
  "--lease-duration=2s",
  "--renew-deadline=1500ms",
  "--retry-period=200ms",
  "--event-poll-interval=300ms",
  "--request-timeout=2s",
  "--requests-per-second=200",
  "--burst=400",
  "--send-window=2s",
  "--attempt-settle=0s",
  "--credential-recheck=1s",
  "--key-recheck=1s",
  "--absence-grace=1s",
  "--health-address=127.0.0.1:0",
  "--log-level=debug",
];

const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

/** `T`: the objects that are followed and waited for. */
export class TestEnv<T extends ManagedObject = PaperspaceMachine> {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly sim: Simulator;
  readonly objectsOf: Resource<T>;
  /** A kubeconfig in which this namespace is the current one. */
  readonly kubeconfig: string;
  /** That of the operators, who may do what the chart lets them. */
  readonly operatorKubeconfig: string;
  readonly daemons: Daemon[] = [];
  readonly kube: KubeConnection;
  readonly #ownsSim: boolean;
  readonly #store = new Store<T>();
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** All objects that the watch delivered, oldest first. */
  readonly #history: T[] = [];
  #watching: Promise<void> = Promise.resolve();

  private constructor(parts: {
    cluster: Cluster;
    namespace: string;
    sim: Simulator;
    ownsSim: boolean;
    kube: KubeConnection;
    kind: KindDefinition;
    operatorKubeconfig: string;
  }) {
    this.cluster = parts.cluster;
    this.namespace = parts.namespace;
    this.sim = parts.sim;
    this.#ownsSim = parts.ownsSim;
    this.kube = parts.kube;
    this.objectsOf = new Resource<T>(parts.kube, { ...parts.kind, namespaced: true });
    this.kubeconfig = writeKubeconfig(parts.cluster.kubeconfig, parts.namespace);
    this.operatorKubeconfig = parts.operatorKubeconfig;
  }

  static async open<T extends ManagedObject = PaperspaceMachine>(
    options: TestEnvOptions = {},
  ): Promise<TestEnv<T>> {
    const cluster = options.cluster ?? sharedCluster();
    const kube = await connect({ kubeconfig: cluster.kubeconfig, clock: systemClock });
    const namespace = options.namespace ?? `t-${randomBytes(4).toString("hex")}`;
    if (!options.namespace)
      await new Resource<KubeObject>(kube, NAMESPACES).create("", { metadata: { name: namespace } });
    let testEnv: TestEnv<T> | undefined;
    const sim = options.sim ?? (await newSimulator(options.simulation, () => testEnv?.news()));
    const { kind = machineDefinition } = options;
    // The caller that gives a namespace has operators of its own.
    const operator = options.namespace
      ? cluster.kubeconfig
      : await operatorKubeconfig(cluster.kubeconfig, kube, namespace);
    const ownsSim = options.sim === undefined;
    testEnv = new TestEnv<T>({ cluster, namespace, sim, ownsSim, kube, kind, operatorKubeconfig: operator });
    if (options.key !== null) await testEnv.secret(options.key ?? DEMO_KEY);
    await testEnv.#watch();
    return testEnv;
  }

  /** Stops everything; the namespace goes in the background. */
  async close(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => (daemon.ending ? undefined : daemon.kill())));
    this.#stop.abort(new Error("over"));
    await this.#watching;
    for (const { metadata } of this.#store.list()) await this.#release(metadata.name);
    await new Resource<KubeObject>(this.kube, NAMESPACES).delete("", this.namespace).catch(() => {});
    if (this.#ownsSim) await this.sim.stop();
    await this.kube.close();
  }

  /** Starts an operator for this namespace. Resolves once it is ready; whether it leads is another question. */
  daemon(options: StartOptions = {}): Promise<Daemon> {
    const daemon = this.start(options);
    return daemon.ready();
  }

  start({ flags = [], env = {}, kubeconfig, paperspaceUrl }: StartOptions = {}): Daemon {
    const daemon = new Daemon({
      name: `daemon ${this.daemons.length + 1}`,
      flags: [
        ...QUICK_FLAGS,
        `--kubeconfig=${kubeconfig ?? this.operatorKubeconfig}`,
        `--paperspace-api-url=${paperspaceUrl ?? this.sim.url}`,
        `--watch-namespaces=${this.namespace}`,
        // Not in the namespace that it serves: that one may be deleted by a test.
        "--leader-elect-namespace=default",
        `--leader-elect-name=${this.namespace}`,
        ...flags,
      ],
      env: { NODE_COMPILE_CACHE: inject("compileCache"), ...env },
      onNews: () => this.news(),
    });
    this.daemons.push(daemon);
    return daemon;
  }

  /** Makes or changes a Secret with an API key. */
  async secret(key: string, name = "paperspace-credentials", field = "apiKey"): Promise<void> {
    const data = { [field]: Buffer.from(key).toString("base64") };
    try {
      await secrets(this.kube).create(this.namespace, { metadata: { name }, data });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await secrets(this.kube).mergePatch(this.namespace, name, { data });
    }
  }

  /** Runs a line as a user types it; throws unless it succeeds. Returns its output. */
  async kubectl(line: string, input?: string | object): Promise<string> {
    const { code, out, err } = await this.shell(`kubectl ${line}`, input);
    if (code !== 0) throw new Error(`kubectl ${line} ended with ${code}:\n${err}${out}`);
    return out;
  }

  /** Runs a line that must be refused; returns the error. */
  async refused(line: string, input?: string | object): Promise<string> {
    const { code, out, err } = await this.shell(`kubectl ${line}`, input);
    if (code === 0) throw new Error(`kubectl ${line} was not refused:\n${out}`);
    return err;
  }

  shell(line: string, input?: string | object): Promise<CommandResult> {
    const env = { ...process.env, ...this.cluster.env, KUBECONFIG: this.kubeconfig };
    const child = spawn("/bin/sh", ["-c", line], { env, stdio: ["pipe", "pipe", "pipe"] });
    const given = typeof input === "string" ? input : JSON.stringify(input);
    return runCommand(child, given ?? "");
  }

  /** What `kubectl apply --server-side --force-conflicts` sends, without its process, which takes half a second of CPU time. */
  async apply(...objects: Manifest[]): Promise<void> {
    for (const object of objects) {
      const { plural, group, version } = typeOf(object);
      await this.kube.request({
        method: "PATCH",
        path: `/apis/${group}/${version}/namespaces/${this.namespace}/${plural}/${object.metadata.name}`,
        query: { fieldManager: "kubectl", force: true, fieldValidation: "Strict" },
        contentType: "application/apply-patch+yaml",
        body: object,
      });
    }
  }

  /**
   * Changes the object as an editor would; resolves once the watch has delivered it, so that nothing older is taken for
   * it.
   */
  async edit(name: string, change: { spec?: object; metadata?: object }): Promise<void> {
    const { metadata } = await this.objectsOf.mergePatch(this.namespace, name, change);
    await this.until(`the change of ${name} is observed`, () => {
      const seen = this.get(name)?.metadata.resourceVersion;
      return compareVersions(seen, metadata.resourceVersion) >= 0;
    });
  }

  /** As `kubectl delete`, which waits for the finalizers. */
  async delete(...names: string[]): Promise<void> {
    for (const name of names) await this.objectsOf.delete(this.namespace, name);
    for (const name of names) await this.gone(name);
  }

  /** As a user does who does not want to wait for the resync, or for a retry that backs off. */
  requestReconcile(name: string): Promise<void> {
    return this.edit(name, { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "now" } } });
  }

  /** The object as the watch delivered it last. */
  get(name: string): T | undefined {
    return this.#store.get(`${this.namespace}/${name}`);
  }

  /** Every condition of this type that the object ever had, oldest first. */
  conditionHistory(name: string, type: string): Condition[] {
    return this.#history
      .filter(({ metadata }) => metadata.name === name)
      .flatMap(({ status }) => status?.conditions?.filter((condition) => condition.type === type) ?? []);
  }

  condition(name: string, type: string): Condition | undefined {
    const object = this.get(name);
    const found = object?.status?.conditions?.find((condition) => condition.type === type);
    return found?.observedGeneration === object?.metadata.generation ? found : undefined;
  }

  /** Resolves once `done` returns something true; checks again whenever something happens. Throws after a timeout. */
  async until<T>(what: string, done: () => T | undefined | false): Promise<T> {
    const over = AbortSignal.timeout(HANG_MS);
    for (;;) {
      const found = done();
      if (found !== undefined && found !== false) return found;
      if (over.aborted) throw new Error(`never: ${what}\n${this.report()}`);
      await this.#something();
    }
  }

  /** Ready, for the present generation. */
  async ready(name: string): Promise<T> {
    await this.until(`${name} is Ready`, () => this.condition(name, "Ready")?.status === "True");
    return this.get(name) as T;
  }

  /** A condition of this type has this reason, for the present generation. */
  reason(name: string, type: string, reason: string): Promise<Condition> {
    return this.until(`${name} is ${type} for ${reason}`, () => {
      const condition = this.condition(name, type);
      return condition?.status === "True" && condition.reason === reason && condition;
    });
  }

  async gone(name: string): Promise<void> {
    await this.until(`${name} is gone`, () => this.get(name) === undefined);
    // The watch may lag behind a fresh read, never the other way round.
    await expect(this.objectsOf.get(this.namespace, name)).rejects.toSatisfy(isNotFound);
  }

  /** Machines of all teams that are not deleted. */
  machines() {
    return [...this.sim.world.machines.values()].filter((machine) => machine.dtDeleted === null);
  }

  /** Every machine that was ever made. */
  everMade() {
    return [...this.sim.world.machines.values()];
  }

  /** Resolves with the Kubernetes Event once it is written: Events come in their own time, after the status. */
  async eventOf(name: string, type: KubeEvent["type"], reason: string): Promise<KubeEvent> {
    const over = AbortSignal.timeout(HANG_MS);
    for (;;) {
      const { items } = await events(this.kube).list({ namespace: this.namespace });
      const found = items.find(
        (event) => event.regarding?.name === name && event.type === type && event.reason === reason,
      );
      if (found) return found;
      if (over.aborted) throw new Error(`never: the Event ${reason} of ${name}\n${this.report()}`);
      await this.#something();
    }
  }

  /** Deployments of all teams that are not deleted. */
  deployments() {
    return this.everDeployed().filter((deployment) => deployment.dtDeleted === null);
  }

  /** Every deployment that was ever made. */
  everDeployed() {
    return [...this.sim.world.deployments.values()];
  }

  /** Wakes up all waiters. */
  news(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  report(): string {
    const objects = this.#store.list().map((object) => JSON.stringify(object));
    const machines = this.everMade().map(
      ({ id, settings, state, dtDeleted }) => `${id} ${settings.name} ${state} ${dtDeleted ?? ""}`,
    );
    const deployments = this.everDeployed().map(
      ({ id, name, specs, dtDeleted }) =>
        `${id} ${name} ${specs.length} specs, now ${specs.at(-1)?.data.image} ${dtDeleted ?? ""}`,
    );
    const calls = this.sim.calls.list().slice(-60);
    return [
      `namespace ${this.namespace}`,
      ...this.#history.slice(-80).map(inShort),
      "objects:",
      ...objects,
      "machines:",
      ...machines,
      "deployments:",
      ...deployments,
      "calls of Paperspace:",
      ...calls.map(({ time, method, path, status, outcome }) =>
        [time, method, path, status, outcome].join(" "),
      ),
      ...this.daemons.flatMap((daemon) => [
        `${daemon.name} (${daemon.ending ?? "runs"}), its log:`,
        daemon.log(),
      ]),
    ].join("\n");
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, LOOK_AGAIN_MS);
      this.#waiting.add(wake);
    });
  }

  async #watch(): Promise<void> {
    const reflector = new Reflector<T>({
      source: this.objectsOf,
      store: this.#store,
      namespace: this.namespace,
      clock: systemClock,
      logger: pino({ level: "silent" }),
      handlers: [
        ({ object }) => {
          this.#history.push(object);
          this.news();
        },
      ],
    });
    this.#watching = reflector.run(this.#stop.signal);
    await reflector.whenSynced();
  }

  /** So that the namespace can go. */
  async #release(name: string): Promise<void> {
    await this.objectsOf
      .mergePatch(this.namespace, name, { metadata: { finalizers: null } })
      .catch(() => undefined);
  }
}

/** One line of the history of an object. */
function inShort({ metadata, status }: ManagedObject): string {
  const { name, resourceVersion, finalizers = [], annotations = {}, deletionTimestamp = "" } = metadata;
  const conditions = status?.conditions?.map(({ type, status, reason }) => `${type}=${status}/${reason}`);
  const words = [name, `v${resourceVersion}`, ...finalizers, deletionTimestamp, ...Object.keys(annotations)];
  return [...words, ...(conditions ?? []), JSON.stringify(status?.operation ?? null)].join(" ");
}

export function sharedCluster(): Cluster {
  return { kubeconfig: inject("kubeconfig"), kubectl: inject("kubectl"), env: inject("kubeEnv") };
}

/** The control plane's folder goes with it, and so does this file. */
function writeKubeconfig(admin: string, namespace: string): string {
  const config = parse(readFileSync(admin, "utf8"));
  for (const { context } of config.contexts) context.namespace = namespace;
  const folder = join(dirname(admin), "namespaces");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${namespace}.kubeconfig`);
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}
