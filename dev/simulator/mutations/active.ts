/**
 * The mutations that are in force: they change requests on their way in and answers on their way out. Which there are is
 * in catalogue.ts.
 */

import { type Random, seeded } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { mutationNamed } from "./catalogue.ts";
import { type Exchange, type Hooks, type MutableRequest, type MutationContext, share } from "./mutation.ts";

export interface ActiveMutationsOptions {
  world: World;
  /** What a GET with the key of this team is answered with, without mutations, log and budget. */
  read(path: string, team: string): unknown;
}

export class ActiveMutations {
  readonly #options: ActiveMutationsOptions;
  #active: { name: string; hooks: Hooks }[] = [];
  #team: string | undefined;
  #random: Random = seeded(1);

  constructor(options: ActiveMutationsOptions) {
    this.#options = options;
  }

  get names(): string[] {
    return this.#active.map(({ name }) => name);
  }

  /** These, and no others. Throws TypeError on a name that there is not; then nothing has changed. */
  use(names: readonly string[], seed = 1): void {
    const mutations = [...new Set(names)].map(mutationNamed);
    this.#random = seeded(seed);
    for (const { behaviour } of mutations) if (behaviour) this.#options.world.setBehaviour(behaviour);
    // What an API writes otherwise, it does so in each answer, however old that is.
    const inOrder = [...mutations.filter(({ past }) => past), ...mutations.filter(({ past }) => !past)];
    this.#active = inOrder.map(({ name, start }) => ({
      name,
      hooks: start?.(this.#contextOf(name, seed)) ?? {},
    }));
  }

  /** The answers are honest again; switches of the simulator stay. */
  clear(): void {
    this.#active = [];
  }

  /** Runs a request between the hooks; `run` gets what the mutations make of it. */
  around(
    request: MutableRequest & { team: string | undefined },
    run: (target: MutableRequest) => Exchange,
  ): Exchange {
    const { team, ...sent } = request;
    if (this.#active.length === 0) return run(sent);
    this.#team = team;
    const target = { ...sent, query: { ...sent.query } };
    for (const { hooks } of this.#active) hooks.request?.(target);
    this.#record();
    const exchange = { ...run(target), path: target.path, query: sent.query };
    this.#record();
    for (const { hooks } of this.#active) hooks.answer?.(exchange);
    return exchange;
  }

  #record(): void {
    for (const { hooks } of this.#active) hooks.around?.();
  }

  #contextOf(name: string, seed: number): MutationContext {
    const active = this;
    const { world, read } = this.#options;
    return {
      clock: world.clock,
      random: () => active.#random(),
      stable: (...words) => share(seed, name, ...words),
      get team() {
        return active.#team;
      },
      read: (path) => (active.#team === undefined ? undefined : read(path, active.#team)),
    };
  }
}
