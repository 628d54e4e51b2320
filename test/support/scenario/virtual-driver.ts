/** Runs random scenarios in virtual time: the real operator, over a cluster and an account in memory. */
import { KubeError } from "../../../src/kube/errors.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { KINDS } from "../../../src/registry.ts";
import type { Fault } from "../fake-kube.ts";
import { configMap } from "../scenario-world-deployments.ts";
import type { VirtualObjects } from "../virtual-objects.ts";
import { type Process, VirtualWorld, type WorldOptions } from "../virtual-world.ts";
import { Dice } from "./dice.ts";
import { type Driver, nameOf, namespaceOf } from "./driver.ts";
import type { Scenario } from "./kind.ts";
import { RestrictionsJudge } from "./restrictions.ts";
import { Trace } from "./trace.ts";

const PRICES = { namespace: "default", name: "prices" };
const FLAGS = [
  "--lease-duration=30s",
  "--renew-deadline=20s",
  "--retry-period=10s",
  `--price-list=${PRICES.namespace}/${PRICES.name}`,
];
const LIMIT_MS = 6 * 60 * 60_000;
const CONFLICT = KubeError.fromAnswer(
  409,
  { kind: "Status", reason: "Conflict", message: "the object has been modified" },
  "a scenario",
);
const UNREACHABLE = new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" });
/** For the objects of a namespace, whose creates share a path. Retries back off: even hours of them are fewer. */
const MOST_OF_ONE_WRITE = 100;

/** Actions of users on the objects of one kind. */
export type ObjectActions<O extends ManagedObject> = Pick<
  VirtualObjects<O>,
  "get" | "apply" | "edit" | "delete"
>;

export class VirtualDriver<O extends ManagedObject> implements Driver<O> {
  readonly isReal = false;
  readonly world: VirtualWorld;
  /** What judges have found. */
  protected readonly violations: string[] = [];
  readonly #restrictions: RestrictionsJudge;
  readonly #actions: ObjectActions<O>;
  readonly #dice: Dice;
  readonly #latencyMs: number;
  #process: Process;
  #calm = false;

  constructor(
    { seed, behaviour, latencyMs = 0 }: Pick<Scenario, "seed" | "behaviour" | "latencyMs">,
    actionsOf: (world: VirtualWorld) => ObjectActions<O>,
    { flags = [], kinds = KINDS as never, onSending, ...options }: WorldOptions = {},
  ) {
    const trace = new Trace([]);
    this.#dice = new Dice(seed);
    this.#latencyMs = latencyMs;
    this.world = new VirtualWorld({
      ...options,
      kinds: kinds.map((registration) => trace.wrap(registration)),
      onSending: (method, path) => {
        onSending?.(method, path);
        this.#restrictions.sending(method, path);
      },
      flags: [...FLAGS, ...flags],
      random: this.#dice.random,
      simulation: { seed, behaviour, vendorOpenapi: false },
    });
    this.#actions = actionsOf(this.world);
    this.#restrictions = new RestrictionsJudge({
      now: () => this.world.clock.monotonic(),
      get: (key) => this.get(key),
      trace,
      report: (violation) => this.violations.push(violation),
    });
    this.#process = this.world.start();
    this.world.kube.intercept = ({ method }) => this.#fault(method);
    this.world.kube.watchLagMs = () => (this.#calm ? 0 : this.#dice.of(0, 0, 50, 2_000));
  }

  get sim() {
    return this.world.sim;
  }

  /** The operator that runs now. */
  get process(): Process {
    return this.#process;
  }

  get(key: string) {
    return this.#actions.get(nameOf(key), this.world.kube, namespaceOf(key));
  }

  async apply(key: string, spec: Partial<O["spec"]>) {
    this.#actions.apply(nameOf(key), spec, { namespace: namespaceOf(key) });
    this.#restrictions.changed(key);
  }

  async edit(key: string, patch: object) {
    this.#actions.edit(nameOf(key), patch, this.world.kube, namespaceOf(key));
    this.#restrictions.changed(key);
  }

  async delete(key: string) {
    this.#actions.delete(nameOf(key), this.world.kube, namespaceOf(key));
  }

  async label(namespace: string, labels: Record<string, string | null>) {
    this.world.kube.label(namespace, labels);
    this.#restrictions.labelled(namespace, labels);
  }

  async putPrices(csv: string) {
    configMap(this.world, PRICES.name, { "prices.csv": csv }, PRICES.namespace);
  }

  async pass(ms: number) {
    await this.world.clock.advance(ms);
    this.judge();
  }

  until(what: string, done: () => boolean) {
    const isDone = () => {
      this.judge();
      return done();
    };
    return this.world.until(what, isDone, LIMIT_MS);
  }

  /** Throws what the judges have found. */
  judge(): void {
    if (this.violations.length > 0)
      throw new Error(`${this.violations.join("\n")}\n${this.world.describe()}`);
  }

  /**
   * Throws where a write was repeated too often, even if all ended well: it uses up the budget that all objects share.
   */
  check(): void {
    this.judge();
    const writes = this.sim.calls.list().filter(({ method }) => method !== "GET");
    const most = MOST_OF_ONE_WRITE * this.namespaces();
    for (const [write, sent] of Map.groupBy(writes, ({ method, path }) => `${method} ${path}`))
      if (sent.length > most) throw new Error(`${write} was sent ${sent.length} times`);
  }

  /** How many namespaces have objects. */
  protected namespaces(): number {
    return 1;
  }

  close() {
    return this.world.end();
  }

  async replaceOperator(meanwhile?: () => Promise<void>) {
    this.#process.kill();
    try {
      if (meanwhile) await meanwhile();
    } finally {
      this.#process = this.world.start();
    }
  }

  cutStreams() {
    this.world.kube.cutStreams();
  }

  calm() {
    this.#calm = true;
  }

  #fault(method: string): Fault | undefined {
    const latency = this.#latency();
    if (this.#calm || !this.#dice.chance(0.04)) return latency;
    if (method === "GET") return { delayMs: 500 };
    // As where another writer came first.
    if (method !== "POST" && this.#dice.chance(0.3)) return { ...latency, fail: "before", error: CONFLICT };
    return { ...latency, fail: this.#dice.of("before", "after"), error: UNREACHABLE };
  }

  /** Also of a calm server. Where it takes time, other writers come in between, and some writes conflict. */
  #latency(): Fault | undefined {
    if (this.#latencyMs === 0) return undefined;
    const takesMs = () => Math.floor(this.#dice.random() * this.#latencyMs);
    return { delayMs: takesMs(), answerDelayMs: takesMs() };
  }
}
