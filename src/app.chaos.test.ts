/**
 * Random stories: users edit, the console meddles, the cloud and the cluster fail, processes die. Whatever happened, in
 * the end every object has exactly its machine, as declared, and no machine is nobody's. A story is its seed.
 */
import { describe, expect, it } from "vitest";
import { type Behaviour, CHOICES } from "../dev/simulator/world/behaviour.ts";
import { ApiError } from "../dev/simulator/world/errors.ts";
import { seeded } from "../dev/simulator/world/random.ts";
import type { MachineRecord } from "../dev/simulator/world/records.ts";
import type { Fault } from "../test/support/fake-kube.ts";
import { type Process, SPEC, VirtualWorld } from "../test/support/virtual-world.ts";
import { KubeError } from "./kube/errors.ts";
import { ANNOTATION } from "./reconcile/record.ts";

const SEEDS = Number(process.env.CHAOS_SEEDS ?? 80);
const FIRST = Number(process.env.CHAOS_FIRST ?? 1);
const NAMES = ["ada", "bob"] as const;
const STEPS = 25;

type Choose = {
  below(n: number): number;
  of<T>(...values: readonly T[]): T;
  chance(p: number): boolean;
};

function chooser(seed: number): Choose & { random: () => number } {
  const random = seeded(seed);
  const below = (n: number) => Math.floor(random() * n);
  return {
    random,
    below,
    of: (...values) => values[below(values.length)] as (typeof values)[number],
    chance: (p) => random() < p,
  };
}

/** Switches of the cloud that a machine's life depends on, drawn anew for every story. */
function behaviour(choose: Choose): Partial<Behaviour> {
  const drawn = Object.entries(CHOICES)
    .filter(([name]) =>
      /^(start|stop|stateWhile|deleteWhile|deletedMachines|eventsOf|pageStability|createPlace|nextPage|errorField)/.test(
        name,
      ),
    )
    .map(([name, values]) => [name, choose.of<unknown>(...values)]);
  return {
    ...(Object.fromEntries(drawn) as Partial<Behaviour>),
    jitter: choose.of(0, 0.5),
    staleStateMs: choose.of(0, 3_000, 15_000),
    getAfterCreateMissMs: choose.of(0, 0, 20_000),
    listAfterCreateMissMs: choose.of(0, 0, 20_000),
    eventListDelayMs: choose.of(0, 0, 10_000),
    eventGetDelayMs: choose.of(0, 0, 10_000),
    listDeleted: choose.chance(0.3),
  };
}

class Story {
  readonly world: VirtualWorld;
  readonly choose: ReturnType<typeof chooser>;
  readonly log: string[] = [];
  #process: Process;
  #calm = false;

  constructor(seed: number) {
    this.choose = chooser(seed);
    const flags = ["--lease-duration=30s", "--renew-deadline=20s", "--retry-period=10s"];
    this.world = new VirtualWorld({
      flags,
      random: this.choose.random,
      simulation: { seed, behaviour: behaviour(this.choose), vendorOpenapi: false },
    });
    this.#process = this.world.start();
    this.world.kube.intercept = (request) => this.#kubeFault(request.method);
    this.world.kube.watchLagMs = () => (this.#calm ? 0 : this.choose.of(0, 0, 50, 2_000));
  }

  async play(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      this.#event();
      await this.world.clock.advance(this.choose.of(0, 100, 5_000, 30_000, 120_000));
      this.#onePerObject();
    }
    await this.#settle();
  }

  #event(): void {
    const { choose, world } = this;
    const name = choose.of(...NAMES);
    const machine = choose.of(...world.machines(), undefined);
    const event = choose.below(16);
    this.log.push(`${Math.round(world.clock.monotonic() / 1000)}s ${event} ${name} ${machine?.id ?? ""}`);
    try {
      this.#happen(event, name, machine);
    } catch (error) {
      // The console refuses what the API would refuse, such as a stop of what is being deleted.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #happen(event: number, name: (typeof NAMES)[number], machine: MachineRecord | undefined): void {
    const { choose, world } = this;
    const object = world.get(name);
    if (event <= 3)
      return object ? this.#edit(name) : world.apply(name, { powerState: choose.of("Running", "Stopped") });
    switch (event) {
      case 4:
        return object ? world.delete(name) : undefined;
      case 5:
        return machine ? void world.sim.console.stop(machine.id) : undefined;
      case 6:
        return machine ? void world.sim.console.start(machine.id) : undefined;
      case 7:
        return machine ? world.sim.console.update(machine.id, this.#meddling(machine.id)) : undefined;
      case 8:
        return machine?.state === "ready" ? world.sim.console.autoShutdown(machine.id) : undefined;
      case 9:
        return void world.sim.console.failNext({ event: choose.of("start", "stop", "deactivate") });
      case 10:
      case 11:
        return this.#cloudFault();
      case 12:
        return world.kube.cutStreams();
      case 13:
        // As kubectl replace does; without the finalizers, though: who takes those off takes the machine's fate on himself.
        return object ? world.edit(name, { metadata: { annotations: null } }) : undefined;
      default:
        return this.#die();
    }
  }

  /** The name is all that finds a machine whose create was not answered: renamed before that, it is lost to us. */
  #meddling(id: string) {
    const recorded = NAMES.some((name) =>
      this.world.get(name)?.metadata.annotations?.[ANNOTATION.record]?.includes(id),
    );
    return { autoShutdownEnabled: true, ...(recorded && { name: "meddled" }) };
  }

