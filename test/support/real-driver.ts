/**
 * A driver for scenarios on the real API server: a namespace of its own, a simulator at high speed, and an operator of
 * this process that can be killed at any moment. Its durations are the default ones, scaled like the simulator's.
 */
import { Registry } from "prom-client";
import { assembleOperator } from "../../src/app.ts";
import { systemClock } from "../../src/base/clock.ts";
import { loadConfig } from "../../src/base/config.ts";
import { createLogger } from "../../src/base/logger.ts";
import type { MachineSpec, PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import { isNotFound, KubeError } from "../../src/kube/errors.ts";
import { namespaceResource } from "../../src/kube/resource.ts";
import { manifest } from "./manifest.ts";
import { Dice } from "./scenario/dice.ts";
import { type Driver, nameOf } from "./scenario/driver.ts";
import type { Scenario } from "./scenario/kind.ts";
import { simSockets } from "./sim-sockets.ts";
import { TestEnv } from "./test-env.ts";

export const SPEED = 300;

/** The defaults, so many times as fast, as far as the options go. */
const FLAGS = [
  "--paperspace-api-url=https://sim.invalid/v1",
  "--leader-elect=false",
  "--resync-interval=2s",
  "--slow-retry=2s",
  "--event-poll-interval=100ms",
  "--resend-after=300ms",
  "--absence-grace=500ms",
  "--send-window=1s",
  "--attempt-settle=500ms",
  "--lease-duration=2s",
  "--renew-deadline=1500ms",
  "--retry-period=200ms",
  "--credential-recheck=1s",
  "--key-recheck=1s",
  "--request-timeout=1s",
  "--requests-per-second=500",
  "--burst=1000",
  "--create-deadline=6s",
  "--start-deadline=3s",
  "--stop-deadline=3s",
  "--resize-deadline=6s",
  "--capacity-deadline=6s",
  "--delete-deadline=6s",
];

export class RealDriver implements Driver<PaperspaceMachine> {
  readonly isReal = true;
  readonly #testEnv: TestEnv;
  readonly #dice: Dice;
  readonly #streams = new Set<AbortController>();
  #life = { dead: false };
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #calm = false;

  private constructor(testEnv: TestEnv, seed: number) {
    this.#testEnv = testEnv;
    this.#dice = new Dice(seed);
    this.#start();
  }

  static async open({ seed, behaviour }: Scenario): Promise<RealDriver> {
    const testEnv = await TestEnv.open({ simulation: { speed: SPEED, seed, behaviour } });
    return new RealDriver(testEnv, seed);
  }

  async close(): Promise<void> {
    this.#life.dead = true;
    this.#stop.abort();
    this.cutStreams();
    await this.#testEnv.close();
  }

  get sim() {
    return this.#testEnv.sim;
  }

  /** The namespace is that of the test, whatever the key says. */
  get(key: string): PaperspaceMachine | undefined {
    return this.#testEnv.get(nameOf(key));
  }

  async apply(key: string, spec: Partial<MachineSpec>): Promise<void> {
    const { namespace, objectsOf } = this.#testEnv;
    await objectsOf.create(namespace, manifest(nameOf(key), spec) as unknown as PaperspaceMachine);
    await this.#testEnv.until(`${key} is observed`, () => this.get(key));
  }

  /** An object that was deleted meanwhile cannot be edited any more, and that is no error. */
  async edit(key: string, patch: object): Promise<void> {
    await this.#testEnv.objectsOf.mergePatch(this.#testEnv.namespace, nameOf(key), patch).catch(unlessGone);
  }

  async delete(key: string): Promise<void> {
    await this.#testEnv.objectsOf.delete(this.#testEnv.namespace, nameOf(key)).catch(unlessGone);
  }

  /** The namespace is that of the test. */
  async label(_namespace: string, labels: Record<string, string | null>): Promise<void> {
    const { kube, namespace } = this.#testEnv;
    await namespaceResource(kube).mergePatch("", namespace, { metadata: { labels } });
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms / SPEED));
  }

  async until(what: string, done: () => boolean): Promise<void> {
    await this.#testEnv.until(what, done);
  }

  async replaceOperator(meanwhile?: () => Promise<void>): Promise<void> {
    this.#life.dead = true;
    this.#stop.abort();
    this.cutStreams();
    try {
      if (meanwhile) await meanwhile();
    } finally {
      this.#start();
    }
  }

  #start(): void {
    const life = { dead: false };
    this.#life = life;
    this.#stop = new AbortController();
    const loaded = loadConfig([...FLAGS, `--watch-namespaces=${this.#testEnv.namespace}`], {}, "test");
    if (loaded.action !== "run") throw new Error("no configuration");
    const edge = {
      get dead() {
        return life.dead;
      },
      passed() {},
    };
    const operator = assembleOperator(
      { config: loaded.config, clock: systemClock, logger: createLogger({ level: "silent" }) },
      {
        connection: this.#connection(life),
        sockets: simSockets(this.sim, edge),
        registry: new Registry(),
      },
    );
    this.#running = operator.run(this.#stop.signal);
    // A dead one never ends: what it waits for does not come.
    this.#running.catch(() => {});
  }

  cutStreams(): void {
    for (const stream of this.#streams) stream.abort(new Error("connection reset"));
    this.#streams.clear();
  }

  calm(): void {
    this.#calm = true;
  }

  /** The way to the API server of one operator: nothing goes out or comes in once it is dead. */
  #connection(life: { dead: boolean }): KubeConnection {
    const { kube } = this.#testEnv;
    const forever = new Promise<never>(() => {});
    const reset = new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" });
    return {
      server: kube.server,
      namespace: kube.namespace,
      request: async <T>(request: Parameters<KubeConnection["request"]>[0]): Promise<T> => {
        if (life.dead) return forever;
        const broken = !this.#calm && request.method !== "GET" && this.#dice.chance(0.04);
        const lost = broken && this.#dice.chance(0.5);
        if (broken && !lost) throw reset;
        const answer = await kube.request<T>(request).catch((error: unknown) => {
          if (life.dead) return forever;
          throw error;
        });
        if (lost) throw reset;
        return life.dead ? forever : answer;
      },
      stream: async (request) => {
        if (life.dead) return forever;
        const cut = new AbortController();
        this.#streams.add(cut);
        const signals = request.signal ? [request.signal, cut.signal] : [cut.signal];
        return kube.stream({ ...request, signal: AbortSignal.any(signals) });
      },
      reloadCredentials: () => kube.reloadCredentials(),
      close: async () => {},
    };
  }
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
