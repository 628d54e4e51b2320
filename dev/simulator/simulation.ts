/**
 * The simulator without HTTP: puts the world, the api and its instruments together. Property tests use this directly,
 * thousands of times in virtual time; simulator.ts puts two ports in front of it.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { type Answer, Api, type SimRequest } from "./api/handle.ts";
import { type Call, Calls } from "./calls.ts";
import { Conformance, VendorSchema } from "./conformance.ts";
import { Faults } from "./faults.ts";
import type { ActiveMutations } from "./mutations/active.ts";
import type { Behaviour } from "./world/behaviour.ts";
import { Console } from "./world/console.ts";
import type { TeamSeed } from "./world/records.ts";
import { World } from "./world/world.ts";

export interface SimulationOptions {
  /** 1: real times; 100: a hundred times as fast. Budgets and the waits of faults do not scale. */
  speed?: number;
  clock?: Clock;
  /** Same seed, same calls: same ids, addresses and chances. */
  seed?: number;
  teams?: TeamSeed[];
  behaviour?: Partial<Behaviour>;
  /** Names of the mutations to begin with (mutations/catalogue.ts). */
  mutations?: readonly string[];
  /**
   * The vendor's OpenAPI document: its path, or one loaded before, which saves time where many simulators are made.
   * Default: the copy in the fact sheets beside the repository, if there is one. `false`: no comparison.
   */
  vendorOpenapi?: string | VendorSchema | false;
  /** Called for every call when it has ended. */
  onCall?: (call: Call) => void;
}

/** Everything the control port can do, as objects of this process. */
export interface Simulation {
  readonly world: World;
  readonly faults: Faults;
  readonly calls: Calls;
  readonly console: Console;
  readonly conformance: Conformance;
  readonly mutations: ActiveMutations;
  /** One request to one answer. Rejects with ConnectionCut where a fault breaks the connection. */
  handle(request: SimRequest, signal?: AbortSignal): Promise<Answer>;
  /** Back to the start: no machines, calls, faults, mutations or findings. */
  reset(): void;
}

/** Where the vendor's document lies when the fact sheets are checked out beside the repository. */
export const DEFAULT_VENDOR_OPENAPI = fileURLToPath(
  new URL("../../../shared/paperspace-api/vendor-openapi.json", import.meta.url),
);

export function createSimulation(options: SimulationOptions = {}): Simulation & { api: Api } {
  const clock = options.clock ?? systemClock;
  const world = new World({ ...options, clock });
  const faults = new Faults(world.seed);
  const calls = new Calls(clock, options.onCall);
  const conformance = new Conformance(vendorSchema(options.vendorOpenapi), () => world.behaviour);
  const api = new Api({ world, faults, calls, conformance });
  if (options.mutations) api.mutations.use(options.mutations, options.seed);
  return {
    world,
    faults,
    calls,
    conformance,
    api,
    mutations: api.mutations,
    console: new Console(world),
    handle: (request, signal) => api.handle(request, signal),
    reset() {
      world.reset();
      faults.clear();
      calls.clear();
      conformance.clear();
      api.reset();
    },
  };
}

function vendorSchema(source: SimulationOptions["vendorOpenapi"]): VendorSchema | undefined {
  if (source === false || source instanceof VendorSchema) return source || undefined;
  if (source !== undefined) return VendorSchema.load(source);
  return existsSync(DEFAULT_VENDOR_OPENAPI) ? VendorSchema.load(DEFAULT_VENDOR_OPENAPI) : undefined;
}