  #edit(name: string): void {
    const { choose, world } = this;
    const timeoutHours = choose.of(2, 8);
    const spec = choose.of<object>(
      { powerState: "Running" },
      { powerState: "Stopped" },
      { name: choose.of("first", "second") },
      { autoShutdown: { enabled: choose.chance(0.5), timeoutHours } },
    );
    const paused = choose.of("true", "false");
    const metadata = choose.chance(0.2) ? { annotations: { [ANNOTATION.paused]: paused } } : {};
    world.edit(name, { spec, metadata });
  }

  #cloudFault(): void {
    const { choose, world } = this;
    const action = choose.of<Parameters<typeof world.sim.faults.add>[0]["do"]>(
      { cut: "before" },
      { cut: "after" },
      { cut: "during" },
      { status: 500 },
      { status: 502, takesEffect: true },
      { status: 429 },
      { html: true },
      { html: true, takesEffect: true },
      { hang: true },
      { hang: true, takesEffect: true },
      { truncate: true },
      { omitFromList: "newest" },
    );
    const match = choose.of(
      { method: "POST" },
      { method: "PATCH" },
      { method: "DELETE" },
      { method: "GET" },
      {},
    );
    world.sim.faults.add({ match: { ...match, times: choose.of(1, 2, 5) }, do: action });
  }

  #kubeFault(method: string): Fault | undefined {
    if (this.#calm || !this.choose.chance(0.04)) return undefined;
    const error = new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" });
    return method === "GET" ? { delayMs: 500 } : { fail: this.choose.of("before", "after"), error };
  }

  #die(): void {
    this.#process.kill();
    this.#process = this.world.start();
  }

  /** Every cloud name that was asked for belongs to one object; no two of one name may live at once. */
  #onePerObject(): void {
    for (const name of NAMES) {
      const uid = this.world.get(name)?.metadata.uid;
      const alive = this.world
        .machines()
        .filter((machine) => this.#madeFor(machine.id) === name && machine.deleting === null);
      if (alive.length > 1) throw new Error(`${name} (${uid}) has ${alive.length} machines`);
    }
  }

  /** The object that asked for this machine: the name it first bore was made from the object's. */
  #madeFor(id: string): string | undefined {
    return this.#firstNames().get(id)?.split("-")[0];
  }

  #names = new Map<string, string>();
  /** Names by id as first seen, since they may be changed later. */
  #firstNames(): Map<string, string> {
    for (const machine of this.world.machines())
      if (!this.#names.has(machine.id)) this.#names.set(machine.id, machine.settings.name);
    return this.#names;
  }

  /** All trouble ends; then everything must come right by itself. */
  async #settle(): Promise<void> {
    const { world } = this;
    this.#calm = true;
    world.sim.faults.clear();
    world.sim.world.failures.length = 0;
    for (const name of NAMES)
      if (world.get(name)) world.edit(name, { metadata: { annotations: { [ANNOTATION.paused]: null } } });
    await world.until(
      "all is as declared",
      () => NAMES.every((name) => this.#asDeclared(name)),
      4 * 60 * 60_000,
    );
    const owned = NAMES.map((name) => world.get(name)?.status?.id).filter((id) => id !== undefined);
    expect(
      world
        .machines()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(owned.sort());
  }

  #asDeclared(name: string): boolean {
    const { world } = this;
    const object = world.get(name);
    if (!object) return true;
    const ready = world.condition(name, "Ready");
    if (ready?.status !== "True" || ready.observedGeneration !== object.metadata.generation) return false;
    const machine = world.machines().find(({ id }) => id === object.status?.id);
    if (!machine || object.metadata.deletionTimestamp) return false;
    const { spec } = object;
    const wanted = spec.powerState === "Running" && ready.reason !== "AutoShutdown" ? "ready" : "off";
    return (
      machine.state === wanted &&
      (spec.name === undefined || machine.settings.name === spec.name) &&
      (spec.autoShutdown === undefined ||
        machine.settings.autoShutdownEnabled === spec.autoShutdown.enabled) &&
      spec.machineType === SPEC.machineType
    );
  }
}

describe("whatever happens", () => {
  it(`every object ends with exactly its machine, in ${SEEDS} stories`, async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const story = new Story(seed);
      await story.play().catch((error: unknown) => {
        throw new Error(`seed ${seed} (CHAOS_FIRST=${seed} CHAOS_SEEDS=1):\n${story.log.join("\n")}`, {
          cause: error,
        });
      });
    }
  }, 600_000);
});
