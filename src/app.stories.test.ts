/**
 * Random stories in virtual time, with an API server in memory: see test/support/story.ts. `npm test` plays some,
 * `npm run stories` a thousand, with a death at every call; STORY_SEED with STORY_PATH, from the message of a failure, plays one again.
 */
import fc from "fast-check";
import { describe, it } from "vitest";
import type { Fault } from "../test/support/fake-kube.ts";
import { Dice, type Scenario, type Stage, Story, scenarios } from "../test/support/story.ts";
import { type Process, VirtualWorld } from "../test/support/virtual-world.ts";
import type { MachineSpec } from "./kinds/machine/types.ts";
import { KubeError } from "./kube/errors.ts";

const STORIES = Number(process.env.STORIES ?? 150);
const LIMIT_MS = 6 * 60 * 60_000;

class VirtualStage implements Stage {
  readonly isReal = false;
  readonly world: VirtualWorld;
  readonly #dice: Dice;
  #process: Process;
  #calm = false;

  constructor({ seed, behaviour }: Scenario) {
    this.#dice = new Dice(seed);
    this.world = new VirtualWorld({
      flags: ["--lease-duration=30s", "--renew-deadline=20s", "--retry-period=10s"],
      random: this.#dice.random,
      simulation: { seed, behaviour, vendorOpenapi: false },
    });
    this.#process = this.world.start();
    this.world.kube.intercept = ({ method }) => this.#fault(method);
    this.world.kube.watchLagMs = () => (this.#calm ? 0 : this.#dice.of(0, 0, 50, 2_000));
  }

  get sim() {
    return this.world.sim;
  }

  get(name: string) {
    return this.world.get(name);
  }

  async apply(name: string, spec: Partial<MachineSpec>) {
    this.world.apply(name, spec);
  }

  async edit(name: string, patch: object) {
    this.world.edit(name, patch);
  }

  async delete(name: string) {
    this.world.delete(name);
  }

  pass(ms: number) {
    return this.world.clock.advance(ms);
  }

  until(what: string, done: () => boolean) {
    return this.world.until(what, done, LIMIT_MS);
  }

  replaceOperator() {
    this.#process.kill();
    this.#process = this.world.start();
  }

  cutStreams() {
    this.world.kube.cutStreams();
  }

  calm() {
    this.#calm = true;
  }

  #fault(method: string): Fault | undefined {
    if (this.#calm || !this.#dice.chance(0.04)) return undefined;
    const error = new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" });
    return method === "GET" ? { delayMs: 500 } : { fail: this.#dice.of("before", "after"), error };
  }
}

describe("whatever happens", () => {
  it(`the account ends as the objects say, in ${STORIES} stories`, async () => {
    const told = fc.asyncProperty(scenarios, (scenario) =>
      new Story(new VirtualStage(scenario), scenario).play(),
    );
    const { STORY_SEED: seed, STORY_PATH: path } = process.env;
    await fc.assert(told, {
      numRuns: STORIES,
      ...(seed && { seed: Number(seed) }),
      ...(path && { path }),
    });
  }, 3_600_000);
});
